"""Validation error of a group over epochs, one small figure a group, all with the same axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import (
    LineEnd,
    View,
    as_text,
    built,
    linear_ticks,
    log_axis_ticks,
    middle_cut,
    names_at_end,
    tick_texts,
)
from core.figures.error_heatmaps import thinned
from core.figures.numbers import significant
from core.figures.theme import ModelStyle, colours

MOST_POINTS = 200
"""Epochs of a line that are drawn; more are thinned, the later the more."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The validation error of one model over epochs."""

    name: str
    style: ModelStyle
    epochs: NDArray[np.int64]
    """(n_epochs,)"""
    values: NDArray[np.float64]
    """(n_epochs,) in the unit inside"""


def curve_range(curves: Sequence[Curve], view: View) -> tuple[float, float]:
    """A range of the error axis, in the unit shown, that holds all curves; the first epochs may leave a linear one."""
    values = np.concatenate([curve.values for curve in curves]) * view.factor if curves else np.ones(1)
    values = values[np.isfinite(values)]
    if view.measure == "bias":
        reach = float(np.quantile(np.abs(values), 0.95)) * 1.2 or 1.0
        return -reach, reach
    values = values[values > 0]
    if len(values) == 0:
        return (0.5, 2.0) if view.on_log else (0.0, 1.0)
    if view.on_log:
        return float(values.min()) / 1.2, float(values.max()) * 1.1
    last = max(float(curve.values[-1]) * view.factor for curve in curves)
    return 0.0, max(3 * last, float(np.quantile(values, 0.75)))


def group_curves(
    curves: Sequence[Curve],
    view: View,
    last_epoch: int,
    limits: tuple[float, float],
    names: bool = False,
    height: int = 150,
) -> go.Figure:
    """Curves of one group, one line a model with its symbol at the end.

    last_epoch, limits: ends of the two axes, the same in all figures that stand side by side
    names: write the models' names at the ends (for a single larger figure)
    """
    low, high = limits
    notes = []
    if names:
        ends = [
            LineEnd(c.values[-1] * view.factor, as_text(middle_cut(c.name)), c.style.colour, bold=True) for c in curves
        ]
        notes = names_at_end(ends, low, high, view, height - 48)
    if view.on_log:
        ticks, texts = log_axis_ticks(low, high)
        if len(ticks) > 5:
            ticks, texts = ticks[::2], texts[::2]
        if math.log10(ticks[0] / low) < 0.08 * math.log10(high / low):
            ticks, texts = ticks[1:], texts[1:]  # would touch the first tick of the epochs
        y = {"type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": ticks, "ticktext": texts}
    else:
        ticks = linear_ticks(low, high, 4)
        texts = tick_texts(ticks, sign=view.measure == "bias")
        y = {"range": [low, high], "tickvals": ticks, "ticktext": texts}
    epochs = [1, *[t for t in linear_ticks(0, last_epoch, 3) if 1 < t < 0.85 * last_epoch and t == int(t)], last_epoch]
    x: dict[str, Any] = {"range": [1 - 0.02 * last_epoch, last_epoch * 1.02], "tickvals": epochs}
    if names:
        x["title"] = {"text": "epoch"}
    line = {"color": colours(view.dark).axis, "width": 1}
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": line}
    layout = {
        "xaxis": {**x, "tickfont": {"size": 10}}, "yaxis": {**y, "tickfont": {"size": 10}},
        "shapes": [zero] if view.measure == "bias" else [],
    }  # fmt: skip
    traces = [_line(curve, view) for curve in curves]
    right, bottom = (160, 42) if names else (12, 24)
    return built(view.dark, height, traces, layout, notes, left=40, right=right, top=6, bottom=bottom)


def _line(curve: Curve, view: View) -> dict[str, Any]:
    """The line of one model with its symbol at the end."""
    kept = thinned(len(curve.epochs), MOST_POINTS)
    epochs, values = curve.epochs[kept].tolist(), (curve.values[kept] * view.factor).tolist()
    told = f"<b>{as_text(curve.name)}</b><br>"
    sizes = [0] * (len(epochs) - 1) + [6]
    return {
        "type": "scatter", "x": epochs, "y": values, "mode": "lines+markers", "name": curve.name, "cliponaxis": False,
        "line": {"color": curve.style.colour, "width": 1.6}, "hovertemplate": "%{text}<extra></extra>",
        "text": [f"{told}epoch {e}: {significant(v)} {view.unit}" for e, v in zip(epochs, values, strict=True)],
        "marker": {"symbol": curve.style.symbol, "size": sizes, "color": curve.style.colour, "opacity": 1,
                   "line": {"width": 0}},
    }  # fmt: skip
