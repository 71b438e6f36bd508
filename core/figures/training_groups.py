"""Where a model is wrong while it learns: validation error by group over epochs, and the groups as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_heatmaps import thinned
from core.figures.numbers import number, significant
from core.figures.theme import annotate, colours, figure, scale
from core.judge.intervals import N_LARGE, N_POINTS_ONLY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROW = 17
"""Height of a row in pixels, the same in the two figures so that they align side by side."""
_TOP, _BOTTOM = 24, 38


def _height(n_rows: int) -> int:
    return max(n_rows, 4) * ROW + _TOP + _BOTTOM


def _dots_end(shown: Floats, n: Ints, overall: float) -> float:
    """Where the axis of the dots ends: all groups fit, but few molecules stretch it to twice what many need at most."""
    finite = shown[np.isfinite(shown)]
    enough = shown[(n >= N_POINTS_ONLY) & np.isfinite(shown)]
    needed = max(float(enough.max()) if len(enough) else 0.0, overall)
    return 1.12 * min(max(float(finite.max()) if len(finite) else 0.0, overall), 2 * needed) or 1.0


def _rows_axis(fig: go.Figure, labels: Sequence[str], shown: bool) -> None:
    n = max(len(labels), 4)
    fig.update_yaxes(
        range=[n - 0.5, -0.5], tickvals=list(range(len(labels))), ticktext=list(labels), showticklabels=shown
    )


def learning_map(
    labels: Sequence[str], epochs: Ints, values: Floats, overall: Floats, n: Ints, unit: str, factor: float,
    relative: bool, dark: bool, title: str,
) -> go.Figure:  # fmt: skip
    """Group x epoch: error relative to that of all molecules (log2, from a half to the double), or its magnitude.

    Args:
        labels: (n_groups,) names of the rows.
        epochs, values, overall: (n_epochs,), (n_epochs, n_groups) and (n_epochs,) in the unit inside.
        n: (n_groups,) validation molecules; below 10 the row has no colours but a sentence.
        title: of the row axis.
    """
    c = colours(dark)
    fig = figure(dark, _height(len(labels)), left=40, right=6, top=_TOP, bottom=_BOTTOM)
    kept = thinned(len(epochs), 60)
    table = values[kept].T.copy()  # (n_groups, n_columns)
    table[n < N_POINTS_ONLY] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = table / overall[kept][None, :]
        shade = np.log2(ratio) if relative else np.log2(table * factor)
    finite = shade[np.isfinite(shade)]
    low, high = (-1.0, 1.0) if relative or len(finite) == 0 else (float(finite.min()), float(finite.max()) + 1e-9)
    texts = [
        [
            f"{significant(float(v * factor))} {unit}, {significant(float(r), 2)} × all"
            for v, r in zip(a, b, strict=True)
        ]
        for a, b in zip(table, ratio, strict=True)
    ]
    fig.add_heatmap(
        x=list(range(len(kept))),
        y=list(range(len(labels))),
        z=np.clip(shade, low, high),
        zmin=low,
        zmax=high,
        colorscale=scale(c.difference if relative else c.error_ramp),
        showscale=False,
        hoverongaps=False,
        xgap=0.5 if len(kept) > 24 else 1.5,
        ygap=1.5,
        text=texts,
        customdata=[[[label, int(epochs[k])] for k in kept] for label in labels],
        hovertemplate="<b>%{customdata[0]}</b>, epoch %{customdata[1]}<br>%{text}<extra></extra>",
    )
    for row in np.flatnonzero(n < N_POINTS_ONLY):
        fig.add_annotation(
            x=(len(kept) - 1) / 2,
            y=int(row),
            text="fewer than 10 validation molecules",
            font={"size": 10.5, "color": c.faint},
        )
    at = sorted({0, len(kept) // 2, len(kept) - 1})
    fig.update_xaxes(
        range=[-0.5, len(kept) - 0.5], tickvals=at, ticktext=[number(int(epochs[kept[k]])) for k in at],
        title_text="epoch" if len(kept) == len(epochs) else "epoch (thinned)",
    )  # fmt: skip
    fig.update_yaxes(showgrid=False, title_text=title)
    _rows_axis(fig, labels, True)
    return fig


def groups_now(
    labels: Sequence[str], values: Floats, overall: float, n: Ints, n_train: Ints, rare: NDArray[np.bool_],
    unit: str, factor: float, colour: str, dark: bool,
) -> go.Figure:  # fmt: skip
    """Error of every group in the last epoch: filled from 50 validation molecules on, hollow from 10, else faint.

    Args:
        values, n, n_train, rare: (n_groups,) error in the unit inside, molecules, and whether the group is rare.
        overall: error of all validation molecules.
    """
    c = colours(dark)
    fig = figure(dark, _height(len(labels)), left=8, right=128, top=_TOP, bottom=_BOTTOM)
    shown = values * factor
    rows = np.arange(len(labels))
    top = _dots_end(shown, n, overall * factor)
    fig.add_shape(
        type="line", x0=overall * factor, x1=overall * factor, y0=-0.5, y1=len(labels) - 0.5,
        line={"color": c.faint, "width": 1, "dash": "dot"}, layer="below",
    )  # fmt: skip
    for which, marker in (
        (n >= N_LARGE, {"size": 8, "color": colour}),
        ((n >= N_POINTS_ONLY) & (n < N_LARGE), {"size": 8, "color": c.page, "line": {"color": colour, "width": 1.6}}),
        (n < N_POINTS_ONLY, {"size": 4, "color": c.faint}),
    ):
        which = which & np.isfinite(shown)
        # a dot beyond the axis becomes an arrow at its end, so that no large error goes unseen
        symbols = np.where(shown[which] > top, "triangle-right", "circle").tolist()
        fig.add_scatter(
            x=np.minimum(shown[which], 0.985 * top), y=rows[which], mode="markers",
            marker={**marker, "symbol": symbols},
            customdata=[[labels[k], int(n[k]), int(n_train[k]), float(shown[k])] for k in rows[which]],
            hovertemplate=f"<b>%{{customdata[0]}}</b>: %{{customdata[3]:.3g}} {unit}<br>"
            "%{customdata[1]:,} validation, %{customdata[2]:,} training molecules<extra></extra>",
        )  # fmt: skip
    margin = {"xref": "paper", "x": 1.0, "xanchor": "right"}
    quiet = {"size": 11, "color": c.muted}
    head = {"yref": "paper", "y": 1.0, "yanchor": "bottom", "font": quiet}
    notes: list[dict[str, Any]] = [
        {**margin, **head, "xshift": 66, "text": "trained on"},
        {**margin, **head, "xshift": 124, "text": "validation"},
        {**head, "x": overall * factor, "text": f"all {significant(overall * factor)}"},
    ]
    for row, k_train, k_held, is_rare in zip(rows, n_train, n, rare, strict=True):
        ink = {"size": 11, "color": c.worse if is_rare else c.ink}
        notes.append({**margin, "xshift": 66, "y": int(row), "text": number(int(k_train)), "font": ink})
        notes.append({**margin, "xshift": 124, "y": int(row), "text": number(int(k_held)), "font": quiet})
    annotate(fig, notes)
    fig.update_xaxes(range=[0, top], title_text=f"MAE now, {unit}", nticks=6, rangemode="tozero")
    fig.update_yaxes(showgrid=True)
    _rows_axis(fig, labels, False)
    return fig
