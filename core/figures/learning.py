"""Had models finished learning, and what did it cost? Validation error against epochs or time, from
`core.judge.learning`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import as_text, linear_ticks, log_axis_ticks, middle_cut, tick_texts
from core.figures.error_heatmaps import thinned
from core.figures.numbers import duration, number, significant
from core.figures.theme import ModelStyle, annotate, colours, figure, rgba, spread
from core.judge.learning import LearningCurve

Floats = NDArray[np.float64]
Against = Literal["epoch", "time"]

MOST_POINTS = 300
"""Epochs of a line that are drawn; more are thinned, the later the more."""
_INSIDE = 0.72
"""A line that ends before this share of the axis has its name at its end, the others have theirs at the edge."""
_LINE = 16
"""Pixels that a name takes."""
_WIDTH = 310
"""Pixels that the plot is about wide: only to see which names would touch."""
_BESIDE = (0, 13, -13, 24, -24, 36, -36, 50, -50, 66, -66, 82, -82, 100)
"""Where a name may stand to the end of its line, in pixels; the first that is free."""


@dataclass(frozen=True, eq=False)
class _Line:
    name: str
    style: ModelStyle
    curve: LearningCurve
    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def learning_figure(
    curves: Sequence[LearningCurve],
    names: Sequence[str],
    styles: Sequence[ModelStyle],
    factor: float,
    unit: str,
    dark: bool,
    log: bool,
    against: Against = "epoch",
    accuracy: float | None = None,
    height: int = 300,
) -> go.Figure:
    """Validation MAE of several models: a line each, the range of its seeds as a band, its symbol and name at the end.

    Args:
        factor, unit: from the unit inside to the one shown.
        log: a logarithmic error axis.
        against: "epoch", or "time" of training and validation.
        accuracy: 1 kcal/mol in the unit inside, where the level of theory allows the line.
    """
    c = colours(dark)
    divisor, of_time = _time_unit(curves)
    every = [
        _line(curve, name, style, factor, against, divisor)
        for curve, name, style in zip(curves, names, styles, strict=True)
    ]
    lines = [line for line in every if len(line.x)]
    longest = max((len(middle_cut(line.name)) for line in lines), default=0)
    fig = figure(dark, height, left=46, right=max(70, 20 + round(6.5 * longest)), top=10, bottom=42)
    if not lines:
        return fig
    low, high = _range(lines, log)
    last = max(float(line.x[-1]) for line in lines)
    first = 0.0 if against == "time" else 1.0
    for line in reversed(lines):  # the first lies on top
        fig.add_traces(_traces(line, unit, c.page))
    plot = height - 52
    ends: list[tuple[float, str, str, bool]] = [
        (float(line.mean[-1]), as_text(middle_cut(line.name)), line.style.colour, True)
        for line in lines
        if line.x[-1] >= _INSIDE * last
    ]
    if accuracy is not None and low < accuracy * factor < high:
        at = accuracy * factor
        fig.add_shape(type="line", x0=0, x1=1, xref="paper", y0=at, y1=at, line={"color": c.axis, "width": 1})
        ends.append((at, "1 kcal/mol", c.faint, False))
    annotate(fig, [*_names_at_edge(ends, low, high, log, plot), *_names_inside(lines, last, low, high, log, plot)])
    if log:
        ticks, texts = log_axis_ticks(low, high)
        if len(ticks) > 7:
            ticks, texts = ticks[::2], texts[::2]
        fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=texts)
    else:
        ticks = linear_ticks(low, high)
        fig.update_yaxes(range=[low, high], tickvals=ticks, ticktext=tick_texts(ticks))
    even = [tick for tick in linear_ticks(0, last, 5) if against == "time" or tick == round(tick)]
    texts = tick_texts(even)
    shown = [(tick, text) for tick, text in zip(even, texts, strict=True) if tick >= first + 0.06 * last]
    shown.insert(0, (first, number(first)))
    fig.update_xaxes(
        range=[first - 0.02 * (last - first), last + 0.02 * (last - first)],
        tickvals=[tick for tick, _ in shown],
        ticktext=[text for _, text in shown],
        title_text="epoch" if against == "epoch" else f"{of_time}, validation included",
    )
    return fig


def _line(curve: LearningCurve, name: str, style: ModelStyle, factor: float, against: Against, divisor: float) -> _Line:
    x = curve.epochs.astype(np.float64) if against == "epoch" else curve.seconds / divisor
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(curve.mean))
    kept = known[thinned(len(known), MOST_POINTS)] if len(known) else known
    return _Line(
        name, style, curve, x[kept], curve.mean[kept] * factor, curve.low[kept] * factor, curve.high[kept] * factor
    )


def _time_unit(curves: Sequence[LearningCurve]) -> tuple[float, str]:
    """Seconds in the unit of the time axis, and its name."""
    ends = [float(curve.seconds[-1]) for curve in curves if len(curve.seconds) and np.isfinite(curve.seconds[-1])]
    longest = max(ends, default=0.0)
    if longest > 3 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if longest > 180 else (1.0, "seconds")


def _range(lines: Sequence[_Line], log: bool) -> tuple[float, float]:
    """Ends of the error axis; the first epochs may leave a linear one."""
    every = np.concatenate([np.concatenate([line.low, line.high]) for line in lines])
    every = every[np.isfinite(every) & (every > 0)]
    if not len(every):
        return (0.5, 2.0) if log else (0.0, 1.0)
    if log:
        low, high = float(every.min()) / 1.15, float(every.max()) * 1.1
        return low, max(high, 2 * low)
    return 0.0, max(3 * max(float(line.mean[-1]) for line in lines), float(np.quantile(every, 0.75)))


def _traces(line: _Line, unit: str, page: str) -> list[dict[str, Any]]:
    colour = line.style.colour
    traces: list[dict[str, Any]] = []
    if line.curve.n_seeds > 1:
        traces.append({
            "type": "scatter", "x": np.concatenate([line.x, line.x[::-1]]),
            "y": np.concatenate([line.high, line.low[::-1]]), "mode": "lines", "line": {"width": 0}, "fill": "toself",
            "fillcolor": rgba(colour, 0.16), "hoverinfo": "skip", "name": f"{line.name}, range",
        })  # fmt: skip
    traces += [
        {
            "type": "scatter", "x": line.x, "y": line.mean, "mode": "lines", "name": line.name,
            "line": {"color": colour, "width": 2}, "text": _hover(line, unit),
            "hovertemplate": "%{text}<extra></extra>",
        },
        {
            "type": "scatter", "x": line.x[-1:], "y": line.mean[-1:], "mode": "markers", "hoverinfo": "skip",
            "name": f"{line.name}, end", "cliponaxis": False,
            "marker": {"symbol": line.style.symbol, "size": 9, "color": colour, "line": {"color": page, "width": 1}},
        },
    ]  # fmt: skip
    return traces


def _hover(line: _Line, unit: str) -> list[str]:
    curve = line.curve
    texts = []
    kept = thinned(len(curve.epochs), MOST_POINTS) if len(curve.epochs) == len(line.x) else range(len(curve.epochs))
    for k, mean, low, high in zip(kept, line.mean, line.low, line.high, strict=False):
        took = duration(float(curve.seconds[k])) if np.isfinite(curve.seconds[k]) else "time not logged"
        text = (
            f"<b>{as_text(line.name)}</b><br>epoch {number(int(curve.epochs[k]))}, {took}: {significant(mean)} {unit}"
        )
        if high > low:
            text += f"<br>{curve.n_seeds} seeds: {significant(low)} to {significant(high)}"
        texts.append(text)
    return texts


def _share(value: float, low: float, high: float, log: bool) -> float:
    value = min(max(value, low), high)
    if log:
        return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return (value - low) / (high - low)


def _names_at_edge(
    ends: Sequence[tuple[float, str, str, bool]], low: float, high: float, log: bool, pixels: float
) -> list[dict[str, Any]]:
    places = _kept_inside(spread([_share(value, low, high, log) for value, *_ in ends], _LINE / pixels))
    return [
        {
            "x": 1, "xref": "paper", "xanchor": "left", "xshift": 8, "y": place, "yref": "paper", "yanchor": "middle",
            "text": f"<b>{text}</b>" if bold else text, "font": {"size": 11.5, "color": colour},
        }
        for place, (_, text, colour, bold) in zip(places, ends, strict=True)
    ]  # fmt: skip


def _names_inside(
    lines: Sequence[_Line], last: float, low: float, high: float, log: bool, pixels: float
) -> list[dict[str, Any]]:
    """Names of the lines that end early, beside their ends, where no line and no other name is."""
    notes: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []  # left, right, height of the names written so far
    for line in sorted(lines, key=lambda one: float(one.mean[-1])):
        if line.x[-1] >= _INSIDE * last:
            continue
        text = middle_cut(line.name)
        left = float(line.x[-1]) / last
        right = left + (7 * len(text) + 14) / _WIDTH
        end = _share(float(line.mean[-1]), low, high, log)
        steps = [step for step in _BESIDE if 0.02 <= end + step / pixels <= 0.98] or [0]
        others = [_crossed(other, left, right, last, low, high, log) for other in lines]
        step = min(
            steps,
            key=lambda s: (_covered(end + s / pixels, left, right, others, taken, _LINE / pixels), steps.index(s)),
        )
        taken.append((left, right, end + step / pixels))
        value = min(max(float(line.mean[-1]), low), high)
        notes.append({
            "x": float(line.x[-1]), "y": math.log10(value) if log else value, "xref": "x", "yref": "y",
            "xanchor": "left", "yanchor": "middle", "text": f"<b>{as_text(text)}</b>",
            "font": {"size": 11.5, "color": line.style.colour}, "showarrow": True, "arrowhead": 0, "standoff": 5,
            "arrowwidth": 0.8 if abs(step) > 14 else 0.1, "arrowcolor": rgba(line.style.colour, 0.6),
            "ax": 12, "ay": -step,
        })  # fmt: skip
    return notes


def _crossed(line: _Line, left: float, right: float, last: float, low: float, high: float, log: bool) -> Floats:
    """Heights, as shares of the figure, at which a line runs between two places, as shares of the axis."""
    x = line.x / last
    places = np.linspace(left, right, 9)
    places = places[(places >= x[0]) & (places <= x[-1])]
    return np.array([_share(float(v), low, high, log) for v in np.interp(places, x, line.mean)])


def _covered(
    y: float,
    left: float,
    right: float,
    others: Sequence[Floats],
    taken: Sequence[tuple[float, float, float]],
    gap: float,
) -> int:
    """How many lines and names a name at height `y` would touch."""
    lines = sum(bool(np.any(np.abs(heights - y) < 0.6 * gap)) for heights in others)
    names = sum(start < right and left < end and abs(height - y) < gap for start, end, height in taken)
    return lines + 2 * names


def _kept_inside(places: list[float]) -> list[float]:
    """The places moved together, so that none lies outside the figure where they have room."""
    if not places:
        return places
    shift = max(0.0, -min(places)) - max(0.0, max(places) - 1.0)
    return [place + shift for place in places]
