"""How far one's own molecules lie from the training molecules, beside those that the model was tested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.numbers import number, percent, significant
from core.figures.theme import colours, figure


def distance_figure(
    held: dict[str, Any], marks: Sequence[dict[str, Any]], selected: int, colour: str, dark: bool, height: int = 168
) -> go.Figure:
    """Histogram of the held-out molecules' distances, and under it a mark for each own molecule.

    held: edges, counts, median and far, see `inspect.own_molecules`; marks: entries of own molecules, each with
    place, formula, distance and percentile; selected: place of the one that is shown; colour: of the model.
    """
    c = colours(dark)
    fig = figure(dark, height, left=14, right=14, top=18, bottom=40)
    edges, counts = np.array(held["edges"]), np.array(held["counts"])
    end, most = float(edges[-1]), int(max(counts.max(initial=1), 1))
    texts = [
        f"{significant(a)} to {significant(b)}{', and beyond' * (k == len(counts) - 1)}: {number(int(n))} molecules"
        for k, (a, b, n) in enumerate(zip(edges[:-1], edges[1:], counts, strict=True))
    ]
    fig.add_bar(
        x=(edges[1:] + edges[:-1]) / 2, y=counts, width=0.9 * (edges[1] - edges[0]), text=texts, textposition="none",
        marker={"color": c.count, "line": {"width": 0}}, hovertemplate="%{text}<extra></extra>", name="held out",
    )  # fmt: skip
    known = [mark for mark in marks if mark["distance"] is not None]
    beyond = [mark["distance"] > end for mark in known]
    fig.add_scatter(
        x=[min(mark["distance"], end) for mark in known], y=[-0.14 * most] * len(known), mode="markers",
        text=[_words(mark) for mark in known], customdata=[mark["place"] for mark in known],
        marker={
            "symbol": ["triangle-right" if far else "line-ns" for far in beyond],
            "size": [15 if mark["place"] == selected else 11 for mark in known],
            "color": [colour if mark["place"] == selected else c.faint for mark in known],
            "line": {"width": 2.2, "color": [colour if m["place"] == selected else c.faint for m in known]},
        },
        hovertemplate="%{text}<extra></extra>", name="own",
    )  # fmt: skip
    for value, text in ((held["median"], "half"), (held["far"], "99 %")):
        fig.add_vline(x=value, line={"color": c.axis, "width": 1, "dash": "dot"})
        fig.add_annotation(
            x=value, y=1, yref="paper", yanchor="bottom", text=text, font={"size": 10.5, "color": c.faint}
        )
    fig.update_xaxes(range=[-0.01 * end, 1.03 * end], title_text="distance to the nearest training molecule")
    fig.update_yaxes(visible=False, range=[-0.28 * most, 1.05 * most])
    return fig


def _words(mark: dict[str, Any]) -> str:
    share = "" if mark["percentile"] is None else f", farther than {percent(mark['percentile'], 1)} of them"
    return f"{mark['place']}: {mark['formula']}, distance {significant(mark['distance'])}{share}"
