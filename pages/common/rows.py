"""A list of rows in groups, one of them selected: runs, recipes. For mouse and arrow keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from core.figures.theme import colours
from pages.common.appearance import dark

_BROWSER = Path(__file__).parent / "browser"
_rows = st.components.v2.component(
    "mollens_rows",
    html='<div class="rows" role="listbox"></div>',
    css=(_BROWSER / "rows.css").read_text(),
    js=(_BROWSER / "rows.js").read_text(),
)


@dataclass(frozen=True)
class Row:
    """One row of the list."""

    id: str
    """what a click gives back"""
    title: str
    below: str
    """muted line under the title"""
    value: str = ""
    """number at the right"""
    unit: str = ""
    dot: str = ""
    """colour of the dot before the muted line"""
    curve: tuple[float, ...] = ()
    """positive values, drawn small on a log axis"""
    span: int = 0
    """points that the full width of the small curve stands for"""
    stroke: str = ""
    """colour of curve and progress"""
    progress: float | None = None
    """0 to 1"""


@dataclass(frozen=True)
class RowGroup:
    """Rows under a heading."""

    name: str
    rows: tuple[Row, ...]
    right: str = ""
    """muted, at the right end of the heading"""


def pick_row(groups: Sequence[RowGroup], selected: str | None, label: str, key: str, wrap: bool = False) -> str | None:
    """Show the list.

    Args:
        wrap: let long muted lines take several lines instead of cutting them.
        label: what the list is, for readers who cannot see it.

    Returns:
        Id of the row that was just clicked, else None.
    """
    c = colours(dark())
    result = _rows(
        data={
            "groups": [asdict(group) for group in groups],
            "selected": selected,
            "label": label,
            "wrap": wrap,
            "colours": {"page": c.page, "ink": c.ink, "muted": c.muted, "hover": c.hover},
        },
        key=key,
        on_picked_change=_nothing,
    )
    picked = getattr(result, "picked", None)
    return str(picked) if picked is not None else None


def _nothing() -> None:
    """A component reports clicks only if it has a callback."""
