"""What is known of a dataset: its properties, where it comes from, how to cite it, its defects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import streamlit as st

from core.data.defects import KINDS, Defects, read_defects
from core.data.store import Dataset
from core.data.summary import describe
from core.figures.numbers import number, percent, unit_text
from pages.common.appearance import plain
from pages.common.filters import Picked, set_selection
from pages.common.furniture import card, card_head, note
from pages.common.indexing import offer_index
from pages.explore.parts.add_source import size_text

DEFECT_NAMES = {
    "uncharacterized": "Uncharacterized",
    "duplicate": "Duplicate geometries",
    "close_contact": "Close contacts",
    "missing": "No value of the target",
}
MOST_TEXT = 600
MOST_ROWS = 18
"""Of a table that is shown whole."""


def show_about(dataset: Dataset, picked: Picked) -> None:
    """The card of the dataset."""
    with card("properties"):
        show_labels(dataset)
    with card("defects"):
        show_defects(dataset, picked)
    with card("origin"):
        show_origin(dataset)


def show_labels(dataset: Dataset) -> None:
    """The properties of the dataset with their units."""
    info = dataset.card
    missing = describe(dataset)["missing"]
    known = [dataset.property(p.key) for p in info.properties]
    table = pl.DataFrame(
        {
            "Property": [p.label for p in known],
            "Unit": [unit_text(p.unit) for p in known],
            "Key": [p.key for p in known],
            "Of": ["each atom" if p.per_atom else "the molecule" for p in known],
            "Grows with size": [p.extensive for p in known],
            "Target": [p.output is not None and not p.per_atom for p in known],
            "Missing": [int(missing.get(p.key, 0)) for p in known],
            "What it is": [p.description for p in known],
        }
    )
    target = next((p.label for p in info.properties if p.key == info.default_target), None)
    card_head(
        "What is known of each molecule?",
        f"Default target: **{plain(target)}**" if target else "No default target",
        "properties",
        table,
    )
    st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= MOST_ROWS else 620,
        column_config={
            "Property": st.column_config.TextColumn(width=190),
            "Unit": st.column_config.TextColumn(width=85),
            "Key": st.column_config.TextColumn(width=180, help="Name in files and on the command line"),
            "Of": st.column_config.TextColumn(width=90),
            "Grows with size": st.column_config.CheckboxColumn(width=105, help="Extensive"),
            "Target": st.column_config.CheckboxColumn(width=60, help="Whether a model can be trained on it"),
            "Missing": st.column_config.NumberColumn(width=70, format="localized", help="Molecules without a value"),
        },
    )


def show_origin(dataset: Dataset) -> None:
    """Level of theory, licence, citation with a button that copies it, and source."""
    info = dataset.card
    card_head("Where does it come from?", "What the dataset's card says", "origin")
    rows = [
        *([] if info.citation else [("Please cite", "not stated")]),
        ("Level of theory", info.level_of_theory),
        ("Licence", info.license or "not stated"),
        *(_source_row(name, value) for name, value in info.source.items()),
        ("Checksum of the data", f"sha256 {info.sha256}"),
    ]
    if info.citation:
        with st.container(key="citation", gap=None):
            st.markdown(":gray[:small[Please cite]]")
            st.code(info.citation, language=None, wrap_lines=True)
    grid = st.grid(2, min_column_width=420, gap="small")
    for label, value in rows:
        grid.cell().markdown(f":gray[:small[{plain(label)}]]  \n{plain(value[:MOST_TEXT])}")


def show_defects(dataset: Dataset, picked: Picked) -> None:
    """Known defects with their numbers and examples, and the switch that leaves them out."""
    found = read_defects(dataset)
    head = st.container(gap="xsmall")
    told = {k: v for k, v in dataset.card.known_defects.items() if k != "warnings"}
    warnings = dataset.card.known_defects.get("warnings") or ()
    table = None
    if found is None:
        offer_index(
            dataset,
            "defects",
            "Its molecules have not been searched for defects yet; that is part of the index.",
            lambda: read_defects(dataset) is not None,
        )
    else:
        table = _defect_table(found, dataset)
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "Defect": st.column_config.TextColumn(width=165),
                "Molecules": st.column_config.NumberColumn(width=80, format="localized"),
                "Share": st.column_config.TextColumn(width=62),
                "What it means": st.column_config.TextColumn(width=430),
                "For example, ids": st.column_config.TextColumn(width=280),
            },
        )
        n = int(found.any.sum())
        st.toggle(
            f"Leave these {number(n)} molecules out of every figure" if n else "Leave known defects out",
            picked.selection.sound,
            key=f"sound_switch_{picked.selection.sound}",
            on_change=set_selection,
            args=(replace(picked.selection, sound=not picked.selection.sound),),
            disabled=n == 0,
        )
    with head:
        card_head(
            "Which molecules should be looked at twice?",
            "Known defects; the filter *no known defect* leaves them out",
            "defects",
            table,
            f"python -m core defects {dataset.name}",
        )
    for warning in warnings:
        note(plain(warning), f"warning_{abs(hash(warning))}", "notice")
    for name, value in told.items():
        st.markdown(
            f":gray[:small[The card says: {plain(name.replace('_', ' '))}]]  \n{plain(words(value)[:MOST_TEXT])}"
        )


def _defect_table(found: Defects, dataset: Dataset) -> pl.DataFrame:
    total = dataset.molecules.n_molecules
    rows = []
    for kind, name in DEFECT_NAMES.items():
        counts = found.counts[kind]
        examples = ", ".join(_example(item) for item in counts.get("examples", ())[:6])
        rows.append((name, int(counts["n"]), percent(counts["n"] / total, 2), KINDS[kind], examples))
    names = ("Defect", "Molecules", "Share", "What it means", "For example, ids")
    return pl.DataFrame(rows, schema=list(names), orient="row")


def _example(item: Any) -> str:
    """An id, or the ids of molecules that are the same."""
    return " = ".join(str(each) for each in item) if isinstance(item, list) else str(item)


def words(value: Any) -> str:
    """A value of the card as text; a mapping as its pairs."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"{number(len(value))} entries" if len(value) > 8 else ", ".join(words(item) for item in value)
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _source_row(name: str, value: Any) -> tuple[str, str]:
    """A line of where the data come from, with bytes and checksums in the words of people."""
    if name == "sha256":
        return "Checksum of the file", f"sha256 {value}"
    if name == "size" and isinstance(value, int):
        return "Size of the file", size_text(value)
    return name.replace("_", " ").capitalize(), words(value)
