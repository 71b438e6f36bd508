"""Dataset: what it holds, where it is thin, how its values are spread, and what is known of it."""

import streamlit as st

from core.data.store import Dataset
from core.figures.numbers import number
from pages.common.address import kept
from pages.common.appearance import plain
from pages.common.export import export_popover
from pages.common.filters import Picked, pick_selection
from pages.common.furniture import Fact, facts, page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.explore.parts.dataset_about import show_about
from pages.explore.parts.dataset_balance import show_balance
from pages.explore.parts.dataset_composition import show_composition
from pages.explore.parts.dataset_properties import show_properties

VIEWS = {
    "composition": ("Composition", show_composition),
    "properties": ("Properties", show_properties),
    "balance": ("Balance", show_balance),
    "about": ("About", show_about),
}


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    actions = page_head(plain(dataset.card.title), plain(dataset.card.description))
    strip = st.container()
    picked = pick_selection(dataset, "dataset")
    with strip:
        show_facts(dataset, picked)
    with actions:
        export_popover(dataset, picked)
    view = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda name: VIEWS[name][0],
        required=True,
        label_visibility="collapsed",
        **kept("view", list(VIEWS), "composition"),
    )
    VIEWS[view or "composition"][1](dataset, picked)


def show_facts(dataset: Dataset, picked: Picked) -> None:
    """The dataset in a line of numbers; of the selection where there is one."""
    info, molecules = dataset.card, dataset.molecules
    n = len(picked.rows)
    n_atoms = int(molecules.sizes[picked.rows].sum()) if picked.selection else info.n_atoms
    there = molecules.element_counts[picked.rows].any(axis=0) if picked.selection else [True] * len(molecules.symbols)
    symbols = [symbol for symbol, found in zip(molecules.symbols, there, strict=True) if found]
    facts(
        [
            Fact("Molecules", number(n), f"of {number(info.n_molecules)}" if picked.selection else ""),
            Fact("Atoms", number(n_atoms)),
            Fact("Mean size", number(n_atoms / n, 1) if n else "—", "atoms"),
            Fact("Elements", " ".join(symbols) or "—"),
            Fact("Properties", number(len(info.properties))),
            Fact("Level of theory", info.level_of_theory),
            Fact("Licence", info.license or "not stated"),
        ]
    )


with guard():
    show_page()
