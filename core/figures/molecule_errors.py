"""One molecule in every run and seed: its errors as ticks under a histogram of its size; its error over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.error_axes import as_text, built, linear_ticks, short_name, tick_texts
from core.figures.numbers import number, significant
from core.figures.theme import colours
from core.judge.inspect.molecule import MoleculeErrors, RunError

MOST_ROWS = 7
"""Recipes that are drawn; the rest is told."""
_ROW, _HISTOGRAM, _FOOT = 21, 62, 40  # pixels
_BEYOND = 2.2  # how far beyond the molecules of its size, or the first recipe, the axis may reach
_HELD = ("test", "validation", "not trained on", "not known")


def drawn_recipes(errors: MoleculeErrors, most: int = MOST_ROWS) -> list[int]:
    """Numbers of the recipes with a residual of the molecule: that of the first run, then by their errors over all."""
    there = {run.recipe for run in errors.runs if run.error is not None}
    rest = sorted(there - {0}, key=lambda k: errors.recipes[k].mae)
    return [k for k in (0, *rest) if k in there][:most]


def molecule_error_rows(
    errors: MoleculeErrors, recipe_colours: Mapping[int, str], factor: float, unit: str, dark: bool
) -> go.Figure:
    """Histogram of the signed errors of its size, and under it a row for each recipe with a tick for every run.

    A hollow circle is a run that was trained on the molecule. What lies beyond the axis is an arrow at its end.

    recipe_colours: number of a recipe -> colour of its ticks, faint where there is none; factor and unit: how values in
    the target's unit are shown
    """
    c = colours(dark)
    drawn = drawn_recipes(errors)
    low, high = _reach(errors, drawn, factor)
    height = _HISTOGRAM + _ROW * max(len(drawn), 1) + _FOOT + 14
    inner = height - _FOOT - 14
    share = 1 - _HISTOGRAM / inner  # of the height, for the rows
    names = [_row_name(errors, k) for k in drawn]
    size_words = [f"{number(int(errors.counts.sum()))} of", f"{errors.size} atoms"]
    widest = max([len(text) - 7 * text.startswith("<b>") for text in (*names, *size_words)], default=8)
    traces = [_histogram(errors, factor, unit, c.count)]
    for y, k in enumerate(drawn):
        colour = recipe_colours.get(k, c.faint)
        runs = [run for run in errors.runs if run.recipe == k and run.error is not None]
        traces.append(_marks(runs, -y, low, high, colour, factor, unit))
    ticks = linear_ticks(low, high, 4)
    rules = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": -y, "y1": -y, "layer": "below",
         "line": {"color": c.grid, "width": 1}}
        for y in range(len(drawn))
    ]  # fmt: skip
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
            "line": {"color": c.axis, "width": 1}}  # fmt: skip
    layout: dict[str, Any] = {
        "xaxis": {"range": [low, high], "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True),
                  "title": {"text": f"predicted − target, {unit}"}, "anchor": "y",
                  "tickangle": 0},
        "yaxis": {"domain": [0, share], "range": [0.6 - max(len(drawn), 1), 0.6], "showgrid": False,
                  "tickvals": [-y for y in range(len(drawn))], "ticktext": names, "tickfont": {"size": 11.5}},
        "yaxis2": {"domain": [share, 1], "range": [0, max(int(errors.counts.max(initial=1)), 1) * 1.08],
                   "visible": False, "anchor": "x", "fixedrange": True},
        "shapes": [*rules, zero],
        "bargap": 0,
    }  # fmt: skip
    note = {"xref": "paper", "x": 0, "xanchor": "right", "xshift": -6, "yref": "paper", "y": share + 0.02,
            "yanchor": "bottom", "align": "right", "text": "<br>".join(size_words),
            "font": {"size": 11, "color": c.muted}}  # fmt: skip
    notes = [note] if errors.counts.sum() else []
    return built(dark, height, traces, layout, notes, left=round(16 + 6.2 * widest), right=12, top=14, bottom=_FOOT)


def _row_name(errors: MoleculeErrors, k: int) -> str:
    n = sum(run.recipe == k and run.error is not None for run in errors.runs)
    runs = "" if n == 1 else f", {n} runs"
    text = as_text(short_name(errors.recipes[k].name, 21)) + runs
    return f"<b>{text}</b>" if k == 0 else text


def _reach(errors: MoleculeErrors, drawn: list[int], factor: float) -> tuple[float, float]:
    """Ends of the axis: all of its size and of the first recipe, and of the others what does not lie far beyond."""
    filled = np.flatnonzero(errors.counts)
    values = [0.0]
    if len(filled):
        values += [float(errors.edges[filled[0]]), float(errors.edges[filled[-1] + 1])]
    values += [run.error for run in errors.runs if run.recipe == 0 and run.error is not None]
    most = _BEYOND * max(abs(v) for v in values)
    others = [run.error for run in errors.runs if run.recipe in drawn and run.error is not None]
    values += [v for v in others if abs(v) <= most]
    low, high = min(values) * factor, max(values) * factor
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _histogram(errors: MoleculeErrors, factor: float, unit: str, colour: str) -> dict[str, Any]:
    edges = errors.edges * factor
    words = [
        f"{significant(a, 3, sign=True)} to {significant(b, 3, sign=True)} {unit}: {number(int(n))} molecules"
        for a, b, n in zip(edges[:-1], edges[1:], errors.counts, strict=True)
    ]
    return {
        "type": "bar", "x": (edges[1:] + edges[:-1]) / 2, "y": errors.counts, "width": 0.9 * np.diff(edges),
        "yaxis": "y2", "marker": {"color": colour, "line": {"width": 0}}, "text": words, "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>", "name": "its size",
    }  # fmt: skip


def _marks(
    runs: list[RunError], y: float, low: float, high: float, colour: str, factor: float, unit: str
) -> dict[str, Any]:
    x, symbols, sizes, words = [], [], [], []
    for run in runs:
        assert run.error is not None
        value = run.error * factor
        room = 0.012 * (high - low)
        x.append(min(max(value, low + room), high - room))
        beyond = "triangle-left" if value < low else "triangle-right" if value > high else ""
        symbols.append(beyond or ("line-ns" if run.code in _HELD else "circle-open"))
        sizes.append(9 if beyond else 15 if run.code in _HELD else 8)
        error = f"{significant(value, 3, sign=True)} {unit}"
        words.append(f"<b>{as_text(run.name)}</b><br>{run.called}: {error}")
    return {
        "type": "scatter", "x": x, "y": [y] * len(x), "mode": "markers", "text": words, "name": "runs",
        "marker": {"symbol": symbols, "size": sizes, "color": colour, "line": {"width": 2.2, "color": colour}},
        "hovertemplate": "%{text}<extra></extra>", "customdata": [run.id for run in runs],
    }  # fmt: skip


def has_epochs(errors: MoleculeErrors) -> bool:
    """Whether a run of the first recipe recorded the molecule's error over the epochs."""
    return any(len(run.epochs) > 1 for run in errors.runs if run.recipe == 0)


def molecule_error_curves(
    errors: MoleculeErrors, colour: str, factor: float, unit: str, dark: bool, height: int = 170
) -> go.Figure:
    """Signed error of a validation molecule after each epoch: the first run in full colour, other seeds of it thin."""
    c = colours(dark)
    curves = [run for run in errors.runs if run.recipe == 0 and len(run.epochs) > 1]
    traces: list[dict[str, Any]] = []
    for run in reversed(curves):
        first = run.id == errors.runs[0].id
        traces.append({
            "type": "scatter", "x": list(run.epochs), "y": [v * factor for v in run.over_epochs], "mode": "lines",
            "line": {"color": colour, "width": 2 if first else 1}, "opacity": 1 if first else 0.45,
            "name": run.name, "customdata": [as_text(run.name)] * len(run.epochs),
            "hovertemplate": f"%{{customdata}}<br>epoch %{{x}}: %{{y:.3~g}} {unit}<extra></extra>",
        })  # fmt: skip
    every = np.array([v * factor for run in curves for v in run.over_epochs] or [0.0])
    # the first epochs may be far off; the axis shows what comes after them
    settled = np.array([v * factor for run in curves for v in run.over_epochs[len(run.over_epochs) // 5 :]] or [0.0])
    reach = max(float(np.abs(settled).max()) * 1.15, 1e-9)
    low, high = max(float(every.min()), -reach), min(float(every.max()), reach)
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.06 * (high - low or 1.0)
    ticks = linear_ticks(low - room, high + room, 4)
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"range": [low - room, high + room], "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True)},
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "layer": "below",
                    "line": {"color": c.axis, "width": 1}}],
    }  # fmt: skip
    return built(dark, height, traces, layout, left=48, right=12, top=8, bottom=38)
