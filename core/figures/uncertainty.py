"""How well a spread or a distance tells the error: tenths of the molecules of a size, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.error_axes import built, linear_ticks, tick_texts
from core.figures.numbers import number, percent, significant
from core.figures.theme import ModelStyle, colours
from core.judge.inspect.uncertainty import Uncertainty
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY

NAMES = {"spread": "spread between seeds", "distance": "distance to training"}
_GAP = 0.08
_HIGHEST = 6.0  # a tenth with more times the mean of its size is cut, and its value stands in the pointer's text


@dataclass(frozen=True)
class Panel:
    """One quantity in the figure."""

    told: Uncertainty
    share: float | None = None
    """place of the chosen molecule among those of its size, None where there is none"""


def tenths_figure(panels: Sequence[Panel], style: ModelStyle, dark: bool, height: int = 270) -> go.Figure:
    """Mean |error| relative to that of the size for each tenth of a size's molecules, one panel for each quantity.

    The line at 1 is what a quantity gives that tells nothing; marks as everywhere: filled from 50 molecules, hollow
    from 10, below that a faint dot without interval. The place of the chosen molecule is a triangle on the axis.
    """
    c = colours(dark)
    top = _top(panels)
    ticks = linear_ticks(0, top, 4)
    layout: dict[str, Any] = {
        "yaxis": {"range": [0, top], "tickvals": ticks, "ticktext": [f"{text} ×" for text in tick_texts(ticks)],
                  "title": {"text": "|error| over mean of the size"}},
        "shapes": [],
    }  # fmt: skip
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    width = (1 - _GAP * (len(panels) - 1)) / max(len(panels), 1)
    for k, panel in enumerate(panels):
        begin = k * (width + _GAP)
        axis = "" if k == 0 else str(k + 1)
        layout[f"xaxis{axis}"] = {
            "domain": [begin, begin + width], "range": [0, 1], "tickvals": [0.05, 0.5, 0.95],
            "ticktext": ["lowest", "middle", "highest"], "anchor": "y", "showgrid": False,
            "zeroline": False, "fixedrange": True,
            "title": {"text": f"by {NAMES[panel.told.quantity]}"},
        }  # fmt: skip
        line = {"color": c.faint, "width": 1, "dash": "dot"}
        layout["shapes"].append(
            {"type": "line", "xref": f"x{axis}", "x0": 0, "x1": 1, "yref": "y", "y0": 1, "y1": 1, "line": line}
        )
        traces += _marks(panel, f"x{axis}", top, style, c.page, c.faint)
        if panel.share is not None:
            traces.append(_chosen(panel.share, f"x{axis}", style))
    if panels:
        notes.append({"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": 1, "yref": "y", "yanchor": "middle",
                      "text": "tells<br>nothing", "align": "left",
                      "font": {"size": 10.5, "color": c.faint}})  # fmt: skip
    return built(dark, height, traces, layout, notes, left=58, right=52, top=12, bottom=46)


def _top(panels: Sequence[Panel]) -> float:
    parts = [part for panel in panels for part in panel.told.within_sizes.parts if part.n >= N_POINTS_ONLY]
    highest = max((max(p.relative_error, min(p.relative_high, 1.6 * p.relative_error)) for p in parts), default=2.0)
    return float(min(max(1.1 * highest, 2.0), _HIGHEST))


def _marks(panel: Panel, axis: str, top: float, style: ModelStyle, page: str, faint: str) -> list[dict[str, Any]]:
    parts = panel.told.within_sizes.parts
    xs = [(part.low + part.high) / 2 for part in parts]
    told = [part.n >= N_POINTS_ONLY and np.isfinite(part.relative_high) for part in parts]
    arms: dict[str, Any] = {
        "type": "scatter", "mode": "lines", "xaxis": axis, "hoverinfo": "skip", "name": "interval",
        "x": [v for x, yes in zip(xs, told, strict=True) if yes for v in (x, x, None)],
        "y": [v for p, yes in zip(parts, told, strict=True) if yes for v in (p.relative_low, p.relative_high, None)],
        "line": {"color": style.colour, "width": 1.4},
    }  # fmt: skip
    fills = [style.colour if p.n >= N_LARGE else page if p.n >= N_POINTS_ONLY else faint for p in parts]
    return [
        arms,
        {
            "type": "scatter", "mode": "markers", "xaxis": axis, "name": panel.told.quantity, "x": xs,
            "y": [min(part.relative_error, top) for part in parts],
            "text": [_words(panel, k) for k in range(len(parts))], "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "opacity": 1, "symbol": style.symbol, "color": fills,
                "size": [9 if p.n >= N_POINTS_ONLY else 5 for p in parts],
                "line": {"width": 1.6, "color": [style.colour if p.n >= N_POINTS_ONLY else faint for p in parts]},
            },
        },
    ]  # fmt: skip


def _words(panel: Panel, k: int) -> str:
    part = panel.told.within_sizes.parts[k]
    text = f"<b>{percent(part.low)} to {percent(part.high)}</b> of a size by {NAMES[panel.told.quantity]}<br>"
    text += f"{significant(part.relative_error, 2)} × the mean of the size"
    if np.isfinite(part.relative_high):
        text += f" ({significant(part.relative_low, 2)} to {significant(part.relative_high, 2)})"
    return f"{text}<br>{number(part.n)} molecules"


def _chosen(share: float, axis: str, style: ModelStyle) -> dict[str, Any]:
    return {"type": "scatter", "mode": "markers", "xaxis": axis, "x": [share], "y": [0], "cliponaxis": False,
            "name": "chosen", "text": [f"this molecule: above {percent(share)} of its size"],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"symbol": "triangle-up", "size": 12, "color": style.colour}}  # fmt: skip


def uncertainty_sentence(told: Uncertainty) -> str:
    """How well a quantity tells the error (Markdown), with the rank correlation within a size and its interval."""
    found = told.within_sizes
    name = "the spread between seeds" if told.quantity == "spread" else "the distance to the nearest training molecule"
    if not np.isfinite(found.value):
        return f"Whether {name} tells the error cannot be said: no size has {N_POINTS_ONLY} such molecules."
    verb = "does not tell the error"
    if found.low > 0:
        verb = "hardly tells the error"
        if found.value >= 0.1:
            verb = "tells the error somewhat" if found.value < 0.4 else "tells the error well"
    elif found.high < 0:
        verb = "misleads"
    interval = f"{_signed(found.value)} (95 % {_signed(found.low)} to {_signed(found.high)})"
    text = f"**{name[:1].upper()}{name[1:]} {verb}**: rank correlation within a size {interval}{_ends(told)}."
    if told.covered is not None:
        text += f" {percent(told.covered)} of the errors lie within twice the spread."
    return text


def _ends(told: Uncertainty) -> str:
    parts = [part for part in told.within_sizes.parts if part.n >= N_POINTS_ONLY]
    if len(parts) < 2:
        return ""
    low, high = significant(parts[0].relative_error, 2), significant(parts[-1].relative_error, 2)
    return f"; the lowest tenth is off by {low} ×, the highest by {high} × the mean of its size"


def _signed(value: float) -> str:
    return number(value, 2, sign=True)
