"""Molecules: the whole dataset as a table, filtered by size and element, and one molecule in 3D with its properties."""

from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from numpy.typing import NDArray

from core.data.molecules import SYMBOLS
from core.data.store import Dataset
from core.data.summary import count_by_size
from core.data.table import molecule_table
from core.errors import MollensError
from core.figures.numbers import formula, number, significant, unit_text
from core.judge.groups import Group
from pages.common.appearance import plain
from pages.common.furniture import Fact, card, card_head, empty, facts, page_head
from pages.common.guard import guard
from pages.common.pickers import pick_dataset
from pages.common.selection import choose_group, chosen_group, group_query, named_group
from pages.common.viewer import molecule_view

MOST_SENT = 20_000  # longer tables are sent as the reader scrolls
Range = tuple[int | None, int | None]
Rows = NDArray[np.int64]


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    page_head("Molecules", f"{plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
    group = pick_group(dataset)
    every = np.arange(dataset.molecules.n_molecules)
    rows = every[group.members(dataset.molecules, every)]
    wanted = wanted_molecule(dataset)
    if len(rows) == 0:
        empty(
            f"No molecule of {plain(dataset.name)} has {plain(group.label)}.",
            "none",
            "pages/explore/molecules.py",
            "All molecules",
            {"dataset": dataset.name},
        )
        return
    grid = st.grid(5, min_column_width=190, gap="small")
    with grid.cell(column_span=3), card("table", height="stretch"):
        row = show_table(dataset, group, rows, wanted)
    with grid.cell(column_span=2), card("molecule", height="stretch"):
        show_molecule(dataset, row)


def pick_group(dataset: Dataset) -> Group:
    """Size and element to stay within; both stand in the address, as `size` (17 or 17-19) and `element`."""
    asked = chosen_group() or named_group(None, None, None)
    sizes, _ = count_by_size(dataset.molecules)
    ranges: list[Range] = [(None, None), *((int(size), int(size)) for size in sizes)]
    if (asked.lowest, asked.highest) not in ranges:
        ranges.insert(1, (asked.lowest, asked.highest))
    elements = [None, *dataset.molecules.symbols]
    if asked.element not in elements:
        elements.insert(1, asked.element)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        lowest, highest = st.selectbox(
            "Size, atoms", ranges, ranges.index((asked.lowest, asked.highest)), format_func=range_text, width=170
        )
        element = st.selectbox(
            "Contains", elements, elements.index(asked.element), format_func=lambda e: e or "any element", width=170
        )
    group = named_group(lowest, highest, element)
    if group_query(group) != group_query(asked):
        choose_group(group)
        st.query_params.pop("molecule", None)
        st.rerun()
    return group


def range_text(limits: Range) -> str:
    """A range of sizes in words."""
    lowest, highest = limits
    if lowest is None:
        return "all sizes"
    return str(lowest) if lowest == highest else f"{lowest} to {highest}"


def wanted_molecule(dataset: Dataset) -> int | None:
    """Row of the molecule that the address names, if the dataset has it."""
    text = st.query_params.get("molecule")
    if text is None:
        return None
    try:
        return int(dataset.molecules.rows_of(np.array([int(text)]))[0])
    except (ValueError, OverflowError, MollensError):
        st.warning(f"There is no molecule {plain(text[:30])} in {plain(dataset.name)}.", icon=":material/info:")
        return None


@st.cache_resource(max_entries=12, show_spinner="Listing the molecules")
def table_of(name: str, sha256: str, group: str, _dataset: Dataset, _rows: Rows) -> pl.DataFrame:
    """The table of the filtered molecules, made once for each filter."""
    return molecule_table(_dataset, _rows)


def show_table(dataset: Dataset, group: Group, rows: Rows, wanted: int | None) -> int:
    """The table; the chosen row goes into the address.

    Returns:
        Row of the chosen molecule in the dataset.
    """
    table = table_of(dataset.name, dataset.card.sha256, group.name, dataset, rows)
    selected = 0
    if wanted is not None and wanted in rows:
        selected = int(np.searchsorted(rows, wanted))
    elif wanted is not None:
        name = dataset.molecules.ids[wanted]
        st.warning(f"Molecule {name} is not among these: {plain(group.label)}.", icon=":material/info:")
    card_head(
        f"{number(len(rows))} molecules",
        f"{plain(group.label)} · click a row to see it · click a column's head to sort",
        "molecules",
        table,
    )
    units = {p.key: (p.label, unit_text(p.unit)) for p in dataset.card.properties}
    event = st.dataframe(
        table,
        hide_index=True,
        height=640,
        lazy=len(rows) > MOST_SENT,
        key=f"table_{dataset.name}_{group.name}",
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [selected]}},
        column_config={
            "id": st.column_config.NumberColumn("Id", format="%d", width=70, pinned=True),
            "formula": st.column_config.TextColumn("Formula", width=90),
            "atoms": st.column_config.NumberColumn("Atoms", width=60),
            "heavy_atoms": st.column_config.NumberColumn("Heavy", help="Atoms that are not hydrogen", width=60),
            "smiles": st.column_config.TextColumn("SMILES", width=170),
            **{
                key: st.column_config.NumberColumn(f"{label}, {unit}" if unit else label, format="%.4f", width=125)
                for key, (label, unit) in units.items()
            },
        },
    )
    picked = list(event.selection.rows)
    if picked and 0 <= picked[0] < len(rows):
        row = int(rows[picked[0]])
    else:
        row = wanted if wanted is not None else int(rows[0])
    if st.query_params.get("molecule") != str(dataset.molecules.ids[row]) and (
        wanted is not None or row != int(rows[selected])
    ):
        st.query_params["molecule"] = str(dataset.molecules.ids[row])
    return row


def show_molecule(dataset: Dataset, row: int) -> None:
    """One molecule in 3D with all that is known of it."""
    molecules = dataset.molecules
    identifier = int(molecules.ids[row])
    smiles = molecules.smiles_of(row)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key="head_molecule"):
        with st.container(gap=None, width="stretch", key="headtext_molecule"):
            st.subheader(f"{formula(molecules.formula(row))} · id {identifier}", anchor=False)
        st.download_button(
            "xyz",
            molecules.xyz(row),
            f"{dataset.name}-{identifier}.xyz",
            "chemical/x-xyz",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="The geometry as an xyz file, Å",
        )
    st.caption(
        f"{number(int(molecules.sizes[row]))} atoms{f' · {plain(smiles)}' if smiles else ''} · turn it with the mouse"
    )
    picked = molecule_view(molecules, row, "molecule_3d", height=330)
    st.caption(describe_atom(dataset, row, picked) if picked is not None else "Click an atom for its place.")
    facts(property_facts(dataset, row), columns=True)


def property_facts(dataset: Dataset, row: int) -> list[Fact]:
    """Every property of one molecule with its unit, the default target first."""
    listed = sorted(dataset.card.properties, key=lambda p: p.key != dataset.card.default_target)
    rows = []
    for item in listed:
        values: Any = dataset.molecules.columns.get(item.key)
        if values is None or values.ndim != 1:
            continue
        value = float(values[row])
        text = number(value, 4) if abs(value) >= 1 else significant(value, 4)
        rows.append(Fact(item.label, text, unit_text(item.unit) if np.isfinite(value) else ""))
    return rows


def describe_atom(dataset: Dataset, row: int, atom: int) -> str:
    """Element, place and per-atom values of the clicked atom, in Markdown."""
    molecules = dataset.molecules
    place = molecules.atoms(row).start + atom
    x, y, z = (number(float(v), 3) for v in molecules.positions[place])
    text = f"Atom {atom + 1}, **{SYMBOLS[int(molecules.numbers[place])]}**, at {x}, {y}, {z} Å"
    for item in dataset.card.properties:
        values = molecules.atom_columns.get(item.key)
        if values is not None and values.ndim == 1:
            value, unit = number(float(values[place]), 3, sign=True), plain(unit_text(item.unit))
            text += f" · {plain(item.label)} {value} {unit}"
    return text


with guard():
    show_page()
