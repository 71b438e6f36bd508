"""The worst groups that were found on validation molecules, as they are on test molecules: a row each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures.error_axes import as_text, built, linear_ticks, short_name, tick_texts
from core.figures.numbers import MINUS, number, significant
from core.figures.theme import ModelStyle, colours
from core.judge.slicing.slices import Slice

_LINE, _GAP = 15, 14  # pixels of a line of words, and between two groups
_LONGEST = 34  # letters of a line
_NEGATIVE = re.compile(r"-(?=[0-9])")


def worst_groups(
    slices: Sequence[Slice],
    overall: float,
    style: ModelStyle,
    factor: float,
    unit: str,
    dark: bool,
    height: int = 250,
) -> go.Figure:
    """Test error of each group with the interval of its excess, and MAE, n and ratio to all in columns.

    slices: of a search; filled where the test confirms them, hollow where it does not, a faint dot below 50 molecules
    overall: MAE of all test molecules, drawn dotted; values are in the unit inside, shown in `unit` after `factor`
    """
    c = colours(dark)
    rows = [each for each in slices if each.mae is not None][::-1]  # from the bottom up
    lines = [_lines(each) for each in rows]
    labels = ["<br>".join(as_text(line) for line in told) for told in lines]
    left = round(22 + 6.0 * max((len(line) for told in lines for line in told), default=10))
    height = max(height, sum(_LINE * len(told) + _GAP for told in lines) + 70)
    values = [(each.mae or 0.0) * factor for each in rows]
    # The interval is that of the excess over all others: shifted by their error it stands about the error itself.
    lows = [max((each.rest_mae or 0) + each.low, 0) * factor if each.low is not None else None for each in rows]
    highs = [((each.rest_mae or 0) + each.high) * factor if each.high is not None else None for each in rows]
    lowest = min([0.6 * overall * factor, *values, *(low for low in lows if low is not None)])
    top = max([1.2 * overall * factor, *values, *(high for high in highs if high is not None)])
    low_end, high_end = max(lowest - 0.05 * (top - lowest), 0.0), top + 0.05 * (top - lowest)
    sure = [each.state == "confirmed" for each in rows]
    few = [each.low is None for each in rows]
    at = overall * factor
    column: dict[str, Any] = {
        "type": "scatter", "xaxis": "x2", "y": list(range(len(rows))), "mode": "text", "hoverinfo": "skip",
        "textposition": "middle left", "cliponaxis": False,
    }  # fmt: skip
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "x": _rules(len(rows), low_end, high_end), "y": _levels(len(rows)), "mode": "lines",
         "line": {"color": c.grid, "width": 1}, "hoverinfo": "skip", "name": "rules"},
        {"type": "scatter", "x": [at, at], "y": [-0.5, len(rows) - 0.5], "mode": "lines", "hoverinfo": "skip",
         "line": {"color": style.colour, "width": 1, "dash": "2px,3px"}, "name": "all"},
        {"type": "scatter", "x": values, "y": list(range(len(rows))), "mode": "markers", "name": "groups",
         "error_x": {"type": "data", "symmetric": False, "color": style.colour, "thickness": 2, "width": 0,
                     "array": [0 if h is None else max(h - v, 0) for h, v in zip(highs, values, strict=True)],
                     "arrayminus": [0 if low is None else max(v - low, 0)
                                    for low, v in zip(lows, values, strict=True)]},
         "marker": {"symbol": style.symbol, "size": [6 if f else 9 for f in few],
                    "color": [style.colour if s else c.page for s in sure],
                    "opacity": [0.55 if f else 1 for f in few], "line": {"color": style.colour, "width": 1.6}},
         "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
         "customdata": [[len(rows) - 1 - k] for k in range(len(rows))],
         "text": [_text(each, factor, unit) for each in rows], "hovertemplate": "%{text}<extra></extra>"},
        {**column, "x": [0.34] * len(rows), "text": [f"<b>{significant(v)}</b>" for v in values],
         "textfont": {"size": 12, "color": c.ink}},
        {**column, "x": [0.68] * len(rows), "text": [number(each.n_test) for each in rows],
         "textfont": {"size": 11, "color": c.muted}},
        {**column, "x": [1.0] * len(rows),
         "text": [f"{significant((each.mae or 0) / overall, 2)}×" if overall else "—" for each in rows],
         "textfont": {"size": 11, "color": c.muted}},
    ]  # fmt: skip
    head = {"yref": "paper", "y": 1, "yanchor": "bottom", "font": {"size": 10.5, "color": c.faint}}
    right = {**head, "xref": "x2", "xanchor": "right"}
    notes = [
            {**right, "x": 0.34, "text": unit}, {**right, "x": 0.68, "text": "n"}, {**right, "x": 1.0, "text": "× all"},
            {**head, "xref": "x", "x": at, "xanchor": "center", "text": f"all {significant(at)}",
             "font": {"size": 10.5, "color": style.colour}},
        ]  # fmt: skip
    ticks = linear_ticks(low_end, high_end, 4)
    layout = {
        "xaxis": {"domain": [0, 0.7], "range": [low_end, high_end], "tickvals": ticks, "ticktext": tick_texts(ticks),
               "title": {"text": f"MAE, {unit}"}},
        "xaxis2": {"domain": [0.72, 1], "range": [0, 1], "visible": False, "fixedrange": True},
        "yaxis": {"range": [-0.5, len(rows) - 0.4], "showgrid": False, "tickvals": list(range(len(rows))),
               "ticktext": labels, "tickfont": {"size": 12, "color": c.ink}},
    }  # fmt: skip
    return built(dark, height, traces, layout, notes, left=left, right=10, top=24, bottom=42)


def _lines(each: Slice) -> list[str]:
    """A group in words, a line for each of its predicates."""
    words = (name.removeprefix("molecules ") for name in each.predicates)
    return [short_name(_NEGATIVE.sub(MINUS, word), _LONGEST) for word in words]


def _rules(n: int, low: float, high: float) -> list[float | None]:
    return [x for _ in range(1, n) for x in (low, high, None)] or [None]


def _levels(n: int) -> list[float | None]:
    return [y for k in range(1, n) for y in (k - 0.5, k - 0.5, None)] or [None]


def _text(each: Slice, factor: float, unit: str) -> str:
    told = f"<b>{as_text(each.label)}</b><br>{significant((each.mae or 0) * factor)} {unit}"
    told += f" against {significant((each.rest_mae or 0) * factor)} of all others"
    if each.low is not None and each.high is not None:
        told += f"<br>{significant(each.low * factor)} to {significant(each.high * factor)} {unit} more"
    return f"{told}<br>{number(each.n_test)} test, {number(each.n_validation)} validation molecules · {each.state}"
