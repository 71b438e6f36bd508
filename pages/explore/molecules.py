"""Molecules: the selected ones as a sorted list, and one of them in 3D with all that is known of it."""

import streamlit as st

from pages.common.appearance import plain
from pages.common.export import export_popover
from pages.common.filters import pick_selection
from pages.common.furniture import card, empty, page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.explore.parts.molecule_list import listing, show_list
from pages.explore.parts.molecule_nearest import show_nearest
from pages.explore.parts.molecule_shown import show_formula, show_head, show_properties, show_view


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    actions = page_head("Molecules", f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
    picked = pick_selection(dataset, "molecules")
    if len(picked.rows) == 0:
        empty(
            f"No molecule of {plain(dataset.name)} passes these filters.",
            "none",
            "pages/explore/molecules.py",
            "All molecules",
            {"dataset": dataset.name},
        )
        return
    with actions:
        export_popover(dataset, picked)
    shown = listing(dataset, picked)
    grid = st.grid(5, min_column_width=190, gap="small")
    with grid.cell(column_span=3), card("list", height="stretch"):
        show_list(dataset, picked, shown)
    with grid.cell(column_span=2), card("molecule", height="stretch"):
        show_head(dataset, shown)
        show_view(dataset, shown)
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(), card("structure", height="stretch"):
        show_formula(dataset, shown)
    with grid.cell(column_span=2), card("values", height="stretch"):
        show_properties(dataset, shown)
    with card("nearest"):
        show_nearest(dataset, shown.row)


with guard():
    show_page()
