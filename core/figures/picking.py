"""Figures that answer to a click and to a drag, and what a reader picked on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

Picked = tuple[float | None, float | None]
"""Lowest and highest value that was picked, both included; None is an open end."""
OUTLINE = "#7C8BA1"
"""Of the rectangle while it is dragged, on light and dark pages."""
UNSEEN = {
    "marker": {"opacity": 0},
    "selected": {"marker": {"opacity": 0}},
    "unselected": {"marker": {"opacity": 0}},
}
"""Marks that cannot be seen but take clicks; they lie over what is drawn, whose own marks may be thin or missing."""
SEEN = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
"""Marks that stay as they are whatever is picked: the filters mark it, not plotly."""


def let_pick(fig: go.Figure, direction: Literal["h", "any"] = "h") -> None:
    """Let a figure answer both to a click on a mark and to a drag, sideways only or over a rectangle.

    To be shown with `on_select="rerun"` and `selection_mode=("points", "box")`.

    Streamlit switches clicks off as soon as it reads `dragmode: "select"` in a layout. The drag is therefore named in
    the template, and the layout holds a word that plotly does not know and so replaces by that of the template. Where
    that word should one day be refused, clicks still work.
    """
    fig.layout.template.layout.dragmode = "select"
    fig.layout.template.layout.selectdirection = direction
    fig.layout.newselection = {"line": {"width": 1, "dash": "solid", "color": OUTLINE}}
    fig.layout._props["dragmode"] = "of the template"


def picked_range(points: Sequence[Mapping[str, Any]], place: int = 0) -> Picked | None:
    """What was picked along one axis: from the lowest to the highest of the picked marks; None for no marks.

    Args:
        points: marks as Streamlit hands them over; `customdata` holds [low, high] for each axis, x before y, where
            None is an open end. Marks without are those of the background.
        place: 0 for x, 1 for y.
    """
    spans = [data[2 * place : 2 * place + 2] for data in picked_marks(points) if len(data) >= 2 * place + 2]
    if not spans:
        return None
    lows, highs = [span[0] for span in spans], [span[1] for span in spans]
    return (
        None if None in lows else min(lows),
        None if None in highs else max(highs),
    )


def picked_marks(points: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """What the picked marks stand for, their `customdata`: e.g. [17, "F"] of a cell; marks without are left out."""
    return [data for point in points if (data := _listed(point))]


def _listed(point: Mapping[str, Any]) -> list[Any]:
    # A numpy array of customdata comes back as a mapping of its columns, a list of lists as lists.
    data = point.get("customdata")
    if isinstance(data, Mapping):
        return [data[key] for key in sorted(data, key=int)]
    return list(data) if isinstance(data, Sequence) and not isinstance(data, str) else []
