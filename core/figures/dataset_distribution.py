"""How the values of a property are spread: a histogram, or one row for each group."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.data.balance import is_common
from core.data.distributions import Bins, Histogram
from core.figures.dataset_sizes import Scale, count_ticks, fitting_scale, marked, some
from core.figures.error_axes import linear_ticks, tick_texts
from core.figures.numbers import in_sentence, number, percent, short_count, significant, unit_text
from core.figures.picking import SEEN, UNSEEN, Picked
from core.figures.theme import Colours, annotate, colours, figure, log_ticks, rgba

Floats = NDArray[np.float64]

N_FILLED, N_OUTLINED = 50, 10
"""From this many molecules on a group is filled; from this many on it has an outline; below it is a row of dots."""
ROW = 46
"""Pixels of one group."""


def distribution(
    bins: Bins,
    everything: Histogram,
    name: str,
    unit: str,
    dark: bool,
    height: int = 260,
    shown: Histogram | None = None,
    chosen: Picked | None = None,
    scale: Scale = "linear",
) -> go.Figure:
    """How the values of a property are spread over all molecules and over those that the filters leave.

    Of the marks that a click or a sideways drag picks, `picked_range` gives the range of values. Values outside the
    bins stand as one orange bar at their end.

    Args:
        name, unit: of the property; what the values are, e.g. "per atom", belongs into the name.
        shown: of the molecules that the filters leave; all molecules then stand faint behind.
        chosen: the range that is a filter itself, marked dark.
        scale: of the upright axis, as in `size_histogram`.
    """
    c = colours(dark)
    fig = figure(dark, height, left=46, right=10, top=24, bottom=42)
    front = everything if shown is None else shown
    centres, spans = _slots(bins)
    tops = [_heights(_with_ends(part), part.n, scale) for part in (everything, front)]
    edge = np.array([s[0] is None or s[1] is None for s in spans])
    if shown is not None:
        fig.add_bar(x=centres, y=tops[0], width=1, marker={"color": c.behind}, hoverinfo="skip", name="all", **SEEN)
    fills = np.array([marked([_inside(span, chosen) for span in spans], c)], dtype=object).ravel()
    fills = np.where(edge, c.worse, np.resize(fills, len(spans)))
    gap = {"line": {"width": 0.5, "color": c.page}}
    fig.add_bar(
        x=centres, y=tops[1], width=1, marker={"color": list(fills), **gap}, hoverinfo="skip", name="shown", **SEEN
    )
    top = max(float(np.max(height_of, initial=0)) for height_of in tops) or 1.0
    _targets(fig, centres, spans, everything, shown, top, unit)
    fig.update_layout(barmode="overlay", bargap=0)
    _counted(fig, front, c)
    value_axis(fig, bins, name, unit)
    fig.update_xaxes(range=[centres[0] - 0.8, centres[-1] + 0.8])
    if scale == "log":
        least = min(float(t[t > 0].min()) for t in tops if (t > 0).any()) if any((t > 0).any() for t in tops) else 1.0
        values, texts = log_ticks(least / 2, top)
        texts = [short_count(round(value)) if value >= 1 else text for value, text in zip(values, texts, strict=True)]
        fig.update_yaxes(
            type="log", range=[math.log10(least / 2), math.log10(top) + 0.08], tickvals=values, ticktext=texts
        )
    else:
        ticks = {"ticksuffix": " %", "nticks": 5} if scale == "share" else count_ticks(top)
        fig.update_yaxes(range=[0, top * 1.05], **ticks)
    return fig


def fitting(everything: Histogram, shown: Histogram | None) -> Scale:
    """ "share" where the filtered molecules are too few to be seen beside all of them, else "linear"."""
    return fitting_scale(everything.counts, None if shown is None else shown.counts)


def _slots(bins: Bins) -> tuple[Floats, list[Picked]]:
    """Centres and spans of the bars: one for what lies below the bins, the bins, one for what lies above."""
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    pairs: list[Picked] = [(float(a), float(b)) for a, b in zip(bins.edges[:-1], bins.edges[1:], strict=True)]
    return np.arange(-0.5, bins.n_bins + 1), [(None, low), *pairs, (high, None)]


def _with_ends(found: Histogram) -> Floats:
    return np.concatenate([[found.below], found.counts, [found.above]]).astype(np.float64)


def _heights(counts: Floats, n: int, scale: Scale) -> Floats:
    return 100 * counts / max(n, 1) if scale == "share" else counts


def _inside(span: Picked, chosen: Picked | None) -> bool:
    if chosen is None:
        return False
    low, high = (-math.inf if span[0] is None else span[0]), (math.inf if span[1] is None else span[1])
    first = -math.inf if chosen[0] is None else chosen[0]
    last = math.inf if chosen[1] is None else chosen[1]
    return first <= (low + high) / 2 <= last if math.isfinite(low + high) else (low >= first and high <= last)


def _targets(
    fig: go.Figure, centres: Floats, spans: list[Picked], everything: Histogram, shown: Histogram | None, top: float,
    unit: str,
) -> None:  # fmt: skip
    """Bars of full height that cannot be seen and take the clicks."""
    counts = [_with_ends(part).astype(int) for part in (everything, shown) if part is not None]
    used = [place for place in range(len(spans)) if 0 < place < len(spans) - 1 or counts[0][place]]
    texts = []
    for place in used:
        n = number(int(counts[0][place]))
        text = f"{n} molecules, {percent(counts[0][place] / max(everything.n, 1), 1)} of all with a value"
        texts.append(f"<b>{span_text(spans[place], unit)}</b><br>" + (
            text if shown is None else f"{number(int(counts[1][place]))} of {text}"
        ))  # fmt: skip
    fig.add_bar(
        x=centres[used], y=np.full(len(used), top), width=1, customdata=[list(spans[place]) for place in used],
        text=texts, textposition="none", hovertemplate="%{text}<extra></extra>", name="values", **UNSEEN,
    )  # fmt: skip


def span_text(span: Picked, unit: str) -> str:
    """A range of values in words: −7.1 to −7 eV; below −9 eV."""
    low, high = (None if end is None else _value(end) for end in span)
    words = f"below {high}" if low is None else f"above {low}" if high is None else f"{low} to {high}"
    return f"{words} {unit_text(unit)}".rstrip()


def _value(value: float) -> str:
    decimals = 0 if abs(value) >= 1e6 else min(6, max(0, 3 - math.floor(math.log10(abs(value))))) if value else 0
    text = number(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _counted(fig: go.Figure, found: Histogram, c: Colours) -> None:
    """How many molecules have a value, and where the others are."""
    parts = [f"n = {number(found.n)}"]
    if found.missing:
        parts.append(f"{number(found.missing)} without a value")
    heads = {"xref": "paper", "yref": "paper", "y": 1.0, "yanchor": "bottom"}
    notes = [{**heads, "x": 1.0, "xanchor": "right", "text": " · ".join(parts), "font": {"size": 11.5, "color": c.ink}}]
    if found.below:
        text = f"◂ {number(found.below)} below"
        notes.append({**heads, "x": 0.0, "xanchor": "left", "text": text, "font": {"size": 11, "color": c.worse}})
    if found.above:
        place = {"yref": "paper", "y": 1.0, "yanchor": "top", "xref": "paper", "x": 1.0, "xanchor": "right"}
        text = f"{number(found.above)} above ▸"
        notes.append({**place, "text": text, "font": {"size": 11, "color": c.worse}})
    annotate(fig, notes)


def value_axis(fig: go.Figure, bins: Bins, name: str, unit: str, upright: bool = False) -> None:
    """Ticks of values on an axis of bins, whose edges stand at 0, 1, 2 ..."""
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    if bins.log:
        values, texts = log_ticks(low, high)
    else:
        values = linear_ticks(low, high, 4 if upright else 5)
        texts = tick_texts(values)
    title = f"{name}, {unit_text(unit)}" if unit else name
    axis = {"tickvals": [bins.place(value) for value in values], "ticktext": texts, "title_text": title}
    (fig.update_yaxes if upright else fig.update_xaxes)(**axis)


def grouped_distribution(
    bins: Bins, groups: Mapping[str, Histogram], everything: Histogram, name: str, unit: str, dark: bool
) -> go.Figure:
    """One row for each group: how its values are spread, before those of all molecules together.

    Every curve has its own height, since a narrow group would flatten all others. A stroke marks the median. A group of
    fewer than 50 molecules has an outline only, one of fewer than 10 is dots.

    Args:
        groups: in the order in which they are shown; their bins are those of `everything`.
        everything: of all molecules that the groups are parts of, drawn faint in every row.
    """
    c = colours(dark)
    n_rows = max(len(groups), 1)
    fig = figure(dark, n_rows * ROW + 66, left=118, right=14, top=24, bottom=42)
    steps = np.repeat(np.arange(bins.n_bins + 1), 2)
    faint = everything.counts / max(everything.n, 1)
    shares = {group: found.counts / max(found.n, 1) for group, found in groups.items()}
    notes: list[dict] = []
    for place, (group, found) in enumerate(groups.items()):
        base = n_rows - 1 - place
        curve = _curve(faint, base)
        fig.add_scatter(
            x=steps, y=np.full(len(steps), base), mode="lines", line={"width": 0.8, "color": c.axis}, hoverinfo="skip"
        )
        fig.add_scatter(
            x=steps, y=curve, mode="lines", fill="tonexty", fillcolor=c.behind, line={"width": 0}, hoverinfo="skip",
            name="all",
        )  # fmt: skip
        _add_group(fig, found, shares[group], base, steps, c)
        rare = not is_common(found.n, everything.n)
        if math.isfinite(found.median) and found.n >= N_OUTLINED:
            x = min(max(bins.place(found.median), 0), bins.n_bins)
            fig.add_shape(type="line", x0=x, x1=x, y0=base, y1=base + 0.5, line={"color": c.ink, "width": 1.4})
        margin = {"xref": "paper", "x": 0, "xanchor": "right", "xshift": -8, "y": base}
        ink = {"size": 12, "color": c.worse if rare else c.ink}
        notes.append({**margin, "yanchor": "bottom", "yshift": 11, "text": group, "font": ink})
        outside = found.below + found.above
        text = f"n = {number(found.n)}" + (f", {number(outside)} out" if outside else "")
        notes.append({**margin, "yanchor": "bottom", "yshift": -4, "text": text, "font": {"size": 10.5}})
    heads = {"xref": "paper", "yref": "paper", "y": 1.0, "yanchor": "bottom", "font": {"size": 11, "color": c.muted}}
    notes.append({**heads, "x": 1.0, "xanchor": "right", "text": "faint: all · stroke: median · own heights"})
    annotate(fig, notes)
    spans = _slots(bins)[1][1:-1]
    fig.add_bar(
        x=np.arange(bins.n_bins) + 0.5, y=np.full(bins.n_bins, n_rows + 0.0), width=1,
        customdata=[list(span) for span in spans], text=_group_texts(spans, groups, unit), textposition="none",
        hovertemplate="%{text}<extra></extra>", name="values", **UNSEEN,
    )  # fmt: skip
    value_axis(fig, bins, name, unit)
    fig.update_xaxes(range=[0, bins.n_bins])
    fig.update_yaxes(range=[-0.05, n_rows], showticklabels=False, showgrid=False)
    return fig


def _curve(share: Floats, base: int) -> Floats:
    """(2 n_bins + 2,) a stair from the baseline up and back to it."""
    return base + 0.86 * np.concatenate([[0.0], np.repeat(share / (share.max(initial=0) or 1.0), 2), [0.0]])


def _add_group(
    fig: go.Figure, found: Histogram, share: Floats, base: int, steps: NDArray[np.int64], c: Colours
) -> None:
    unselected = {"marker": {"opacity": 1}}
    if found.n < N_OUTLINED:
        x = np.repeat(np.arange(len(share)) + 0.5, found.counts)
        fig.add_scatter(
            x=x, y=np.full(len(x), base + 0.1), mode="markers", marker={"size": 5, "color": c.faint},
            selected=unselected, unselected=unselected, hoverinfo="skip", name="few",
        )  # fmt: skip
        return
    fig.add_scatter(
        x=steps, y=_curve(share, base), mode="lines", line={"width": 1.2, "color": c.count_line},
        hoverinfo="skip", name="group",
    )  # fmt: skip
    if found.n >= N_FILLED:
        fig.data[-1].update(fill="toself", fillcolor=rgba(c.count_line, 0.35), line={"shape": "linear"})


def _group_texts(spans: list[Picked], groups: Mapping[str, Histogram], unit: str) -> list[str]:
    texts = []
    for place, span in enumerate(spans):
        rows = [
            f"{group}: {number(int(found.counts[place]))}, {percent(found.counts[place] / max(found.n, 1), 1)}"
            for group, found in groups.items()
        ]
        texts.append("<br>".join([f"<b>{span_text(span, unit)}</b>", *rows]))
    return texts


def distribution_sentence(bins: Bins, found: Histogram, name: str, unit: str) -> str:
    """Where the middle half of the values lies, how many lie far out and how many are missing, in Markdown."""
    label, of = in_sentence(name), f" {unit_text(unit)}" if unit else ""
    if found.n == 0:
        return f"**No molecule has a value of {label}.**"
    low, high = (significant(value, 4) for value in found.quartiles)
    text = f"**Half of the values of {label} lie between {low} and {high}{of}**, with the median at "
    text += f"{significant(found.median, 4)}{of}."
    if outside := found.below + found.above:
        where = span_text((float(bins.edges[0]), float(bins.edges[-1])), unit)
        text += f" {number(outside)} of {number(found.n)} lie outside {where}."
    if found.missing:
        text += f" {some(found.missing, 'molecule has', 'molecules have')} no value."
    return text


def grouped_sentence(groups: Mapping[str, Histogram], name: str, unit: str) -> str:
    """Which groups have the lowest and the highest median, in Markdown; groups of fewer than 10 are left out.

    Medians that differ by less than a tenth of the span of the middle half of the largest group are not told apart.
    """
    known = {group: found for group, found in groups.items() if found.n >= N_OUTLINED}
    few = len(groups) - len(known)
    if len(known) < 2:
        return f"Fewer than two groups have {N_OUTLINED} molecules with a value: not enough data to compare them."
    ends = sorted(known, key=lambda group: known[group].median)[:: len(known) - 1]
    low, high = (known[group].median for group in ends)
    of = f" {unit_text(unit)}" if unit else ""
    first, last = max(known.values(), key=lambda found: found.n).quartiles
    if high - low < 0.1 * (last - first):
        text = f"**The groups hardly differ**: medians from {significant(low, 4)} to {significant(high, 4)}{of}."
    else:
        told = [f"{g} (median {significant(known[g].median, 4)}{of}, n = {number(known[g].n)})" for g in ends]
        text = f"**Lowest {in_sentence(name)}: {told[0]}; highest: {told[1]}.**"
    if few:
        text += (
            f" {number(few)} of {len(groups)} groups {'has' if few == 1 else 'have'} fewer than {N_OUTLINED} molecules."
        )
    return text
