"""How unbalanced a dataset is: effective sizes, rare molecules, what a cap would leave, drift between parts."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.data.balance import cap_sizes, element_balance, size_balance
from core.data.drift import find_drift
from core.data.splits import list_splits, open_split
from core.data.store import Dataset
from core.data.summary import count_by_size
from core.figures.dataset_balance import (
    balance_sentence,
    cap_figure,
    cap_sentence,
    common_sizes_sentence,
    element_balance_sentence,
)
from core.figures.numbers import number, percent
from core.figures.splits import (
    element_drift_sentence,
    parts_by_element,
    parts_by_size,
    size_drift_sentence,
    size_table,
)
from pages.common.address import kept
from pages.common.appearance import dark, unbroken
from pages.common.filters import Picked
from pages.common.furniture import Fact, card, card_head, empty, facts, show
from pages.explore.parts.dataset_composition import describe_command

SPLITS = "pages/explore/splits.py"
THESIS_CAP = 2000


def show_balance(dataset: Dataset, picked: Picked) -> None:
    """Numbers of balance, the cap, and the drift of a split."""
    if len(picked.rows) == 0:
        empty("No molecule passes all filters.", "balance")
        return
    with card("balance"):
        show_numbers(dataset, picked)
    with card("cap"):
        show_cap(dataset, picked)
    show_drift(dataset)


def show_numbers(dataset: Dataset, picked: Picked) -> None:
    """How many sizes there are in effect, and how much of the data is rare."""
    molecules, rows = dataset.molecules, picked.rows if picked.selection else None
    sizes, elements = size_balance(molecules, rows), element_balance(molecules, rows)
    card_head(
        "How unbalanced is it?",
        "Effective number: how many equally frequent sizes would be as diverse (exponential of the entropy) · "
        "rare: below 1 % of the molecules",
        "balance",
        None,
        describe_command(dataset, picked.selection),
    )
    facts(
        [
            Fact("Sizes", number(sizes.n_classes)),
            Fact("Effective sizes", number(sizes.effective, 1)),
            Fact("Inverse Simpson", number(sizes.simpson, 1)),
            Fact("Molecules of rare sizes", number(sizes.n_rare), percent(sizes.rare_share, 1)),
            Fact("Elements", number(elements.n_classes)),
            Fact("Effective elements, by atoms", number(elements.effective, 1)),
            Fact("Molecules with a rare element", number(elements.n_rare), percent(elements.rare_share, 1)),
        ]
    )
    st.markdown(unbroken(f"{balance_sentence(sizes)} {element_balance_sentence(elements)}"))
    st.caption(common_sizes_sentence(*count_by_size(molecules, rows)))


def show_cap(dataset: Dataset, picked: Picked) -> None:
    """What a cap of so many molecules per size would leave, with a slider."""
    molecules, rows = dataset.molecules, picked.rows if picked.selection else None
    _, counts = count_by_size(molecules, rows)
    head = st.container(gap="xsmall")
    stops = _stops(int(counts.max()))
    usual = min(stops, key=lambda stop: abs(stop - min(THESIS_CAP, int(counts.max()) // 2)))
    limit = st.select_slider(
        "At most so many molecules per size",
        stops,
        usual,
        format_func=number,
        key=f"cap_{dataset.name}_{stops[-1]}",
        help="The thesis tried 2,000, 4,000 and 6,000",
        width=520,
    )
    cap = cap_sizes(molecules, int(limit), rows)
    table = pl.DataFrame({"atoms": cap.sizes, "before": cap.before, "after": cap.after})
    with head:
        card_head(
            "What would balancing leave?",
            "Molecules of each size before (faint) and after keeping at most so many of each",
            "cap",
            table,
            image="fig_cap",
        )
        st.markdown(unbroken(cap_sentence(cap)))
    show(cap_figure(cap, dark()), "fig_cap", f"Molecules of each size, at most {limit}")


def _stops(most: int) -> list[int]:
    """Round numbers up to the largest size class, the thesis's 2,000, 4,000 and 6,000 among them."""
    steps = [
        int(step * 10**power) for power in range(7) for step in (1, 1.5, 2, 3, 4, 5, 6, 8) if step * 10**power >= 1
    ]
    inside = sorted({step for step in steps if step <= most} | {most})
    return inside if len(inside) > 1 else [inside[0], inside[0] + 1]


def show_drift(dataset: Dataset) -> None:
    """Whether the parts of a split hold the same sizes and elements."""
    names = list_splits(dataset)
    with card("drift"):
        head = st.container(gap="xsmall")
        name = st.selectbox("Split", names, width=260, **kept("drift_of", names, names[0]))
        drift = find_drift(dataset, open_split(dataset, name or names[0]))
        with head:
            card_head(
                "Are the parts of a split alike?",
                "Share of each part's molecules · of the whole dataset, filters aside",
                "drift",
                size_table(drift),
                f"python -m core splits {dataset.name} --json",
                image={"fig_drift_sizes": "By size", "fig_drift_elements": "By element"},
            )
        grid = st.grid(2, min_column_width=400, gap="small")
        with grid.cell():
            st.markdown(unbroken(size_drift_sentence(drift)))
            show(parts_by_size(drift, dark()), "fig_drift_sizes", "Share of training, validation and test by size")
        with grid.cell():
            st.markdown(unbroken(element_drift_sentence(drift)))
            show(parts_by_element(drift, dark()), "fig_drift_elements", "Share of the parts with each element")
        st.page_link(
            SPLITS,
            label="Splits: other divisions, and new ones",
            icon=":material/arrow_forward:",
            query_params={"dataset": dataset.name, "split": str(name)},
        )
