"""Where a model is wrong while it learns: validation error by group over epochs, and the groups as they stand now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import linear_ticks, log_axis_ticks, tick_texts
from core.figures.error_heatmaps import thinned
from core.figures.numbers import number, significant
from core.figures.theme import annotate, colours, figure, mix, scale
from core.figures.training import let_zoom, name_ends
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY

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
            f"<b>{label}</b>, epoch {epochs[k]}<br>{significant(v)} {unit}, {significant(r, 2)} × all"
            for k, v, r in zip(kept, a, b, strict=True)
        ]
        for label, a, b in zip(labels, (table * factor).tolist(), ratio.tolist(), strict=True)
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
        hovertemplate="%{text}<extra></extra>",
    )
    for first, last in _runs(n < N_POINTS_ONLY):
        fig.add_annotation(
            x=(len(kept) - 1) / 2,
            y=(first + last) / 2,
            text="fewer than 10 validation molecules" + (" each" if last > first else ""),
            font={"size": 10.5, "color": c.faint},
        )
    step = next(s for s in (1, 2, 5, 10, 20, 50) if len(kept) <= 7 * s)
    at = [k for k in range(len(kept)) if (k + 1) % step == 0] if len(kept) == len(epochs) else _ends(len(kept))
    fig.update_xaxes(
        range=[-0.5, len(kept) - 0.5], tickvals=at, ticktext=[number(int(epochs[kept[k]])) for k in at],
        title_text="epoch" if len(kept) == len(epochs) else "epoch (thinned)",
    )  # fmt: skip
    fig.update_yaxes(showgrid=False, title_text=title)
    _rows_axis(fig, labels, True)
    return fig


def _ends(n: int) -> list[int]:
    return sorted({0, n // 2, n - 1})


def _runs(which: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last place of every run of neighbours that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], which, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def group_lines(
    labels: Sequence[str], epochs: Ints, values: Floats, overall: Floats, n: Ints, rare: NDArray[np.bool_], unit: str,
    factor: float, relative: bool, log: bool, colour: str, dark: bool, height: int = 430,
) -> go.Figure:  # fmt: skip
    """Error of every group over the epochs as a line with its name at the end; rare groups orange and dashed.

    Groups with fewer than 10 validation molecules have no line. The others go from light to dark in their order.

    Args:
        values, overall: (n_epochs, n_groups) and (n_epochs,) in the unit inside.
        n, rare: (n_groups,) validation molecules, and whether the group is rare in training.
        relative: over the error of all molecules in the same epoch, from a third to the triple.
        colour: of the line of all molecules.
    """
    c = colours(dark)
    fig = figure(dark, height, left=48, right=92, top=12, bottom=40)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = values / overall[:, None] if relative else values * factor
    enough = np.flatnonzero((n >= N_POINTS_ONLY) & np.isfinite(table).any(axis=0))
    all_together = np.ones(len(epochs)) if relative else overall * factor
    marks = "lines" if len(epochs) > 1 else "lines+markers"
    ends: list[tuple[Floats, str, str, bool]] = []
    for place, group in enumerate(enough.tolist()):
        ink = c.worse if rare[group] else mix(c.error_ramp[2:], place / max(len(enough) - 1, 1))
        told = f"<b>{labels[group]}</b>{', rare' if rare[group] else ''}, epoch %{{x}}<br>"
        fig.add_scatter(
            x=epochs, y=table[:, group], mode=marks, name=labels[group],
            line={"color": ink, "width": 1.5, "dash": "dash" if rare[group] else "solid"}, marker={"size": 5},
            customdata=values[:, group] * factor,
            hovertemplate=told + f"%{{customdata:.3g}} {unit}" + (", %{y:.2f} × all" if relative else "")
            + f"<br>{number(int(n[group]))} validation molecules<extra></extra>",
        )  # fmt: skip
        ends.append((_last(table[:, group]), labels[group], ink, False))
    fig.add_scatter(
        x=epochs, y=all_together, mode=marks, name="all", line={"color": colour, "width": 2.6}, marker={"size": 6},
        customdata=overall * factor,
        hovertemplate=f"<b>all</b>, epoch %{{x}}<br>%{{customdata:.3g}} {unit}<extra></extra>",
    )  # fmt: skip
    ends.append((all_together[-1:], "all", colour, True))
    shown = np.concatenate([table[:, enough].ravel(), all_together])
    shown = shown[np.isfinite(shown) & ((shown > 0) | (not log))]
    low, high = _lines_range(shown, table[:, enough], relative, log)
    _line_axis(fig, low, high, log, relative)
    name_ends(fig, ends, low, high, log, height - 52, gap=13.5)
    fig.update_xaxes(
        range=[epochs[0] - 0.02 * len(epochs), epochs[-1] + 0.02 * len(epochs)], nticks=8, tickformat=",d",
        title_text="epoch",
    )  # fmt: skip
    return let_zoom(fig)


def _last(values: Floats) -> Floats:
    return values[np.isfinite(values)][-1:]


def _lines_range(shown: Floats, table: Floats, relative: bool, log: bool) -> tuple[float, float]:
    """Ends of the error axis; a linear one lets the first fifth of the epochs leave it."""
    if len(shown) == 0:
        return 0.5, 2.0
    if relative:
        low, high = max(float(shown.min()), 1 / 3), min(float(shown.max()), 3.0)
        return (min(low, 0.8) / 1.05, max(high, 1.25) * 1.05) if log else (0.0, max(high, 1.25) * 1.05)
    if log:
        return float(shown.min()) / 1.15, float(shown.max()) * 1.15
    late = table[len(table) // 5 :]
    late = late[np.isfinite(late)]
    return 0.0, 1.08 * float(late.max() if len(late) else shown.max())


def _line_axis(fig: go.Figure, low: float, high: float, log: bool, relative: bool) -> None:
    """Ticks in plain numbers; multiples of the error of all where it is relative."""
    ticks, texts = log_axis_ticks(low, high) if log else (linear_ticks(low, high, 5), [])
    texts = texts or tick_texts(ticks)
    if relative and log:
        ticks = [tick for tick in (0.33, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0) if low <= tick <= high]
        texts = [f"{tick:g}" for tick in ticks]
    if relative:
        texts = [f"{text} ×" for text in texts]
    fig.update_yaxes(tickvals=ticks, ticktext=texts)
    if log:
        fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)])
    else:
        fig.update_yaxes(range=[low, high])


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
    fig = figure(dark, _height(len(labels)), left=28, right=128, top=_TOP, bottom=_BOTTOM)
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
    _rows_axis(fig, labels, True)  # a page hides them where the map of the same rows stands beside it
    return fig
