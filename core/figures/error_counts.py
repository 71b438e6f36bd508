"""Error of every group against the number of its training molecules."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import plotly.graph_objects as go

from core.figures.error_axes import (
    ModelErrors,
    View,
    built,
    error_axis,
    short_name,
    value_range,
)
from core.figures.error_groups import GroupAxis
from core.figures.errors import marks
from core.figures.numbers import short_count
from core.figures.theme import colours, log_ticks
from core.judge.statistics.intervals import N_POINTS_ONLY

MOST_NAMES = 6


def error_by_training_count(
    models: list[ModelErrors], axis: GroupAxis, view: View, selected: Collection[str] = (), height: int = 290
) -> go.Figure:
    """Error of every group against the number of its training molecules; hollow below 50 held out, none below 10.

    models: their tables by one grouping; axis: names of its groups; selected: names of groups whose marks are named
    """
    c = colours(view.dark)
    counts: list[int] = []
    seen: list[float] = []
    tops: dict[str, tuple[int, float]] = {}
    traces: list[dict[str, Any]] = []
    for model in models:
        rows = [
            row
            for row in model.table.iter_rows(named=True)
            if row["n_held_out"] >= N_POINTS_ONLY and row["n_train"] > 0 and row[view.measure] is not None
        ]
        values = [row[view.measure] * view.factor for row in rows]
        counts += [row["n_train"] for row in rows]
        seen += values
        for row, value in zip(rows, values, strict=True):
            best = tops.get(row["group"])
            if best is None or value > best[1]:
                tops[row["group"]] = (row["n_train"], value)
        traces.append({"type": "scatter", "x": [row["n_train"] for row in rows], "y": values,
                       **marks(model, rows, view, bigger=0.8)})  # fmt: skip
    low, high = value_range(models, view)
    if view.on_log:
        shown = [value for value in seen if value > 0]
        low, high = (min(shown) / 1.2, 1.35 * max(shown)) if shown else (low, high)
    named = [name for name in axis.names if name in tops]
    wanted = [name for name in named if name in selected] or _labelled(named, MOST_NAMES)
    wanted = _apart(wanted, {name: len(short_name(axis.shorts[name], 18)) for name in wanted}, tops, (low, high), view)
    notes = [
            {
                "x": math.log10(tops[name][0]), "y": math.log10(tops[name][1]) if view.on_log else tops[name][1],
                "text": short_name(axis.shorts[name], 18), "yanchor": "bottom", "yshift": 5,
                "font": {"size": 11, "color": c.ink},
            }
            for name in wanted
            if not view.on_log or tops[name][1] > 0
        ]  # fmt: skip
    x: dict[str, Any] = {"type": "log", "title": {"text": "training molecules of the group (log)"}}
    if counts:
        ticks, _ = log_ticks(min(counts), max(counts))
        if len(ticks) > 7:
            ticks = [tick for tick in ticks if math.log10(tick) % 1 == 0]
        reach = [math.log10(min(counts)) - 0.15, math.log10(max(counts)) + 0.15]
        x |= {"range": reach, "tickvals": ticks, "ticktext": [short_count(int(t)) for t in ticks]}
    layout = {"xaxis": x, "yaxis": error_axis(low, high, view)}
    return built(view.dark, height, traces, layout, notes, left=46, right=16, top=22, bottom=42)


def _labelled(names: list[str], most: int) -> list[str]:
    """Some of the names, evenly picked, the ends always."""
    if len(names) <= most:
        return names
    return [names[round(k * (len(names) - 1) / (most - 1))] for k in range(most)]


def _apart(
    names: list[str],
    letters: dict[str, int],
    tops: dict[str, tuple[int, float]],
    limits: tuple[float, float],
    view: View,
) -> list[str]:
    """The names that do not cover one before them, on a figure of about 330 by 230 pixels."""
    counts = [math.log10(count) for count, _ in tops.values()]
    width = (max(counts) - min(counts) + 0.3) / 330 if counts else 1.0

    def level(value: float) -> float:
        return math.log10(value) if view.on_log and value > 0 else value

    height = (level(limits[1]) - level(limits[0])) / 230
    kept: list[tuple[float, float, float]] = []
    found = []
    for name in names:
        x, y, half = math.log10(tops[name][0]), level(tops[name][1]), 3.4 * letters[name] * width
        if all(abs(x - other) > half + wide or abs(y - at) > 14 * height for other, at, wide in kept):
            kept.append((x, y, half))
            found.append(name)
    return found
