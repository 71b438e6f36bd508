"""What a new run will do, and how runs have done so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import as_text, short_name
from core.figures.numbers import number
from core.figures.theme import colours, figure, level_line, log_ticks, name_at_end, spread

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RunCurve:
    """Validation MAE of one run over its epochs."""

    name: str
    colour: str
    symbol: str
    epochs: Ints
    """(n_epochs,)"""
    values: Floats
    """(n_epochs,) in the unit inside"""


def runs_figure(
    curves: Sequence[RunCurve], unit: str, factor: float, dark: bool, baseline: float | None = None, height: int = 220
) -> go.Figure:
    """Validation MAE of several runs on log axes of epoch and error, each named at its end."""
    c = colours(dark)
    fig = figure(dark, height, left=42, right=140, top=10, bottom=38)
    shown = [(curve, curve.values * factor) for curve in curves if len(curve.values)]
    if not shown:
        return fig
    for curve, values in shown:
        fig.add_scatter(
            x=curve.epochs, y=values, mode="lines", line={"color": curve.colour, "width": 2}, name=curve.name,
            text=[as_text(curve.name)] * len(values),
            hovertemplate=f"<b>%{{text}}</b><br>epoch %{{x}}: %{{y:.3g}} {unit}<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=curve.epochs[-1:], y=values[-1:], mode="markers", hoverinfo="skip", cliponaxis=False, name=curve.name,
            marker={"symbol": curve.symbol, "size": 7, "color": curve.colour},
        )  # fmt: skip
    levels = [baseline * factor] if baseline is not None else []
    low = min([float(values.min()) for _, values in shown] + levels) / 1.3
    high = max([float(values.max()) for _, values in shown] + levels) * 1.3
    ticks_y, texts = log_ticks(low, high)
    fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks_y, ticktext=texts)
    gap = 16 / (height - 48) * math.log10(high / low)
    ends = [float(values[-1]) for _, values in shown] + levels
    labels = [(curve.name, curve.colour, True) for curve, _ in shown] + [("baseline", c.muted, False)] * len(levels)
    for place, (text, ink, bold) in zip(spread([math.log10(end) for end in ends], gap), labels, strict=True):
        name_at_end(fig, 10.0**place, as_text(short_name(text, 20)), ink, bold=bold, log=True)
    for level in levels:
        level_line(fig, level, c)
    last = max(int(curve.epochs[-1]) for curve, _ in shown)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if tick <= last]
    fig.update_xaxes(type="log", range=[-0.03, math.log10(max(last, 2)) + 0.03], tickvals=ticks, title_text="epoch")
    return fig


def training_sizes(sizes: Ints, counts: Ints, dark: bool, height: int = 190) -> go.Figure:
    """Training molecules of each size, grey; (n_sizes,) both."""
    c = colours(dark)
    fig = figure(dark, height, left=46, right=6, top=8, bottom=38)
    fig.add_bar(
        x=sizes,
        y=counts,
        marker={"color": c.count, "cornerradius": 2},
        hovertemplate="<b>%{x} atoms</b><br>%{y:,} training molecules<extra></extra>",
    )
    fig.update_layout(bargap=0.22)
    fig.update_xaxes(range=[sizes[0] - 0.7, sizes[-1] + 0.7], title_text="atoms in the molecule", nticks=14)
    fig.update_yaxes(tickformat="~s", nticks=4)
    return fig


def learning_rates(epochs: int, warmup: float, schedule: str) -> tuple[Floats, Floats]:
    """Share of the highest learning rate over the epochs, (101,) each: epoch and share; a plateau schedule stays at 1.

    Cosine: half a cosine from the end of the warm-up to zero (I. Loshchilov, F. Hutter, arXiv:1608.03983, eq. 5).
    """
    at = np.linspace(0, epochs, 101)
    rise = np.minimum(1.0, at / warmup) if warmup > 0 else np.ones_like(at)
    fall = np.ones_like(at)
    if schedule == "cosine":
        progress = np.clip((at - warmup) / max(epochs - warmup, 1e-9), 0, 1)
        fall = 0.5 * (1 + np.cos(np.pi * progress))
    return at, rise * fall


def rate_figure(
    epochs: int, warmup: float, schedule: str, highest: float, colour: str, dark: bool, height: int = 130
) -> go.Figure:
    """The learning rate over the epochs."""
    at, share = learning_rates(epochs, warmup, schedule)
    fig = figure(dark, height, left=46, right=16, top=8, bottom=38)
    fig.add_scatter(
        x=at, y=share * highest, mode="lines", line={"color": colour, "width": 2},
        hovertemplate="epoch %{x:.1f}<br>%{y:.2g}<extra></extra>",
    )  # fmt: skip
    ticks = [0.0, highest]
    fig.update_yaxes(range=[0, highest * 1.1], tickvals=ticks, ticktext=["0", f"{highest:.0e}".replace("e-0", "e-")])
    middle = round(epochs / 2)
    fig.update_xaxes(
        ticklabelstandoff=5,
        range=[0, epochs],
        tickvals=[0, middle, epochs],
        ticktext=[number(t) for t in (0, middle, epochs)],
    )
    fig.update_xaxes(title_text="epoch")
    return fig
