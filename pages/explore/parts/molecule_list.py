"""The list of the selected molecules: all of them sorted on the server, a hundred to a page, one of them chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.store import Dataset
from core.data.table import molecule_table, sorted_rows, table_keys
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.filters import Picked
from pages.common.furniture import card_head
from pages.common.table import sortable_table
from pages.explore.parts.molecule_rows import table_columns, table_rows

PER_PAGE = 100
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Listing:
    """The selected molecules in their order, and the one that is shown."""

    order: Rows
    """(n,) rows, sorted"""
    sort: str
    descending: bool
    row: int
    """the molecule that is shown"""
    place: int | None
    """its place in `order`; None if it is not among the selected"""
    page: int
    """from 1"""

    @property
    def n_pages(self) -> int:
        """Number of pages."""
        return max(1, -(-len(self.order) // PER_PAGE))

    def shown(self) -> Rows:
        """(n,) rows of the page."""
        return self.order[PER_PAGE * (self.page - 1) : PER_PAGE * self.page]


def listing(dataset: Dataset, picked: Picked) -> Listing:
    """What the address says of order, page and molecule: `sort` (a column, with - before it descending), `page`,
    `molecule`.

    What cannot be understood is told and dropped from the address.
    """
    sort, descending = _sort(dataset)
    filters = "&".join(picked.selection.where())
    order = _order(dataset.name, dataset.card.sha256, filters, sort, descending, dataset, picked.rows)
    wanted = _wanted(dataset)
    row = int(order[0]) if wanted is None else wanted
    found = np.flatnonzero(order == row)
    place = int(found[0]) if len(found) else None
    text = st.query_params.get("page", "")
    page = int(text) if text.isdecimal() and len(text) < 10 else (place or 0) // PER_PAGE + 1
    page = min(max(page, 1), max(1, -(-len(order) // PER_PAGE)))
    if text and text != str(page):
        st.query_params["page"] = str(page)
    return Listing(order, sort, descending, row, place, page)


def _sort(dataset: Dataset) -> tuple[str, bool]:
    text = st.query_params.get("sort", "id")
    key, descending = text.removeprefix("-"), text.startswith("-")
    if key in table_keys(dataset):
        return key, descending
    st.warning(f"{plain(dataset.name)} has no column {plain(key[:40])} to sort by.", icon=":material/info:")
    st.query_params.pop("sort", None)
    return "id", False


def _wanted(dataset: Dataset) -> int | None:
    """Row of the molecule that the address names, if the dataset has it."""
    text = st.query_params.get("molecule")
    if text is None:
        return None
    try:
        return int(dataset.molecules.rows_of(np.array([int(text)]))[0])
    except (ValueError, OverflowError, MollensError):
        st.warning(f"There is no molecule {plain(text[:30])} in {plain(dataset.name)}.", icon=":material/info:")
        st.query_params.pop("molecule", None)
        return None


@st.cache_resource(max_entries=24, show_spinner=False)
def _order(name: str, sha256: str, filters: str, sort: str, descending: bool, _dataset: Dataset, _rows: Rows) -> Rows:
    """The selected rows in their order, made once for each filter and column."""
    return sorted_rows(_dataset, _rows, sort, descending)


def show_list(dataset: Dataset, picked: Picked, shown: Listing) -> None:
    """The table and its pages."""
    n = len(shown.order)
    columns = table_columns(dataset)
    heads = {column.key: column.label for column in columns}
    card_head(
        f"{number(n)} {'molecule' if n == 1 else 'molecules'}",
        f"Sorted by **{plain(heads[shown.sort])}**, {'largest' if shown.descending else 'smallest'} first · click a "
        "head to sort all of them, a row to see it",
        "molecules",
        lambda: molecule_table(dataset, shown.order),
    )
    table = molecule_table(dataset, shown.shown())
    sortable_table(
        columns,
        table_rows(table),
        f"molecules_{dataset.name}",
        "Molecules",
        shown.sort,
        shown.descending,
        str(dataset.molecules.ids[shown.row]),
        PER_PAGE * (shown.page - 1),
        sort_by,
        show_molecule,
        height=592,
    )
    _pages(shown)


def _pages(shown: Listing) -> None:
    n, first = len(shown.order), PER_PAGE * (shown.page - 1)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pages_molecules"):
        st.caption(f"{number(first + 1)} to {number(min(first + PER_PAGE, n))} of {number(n)}", width="stretch")
        if shown.n_pages > 1:
            key = f"page_molecules_{shown.n_pages}_{shown.page}"  # a page of its own, so that it begins where we are
            st.pagination(
                shown.n_pages,
                default=shown.page,
                max_visible_pages=7,
                key=key,
                on_change=_turn,
                args=(key,),
                width=min(340, 90 + 44 * shown.n_pages),
            )


def _turn(key: str) -> None:
    st.query_params["page"] = str(st.session_state[key])


def sort_by(key: str) -> None:
    """Sort by a column, the other way round if it is sorted by it already; the first page is shown."""
    now = st.query_params.get("sort", "id")
    st.query_params.update({"sort": f"-{key}" if now == key else key, "page": "1"})


def show_molecule(identifier: str) -> None:
    """Put a molecule into the address, so that it is shown, on the page of the list where it stands."""
    rest = {key: st.query_params.get_all(key) for key in st.query_params if key != "page"}
    st.query_params.from_dict({**rest, "molecule": identifier})  # in one go: one step for the browser's Back
