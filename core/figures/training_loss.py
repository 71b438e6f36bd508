"""The loss of training steps: its centre with a band, of one run or of a few on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import as_text
from core.figures.theme import colours, figure
from core.figures.training import EARLY, band, end_names, error_axis, let_zoom, name_ends, step_range
from core.judge.steps import QUANTILES, Envelope, StepColumns, envelope

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BELOW_MEAN = 1e4  # the smallest losses touch zero now and then; they may leave the axis, the mean may not


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Loss of the training steps, thinned without losing an extreme; all arrays (n,)."""

    kind: str
    """extremes, quantiles, or mean where only that is comparable"""
    steps: Ints
    """last step of each group"""
    centre: Floats
    """mean of the batch, or its median"""
    outer: tuple[Floats, Floats]
    """means of the 5 smallest and of the 5 largest losses of a batch, or its 5th and 95th percentile"""
    inner: tuple[Floats, Floats]
    """least and largest centre of a group, or the 25th and 75th percentile"""
    averaged: int
    """logged steps to a point"""

    def __len__(self) -> int:
        return len(self.steps)


def loss_curve(
    columns: StepColumns, kind: str = "extremes", unweighted: bool = False, first_step: int = 0
) -> LossCurve:
    """The loss of a run's logged steps for drawing.

    Args:
        kind: extremes, the mean with the 5 smallest and 5 largest losses of a batch; or quantiles, which are never
            weighted.
        unweighted: take the mean without the weights of the molecules, so that runs with different weights compare;
            there is no band then. Runs that have no weights do not record it apart.
        first_step: earlier steps are left out, so that the later ones are drawn more finely.
    """
    if kind == "quantiles":
        lowest, low, centre, high, highest = (columns.column(name) for name in QUANTILES)
    else:
        centre = columns.column("loss_mean")
        if unweighted:
            without = columns.column("loss_unweighted")
            centre = np.where(np.isfinite(without), without, centre)
        lowest, highest = columns.column("loss_low5"), columns.column("loss_high5")
        if unweighted:
            lowest = highest = centre  # no band is drawn, and a log from elsewhere has none
        low = high = centre
    steps = columns.column("step")
    together = np.isfinite(np.stack([centre, lowest, highest, low, high])).all(axis=0) & (steps >= first_step)

    def thin(values: Floats) -> Envelope:
        return envelope(steps[together], values[together])

    found = thin(centre)
    outer = (thin(lowest).low, thin(highest).high)
    if unweighted and kind != "quantiles":
        kind, outer = "mean", (found.low, found.high)
    return LossCurve(kind, found.steps, found.mean, outer, (thin(low).low, thin(high).high), found.averaged)


@dataclass(frozen=True, eq=False)
class LossLine:
    """The loss of one run in a figure."""

    name: str
    colour: str
    curve: LossCurve


def loss_figure(
    lines: Sequence[LossLine],
    unit: str,
    dark: bool,
    last_step: int,
    log: bool = True,
    first_step: int = 0,
    height: int = 250,
) -> go.Figure:
    """Training loss against step; the first run with its bands, all with their names or those of the bands at the end.

    Args:
        lines: the run that is looked at, then those beside it.
        unit: of the loss, e.g. eV².
        last_step: steps of the longest training; early in it the axis ends at a part of them.
        first_step: where the axis begins; it ends at the last logged step then.
    """
    c = colours(dark)
    lines = [line for line in lines if len(line.curve)]
    several = len(lines) > 1
    fig = figure(dark, height, left=50, right=112 if several else 74, top=10, bottom=40)
    if not lines:
        return fig
    first = lines[0].curve
    traces = [band(line.curve.steps, *line.curve.inner, line.colour, 0.12, as_text(line.name)) for line in lines[1:]]
    outer, inner = ("5 smallest", "5 largest"), ("least mean", "largest mean")
    if first.kind == "quantiles":
        outer, inner = ("5 %", "95 %"), ("25 %", "75 %")
    traces.append(band(first.steps, *first.outer, lines[0].colour, 0.13, " to ".join(outer)))
    traces.append(band(first.steps, *first.inner, lines[0].colour, 0.22, " to ".join(inner)))
    centre = "median" if first.kind == "quantiles" else "mean"
    for line in reversed(lines):
        curve = line.curve
        traces.append(
            {
                "type": "scatter",
                "x": curve.steps,
                "y": curve.centre,
                "name": centre if line is lines[0] else as_text(line.name),
                "mode": "lines" if len(curve) > 1 else "markers",
                "line": {"color": line.colour, "width": 1.8},
                "marker": {"color": line.colour, "size": 6},
                "customdata": np.stack([*curve.outer, *curve.inner], axis=1).astype(np.float32),
                "hovertemplate": _hover(line.name if several else "", centre, unit, curve),
            }
        )
    fig.add_traces(traces)
    low, high = _loss_range(lines, log)
    error_axis(fig, low, high, log)
    named = end_names([line.name for line in lines])
    ends = [(line.curve.centre, name, line.colour, True) for name, line in zip(named, lines, strict=True)]
    if not several:
        names = [(first.outer[1], outer[1]), (first.outer[0], outer[0])] if first.kind != "mean" else []
        if first.kind == "quantiles":
            names += [(first.inner[1], inner[1]), (first.inner[0], inner[0])]
        ends = [
            (first.centre, centre, lines[0].colour, True),
            *((values, text, c.muted, False) for values, text in names),
        ]
    name_ends(fig, ends, low, high, log, height - 50)
    now = max(int(line.curve.steps[-1]) for line in lines)
    fig.update_xaxes(range=step_range(now, last_step, first_step), nticks=5, tickformat="~s", title_text="step")
    return let_zoom(fig)


def _hover(name: str, centre: str, unit: str, curve: LossCurve) -> str:
    head = f"<b>{as_text(name).replace('%{', '% {')}</b><br>" if name else ""
    steps = f"{curve.averaged} steps to %{{x:,}}" if curve.averaged > 1 else "step %{x:,}"
    if curve.kind == "quantiles":
        more = "half within %{customdata[2]:.2g} to %{customdata[3]:.2g}<br>90 % within %{customdata[0]:.2g} to "
    elif curve.kind == "extremes":
        more = "5 smallest %{customdata[0]:.2g}, 5 largest "
    else:
        return f"{head}{steps}<br>{centre} %{{y:.3g}} {unit}<extra></extra>"
    return f"{head}{steps}<br>{centre} %{{y:.3g}} {unit}<br>{more}%{{customdata[1]:.2g}}<extra></extra>"


def _loss_range(lines: Sequence[LossLine], log: bool) -> tuple[float, float]:
    first = lines[0].curve
    centres = np.concatenate([line.curve.centre for line in lines])
    highs = np.concatenate([first.outer[1], *(line.curve.inner[1] for line in lines)])
    if not log:
        late = first.outer[1][len(first) // EARLY :]
        return 0.0, 1.05 * max(float(late.max()), *(float(line.curve.centre[-1]) for line in lines)) or 1.0
    positive = centres[centres > 0]
    if not len(positive):
        return 0.1, 1.0
    lows = np.concatenate([first.outer[0], *(line.curve.inner[0] for line in lines)])
    lowest = float(lows[lows > 0].min()) if (lows > 0).any() else float(positive.min())
    return max(lowest, float(positive.min()) / _BELOW_MEAN) / 1.3, 1.3 * float(highs.max())
