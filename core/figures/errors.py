"""Error against a number that orders the groups (atoms, rings, a property), from tables of `core.judge.errors`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import plotly.graph_objects as go
import polars as pl

from core.figures.error_axes import (
    MEASURE_NAMES,
    LineEnd,
    ModelErrors,
    Row,
    View,
    as_text,
    built,
    error_axis,
    hover_text,
    limit,
    middle_cut,
    names_at_end,
    value_range,
)
from core.figures.error_groups import GroupAxis
from core.figures.numbers import number, significant
from core.figures.theme import colours, rgba
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY

_FOOT = 40  # pixels that the note on the histogram takes at the foot, beside the plot
MOST_BANDS = 4
"""With more models the intervals are drawn fainter."""


def error_by_number(
    models: list[ModelErrors],
    axis: GroupAxis,
    view: View,
    accuracy: float | None = None,
    selected: Collection[str] = (),
    height: int = 380,
    narrow: bool = False,
) -> go.Figure:
    """Error against the number that orders the groups: lines with bands, hollow from 10 to 49 molecules, dots below.

    models: their tables by that grouping; the training histogram and the baseline are those of the first
    axis: where the groups stand
    accuracy: 1 kcal/mol in the unit inside where the level of theory allows the line
    selected: names of groups to mark
    narrow: leave out the names at the ends of the lines, for a small figure beside one that has them
    """
    c = colours(view.dark)
    longest = max(len(middle_cut(model.name)) for model in models)
    right = 12 if narrow else max(130, 20 + 7 * longest)
    low, high = value_range(models, view, baseline=True)
    counted = next((model.table for model in models if model.table["n_train"].sum()), None)  # where it is known
    first = models[0].table if counted is None else counted
    traces: list[dict[str, Any]] = [_training_bars(first, axis, view)]
    notes = [] if narrow or counted is None else [_most_in_training(counted, axis, view)]
    ends: list[LineEnd] = []
    line, told = _baseline(first, axis, view, high)
    traces += line
    ends += [LineEnd(min(line[0]["y"][-1], high), "baseline: composition", c.faint)] if line else []
    notes += told
    shapes = []
    level = _level(models, view, accuracy)
    if level is not None:
        line_style = {"color": c.axis, "width": 1}
        shapes.append({"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": level[0], "y1": level[0],
                       "line": line_style})  # fmt: skip
        if level[1]:
            ends.append(LineEnd(level[0], level[1], c.faint))
    for model in models:
        of_model, end = _of_model(model, axis, view, low, 0.16 if len(models) <= MOST_BANDS else 0.07)
        traces += of_model
        ends += end
    if not narrow:
        notes += names_at_end(ends, low, high, view, height - 56, _FOOT)
    notes += _dots_above(models, view, high)
    places = [x for model in models for x, _ in _known(model.table, axis)] or [0.0]
    layout = {
        "shapes": [*shapes, *_marked(axis, view, selected)],
        "xaxis": {
            "range": [min(places) - 0.6, max(places) + 0.6],
            "tickvals": [at for at, _ in axis.ticks],
            "ticktext": [text for _, text in axis.ticks],
            "title": {"text": axis.title},
        },
        "yaxis": {"overlaying": "y2", **error_axis(low, high, view)},
        "yaxis2": {
            "range": [0, max([*first["n_train"], 1]) * 2.9], "visible": False, "fixedrange": True,
            "side": "right",
        },
    }  # fmt: skip
    return built(view.dark, height, traces, layout, notes, left=46, right=right, top=14, bottom=42)


def accuracy_drawn(models: list[ModelErrors], view: View, accuracy: float | None) -> bool:
    """Whether the line of 1 kcal/mol is drawn: only for the MAE itself, and where it falls on the axis."""
    if accuracy is None or view.measure != "mae" or view.relative:
        return False
    low, high = value_range(models, view, baseline=True)
    return low < accuracy * view.factor < high


def _level(models: list[ModelErrors], view: View, accuracy: float | None) -> tuple[float, str] | None:
    """A line across: where the error equals the baseline's, zero of a signed error, or 1 kcal/mol."""
    if view.measure == "bias":
        return 0.0, ""
    if view.relative:
        return 1.0, "as the baseline"
    if accuracy is not None and accuracy_drawn(models, view, accuracy):
        return accuracy * view.factor, "1 kcal/mol"
    return None


def _known(table: pl.DataFrame, axis: GroupAxis) -> list[tuple[float, Row]]:
    """(place, row) of the groups that stand on the axis, from left to right."""
    places = axis.places or {}
    rows = [(places[row["group"]], row) for row in table.iter_rows(named=True) if row["group"] in places]
    return sorted(rows, key=lambda pair: pair[0])


def _training_bars(table: pl.DataFrame, axis: GroupAxis, view: View) -> dict[str, Any]:
    """The number of training molecules of each group as a quiet histogram in the lower third."""
    rows = _known(table, axis)
    return {
        "type": "bar", "x": [x for x, _ in rows], "y": [row["n_train"] for _, row in rows], "yaxis": "y2",
        "marker": {"color": colours(view.dark).behind, "line": {"width": 0}}, "width": 0.86, "hoverinfo": "skip",
        "name": "training molecules",
    }  # fmt: skip


def _most_in_training(table: pl.DataFrame, axis: GroupAxis, view: View) -> dict[str, Any]:
    rows = _known(table, axis)
    most = max(rows, key=lambda pair: pair[1]["n_train"])[1]
    return {
        "x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": 0, "yref": "paper", "yanchor": "bottom",
        "align": "left", "font": {"size": 10.5, "color": colours(view.dark).faint},
        "text": f"bars: training molecules,<br>{number(most['n_train'])} at {_where(axis, most['group'])}",
    }  # fmt: skip


def _where(axis: GroupAxis, name: str) -> str:
    return axis.labels[name] if len(axis.labels[name]) < 20 else axis.shorts[name]


def _baseline(table: pl.DataFrame, axis: GroupAxis, view: View, high: float) -> tuple[list[dict], list[dict]]:
    """The baseline as a dashed line; or as a note where it lies above a linear axis."""
    if not view.baseline:
        return [], []
    c, column = colours(view.dark), f"baseline_{view.measure}"
    rows = [(x, row) for x, row in _known(table, axis) if row["n_held_out"] >= N_POINTS_ONLY and row[column]]
    if not rows:
        return [], []
    values = [row[column] * view.factor for _, row in rows]
    if not view.on_log and min(values) > high:
        text = f"baseline, linear in composition: {significant(min(values))} to {significant(max(values))} {view.unit}"
        place = {"x": 0.5, "xref": "paper", "y": 1, "yref": "paper", "yanchor": "top", "bgcolor": c.page}
        return [], [{**place, "text": f"{text}, above this axis"}]
    line = {
        "type": "scatter", "x": [x for x, _ in rows], "y": values, "mode": "lines", "hoverinfo": "skip",
        "line": {"color": c.faint, "width": 1.2, "dash": "4px,4px"}, "name": "baseline",
    }  # fmt: skip
    return [line], []


def _dots_above(models: list[ModelErrors], view: View, high: float) -> list[dict[str, Any]]:
    """Say it where marks of few molecules lie above a linear axis."""
    above = sum((model.table[view.measure].drop_nulls() * view.factor > high).sum() for model in models)
    if not above or view.on_log:
        return []
    return [
        {
            "x": 0, "xref": "paper", "xanchor": "left", "xshift": 6, "y": 1, "yref": "paper", "yanchor": "top",
            "text": f"{above} {'dot lies' if above == 1 else 'dots lie'} above this axis",
            "font": {"size": 10.5, "color": colours(view.dark).faint},
        }
    ]  # fmt: skip


def _marked(axis: GroupAxis, view: View, selected: Collection[str]) -> list[dict[str, Any]]:
    """A ground behind the marked groups; one for neighbours."""
    places = sorted((axis.places or {})[name] for name in selected if name in (axis.places or {}))
    runs: list[list[float]] = []
    for at in places:
        if runs and at - runs[-1][1] <= 1:
            runs[-1][1] = at
        else:
            runs.append([at, at])
    fill = rgba(colours(view.dark).faint, 0.18)
    return [
        {"type": "rect", "x0": a - 0.5, "x1": b + 0.5, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 0},
         "fillcolor": fill, "layer": "below"}
        for a, b in runs
    ]  # fmt: skip


def _of_model(
    model: ModelErrors, axis: GroupAxis, view: View, floor: float, opacity: float
) -> tuple[list[dict[str, Any]], list[LineEnd]]:
    """Band, line and marks of one model, and its name for the line's end."""
    colour = model.style.colour
    rows = [(x, row) for x, row in _known(model.table, axis) if row[view.measure] is not None]
    segments: list[list[tuple[float, Row]]] = [[]]
    for x, row in rows:
        if row["n_held_out"] >= N_POINTS_ONLY:
            segments[-1].append((x, row))
        else:
            segments.append([])  # no line through groups that nothing can be said about
    segments = [segment for segment in segments if segment]
    band_x: list[float | None] = []
    band_y: list[float | None] = []
    for segment in segments:
        lows = [max(limit(row, "low", view), floor) if view.on_log else limit(row, "low", view) for _, row in segment]
        highs = [limit(row, "high", view) for _, row in segment]
        xs = [x for x, _ in segment]
        if len(xs) == 1:
            xs, lows, highs = [xs[0] - 0.12, xs[0] + 0.12], lows * 2, highs * 2
        band_x += [*xs, *xs[::-1], None]
        band_y += [*highs, *lows[::-1], None]
    traces: list[dict[str, Any]] = []
    if segments:
        traces.append({
            "type": "scatter", "x": band_x[:-1], "y": band_y[:-1], "fill": "toself", "mode": "lines",
            "fillcolor": rgba(colour, opacity), "line": {"width": 0}, "hoverinfo": "skip",
            "name": f"{model.name} interval",
        })  # fmt: skip
        line = [point for segment in segments for point in [*segment, None]][:-1]
        traces.append({
            "type": "scatter", "x": [point and point[0] for point in line],
            "y": [point and point[1][view.measure] * view.factor for point in line], "mode": "lines",
            "line": {"color": colour, "width": 2}, "hoverinfo": "skip", "name": f"{model.name} line",
        })  # fmt: skip
    if rows:
        traces.append({
            "type": "scatter", "x": [x for x, _ in rows],
            "y": [row[view.measure] * view.factor for _, row in rows], **marks(model, [row for _, row in rows], view),
        })  # fmt: skip
    last = segments[-1][-1][1] if segments else rows[-1][1] if rows else None
    if last is None:
        return traces, []
    return traces, [LineEnd(last[view.measure] * view.factor, as_text(middle_cut(model.name)), colour, bold=True)]


_MARKS = {"filled": (6.5, 0.0), "hollow": (7.0, 1.6), "dot": (4.5, 0.0)}  # size, line


def marks(model: ModelErrors, rows: list[Row], view: View, bigger: float = 0.0) -> dict[str, Any]:
    """Clickable marks of groups: filled from 50 molecules on, hollow from 10, a faint dot below; all but x and y."""
    colour, page = model.style.colour, colours(view.dark).page
    kinds = [
        "filled" if row["n_held_out"] >= N_LARGE else "hollow" if row["n_held_out"] >= N_POINTS_ONLY else "dot"
        for row in rows
    ]
    fills = {"filled": colour, "hollow": page, "dot": rgba(colour, 0.55)}
    return {
        "mode": "markers",
        "marker": {
            "symbol": model.style.symbol,
            "opacity": 1,  # marks of several sizes would be made transparent
            "size": [_MARKS[kind][0] + (bigger if kind != "dot" else 0.0) for kind in kinds],
            "color": [fills[kind] for kind in kinds],
            "line": {"color": colour, "width": [_MARKS[kind][1] for kind in kinds]},
        },
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "customdata": [[row["group"]] for row in rows],
        "text": [hover_text(model.name, row, view) for row in rows],
        "hovertemplate": "%{text}<extra></extra>",
        "name": model.name,
    }


def axis_title(view: View) -> str:
    """Measure and unit as the title of an axis: "MAE, meV"."""
    return f"{MEASURE_NAMES[view.measure]}, {view.unit}"
