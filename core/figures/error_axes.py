"""What the figures of errors share: the choice of measure and scale, value axes, hover texts, names at line ends."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go
import polars as pl

from core.figures.numbers import number, significant
from core.figures.plain_figure import PlainFigure
from core.figures.theme import ModelStyle, log_ticks, spread, template
from core.judge.statistics.intervals import N_POINTS_ONLY

Row = dict[str, Any]


@dataclass(frozen=True)
class LineEnd:
    """The name to write at the end of a line."""

    value: float
    """where the line ends, in the unit shown"""
    text: str
    colour: str
    bold: bool = False


MEASURE_NAMES = {
    "mae": "MAE", "rmse": "RMSE", "mse": "MSE", "median": "Median", "p95": "95th percentile", "bias": "Bias",
    "max": "Maximum",
}  # fmt: skip
WITH_BASELINE = ("mae", "rmse", "mse", "median")
"""Measures whose baseline is drawn as a line."""


@dataclass(frozen=True)
class View:
    """What the figures of a page show of the errors, the same in all of them."""

    measure: str
    """a measure column of the table: a key of `MEASURE_NAMES`"""
    factor: float
    """from the unit inside to the unit shown"""
    unit: str
    """unit shown, e.g. meV; that of a ratio is in words"""
    dark: bool
    log: bool = True
    relative: bool = False
    """whether the tables hold ratios: the error over that of the baseline on the same molecules"""

    @property
    def on_log(self) -> bool:
        """Whether the error axis is logarithmic; a signed error cannot be."""
        return self.log and self.measure != "bias"

    @property
    def baseline(self) -> bool:
        """Whether the tables hold an error of the baseline that can be drawn beside the others."""
        return self.measure in WITH_BASELINE and not self.relative

    def text(self, value: float | None) -> str:
        """A value inside as it is written, without its unit."""
        return significant(None if value is None else value * self.factor, 3, sign=self.measure == "bias")


@dataclass(frozen=True)
class ModelErrors:
    """One model in a figure."""

    name: str
    style: ModelStyle
    table: pl.DataFrame
    """of `group_errors`, one row per group, in the target's unit, or ratios"""
    overall: float | None = None
    """the same measure over all held-out molecules"""


def hover_text(name: str, row: Row, view: View) -> str:
    """A mark in words: value, interval, molecules held out and in training."""
    value = f"{view.text(row[view.measure])} {view.unit}"
    if row.get(f"{view.measure}_low") is not None:
        value += f" ({view.text(row[f'{view.measure}_low'])} to {view.text(row[f'{view.measure}_high'])})"
    counts = f"{number(row['n_held_out'])} held out, {number(row['n_train'])} in training"
    return f"<b>{as_text(name)}</b><br>{row['label']}: {value}<br>{counts}"


def as_text(name: str) -> str:
    """A name that somebody typed, so that plotly takes none of it for markup."""
    return html.escape(name, quote=False)


def short_name(name: str, longest: int = 22) -> str:
    """A model's name, cut to what fits beside a figure; not escaped."""
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"


def middle_cut(name: str, longest: int = 26) -> str:
    """A name cut in its middle: what tells two runs apart often stands at the end. Not escaped."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail].rstrip()}…{name[-tail:].lstrip()}"


def size_ticks(sizes: list[int]) -> list[int]:
    """Ticks of a size axis: the ends and the multiples of five that do not crowd them."""
    low, high = min(sizes), max(sizes)
    inner = [s for s in range(5 * (low // 5), high + 1, 5) if low + 2 <= s <= high - 2]
    return sorted({low, *inner, high})


def limit(row: Row, side: str, view: View) -> float:
    """One end of a mark's interval in the unit shown; the mark itself where it has none."""
    value = row.get(f"{view.measure}_{side}")
    return (row[view.measure] if value is None else value) * view.factor


def value_range(models: list[ModelErrors], view: View, baseline: bool = False) -> tuple[float, float]:
    """Range of the error axis in the unit shown: values with their intervals, and dots of few molecules if near.

    baseline: leave room for the baseline too, where the axis is logarithmic
    """
    values: list[float] = []
    limits: list[float] = []
    dots: list[float] = []
    for model in models:
        for row in model.table.iter_rows(named=True):
            if row[view.measure] is None:
                continue
            value = row[view.measure] * view.factor
            if row["n_held_out"] >= N_POINTS_ONLY:
                values.append(value)
                limits += [limit(row, "low", view), limit(row, "high", view)]
            else:
                dots.append(value)
        if model.overall is not None:
            values.append(model.overall * view.factor)
    values = values or dots or [1.0]
    if view.measure == "bias":
        reach = 1.1 * max([abs(v) for v in values + limits + dots] + [1e-9])
        return -reach, reach
    if not view.on_log:
        top = max(values + [min(v, 2 * max(values)) for v in limits + dots])
        return 0.0, 1.08 * top or 1.0
    lines: list[float] = [1.0] if view.relative else []
    if baseline and view.baseline:
        enough = models[0].table.filter(pl.col("n_held_out") >= N_POINTS_ONLY)
        lines = [v * view.factor for v in enough[f"baseline_{view.measure}"] if v is not None]
    positive = [v for v in values + dots if v > 0] or [1.0]
    smallest = min(positive)
    lower = min([smallest] + [v for v in limits if v > smallest / 2] + [v for v in lines if v > 0])
    highest = max(positive)
    # An interval of few molecules may reach far beyond every value; it is cut rather than flattening all others.
    return lower / 1.25, max([highest] + [min(v, 4 * highest) for v in limits if v > 0] + lines) * 1.15


def built(
    dark: bool,
    height: int,
    traces: Sequence[dict[str, Any]],
    layout: dict[str, Any],
    notes: Sequence[dict[str, Any]] = (),
    left: int = 46,
    right: int = 12,
    top: int = 10,
    bottom: int = 40,
) -> go.Figure:
    """A figure of the house from its traces, layout and annotations, built at once and without plotly's checks."""
    margin = {"l": left, "r": right, "t": top, "b": bottom, "pad": 0}
    whole = {"template": _template(dark), "height": height, "margin": margin, "annotations": list(notes), **layout}
    return PlainFigure(list(traces), whole)


@cache
def _template(dark: bool) -> dict[str, Any]:
    return dict(template(dark).to_plotly_json())


def error_axis(low: float, high: float, view: View) -> dict[str, Any]:
    """Type, range and ticks of the axis that errors stand on."""
    if view.on_log:
        values, texts = log_axis_ticks(low, high)
        return {"type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": values, "ticktext": texts}
    values = linear_ticks(low, high)
    texts = tick_texts(values, sign=view.measure == "bias")
    return {"type": "linear", "range": [low, high], "tickvals": values, "ticktext": texts}


def log_axis_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Plain ticks of a log axis between two positive values: 1-2-5 steps, even ones where too few of these fall in."""
    values, texts = log_ticks(low, high)
    if len(values) >= 3:
        return values, texts
    even = [tick for tick in linear_ticks(low, high, 4) if tick > 0]
    return even, tick_texts(even)


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round ticks between two values, about as many as asked for."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((1, 2, 2.5, 5, 10), key=lambda s: abs(s * power - raw)) * power
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_texts(values: list[float], sign: bool = False) -> list[str]:
    """Evenly spaced values with as many decimals as their step needs."""
    step = min((b - a for a, b in itertools.pairwise(values)), default=1.0)
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9))
    if not math.isclose(round(step, decimals), step, rel_tol=1e-6):
        decimals += 1
    return [number(v, decimals, sign=sign and v != 0) for v in values]


def names_at_end(
    ends: Sequence[LineEnd], low: float, high: float, view: View, pixels: float, free: float = 0.0
) -> list[dict[str, Any]]:
    """Names of lines at the right edge as annotations, pushed apart so that none covers another.

    pixels: height of the plot; free: pixels at its foot that are kept free for another note
    """

    def place(value: float) -> float:
        value = min(max(value, low), high)
        if view.on_log:
            return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return (value - low) / (high - low)

    notes = []
    foot = free / pixels
    wanted = [place(end.value) for end in ends]
    lifted = foot
    for _ in range(2):  # names that are pushed below the foot go up together, in their order
        places = spread([max(at, lifted) + 1e-6 * at for at in wanted], 17 / pixels)
        if not places or min(places) >= foot:
            break
        lifted = 2 * foot - min(places)
    for at, end in zip(places, ends, strict=True):
        value = low * (high / low) ** at if view.on_log else low + at * (high - low)
        notes.append({
            "x": 1.0, "xref": "paper", "xanchor": "left", "xshift": 6, "yref": "y", "yanchor": "middle",
            "y": math.log10(value) if view.on_log else value, "align": "left",
            "text": f"<b>{end.text}</b>" if end.bold else end.text, "font": {"size": 11.5, "color": end.colour},
        })  # fmt: skip
    return notes
