"""Where the shown molecules stand among all of their group: a histogram of signed errors with a mark for each."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import linear_ticks, tick_texts
from core.figures.numbers import number, significant
from core.figures.theme import colours, figure


def error_histogram(
    edges: NDArray[np.float64],
    counts: NDArray[np.int64],
    shown: list[float],
    names: list[str],
    factor: float,
    unit: str,
    colour: str,
    dark: bool,
    height: int = 150,
) -> go.Figure:
    """Histogram of predicted minus target, and under it a mark for every shown molecule.

    edges (n_bins + 1,) and shown in the unit inside; counts (n_bins,); factor and unit: how they are shown; names: of
    the shown molecules, for the pointer; colour: of the model
    """
    c = colours(dark)
    fig = figure(dark, height, left=14, right=14, top=18, bottom=40)
    edges = edges * factor
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    texts = [
        f"{significant(a, 3, sign=True)} to {significant(b, 3, sign=True)} {unit}: {number(int(n))} molecules"
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    fig.add_bar(
        x=middle, y=counts, width=width * 0.9, marker={"color": c.count, "line": {"width": 0}}, text=texts,
        textposition="none", hovertemplate="%{text}<extra></extra>", name="molecules",
    )  # fmt: skip
    most = int(max(counts.max(), 1)) if len(counts) else 1
    fig.add_scatter(
        x=[value * factor for value in shown], y=[-0.13 * most] * len(shown), mode="markers", text=names,
        marker={"symbol": "line-ns", "size": 13, "line": {"width": 2.2, "color": colour}},
        hovertemplate="%{text}<extra></extra>", name="shown",
    )  # fmt: skip
    fig.add_vline(x=0, line={"color": c.axis, "width": 1})
    fig.add_annotation(x=0, y=1, yref="paper", yanchor="bottom", text="0: exact", font={"size": 10.5, "color": c.faint})
    for share, text, anchor in ((0, "predicted too low", "left"), (1, "predicted too high", "right")):
        font = {"size": 10.5, "color": c.faint}
        fig.add_annotation(
            x=share, xref="paper", xanchor=anchor, y=1, yref="paper", yanchor="bottom", text=text, font=font
        )
    ticks = linear_ticks(edges[0], edges[-1], 6)
    fig.update_xaxes(range=[edges[0], edges[-1]], tickvals=ticks, ticktext=tick_texts(ticks, sign=True))
    fig.update_xaxes(title_text=f"predicted − target, {unit}")
    fig.update_yaxes(visible=False, range=[-0.26 * most, most * 1.05])
    return fig
