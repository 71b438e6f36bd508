"""Composition of a dataset: sizes, elements and where they meet; every mark is a filter."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from core.data.selection import Selection, Span
from core.data.store import Dataset
from core.data.summary import count_by_size, molecules_by_element, size_element_counts
from core.data.table import molecule_table
from core.figures.dataset_cells import Normalisation, scale_ends, size_element_map
from core.figures.dataset_elements import element_sentence, element_shares
from core.figures.dataset_sizes import fitting_scale, size_histogram, size_sentence
from core.figures.numbers import number
from core.figures.picking import let_pick, picked_marks, picked_range
from core.figures.theme import colours
from pages.common.address import kept, kept_switch
from pages.common.appearance import dark, unbroken
from pages.common.filters import Picked, selection_query, set_selection, toggle_element, toggle_span
from pages.common.furniture import card, card_head, empty, picked_points, scale_strip, show
from pages.common.table import sortable_table
from pages.explore.parts.molecule_rows import table_columns, table_rows

MOLECULES = "pages/explore/molecules.py"
GLIMPSE = 8
_WISH = "_glimpse_wish"
NORMALISATIONS: dict[Normalisation, str] = {"counts": "molecules", "share": "share of all", "element": "per element"}


def show_composition(dataset: Dataset, picked: Picked) -> None:
    """Sizes, elements, size against element, and the first molecules of the selection."""
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(column_span=2), card("sizes", height="stretch"):
        show_sizes(dataset, picked)
    with grid.cell(), card("elements", height="stretch"):
        show_elements(dataset, picked)
    with card("cells"):
        show_cells(dataset, picked)
    with card("glimpse"):
        show_glimpse(dataset, picked)


def describe_command(dataset: Dataset, selection: Selection) -> str:
    """The command line behind the counts of this page."""
    where = "".join(f" --where '{word}'" for word in selection.where())
    return f"python -m core describe {dataset.name}{where} --json"


def show_sizes(dataset: Dataset, picked: Picked) -> None:
    """Histogram of sizes: a bar, or a range that is dragged, becomes the filter by size."""
    molecules, selection = dataset.molecules, picked.selection
    others = selection.but("size")
    sizes, counts = count_by_size(molecules)
    shown = count_by_size(molecules, others.rows(dataset))[1] if others else None
    front = counts if shown is None else shown
    table = pl.DataFrame({"atoms": sizes, "molecules": front})
    card_head(
        "How large are the molecules?",
        "Molecules by number of atoms, hydrogens included · orange: below 1 % of all · click a bar or drag a range"
        + (" · before the filter by size" if selection.size else ""),
        "sizes",
        table,
        describe_command(dataset, others),
        image="card_sizes",
    )
    st.markdown(unbroken(size_sentence(sizes, front)))
    log = st.query_params.get("sizes_log") == "1"
    scale = "log" if log else fitting_scale(counts, shown)
    chosen = [int(s) for s in sizes if any(span.low <= s <= span.high for span in selection.size)]
    fig = size_histogram(sizes, counts, dark(), shown=shown, chosen=chosen, scale=scale)
    let_pick(fig)
    key = f"fig_sizes_{selection.query().get('size', '')}"
    alt = f"Number of molecules by size: {sizes[0]} to {sizes[-1]} atoms"
    show(fig, key, alt, clickable=True, on_click=_follow_sizes, args=(key, selection), drag=True)
    with st.container(horizontal=True, horizontal_alignment="right", key="foot_sizes"):
        st.toggle("log scale", **kept_switch("sizes_log"))


def _follow_sizes(key: str, selection: Selection) -> None:
    limits = picked_range(picked_points(key))
    if limits and limits[0] is not None and limits[1] is not None:
        set_selection(toggle_span(selection, "size", int(limits[0]), int(limits[1])))


def show_elements(dataset: Dataset, picked: Picked) -> None:
    """Share of molecules with each element; a bar adds the element to the filter, or takes it away."""
    molecules, selection = dataset.molecules, picked.selection
    others = selection.but("element", "without")
    counts = molecules_by_element(molecules)
    rows = others.rows(dataset) if others else None
    shown = molecules_by_element(molecules, rows) if rows is not None else None
    n_shown = molecules.n_molecules if rows is None else len(rows)
    front = counts if shown is None else shown
    table = pl.DataFrame({"element": list(front), "molecules": list(front.values())})
    card_head(
        "Which elements?",
        "Molecules that contain the element · click a bar"
        + (" · before the filter by element" if selection.element or selection.without else ""),
        "elements",
        table,
        describe_command(dataset, others),
        image="card_elements",
    )
    st.markdown(
        unbroken(element_sentence(front, max(n_shown, 1))) if n_shown else "No molecule is left by the other filters."
    )
    fig = element_shares(
        counts,
        molecules.n_molecules,
        dark(),
        shown=shown,
        shown_total=n_shown,
        chosen=selection.element,
        without=selection.without,
    )
    query = selection.query()
    key = f"fig_elements_{query.get('element', '')}_{query.get('without', '')}"
    alt = f"Share of molecules that contain {', '.join(counts)}"
    show(fig, key, alt, clickable=True, on_click=_follow_element, args=(key, selection))


def _follow_element(key: str, selection: Selection) -> None:
    for mark in picked_marks(picked_points(key))[-1:]:
        set_selection(toggle_element(selection, str(mark[0])))


def show_cells(dataset: Dataset, picked: Picked) -> None:
    """Size against element; a cell becomes the filter by both."""
    molecules, selection = dataset.molecules, picked.selection
    others = selection.but("size", "element", "without")
    rows = others.rows(dataset) if others else None
    sizes, symbols, everything = size_element_counts(molecules)
    counts = everything if rows is None else size_element_counts(molecules, rows)[2]
    table = pl.DataFrame({"atoms": sizes, **{symbol: counts[i] for i, symbol in enumerate(symbols)}})
    card_head(
        "Where do size and element meet?",
        "Molecules of each size that contain the element · empty: none · click a cell to stay within it"
        + (" · before the filters by both" if selection.size or selection.element or selection.without else ""),
        "size_and_element",
        table,
        describe_command(dataset, others),
        image="card_cells",
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        kind = st.segmented_control(
            "Cells show",
            list(NORMALISATIONS),
            format_func=NORMALISATIONS.__getitem__,
            required=True,
            label_visibility="collapsed",
            **kept("cells", list(NORMALISATIONS), "counts"),
        )
        linear = st.toggle("linear colours", **kept_switch("cells_linear"))
    kind = kind or "counts"
    total = molecules.n_molecules if rows is None else len(rows)
    inside = [int(s) for s in sizes if any(span.low <= s <= span.high for span in selection.size)]
    chosen = [(size, symbol) for size in inside for symbol in selection.element]
    fig = size_element_map(
        sizes,
        symbols,
        counts,
        dark(),
        height=64 + 34 * len(symbols),
        normalisation=kind,
        log=not linear,
        total=total,
        behind=None if rows is None else everything,
        chosen=chosen,
    )
    query = selection.query()
    key = f"fig_cells_{query.get('size', '')}_{query.get('element', '')}"
    alt = "Number of molecules by size and element"
    show(fig, key, alt, clickable=True, on_click=_follow_cell, args=(key, selection))
    low, high = scale_ends(counts, total, kind, not linear)
    scale_strip(colours(dark()).count_ramp, low, high)


def _follow_cell(key: str, selection: Selection) -> None:
    for atoms, symbol in picked_marks(picked_points(key))[-1:]:
        size, element = (Span(int(atoms), int(atoms)),), (str(symbol),)
        same = (selection.size, selection.element) == (size, element)
        set_selection(replace(selection.but("without"), size=() if same else size, element=() if same else element))


def show_glimpse(dataset: Dataset, picked: Picked) -> None:
    """The first molecules of the selection, and the way to all of them."""
    n = len(picked.rows)
    query = selection_query(dataset, picked.selection)
    if n == 0:
        empty("No molecule passes all filters.", "glimpse")
        return
    table = molecule_table(dataset, picked.rows[:GLIMPSE])
    card_head(
        "Which molecules are they?",
        f"The first {number(min(n, GLIMPSE))} of {number(n)} · click a row to see it in 3D, a head to sort all of them",
        "glimpse",
    )
    sortable_table(
        table_columns(dataset),
        table_rows(table),
        "glimpse_table",
        "The first molecules",
        "",
        False,
        "",
        0,
        lambda column: _go("sort", column),
        lambda identifier: _go("molecule", identifier),
        height=296,
    )
    st.page_link(MOLECULES, label="Sort them, see them in 3D", icon=":material/arrow_forward:", query_params=query)
    wish = st.session_state.pop(_WISH, None)
    if wish is not None:
        st.switch_page(MOLECULES, query_params={**query, **wish})


def _go(key: str, value: str) -> None:
    """Remember what was clicked; the page is switched once this one has run."""
    st.session_state[_WISH] = {key: value}
