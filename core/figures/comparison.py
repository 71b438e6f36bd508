"""Where model A beats model B: the difference of their errors in every group, from `core.judge.comparing.compare`.

B minus A: above zero A is better, below B. A mark has the colour and symbol of the model that is better there, ink
where both are equal, grey where it is undecided; hollow from 10 to 49 molecules, a faint dot below 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.comparison_marks import Names, Styles, difference_marks, difference_words
from core.figures.error_axes import Row, as_text, linear_ticks, short_name, tick_texts
from core.figures.error_heatmaps import N_BLANK, cells_figure
from core.figures.numbers import number, short_count
from core.figures.theme import ModelStyle, annotate, colours, figure, mix, rgba, scale
from core.judge.comparing.compare import Comparison
from core.judge.comparing.verdicts import GroupVerdict
from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY

Span = tuple[float, float]

_BEYOND = 2.2
"""Intervals of 10 to 49 molecules are cut where they reach this many times further than all else."""
_NOUNS = {
    "size": "atoms in the molecule",
    "heavy": "heavy atoms in the molecule",
    "rings": "rings",
    "unsaturation": "rings and multiple bonds",
}
_SHADE = 0.35
"""How much of its colour an undecided cell keeps."""


def in_a_row(comparison: Comparison) -> bool:
    """Whether the groups are numbers that `difference_by_size` can put on an axis."""
    return comparison.by in _NOUNS and all(group.group.isdigit() for group in comparison.groups)


def difference_by_size(
    comparison: Comparison,
    names: Names,
    styles: Styles,
    factor: float,
    unit: str,
    dark: bool,
    selected: str | None = None,
    height: int = 380,
) -> go.Figure:
    """The difference against the number of atoms (or of anything else that is counted), n under every tick.

    names, styles: of A and B
    factor, unit: from the unit inside to the one shown
    selected: name of a group to mark
    """
    c = colours(dark)
    groups = [group for group in comparison.groups if group.difference is not None]
    fig = figure(dark, height, left=52, right=12, top=26, bottom=58)
    at = [float(group.group) for group in groups]
    low, high = _reach(comparison, groups, factor)
    pad = 30 / max(height - 84, 60) * (high - low)  # for the words at the foot
    low -= pad
    shapes: list[Row] = [
        {"type": "rect", "x0": place - 0.5, "x1": place + 0.5, "y0": -g.margin * factor, "y1": g.margin * factor,
         "fillcolor": rgba(c.faint, 0.22), "line": {"width": 0}, "layer": "below"}
        for place, g in zip(at, groups, strict=True)
        if g.low is not None and g.margin is not None
    ]  # fmt: skip
    fig.add_traces(difference_marks(comparison, groups, at, factor, unit, names, styles, dark, "y"))
    ends = (min(at, default=0.0) - 0.6, max(at, default=1.0) + 0.6)
    shapes.append({
        "type": "line", "x0": ends[0], "x1": ends[1], "y0": 0, "y1": 0, "layer": "below",
        "line": {"color": c.faint, "width": 1},
    })  # fmt: skip
    if selected is not None and selected in [group.group for group in groups]:
        shapes.append({
            "type": "rect", "x0": float(selected) - 0.5, "x1": float(selected) + 0.5, "yref": "paper", "y0": 0, "y1": 1,
            "fillcolor": rgba(c.faint, 0.18), "line": {"width": 0}, "layer": "below",
        })  # fmt: skip
    word = {"x": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "bgcolor": c.page}
    annotate(fig, [
        {**word, "y": 1, "yanchor": "bottom", "yshift": 4, "text": _better(styles[0], "A", names[0]),
         "font": {"size": 11.5, "color": styles[0].colour}},
        {**word, "y": 0, "yanchor": "bottom", "yshift": 4, "text": _better(styles[1], "B", names[1]),
         "font": {"size": 11.5, "color": styles[1].colour}},
        *_cut_note(groups, low + pad, high, factor, c.faint),
    ])  # fmt: skip
    ticks = [tick for tick in linear_ticks(low, high) if tick >= low + pad]
    part = comparison.paired.part
    fig.update_layout(
        shapes=shapes,
        xaxis={
            "range": ends, "tickvals": at, "ticktext": [_tick(group, c.faint) for group in groups],
            "title": {"text": f"{_NOUNS.get(comparison.by, '')}; n {part} below".lstrip("; "), "standoff": 4},
        },
        yaxis={"range": [low, high], "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True)},
    )  # fmt: skip
    return fig


def difference_by_group(
    comparison: Comparison,
    names: Names,
    styles: Styles,
    factor: float,
    unit: str,
    dark: bool,
    selected: str | None = None,
    height: int = 380,
) -> go.Figure:
    """The difference in every group, one row each, n in a column; elements as rows with the rarest on top.

    Arguments as `difference_by_size`. Higher than `height` where the rows need it.
    """
    c = colours(dark)
    groups = [group for group in comparison.groups if group.difference is not None]
    if comparison.by == "element":
        groups.sort(
            key=lambda group: (max(group.n_train_a, group.n_train_b), group.group), reverse=True
        )  # from the bottom up
    else:
        groups.reverse()
    labels = [_row_label(comparison, group) for group in groups]
    short = comparison.by == "element" or all(len(text) <= 3 for text in labels)
    wide = 30 if short else min(190, 12 + round(6.1 * max((len(text) for text in labels), default=1)))
    height = max(height, 74 + 15 * len(groups))
    fig = figure(dark, height, left=wide + 50, right=14, top=22, bottom=52)
    low, high = _reach(comparison, groups, factor)
    rows = [float(place) for place in range(len(groups))]
    shapes: list[dict[str, Any]] = [
        {"type": "rect", "x0": -(group.margin or 0) * factor, "x1": (group.margin or 0) * factor, "y0": place - 0.5,
         "y1": place + 0.5, "fillcolor": rgba(c.faint, 0.22), "line": {"width": 0}, "layer": "below"}
        for place, group in enumerate(groups)
        if group.low is not None
    ]  # fmt: skip
    shapes.append({
        "type": "line", "x0": 0, "x1": 0, "y0": -0.5, "y1": len(groups) - 0.5, "layer": "below",
        "line": {"color": c.faint, "width": 1},
    })  # fmt: skip
    column = {"x": 0, "xref": "paper", "xanchor": "right"}
    texts: list[dict[str, Any]] = [
        {**column, "y": len(groups) - 0.5, "yanchor": "bottom", "text": f"n {comparison.paired.part}", "xshift": -8,
         "font": {"size": 10.5, "color": c.faint}}
    ]  # fmt: skip
    for place, (group, label) in enumerate(zip(groups, labels, strict=True)):
        font = {"size": 14 if short and len(groups) <= 12 else 11.5, "color": c.ink}
        text = f"<b>{as_text(label)}</b>" if short else as_text(label)
        start = {"x": 0, "xref": "paper", "y": place, "xanchor": "left", "xshift": -(wide + 46)}
        texts.append({**start, "text": text, "font": font})
        texts.append({**column, "y": place, "text": number(group.n_held_out), "xshift": -8})
        if place and len(groups) <= 12:
            line = {"color": c.grid, "width": 1}
            shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place - 0.5,
                           "line": line, "layer": "below"})  # fmt: skip
        if group.group == selected:
            shapes.append({"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place + 0.5,
                           "fillcolor": rgba(c.faint, 0.18), "line": {"width": 0}, "layer": "below"})  # fmt: skip
    foot = {"yref": "paper", "y": 0, "yanchor": "top", "yshift": -24, "xref": "paper"}
    texts += [
        {**foot, "x": 0, "xanchor": "left", "text": "◂ B better", "font": {"size": 11, "color": styles[1].colour}},
        {**foot, "x": 0.5, "xanchor": "center", "text": as_text(unit)},
        {**foot, "x": 1, "xanchor": "right", "text": "A better ▸", "font": {"size": 11, "color": styles[0].colour}},
    ]
    fig.add_traces(difference_marks(comparison, groups, rows, factor, unit, names, styles, dark, "x"))
    annotate(fig, [*texts, *_cut_note(groups, low, high, factor, c.faint)])
    ticks = linear_ticks(low, high, 4)
    fig.update_layout(
        shapes=shapes,
        xaxis={"range": [low, high], "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True), "showgrid": True},
        yaxis={"visible": False, "range": [-0.5, len(groups) - 0.4]},
    )
    return fig


def difference_cells(
    comparison: Comparison,
    names: Names,
    styles: Styles,
    factor: float,
    unit: str,
    dark: bool,
    selected: str | None = None,
    height: int = 250,
) -> go.Figure:
    """The difference in every cell of size and element: A's colour where A is better, B's where B is, grey between.

    Cells that are undecided or equal are pale; a dot below 10 molecules, no colour below 3. Arguments as
    `difference_by_size`.
    """
    rows: list[Row] = []
    for group in comparison.groups:
        element, _, size = group.group.partition(" ")
        if group.difference is not None and size.isdigit():
            rows.append({
                "group": group.group, "label": group.label, "lowest": int(size), "element": element,
                "n_held_out": group.n_held_out, "verdict": group,
            })  # fmt: skip
    elements = list(dict.fromkeys(str(row["element"]) for row in rows))
    places = [int(row["lowest"]) for row in rows] or [1]
    sizes = list(range(min(places), max(places) + 1))
    values = np.full((len(elements), len(sizes)), np.nan)
    reach = _reach_of_cells([row["verdict"] for row in rows], factor)
    for row in rows:
        group = row["verdict"]
        if group.n_held_out >= N_BLANK:
            value = float(np.clip(group.difference * factor, -reach, reach))
            told = group.state in ("A better", "B better") and not comparison.warnings
            values[elements.index(row["element"]), row["lowest"] - sizes[0]] = value * (1 if told else _SHADE)
    ticks = linear_ticks(-reach, reach, 4)
    colour = {
        "colorscale": scale(difference_ramp(styles, dark)), "zmin": -reach, "zmax": reach,
        "colorbar": {
            "thickness": 8, "outlinewidth": 0, "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True), "x": 1.015,
            "xpad": 0, "len": 1, "tickfont": {"size": 11, "color": colours(dark).muted},
            "title": {"text": as_text(unit), "font": {"size": 11, "color": colours(dark).muted}},
        },
    }  # fmt: skip
    texts = [difference_words(comparison, row["verdict"], factor, unit, names) for row in rows]
    chosen = () if selected is None else (selected,)
    return cells_figure(sizes, elements, values, colour, rows, texts, dark, chosen, height)


def difference_ramp(styles: Styles, dark: bool) -> tuple[str, ...]:
    """The colours from "B better" over equal to "A better"."""
    middle = colours(dark).difference[2]
    a, b = (style.colour for style in styles)
    return (b, mix((b, middle), 0.5), middle, mix((middle, a), 0.5), a)


def _reach_of_cells(groups: Sequence[GroupVerdict], factor: float) -> float:
    known = [abs(group.difference or 0.0) * factor for group in groups if group.n_held_out >= N_POINTS_ONLY]
    every = [abs(group.difference or 0.0) * factor for group in groups if group.n_held_out >= N_BLANK]
    return max(known or every or [1.0]) or 1.0


def _reach(comparison: Comparison, groups: Sequence[GroupVerdict], factor: float) -> Span:
    """Lowest and highest of the axis of differences: all that is known, and intervals of few molecules if near."""
    firm = [0.0]
    loose: list[float] = []
    dots: list[float] = []
    for group in groups:
        value = (group.difference or 0.0) * factor
        limits = [limit * factor for limit in (group.low, group.high) if limit is not None]
        if group.n_held_out >= N_LARGE:
            firm += [value, *limits, (group.margin or 0.0) * factor, -(group.margin or 0.0) * factor]
        elif group.n_held_out >= N_POINTS_ONLY:
            firm += [value]
            loose += limits
        else:
            dots.append(value)
    if len(firm) == 1:
        firm += loose or dots
    reach = max(abs(min(firm)), abs(max(firm))) or 1.0
    near = [min(max(limit, -_BEYOND * reach), _BEYOND * reach) for limit in loose]
    near += [value for value in dots if abs(value) <= _BEYOND * reach]
    low, high = min([*firm, *near, -0.25 * reach]), max([*firm, *near, 0.25 * reach])
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def _cut_note(groups: Sequence[GroupVerdict], low: float, high: float, factor: float, colour: str) -> list[dict]:
    """Say it where marks of fewer than 10 molecules lie outside the axis."""
    outside = sum(not low <= (group.difference or 0.0) * factor <= high for group in groups)
    if not outside:
        return []
    text = f"{outside} {'dot lies' if outside == 1 else 'dots lie'} outside this axis"
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 4}
    return [{**place, "text": text, "font": {"size": 10.5, "color": colour}}]


def _tick(group: GroupVerdict, colour: str) -> str:
    count = short_count(group.n_held_out)
    return f"{group.group}<br><span style='font-size:9px;color:{colour}'>{count}</span>"


def _better(style: ModelStyle, letter: str, name: str) -> str:
    whose = "" if name in ("", letter) else f" {as_text(short_name(name, 34))}"
    return f"<b>{style.glyph} {letter} better</b>{whose}"


def _row_label(comparison: Comparison, group: GroupVerdict) -> str:
    """A group as it stands before its row: F, 17, nitrile, 5.8 to 6.4 eV."""
    if comparison.by in ("element", "size"):
        return group.group
    place = group.label.find(group.group)  # a property is named by the figure's title
    return short_name(group.label[place:] if place > 0 else group.label, 30)
