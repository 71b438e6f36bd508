"""A split as figures: its parts by size and by element, and the sentences that say whether they are alike."""

from __future__ import annotations

import streamlit as st

from core.data.drift import Drift, find_drift, find_leakage
from core.data.splits import Split
from core.data.store import Dataset
from core.figures.numbers import number
from core.figures.splits import (
    division_of_sizes,
    element_drift_sentence,
    element_table,
    leakage_sentence,
    leakage_table,
    parts_by_element,
    parts_by_size,
    size_drift_sentence,
    size_table,
)
from pages.common.appearance import dark, unbroken
from pages.common.furniture import Fact, card, card_head, show

MARKS = "bars: training · ○ validation · ● test · orange: tested but not trained"


def part_facts(drift: Drift, lacking: dict[str, int]) -> list[Fact]:
    """Molecules of each part, and how many are in none or lack the default target."""
    total = max(int(drift.n.sum()), 1)
    names = ("Training", "Validation", "Test")
    rows = [
        Fact(name, number(int(n)), f"{100 * int(n) / total:.0f} %" if n else "")
        for name, n in zip(names, drift.n, strict=True)
    ]
    if drift.n_none:
        rows.append(Fact("In no part", number(drift.n_none)))
    if any(lacking.values()):
        rows.append(Fact("Without the target", number(sum(lacking.values()))))
    return rows


def show_parts(dataset: Dataset, split: Split, command: str = "") -> None:
    """Cards of one split, saved or not."""
    drift, leakage = find_drift(dataset, split), find_leakage(dataset, split)
    with card("split_sizes"):
        card_head(
            "Do the parts hold the same sizes?",
            f"Share of each part's molecules by number of atoms · {MARKS}",
            "split_sizes",
            size_table(drift),
            command,
            image="fig_split_sizes",
        )
        st.markdown(unbroken(size_drift_sentence(drift)))
        show(parts_by_size(drift, dark()), "fig_split_sizes", "Share of training, validation and test by size")
    with card("split_division"):
        card_head(
            "How is each size divided?",
            "Share of each size's molecules in the parts · above: their number, orange below 1 % of all",
            "split_division",
            size_table(drift),
            command,
            image="fig_split_division",
        )
        with st.container(key="wide_split_division"):
            show(division_of_sizes(drift, dark()), "fig_split_division", "How the molecules of each size are divided")
    grid = st.grid(3, min_column_width=260, gap="small")
    with grid.cell(column_span=2), card("split_elements", height="stretch"):
        card_head(
            "Do the parts hold the same elements?",
            "Share of each part's molecules that contain the element · orange: below 1 % of the part",
            "split_elements",
            element_table(drift),
            command,
            image="fig_split_elements",
        )
        st.markdown(unbroken(element_drift_sentence(drift)))
        show(parts_by_element(drift, dark()), "fig_split_elements", "Share of the parts that contain each element")
    with grid.cell(), card("split_leakage", height="stretch"):
        card_head(
            "Is a molecule in two parts?",
            "The same atoms with the same distances between them, under another id",
            "split_leakage",
            leakage_table(leakage) if leakage is not None and leakage.n else None,
            command,
        )
        st.markdown(leakage_sentence(leakage))
