"""How errors are spread: against the target as a density, and over the molecules as a distribution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.error_axes import as_text, built, linear_ticks, log_axis_ticks, tick_texts
from core.figures.numbers import number, percent, significant, unit_text
from core.figures.theme import ModelStyle, colours, rgba, scale
from core.judge.residuals import ErrorDistribution, ResidualDensity


def residual_heatmap(
    density: ResidualDensity, style: ModelStyle, factor: float, unit: str, dark: bool, height: int = 270
) -> go.Figure:
    """Molecules by target and signed error, on a log scale of counts, with median and quartiles of each column.

    density: in the unit inside; factor, unit: how the error is shown
    """
    c = colours(dark)
    xs, ys = _middles(density.x_edges), _middles(density.y_edges) * factor
    counts = np.asarray(density.counts, dtype=np.float64)
    with np.errstate(divide="ignore"):
        shade = np.where(counts > 0, np.log10(counts), np.nan)
    most = max(int(counts.max()), 2) if counts.size else 2
    decades = [v for v in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000) if v <= most]
    texts = [[f"{number(int(n))} molecules" for n in line] for line in counts]
    bar = {
        "thickness": 8, "outlinewidth": 0, "x": 1.015, "xpad": 0, "len": 1,
        "tickvals": [math.log10(v) for v in decades], "ticktext": [number(v) for v in decades],
        "tickfont": {"size": 11, "color": c.muted},
        "title": {"text": "molecules", "font": {"size": 10.5, "color": c.muted}},
    }  # fmt: skip
    line = {"type": "scatter", "mode": "lines", "x": xs, "hoverinfo": "skip"}
    known = np.isfinite(density.median)
    quartiles = [np.where(known, side * factor, np.nan) for side in (density.low, density.high)]
    traces: list[dict[str, Any]] = [
        {"type": "heatmap", "x": xs, "y": ys, "z": shade, "zmin": 0, "zmax": math.log10(most), "text": texts,
         "colorscale": scale(c.count_ramp[1:]), "colorbar": bar, "hoverongaps": False,
         "hovertemplate": "%{text}<extra></extra>"},
        *({**line, "y": side, "line": {"color": style.colour, "width": 1, "dash": "2px,2px"}, "name": "quartile"}
          for side in quartiles),
        {**line, "y": np.where(known, density.median * factor, np.nan), "name": "median",
         "line": {"color": style.colour, "width": 2}},
    ]  # fmt: skip
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"color": c.axis, "width": 1}}
    x_title = density.x_label + (f", {unit_text(density.x_unit)}" if density.x_unit else "")
    layout = {
        "shapes": [zero],
        "xaxis": _plain_axis(density.x_edges, x_title),
        "yaxis": {**_plain_axis(density.y_edges * factor, f"predicted − target, {unit}", sign=True), "showgrid": False},
    }
    return built(dark, height, traces, layout, left=52, right=66, top=8, bottom=42)


def _plain_axis(edges: np.ndarray, title: str, sign: bool = False) -> dict[str, Any]:
    low, high = float(edges[0]), float(edges[-1])
    ticks = linear_ticks(low, high, 5)
    texts = tick_texts(ticks, sign=sign)
    return {"range": [low, high], "tickvals": ticks, "ticktext": texts, "title": {"text": title}}


def _middles(edges: np.ndarray) -> np.ndarray:
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def error_shares(
    found: ErrorDistribution,
    names: Sequence[str],
    styles: Sequence[ModelStyle],
    factor: float,
    unit: str,
    dark: bool,
    height: int = 270,
) -> go.Figure:
    """Share of molecules in every bin of the error, and below it the share up to there, for every model.

    found: in the unit inside, signed or absolute (then on a log axis); factor, unit: how the error is shown
    """
    c = colours(dark)
    edges = np.asarray(found.edges) * factor
    middles = np.sqrt(edges[1:] * edges[:-1]) if found.log else _middles(edges)
    traces: list[dict[str, Any]] = []
    for k, (name, style) in enumerate(zip(names, styles, strict=True)):
        share, below = np.asarray(found.share[k]), np.asarray(found.cumulative[k])
        spans = [f"{significant(a, 3)} to {significant(b, 3)} {unit}" for a, b in itertools.pairwise(edges)]
        head = f"<b>{as_text(name)}</b><br>"
        traces.append({
            "type": "scatter", "x": middles, "y": 100 * share, "mode": "lines", "name": name, "yaxis": "y",
            "line": {"color": style.colour, "width": 1.8, "shape": "hvh"},
            "text": [f"{head}{span}: {percent(float(s), 1)}" for span, s in zip(spans, share, strict=True)],
            "hovertemplate": "%{text}<extra></extra>",
            **({"fill": "tozeroy", "fillcolor": rgba(style.colour, 0.08)} if len(names) <= 2 else {}),
        })  # fmt: skip
        word = "up to" if not found.signed else "below"
        traces.append({
            "type": "scatter", "x": edges, "y": 100 * below, "mode": "lines", "name": f"{name} cumulative",
            "yaxis": "y2", "line": {"color": style.colour, "width": 1.8},
            "text": [f"{head}{percent(float(s), 1)} {word} {significant(float(e), 3, sign=found.signed)} {unit}"
                     for e, s in zip(edges, below, strict=True)],
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    top = 100 * max(float(np.max(found.share)) if np.size(found.share) else 0.1, 0.01)
    ticks = linear_ticks(0, 1.1 * top, 3)
    title = f"predicted − target, {unit}" if found.signed else f"absolute error, {unit}"
    layout: dict[str, Any] = {
        "yaxis": {"domain": [0.54, 1], "range": [0, 1.1 * top], "tickvals": ticks,
                  "ticktext": [f"{text} %" for text in tick_texts(ticks)]},
        "yaxis2": {"domain": [0, 0.42], "range": [0, 104], "tickvals": [0, 50, 100], "anchor": "x",
                   "ticktext": ["0 %", "50 %", "100 %"], "fixedrange": True, "gridcolor": c.grid, "showgrid": True,
                   "zeroline": False},
        "xaxis": {"anchor": "y2", "title": {"text": title}},
    }  # fmt: skip
    low, high = float(edges[0]), float(edges[-1])
    if found.log:
        values, texts = log_axis_ticks(low, high)
        layout["xaxis"] |= {
            "type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": values, "ticktext": texts,
        }  # fmt: skip
    else:
        if not found.signed:  # the last molecules would press all others to the left
            known = np.asarray(found.p95)[np.isfinite(found.p95)]
            last = 1.6 * factor * float(known.max()) if len(known) else high
            edges = edges[edges <= max(last, edges[1])]
        layout["xaxis"] |= _plain_axis(edges, title, sign=found.signed)
    place = {"x": 0, "xref": "paper", "xanchor": "left", "xshift": 4, "yref": "paper", "yanchor": "bottom",
            "font": {"size": 10.5, "color": c.faint}}  # fmt: skip
    notes = [{**place, "y": 0.95, "text": "share of molecules"}, {**place, "y": 0.39, "text": "share up to here"}]
    return built(dark, height, traces, layout, notes, left=52, right=16, top=8, bottom=42)


def residual_sentence(density: ResidualDensity, factor: float, unit: str) -> str:
    """From where to where the median error of the columns goes, and what lies beyond the figure."""
    median = density.median[np.isfinite(density.median)] * factor
    verb = "molecule lies" if density.outside == 1 else "molecules lie"
    left_out = f" {number(density.outside)} {verb} beyond this figure." if density.outside else ""
    if len(median) == 0:
        return f"{number(density.n)} molecules: too few for a median of any column (10 are needed).{left_out}"
    low, high = significant(float(median.min()), 2, sign=True), significant(float(median.max()), 2, sign=True)
    if len(median) == 1 or low == high:
        return f"The median error of the columns is {high} {unit}.{left_out}"
    return f"The median error of the columns goes from {low} to {high} {unit}.{left_out}"
