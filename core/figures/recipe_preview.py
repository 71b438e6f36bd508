"""What a recipe will do before it is started: who is trained on, how much each counts, where the weight goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.dataset_sizes import count_ticks, some
from core.figures.numbers import MINUS, number, percent, significant
from core.figures.theme import Colours, annotate, colours, figure, log_ticks, rgba
from core.recipes.preview import Groups, Preview
from core.recipes.weights import WeightCurve

Floats = NDArray[np.float64]
By = Literal["size", "element"]

MARGINS = {"left": 46, "right": 14, "top": 18, "bottom": 38}
"""The same in all three figures, so that their axes of sizes stand one above the other."""
FEW_CLASSES = 12
"""Elements that have room for a bar each with gaps."""


def sampling_figure(found: Preview, dark: bool, by: By = "size", height: int = 190) -> go.Figure:
    """Training molecules before sampling (outline) and after (filled), by size or by the elements they contain."""
    c = colours(dark)
    groups = found.sizes if by == "size" else found.elements
    at = _places(groups)
    fig = figure(dark, height, **MARGINS)
    fig.add_bar(
        x=at,
        y=groups.after,
        marker={"color": c.count, "cornerradius": 2},
        hoverinfo="skip",
        name="after",
    )
    line = {"color": c.count_line, "width": 1.3}
    if by == "size":
        x, y = _outline(at, groups.before)
        fig.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name="before")
    else:
        marker = {"color": "rgba(0,0,0,0)", "line": line, "cornerradius": 2}
        fig.add_bar(x=at, y=groups.before, marker=marker, hoverinfo="skip", name="before")
    texts = [
        f"{number(int(after))} of {number(int(before))} are trained on"
        for after, before in zip(groups.after, groups.before, strict=True)
    ]
    _hover(fig, groups, by, texts)
    cap = found.recipe.most_per_size
    top = float(groups.before.max(initial=1))
    if by == "size" and cap and not found.recipe.control and cap < top:
        dotted = {"color": c.ink, "width": 1, "dash": "dot"}
        fig.add_shape(type="line", xref="paper", x0=0, x1=1, y0=cap, y1=cap, line=dotted)
        fig.add_annotation(
            text=f"{number(cap)} per size", xref="paper", x=0, xanchor="left", y=cap, yanchor="bottom",
            font={"color": c.ink, "size": 11},
        )  # fmt: skip
    fig.update_layout(bargap=0.2)
    _across(fig, groups, by)
    fig.update_yaxes(range=[0, top * 1.06], **count_ticks(top))
    return fig


def weight_figure(found: Preview, dark: bool, height: int = 200) -> go.Figure:
    """The weight of one molecule by its size, or by its rarest element, on a log axis; equal weights are dotted.

    Filled: from the formula. Hollow: clipped to the least weight. A tinted band: the formula gives no weight. With
    refused sizes the weights are those of the formula, for there is no mean to divide by.
    """
    c = colours(dark)
    curve = found.curve
    fig = figure(dark, height, **MARGINS)
    at = curve.classes.astype(float) if curve.by == "size" else np.arange(len(curve.classes), dtype=float)
    there = ~curve.refused
    normal = found.recipe.normalise_weights and bool(there.all())
    equal = 1.0 if normal or not there.any() else float(np.average(curve.weights[there], weights=curve.counts[there]))
    shown = np.append(curve.weights[there], equal)
    low, high = _room(float(shown.min()), float(shown.max()))
    if there.all():
        line = {"color": c.faint, "width": 1, "dash": "dot"}
        fig.add_scatter(
            x=[at[0] - 1000, at[-1] + 1000] if len(at) else [], y=[equal] * 2, mode="lines", line=line,
            hoverinfo="skip", name="equal",
        )  # fmt: skip
    if curve.by == "size":
        fig.add_scatter(
            x=at, y=np.where(there, curve.weights, np.nan), mode="lines", line={"color": c.ink, "width": 1.6},
            hoverinfo="skip", name="line", connectgaps=False,
        )  # fmt: skip
    else:
        x, y = _stems(at, np.full(len(at), equal), curve.weights)
        fig.add_scatter(x=x, y=y, mode="lines", line={"color": c.ink, "width": 1.6}, hoverinfo="skip", name="stems")
    fig.add_scatter(
        x=at[there],
        y=curve.weights[there],
        mode="markers",
        marker={
            "size": 7 if curve.by == "size" else 10,
            "color": [c.page if clipped else c.ink for clipped in curve.clipped[there]],
            "line": {"color": [c.worse if clipped else c.ink for clipped in curve.clipped[there]], "width": 1.6},
        },
        text=[_weight_text(curve, int(k)) for k in np.flatnonzero(there)],
        hovertemplate="%{text}<extra></extra>",
        cliponaxis=False,
        name="weights",
    )
    notes = _weight_notes(found, at, equal, c)
    _mark_refused(fig, curve, at, low, c)
    annotate(fig, notes)
    fig.update_layout(hovermode="x" if curve.by == "size" else "closest", hoverdistance=30)
    _across(fig, _classes_as_groups(found), curve.by, "rarest element in the molecule")
    ticks, texts = log_ticks(low, high)
    fig.update_yaxes(type="log", range=[np.log10(low), np.log10(high)], tickvals=ticks, ticktext=texts)
    return fig


def share_figure(found: Preview, dark: bool, by: By | None = None, height: int = 190) -> go.Figure:
    """Share of the molecules that are trained on (bar) and of all weight (dot), by size or by element contained."""
    c = colours(dark)
    by = by or ("element" if found.curve.by == "element" else "size")
    groups = found.sizes if by == "size" else found.elements
    at = _places(groups)
    fig = figure(dark, height, **MARGINS)
    share, weight = 100 * groups.share, 100 * groups.weight_share
    fig.add_bar(x=at, y=share, marker={"color": c.count, "cornerradius": 2}, hoverinfo="skip", name="molecules")
    known = bool(np.isfinite(weight).all()) and len(weight) > 0
    if known:
        seen = groups.after > 0
        x, y = _stems(at[seen], share[seen], weight[seen])
        fig.add_scatter(x=x, y=y, mode="lines", line={"color": c.ink, "width": 1.4}, hoverinfo="skip", name="stems")
        fig.add_scatter(
            x=at[seen], y=weight[seen], mode="markers", marker={"size": 7, "color": c.ink}, hoverinfo="skip",
            cliponaxis=False, name="weight",
        )  # fmt: skip
    texts = [
        f"{percent(s, 1)} of the molecules" + (f"<br>{percent(w, 1)} of the weight" if known else "")
        for s, w in zip(groups.share, groups.weight_share, strict=True)
    ]
    _hover(fig, groups, by, texts)
    fig.update_layout(bargap=0.2)
    _across(fig, groups, by)
    top = max(float(share.max(initial=1)), float(weight.max(initial=1)) if known else 0.0)
    fig.update_yaxes(range=[0, top * 1.08], ticksuffix=" %", nticks=5)
    return fig


def _classes_as_groups(found: Preview) -> Groups:
    """The axis of the weights: all sizes of the split's training part, or the rarest elements."""
    if found.curve.by == "size":
        return found.sizes
    chosen = np.isin(found.elements.keys, found.curve.classes)
    parts = {
        name: getattr(found.elements, name)[chosen]
        for name in ("keys", "before", "after", "weight", "share", "weight_share")
    }
    return Groups(labels=tuple(found.curve.names), **parts)


def _places(groups: Groups) -> Floats:
    """(n_groups,) where bars stand: at their size, elements one after the other."""
    whole = all(label.isdigit() for label in groups.labels)
    return groups.keys.astype(float) if whole else np.arange(len(groups.labels), dtype=float)


def _outline(at: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The outline of a histogram with bins of width 1 around whole places; back to zero where a size is missing."""
    if not len(at):
        return np.zeros(0), np.zeros(0)
    places = np.arange(int(at[0]), int(at[-1]) + 1)
    heights = np.zeros(len(places))
    heights[at.astype(int) - places[0]] = counts
    edges = np.append(places - 0.5, places[-1] + 0.5)
    return np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])


def _stems(at: Floats, start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Upright lines from start to end, (3 * n,) with gaps between them."""
    gap = np.full(len(at), np.nan)
    return np.repeat(at, 3), np.stack([start, end, gap], axis=1).ravel()


def _hover(fig: go.Figure, groups: Groups, by: By, texts: Sequence[str]) -> None:
    """Bars of full height that cannot be seen, so that small bars answer to the pointer as large ones do."""
    heads = [f"{label} atoms" if by == "size" else f"contain {label}" for label in groups.labels]
    fig.add_bar(
        x=_places(groups),
        y=np.ones(len(texts)),
        yaxis="y2",
        width=1,
        marker={"color": "rgba(0,0,0,0)"},
        text=[f"<b>{head}</b><br>{text}" for head, text in zip(heads, texts, strict=True)],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        name="pointer",
    )
    fig.update_layout(
        barmode="overlay", yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    )


def _across(fig: go.Figure, groups: Groups, by: str, elements: str = "element in the molecule") -> None:
    at = _places(groups)
    if by == "size":
        ends = [at[0] - 0.7, at[-1] + 0.7] if len(at) else None
        fig.update_xaxes(range=ends, title_text="atoms in the molecule", nticks=14, tickangle=0)
    else:
        half = max((FEW_CLASSES - len(at)) / 4, 0) + 0.7
        fig.update_xaxes(
            title_text=elements,
            range=[-half, len(at) - 1 + half], tickvals=at, ticktext=groups.labels,
            tickfont={"size": 13, "color": fig.layout.template.layout.hoverlabel.font.color},
        )  # fmt: skip


def _room(low: float, high: float) -> tuple[float, float]:
    """Ends of a log axis around positive values, at least a factor of 4 apart, with room for a line of text."""
    middle = (low * high) ** 0.5
    low, high = min(low, middle / 2), max(high, middle * 2)
    room = (high / low) ** 0.17
    return low / room, high * room


def _whose(curve: WeightCurve, k: int) -> str:
    name = curve.names[k]
    return f"{name} atoms" if curve.by == "size" else f"rarest element {name}"


def _weight_text(curve: WeightCurve, k: int) -> str:
    """What the pointer is told about one class."""
    lines = [f"<b>{_whose(curve, k)}</b>", some(int(curve.counts[k]), "molecule", "molecules")]
    lines.append(f"weight {_short(float(curve.weights[k]))}")
    if curve.clipped[k]:
        lines.append(f"clipped: the formula {_given(curve, k)}")
    return "<br>".join(lines)


def _weight_notes(found: Preview, at: Floats, equal: float, c: Colours) -> list[dict[str, Any]]:
    """The line of equal weights, the least and the largest weight, and what is clipped."""
    curve = found.curve
    there = np.flatnonzero(~curve.refused)
    notes: list[dict[str, Any]] = []
    if not len(there):
        return notes
    weights = curve.weights[there]
    if len(there) == len(at):
        notes.append(_equal_note(weights, equal, c))
    if weights.max() / weights.min() > 1.001:
        for k in {int(there[weights.argmin()]), int(there[weights.argmax()])}:
            highest = curve.weights[k] == weights.max()
            notes.append(
                {"text": f"× {_short(float(curve.weights[k]), 2)}", "x": at[k], "y": np.log10(curve.weights[k]),
                 "yanchor": "bottom" if highest else "top", "yshift": 5 if highest else -5,
                 "xanchor": "center" if curve.by == "element" else "left" if at[k] < (at[0] + at[-1]) / 2 else "right",
                 "font": {"color": c.ink, "size": 11}}
            )  # fmt: skip
    if curve.clipped.any():
        k = int(np.flatnonzero(curve.clipped)[-1])
        notes.append(
            {"text": f"clipped to {found.recipe.least_weight:g}", "x": at[k], "y": np.log10(curve.weights[k]),
             "xanchor": "right" if curve.by == "size" else "center", "yanchor": "bottom", "yshift": 6,
             "font": {"color": c.worse, "size": 11}}
        )  # fmt: skip
    return notes


def _mark_refused(fig: go.Figure, curve: WeightCurve, at: Floats, low: float, c: Colours) -> None:
    """A tinted band over the sizes that get no weight, and crosses that tell what the formula gives there."""
    refused = np.flatnonzero(curve.refused)
    if not len(refused):
        return
    runs = np.split(refused, np.flatnonzero(np.diff(refused) > 1) + 1)
    for run in runs:
        fig.add_shape(
            type="rect", x0=at[run[0]] - 0.5, x1=at[run[-1]] + 0.5, yref="paper", y0=0, y1=1, line={"width": 0},
            fillcolor=rgba(c.failed, 0.09), layer="below",
        )  # fmt: skip
    widest = max(runs, key=len)
    fig.add_annotation(
        text="no weight", x=(at[widest[0]] + at[widest[-1]]) / 2, yref="paper", y=0.5,
        font={"color": c.failed, "size": 11},
    )  # fmt: skip
    fig.add_scatter(
        x=at[refused],
        y=np.full(len(refused), low * 1.15),
        mode="markers",
        marker={"symbol": "x-thin", "size": 6, "line": {"color": c.failed, "width": 1.5}},
        text=[_refused_text(curve, int(k)) for k in refused],
        hovertemplate="%{text}<extra></extra>",
        name="refused",
    )


def _refused_text(curve: WeightCurve, k: int) -> str:
    molecules = some(int(curve.counts[k]), "molecule", "molecules")
    return f"<b>{_whose(curve, k)}</b><br>{molecules}<br>the formula {_given(curve, k)}"


def _given(curve: WeightCurve, k: int) -> str:
    value = float(curve.values[k])
    return f"gives {_short(value)}" if np.isfinite(value) else "is undefined"


def _equal_note(weights: Floats, equal: float, c: Colours) -> dict[str, Any]:
    """The name of the line of equal weights, at the end where the weights (n_classes,) are further from it."""
    at_right = bool(abs(np.log(weights[-1] / equal)) >= abs(np.log(weights[0] / equal)))
    above = bool(weights[-1 if at_right else 0] <= equal)
    return {
        "text": "equal",
        "xref": "paper",
        "x": 1.0 if at_right else 0.0,
        "xanchor": "right" if at_right else "left",
        "y": np.log10(equal),
        "yanchor": "bottom" if above else "top",
        "font": {"color": c.faint, "size": 11},
    }


def _short(value: float, digits: int = 3) -> str:
    """A weight in few characters: 0.0300, 1.27, 79; beyond, as a power of ten."""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return significant(value, digits)
    return f"{value:.0e}".replace("-", MINUS)
