"""How a training runs: learning rate, molecules per second, memory and load of the GPU, small and side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import as_text, linear_ticks, tick_texts
from core.figures.theme import template
from core.figures.training import band, step_range
from core.judge.steps import Envelope


@dataclass(frozen=True, eq=False)
class TrendLine:
    """One run in a small figure."""

    name: str
    colour: str
    curve: Envelope


def trend_figure(
    lines: Sequence[TrendLine],
    unit: str,
    factor: float,
    dark: bool,
    last_step: int,
    top: float = 0,
    first_step: int = 0,
    height: int = 124,
) -> go.Figure:
    """A quantity against step, from zero; the band of the first run holds what its line averages.

    Args:
        lines: the run that is looked at, then those beside it.
        unit, factor: the unit shown in the hover text, and what to multiply by.
        top: least end of the axis, in the unit shown.
        first_step: where the axis begins; it ends at the last logged step then.
    """
    layout: dict[str, Any] = {
        "template": template(dark), "height": height, "margin": {"l": 44, "r": 10, "t": 8, "b": 26, "pad": 0},
        "dragmode": "zoom",
    }  # fmt: skip
    lines = [line for line in lines if len(line.curve)]
    if not lines:
        return go.Figure(layout=layout)
    highest = 1.08 * max(top, *(float(line.curve.high.max()) * factor for line in lines)) or 1.0
    ticks = linear_ticks(0, highest, 3)
    now = max(int(line.curve.steps[-1]) for line in lines)
    small = {"size": 10.5}
    layout["yaxis"] = {"range": [0, highest], "tickvals": ticks, "ticktext": _texts(ticks), "tickfont": small}
    layout["xaxis"] = {
        "range": step_range(now, last_step, first_step),
        "nticks": 4,
        "tickformat": "~s",
        "tickfont": small,
    }
    layout["xaxis"] |= {"fixedrange": False, "ticklabelstandoff": 4}
    traces = [_trace(line, unit, factor, len(lines) > 1) for line in reversed(lines)]
    if lines[0].curve.averaged > 1:
        curve = lines[0].curve
        traces.insert(0, band(curve.steps, curve.low * factor, curve.high * factor, lines[0].colour, 0.16, "spread"))
    return go.Figure(data=traces, layout=layout)  # at once: this is drawn every 2 s, and each later change costs more


def _trace(line: TrendLine, unit: str, factor: float, several: bool) -> dict[str, Any]:
    head = f"<b>{as_text(line.name).replace('%{', '% {')}</b><br>" if several else ""
    return {
        "type": "scatter",
        "x": line.curve.steps,
        "y": line.curve.mean * factor,
        "name": as_text(line.name),
        "mode": "lines" if len(line.curve) > 1 else "markers",
        "line": {"color": line.colour, "width": 1.6},
        "marker": {"color": line.colour, "size": 6},
        "hovertemplate": f"{head}step %{{x:,}}<br>%{{y:.3~g}} {unit}".rstrip() + "<extra></extra>",
    }


def _texts(ticks: list[float]) -> list[str]:
    if ticks and 0 < ticks[-1] < 0.01:
        return ["0" if tick == 0 else f"{tick:.2g}".replace("e-0", "e-") for tick in ticks]
    return tick_texts(ticks)


def from_epochs(steps: Sequence[float], values: Sequence[float | None]) -> Envelope:
    """A curve with one point an epoch, for what older runs told only then; NaN and None are left out."""
    shown = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    kept = np.isfinite(shown)
    values_: NDArray[np.float64] = shown[kept]
    return Envelope(np.array(steps, dtype=np.int64)[kept], values_, values_, values_, 1)
