"""A table that the server sorts: one page of rows, a click on a head sorts all of them, a click on a row picks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.figures.theme import colours
from pages.common.appearance import dark

_BROWSER = Path(__file__).parent / "browser"
_table = st.components.v2.component(
    "mollens_table",
    html='<div class="table" tabindex="-1"></div>',
    css=(_BROWSER / "table.css").read_text(),
    js=(_BROWSER / "table.js").read_text(),
)


@dataclass(frozen=True)
class Column:
    """One column."""

    key: str
    label: str
    unit: str = ""
    help: str = ""
    text: bool = False
    """words, written from the left"""


def sortable_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | None]],
    key: str,
    label: str,
    sort: str,
    descending: bool,
    selected: str,
    first: int,
    on_sort: Callable[[str], None],
    on_pick: Callable[[str], None],
    height: int = 560,
) -> None:
    """Show one page of a table.

    Args:
        rows: for each row its id and then a text for each column, None where there is no value.
        label: what the table is, for readers who cannot see it.
        sort: key of the column that it is sorted by.
        selected: id of the marked row.
        first: place of the first row among all, so that another page begins at its top.
        on_sort, on_pick: called with the key of the clicked head, or the id of the clicked row, before the page runs.
    """
    c = colours(dark())
    _table(
        data={
            "columns": [asdict(column) for column in columns],
            "rows": [list(row) for row in rows],
            "label": label,
            "sort": sort,
            "descending": descending,
            "selected": selected,
            "first": first,
            "height": height,
            "colours": {
                "page": c.page, "line": c.line, "ink": c.ink, "muted": c.muted, "faint": c.faint, "hover": c.hover,
            },
        },
        key=key,
        on_sorted_change=lambda: _call(on_sort, key, "sorted"),
        on_picked_change=lambda: _call(on_pick, key, "picked"),
    )  # fmt: skip


def _call(answer: Callable[[str], None], key: str, trigger: str) -> None:
    state: Any = st.session_state.get(key)
    value = state.get(trigger) if state else None
    if value is not None:
        answer(str(value))
