"""Validation error of a group over epochs, one small figure a group, all with the same axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import (
    LineEnd,
    ModelErrors,
    View,
    as_text,
    hover_text,
    linear_ticks,
    log_axis_ticks,
    names_at_end,
    short_name,
    tick_texts,
    value_range,
)
from core.figures.numbers import short_count, significant
from core.figures.theme import ModelStyle, colours, figure, log_ticks
from core.judge.intervals import N_LARGE, N_POINTS_ONLY


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
    axis = colours(view.dark).axis
    fig = figure(view.dark, height, left=40, right=160 if names else 12, top=6, bottom=42 if names else 24)
    low, high = limits
    for curve in curves:
        colour = curve.style.colour
        values = curve.values * view.factor
        told = f"<b>{as_text(curve.name)}</b><br>"
        fig.add_scatter(
            x=curve.epochs, y=values, mode="lines", line={"color": colour, "width": 1.6},
            text=[f"{told}epoch {e}: {significant(v)} {view.unit}" for e, v in zip(curve.epochs, values, strict=True)],
            hovertemplate="%{text}<extra></extra>", name=curve.name,
        )  # fmt: skip
        fig.add_scatter(
            x=curve.epochs[-1:], y=values[-1:], mode="markers", hoverinfo="skip", cliponaxis=False,
            name=f"{curve.name} end",
            marker={"symbol": curve.style.symbol, "size": 6, "color": colour},
        )  # fmt: skip
    if names:
        ends = [
            LineEnd(c.values[-1] * view.factor, as_text(short_name(c.name)), c.style.colour, bold=True) for c in curves
        ]
        names_at_end(fig, ends, low, high, view, height - 48)
    if view.on_log:
        ticks, texts = log_axis_ticks(low, high)
        if len(ticks) > 5:
            ticks, texts = ticks[::2], texts[::2]
        if math.log10(ticks[0] / low) < 0.08 * math.log10(high / low):
            ticks, texts = ticks[1:], texts[1:]  # would touch the first tick of the epochs
        fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=texts)
    else:
        ticks = linear_ticks(low, high, 4)
        fig.update_yaxes(range=[low, high], tickvals=ticks, ticktext=tick_texts(ticks, sign=view.measure == "bias"))
    if view.measure == "bias":
        fig.add_hline(y=0, line={"color": axis, "width": 1})
    fig.update_yaxes(tickfont={"size": 10})
    ticks = [1, *[t for t in linear_ticks(0, last_epoch, 3) if 1 < t < 0.85 * last_epoch and t == int(t)], last_epoch]
    fig.update_xaxes(range=[1 - 0.02 * last_epoch, last_epoch * 1.02], tickvals=ticks, tickfont={"size": 10})
    if names:
        fig.update_xaxes(title_text="epoch")
    return fig


def error_by_training_count(models: list[ModelErrors], view: View, height: int = 290) -> go.Figure:
    """Error of every size against the number of its training molecules; hollow below 50 held out, none below 10.

    models: their tables by size
    """
    c = colours(view.dark)
    fig = figure(view.dark, height, left=46, right=16, top=22, bottom=42)
    counts: list[int] = []
    seen: list[float] = []
    tops: dict[int, tuple[int, float]] = {}
    for model in models:
        rows = [r for r in model.table.iter_rows(named=True) if r["n_held_out"] >= N_POINTS_ONLY and r["n_train"] > 0]
        counts += [r["n_train"] for r in rows]
        values = [r[view.measure] * view.factor for r in rows]
        seen += values
        for row, value in zip(rows, values, strict=True):
            best = tops.get(row["lowest"])
            tops[row["lowest"]] = (row["n_train"], value if best is None else max(best[1], value))
        fig.add_scatter(
            x=[r["n_train"] for r in rows], y=values, mode="markers", name=model.name,
            marker={
                "symbol": model.style.symbol, "size": 7,
                "color": [c.page if r["n_held_out"] < N_LARGE else model.style.colour for r in rows],
                "line": {"color": model.style.colour, "width": 1.4},
            },
            text=[hover_text(model.name, r, view) for r in rows], hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    low, high = value_range(models, view)
    if view.on_log:
        shown = [value for value in seen if value > 0]
        low, high = (min(shown) / 1.2, 1.35 * max(shown)) if shown else (low, high)
        ticks, texts = log_axis_ticks(low, high)
        fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=texts)
    else:
        ticks = linear_ticks(low, high)
        fig.update_yaxes(range=[low, high], tickvals=ticks, ticktext=tick_texts(ticks, sign=view.measure == "bias"))
    for size in _labelled(sorted(tops)):
        count, value = tops[size]
        y = math.log10(value) if view.on_log else value
        fig.add_annotation(
            x=math.log10(count), y=y, text=str(size), yanchor="bottom", yshift=5, font={"size": 11, "color": c.ink}
        )
    if counts:
        ticks, _ = log_ticks(min(counts), max(counts))
        if len(ticks) > 7:
            ticks = [t for t in ticks if math.log10(t) % 1 == 0]
        reach = [math.log10(min(counts)) - 0.15, math.log10(max(counts)) + 0.15]
        fig.update_xaxes(type="log", range=reach, tickvals=ticks, ticktext=[short_count(int(t)) for t in ticks])
    fig.update_xaxes(title_text="training molecules of that size (log)")
    return fig


def _labelled(sizes: list[int], most: int = 5) -> list[int]:
    """About five of the sizes, evenly picked, the ends always."""
    if len(sizes) <= most:
        return sizes
    return [sizes[round(k * (len(sizes) - 1) / (most - 1))] for k in range(most)]
