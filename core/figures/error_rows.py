"""Error on groups that have names (elements, functional groups): a row each, dots with intervals, n in a column."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import plotly.graph_objects as go
import polars as pl

from core.figures.error_axes import ModelErrors, Row, View, built, error_axis, limit, value_range
from core.figures.error_groups import GroupAxis
from core.figures.errors import axis_title, marks
from core.figures.numbers import number
from core.figures.theme import colours, rgba

Order = Literal["rare first", "worst first", "as it is"]
_COLUMN = 58  # pixels of a column of numbers
_ROW, _MOST_ROW = 26, 64  # pixels of a row


def error_by_rows(
    models: list[ModelErrors],
    axis: GroupAxis,
    view: View,
    order: Order = "rare first",
    selected: Collection[str] = (),
    height: int = 380,
    training: bool = False,
) -> go.Figure:
    """Error of named groups, from the top down in an order; n in a column.

    models: their tables by that grouping; `overall` is drawn dotted
    order: fewest training molecules of the first model first, largest error of it first, or as the grouping has them
    training: a second column with training molecules, for a wide figure
    """
    c = colours(view.dark)
    rows = _ordered(models, view, order, axis)
    names = [row["group"] for row in rows][::-1]  # from the bottom up
    symbols = axis.by == "element"
    shown = [f"<b>{axis.shorts[name]}</b>" if symbols else axis.shorts[name] for name in names]
    widest = 3 if symbols else max((len(axis.shorts[name]) for name in names), default=3)
    left = round(18 + (11 if symbols else 6.4) * widest) + _COLUMN
    height = min(max(height, _ROW * len(names) + 66), max(_MOST_ROW * len(names), 150) + 66)
    low, high = value_range(models, view)
    traces = [_rules(len(names), low, high, view)]
    for place, model in enumerate(models):
        shift = ((len(models) - 1) / 2 - place) * min(0.2, 0.7 / len(models))
        if model.overall is not None:
            at = model.overall * view.factor
            traces.append({
                "type": "scatter", "x": [at, at], "y": [-0.5, len(names) - 0.5], "mode": "lines", "hoverinfo": "skip",
                "line": {"color": rgba(model.style.colour, 0.45), "width": 1, "dash": "2px,3px"},
                "name": f"{model.name} all",
            })  # fmt: skip
        traces.append(_marks(model, names, view, shift, low))
    counts = {row["group"]: row for row in rows}
    column = {"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"}  # an axis needs a trace to be drawn
    traces.append({**column, "yaxis": "y2"})
    if training:
        traces.append({**column, "yaxis": "y3"})
    span = {"range": [-0.5, len(names) - 0.25], "tickvals": list(range(len(names))), "showgrid": False}
    head = {"yref": "paper", "y": 1, "yanchor": "bottom", "xref": "paper", "font": {"size": 10.5, "color": c.faint}}
    heads = [{**head, "x": 0, "xanchor": "right", "xshift": -10, "text": "n"}]
    layout: dict[str, Any] = {
        "yaxis": {**span, "ticktext": shown, "ticklabelstandoff": _COLUMN,
                  "tickfont": {"size": 14 if symbols else 12, "color": c.ink}},
        "yaxis2": {**span, "overlaying": "y", "side": "left", "ticklabelstandoff": 8, "fixedrange": True,
                   "ticktext": [number(counts[name]["n_held_out"]) for name in names],
                   "tickfont": {"size": 11, "color": c.muted}},
        "xaxis": {"showgrid": True, "title": {"text": axis_title(view)}, **error_axis(low, high, view)},
        "shapes": _marked(names, selected, view),
    }  # fmt: skip
    if training:
        texts = [number(counts[name]["n_train"]) for name in names]
        layout["yaxis3"] = {**layout["yaxis2"], "side": "right", "ticktext": texts}
        heads.append({**head, "x": 1, "xanchor": "left", "xshift": 6, "text": "in training"})
    right = _COLUMN + 12 if training else 14
    return built(view.dark, height, traces, layout, heads, left=left, right=right, top=22, bottom=42)


def _ordered(models: list[ModelErrors], view: View, order: Order, axis: GroupAxis) -> list[Row]:
    """Rows of the first model whose group has held-out molecules of any model, from the top down."""
    there = set()
    for model in models:
        there |= set(model.table.filter(pl.col("n_held_out") > 0)["group"])
    rows = [
        row for row in models[0].table.iter_rows(named=True) if row["group"] in there and row["group"] in axis.shorts
    ]
    if order == "rare first":
        return sorted(rows, key=lambda row: row["n_train"])
    if order == "worst first":
        # what fewer than 10 molecules say does not come first
        return sorted(rows, key=lambda row: (row["n_held_out"] < 10, -abs(row[view.measure] or 0.0)))
    return rows


def _rules(n: int, low: float, high: float, view: View) -> dict[str, Any]:
    """Hairlines between the rows, all of them one trace."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for place in range(1, n):
        xs += [low, high, None]
        ys += [place - 0.5, place - 0.5, None]
    return {
        "type": "scatter", "x": xs or [None], "y": ys or [None], "mode": "lines", "hoverinfo": "skip", "name": "rules",
        "line": {"color": colours(view.dark).grid, "width": 1},
    }  # fmt: skip


def _marked(names: list[str], selected: Collection[str], view: View) -> list[dict[str, Any]]:
    fill = rgba(colours(view.dark).faint, 0.18)
    return [
        {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place + 0.5, "fillcolor": fill,
         "line": {"width": 0}, "layer": "below"}
        for place, name in enumerate(names)
        if name in selected
    ]  # fmt: skip


def _marks(model: ModelErrors, names: list[str], view: View, shift: float, floor: float) -> dict[str, Any]:
    rows = [row for row in model.table.iter_rows(named=True) if row["group"] in names and row[view.measure] is not None]
    values = [row[view.measure] * view.factor for row in rows]
    lows = [max(limit(row, "low", view), floor) if view.on_log else limit(row, "low", view) for row in rows]
    highs = [limit(row, "high", view) for row in rows]
    return {
        "type": "scatter",
        "x": values,
        "y": [names.index(row["group"]) + shift for row in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(high - value, 0) for high, value in zip(highs, values, strict=True)],
            "arrayminus": [max(value - low, 0) for low, value in zip(lows, values, strict=True)],
            "color": model.style.colour,
            "thickness": 2,
            "width": 0,
        },
        **marks(model, rows, view, bigger=2.5),
    }
