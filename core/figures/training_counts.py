"""How often a model was trained on what chosen molecules are made of: a bar for each size, element and group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures.error_axes import as_text, built
from core.figures.numbers import number, percent
from core.figures.theme import colours, log_ticks
from core.judge.inspect.what_helps import GroupCount

MOST_BARS = 10
RARE = 0.01
"""Share of the training molecules below which something is marked as rare, as on the other pages."""
_ROW = 23


def training_counts(counts: Sequence[GroupCount], n_train: int, n_chosen: int, dark: bool) -> go.Figure:
    """Training molecules of each group, the rarest on top, on a log axis; the rare ones hollow and orange.

    n_train: all training molecules; n_chosen: molecules that are asked about, whose groups these are.
    """
    c = colours(dark)
    shown = list(counts)[:MOST_BARS]
    low, high = 0.7, max(n_train, 2) * 1.25
    ticks, texts = log_ticks(1, high)
    rare = [each.share_train < RARE for each in shown]
    rows = list(range(len(shown)))
    labels = [each.name + ("" if n_chosen == 1 else f" · {number(each.n_chosen)}") for each in shown]
    notes: list[dict[str, Any]] = [
        {"x": math.log10(max(each.n_train, low)), "y": row, "xanchor": "left", "xshift": 6, "showarrow": False,
         "text": number(each.n_train), "font": {"size": 11.5, "color": c.worse if few else c.muted}}
        for row, each, few in zip(rows, shown, rare, strict=True)
    ]  # fmt: skip
    bars = {
        "type": "bar", "orientation": "h", "y": rows, "x": [max(each.n_train, low) for each in shown], "width": 0.62,
        "name": "trained on", "hovertemplate": "%{text}<extra></extra>", "textposition": "none",
        "text": [_words(each, n_train, n_chosen) for each in shown],
        "marker": {
            "color": [c.page if few else c.count for few in rare],
            "line": {"width": 1.2, "color": [c.worse if few else c.count_line for few in rare]},
        },
    }  # fmt: skip
    longest = max((len(label) for label in labels), default=8)
    layout = {
        "xaxis": {"type": "log", "range": [math.log10(low), math.log10(high * 1.9)], "tickvals": ticks,
                  "ticktext": texts, "title": {"text": "training molecules with it"}},
        "yaxis": {"tickvals": rows, "ticktext": [as_text(label) for label in labels], "range": [len(rows) - 0.4, -0.6],
                  "showgrid": False},
    }  # fmt: skip
    left = min(max(70, 16 + 7 * longest), 240)
    return built(dark, 52 + _ROW * max(len(rows), 1), [bars], layout, notes, left=left, right=12, top=4, bottom=42)


def _words(each: GroupCount, n_train: int, n_chosen: int) -> str:
    text = f"<b>{as_text(each.name)}</b><br>{number(each.n_train)} of {number(n_train)} training molecules, "
    text += percent(each.share_train, 1)
    return text if n_chosen == 1 else f"{text}<br>{number(each.n_chosen)} of the {number(n_chosen)} chosen"
