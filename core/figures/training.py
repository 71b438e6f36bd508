"""A training as it goes: loss of the steps, validation error of the epochs, and what is trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.numbers import short_count, significant
from core.figures.theme import colours, figure, level_line, log_ticks, name_at_end, rgba, spread

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POINTS = 200
"""More logged steps than this are averaged in groups: enough for the eye, and light enough to be sent every 2 s."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Loss of the training steps, averaged over groups of neighbouring steps; all (n,)."""

    steps: Ints
    """last step of each group"""
    mean: Floats
    low: Floats
    """mean of the five smallest losses of a batch"""
    high: Floats
    """mean of the five largest"""
    averaged: int
    """logged steps per point"""


def loss_curve(lines: Sequence[dict[str, Any]], most: int = MOST_POINTS) -> LossCurve:
    """Thin the step lines of metrics.jsonl to at most `most` points by averaging neighbours, NaN left out."""
    columns = [
        np.array([np.nan if line.get(key) is None else line[key] for line in lines], dtype=np.float64)
        for key in ("step", "loss_mean", "loss_low5", "loss_high5")
    ]
    table = np.stack(columns) if lines else np.empty((4, 0))
    table = table[:, np.isfinite(table).all(axis=0)]
    group = max(1, math.ceil(table.shape[1] / most))
    starts = np.arange(0, table.shape[1], group)
    counts = np.diff(np.append(starts, table.shape[1]))
    steps, mean, low, high = table
    if len(starts) == 0:
        empty = np.empty(0)
        return LossCurve(np.empty(0, dtype=np.int64), empty, empty, empty, 1)
    last = np.append(starts[1:], table.shape[1]) - 1
    mean, low, high = (np.add.reduceat(values, starts) / counts for values in (mean, low, high))
    return LossCurve(steps[last].astype(np.int64), mean, low, high, group)


def loss_figure(curve: LossCurve, unit: str, colour: str, dark: bool, last_step: int, height: int = 240) -> go.Figure:
    """Training loss against step, with the band between the five smallest and the five largest losses of a batch.

    Args:
        unit: of the loss, e.g. eV².
        last_step: steps of the whole training; early in it the axis ends at a part of them.
    """
    c = colours(dark)
    fig = figure(dark, height, left=50, right=74, top=10, bottom=40)
    positive = (curve.mean > 0) & (curve.low > 0)
    steps, mean, low, high = (values[positive] for values in (curve.steps, curve.mean, curve.low, curve.high))
    if len(steps) == 0:
        return fig
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    fig.add_scatter(x=steps, y=high, name="5 largest", **band)
    fig.add_scatter(x=steps, y=low, name="5 smallest", fill="tonexty", fillcolor=rgba(colour, 0.14), **band)
    fig.add_scatter(
        x=steps,
        y=mean,
        name="mean",
        mode="lines" if len(steps) > 1 else "markers",
        line={"color": colour, "width": 2},
        marker={"color": colour, "size": 6},
        customdata=np.stack([low, high], axis=1),
        hovertemplate=f"step %{{x:,}}<br>%{{y:.3g}} {unit}<br>"
        "%{customdata[0]:.2g} to %{customdata[1]:.2g}<extra></extra>",
    )
    bottom, top = float(low.min()), float(high.max())
    # The smallest losses touch zero now and then; they may leave the axis, the mean may not.
    bottom = max(bottom, float(mean.min()) / 1e4) / 1.3
    _log_axis(fig, bottom, top * 1.3)
    tail = slice(-max(1, len(steps) // 12), None)
    ends = [float(np.exp(np.log(values[tail]).mean())) for values in (high, mean, low)]
    gap = 16 / (height - 50) * math.log10(top * 1.3 / bottom)
    places = spread([math.log10(min(max(end, bottom), top)) for end in ends], gap)
    for place, text, ink, bold in zip(
        places, ("5 largest", "mean", "5 smallest"), (c.muted, colour, c.muted), (False, True, False), strict=True
    ):
        name_at_end(fig, 10.0**place, text, ink, bold=bold, log=True)
    _step_axis(fig, shown_part(int(steps[-1]), last_step))
    return fig


def shown_part(now: int, last: int) -> int:
    """Where an axis of progress ends: a tenth, a quarter, a half or all of `last`, so that `now` fits."""
    if now >= last:
        return now
    return next(max(1, math.ceil(last * part)) for part in (0.1, 0.25, 0.5, 1.0) if now <= math.ceil(last * part))


def _log_axis(fig: go.Figure, low: float, high: float) -> None:
    ticks, texts = log_ticks(low, high)
    fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=texts)


def _step_axis(fig: go.Figure, last: int) -> None:
    ticks = [round(last * share) for share in (0, 0.5, 1)]
    fig.update_xaxes(range=[-0.01 * last, last * 1.01], tickvals=ticks, title_text="step")
    fig.update_xaxes(ticktext=[short_count(tick) for tick in ticks])


@dataclass(frozen=True)
class Reference:
    """A horizontal line to compare with."""

    value: float
    """in the unit inside"""
    text: str


def validation_figure(
    epochs: Ints,
    values: Floats,
    unit: str,
    factor: float,
    colour: str,
    symbol: str,
    dark: bool,
    last_epoch: int,
    references: Sequence[Reference] = (),
    window: int = 0,
    height: int = 240,
) -> go.Figure:
    """Validation MAE of every epoch on a log axis, its last value written at the end.

    Args:
        epochs, values: (n_epochs,) finished epochs and MAE in the unit inside.
        unit, factor: the unit shown, and what to multiply by.
        last_epoch: end of the axis.
        references: e.g. the baseline.
        window: epochs that the sentence on convergence speaks of; they are shaded.
    """
    c = colours(dark)
    fig = figure(dark, height, left=50, right=104, top=14, bottom=40)
    shown = values * factor
    good = np.isfinite(shown) & (shown > 0)
    epochs, shown = epochs[good], shown[good]
    if len(epochs) == 0:
        return fig
    last_epoch = max(last_epoch, int(epochs[-1]))
    if window:
        fig.add_shape(
            type="rect", x0=epochs[-1] - window + 0.5, x1=epochs[-1] + 0.5, y0=0, y1=1, yref="paper", line_width=0,
            fillcolor=rgba(c.worse, 0.08), layer="below",
        )  # fmt: skip
        fig.add_annotation(
            x=epochs[-1] + 0.5 - window / 2, y=1, yref="paper", yanchor="bottom", text=f"last {window}",
            font={"size": 10.5, "color": c.muted},
        )  # fmt: skip
    fig.add_scatter(
        x=epochs,
        y=shown,
        name="validation MAE",
        mode="lines",
        line={"color": colour, "width": 2},
        hovertemplate=f"epoch %{{x}}<br>%{{y:.4g}} {unit}<extra></extra>",
    )
    end = {"symbol": symbol, "color": colour, "size": 8}
    fig.add_scatter(
        x=epochs[-1:], y=shown[-1:], name="now", mode="markers", marker=end, hoverinfo="skip", cliponaxis=False
    )
    fig.add_annotation(
        x=epochs[-1], y=math.log10(shown[-1]), xanchor="left", xshift=8, yshift=-8 if len(epochs) < last_epoch else 0,
        text=f"<b>{significant(float(shown[-1]))}</b>", font={"size": 12, "color": colour},
    )  # fmt: skip
    levels = [reference.value * factor for reference in references]
    low, high = min([*shown, *levels]) / 1.25, max([*shown, *levels]) * 1.25
    _log_axis(fig, low, high)
    gap = 16 / (height - 54) * math.log10(high / low)
    taken = [math.log10(level) for level in levels]
    if len(epochs) > 0.8 * last_epoch:  # the curve's own number stands in the same column
        taken.append(math.log10(shown[-1]))
    for place, level, reference in zip(spread(taken, gap), levels, references, strict=False):
        level_line(fig, level, c)
        name_at_end(fig, 10.0**place, f"{reference.text} {significant(level)}", c.muted, log=True)
    ticks = sorted({tick for tick in (1, round(last_epoch / 2), last_epoch) if tick >= 1})
    fig.update_xaxes(range=[0.5, last_epoch + 0.5], tickvals=ticks, title_text="epoch")
    return fig
