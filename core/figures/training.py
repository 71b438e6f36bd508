"""A training as it goes: validation error of the epochs of one run or of a few side by side, and shared axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import as_text, linear_ticks, short_name, tick_texts
from core.figures.numbers import significant
from core.figures.theme import Colours, annotate, colours, figure, level_line, log_ticks, rgba, spread

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EARLY = 5  # on a linear axis the first fifth of a curve may leave it at the top


def error_axis(fig: go.Figure, low: float, high: float, log: bool) -> None:
    """Set range and plain ticks of the vertical axis."""
    if log:
        ticks, texts = log_ticks(low, high)
        fig.update_yaxes(type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=texts)
    else:
        ticks = linear_ticks(low, high, 4)
        fig.update_yaxes(range=[low, high], tickvals=ticks, ticktext=tick_texts(ticks))


def name_ends(
    fig: go.Figure,
    ends: Sequence[tuple[Floats, str, str, bool]],
    low: float,
    high: float,
    log: bool,
    pixels: int,
    gap: float = 16,
) -> None:
    """Write names at the ends of lines: at the middle of their last twelfth, pushed apart where they would touch.

    Args:
        ends: of each line its values, name, colour, and whether the name is bold.
        low, high: ends of the axis.
        pixels, gap: height of the axis, and least distance of two names.
    """

    def place(values: Floats) -> float:
        tail = np.clip(values[-max(1, len(values) // 12) :], low, high)
        return float(np.log10(tail).mean()) if log else float(tail.mean())

    first, last = (math.log10(low), math.log10(high)) if log else (low, high)
    places = spread_within([place(values) for values, *_ in ends], gap / pixels * (last - first), first, last)
    fixed = {"x": 1.0, "xref": "paper", "xanchor": "left", "xshift": 6, "yanchor": "middle", "align": "left"}
    notes = [
        {**fixed, "y": at, "text": f"<b>{text}</b>" if bold else text, "font": {"size": 11.5, "color": ink}}
        for at, (_, text, ink, bold) in zip(places, ends, strict=True)
    ]
    annotate(fig, notes)


def end_names(names: Sequence[str], longest: int = 15) -> list[str]:
    """Names short enough to stand at the ends of lines; words that all of them begin with are left out where one is too
    long, for it is the rest that tells them apart.
    """
    while max(map(len, names)) > longest and all(" " in name for name in names):
        if len({name.split(" ", 1)[0] for name in names}) > 1 or len(names) == 1:
            break
        names = [name.split(" ", 1)[1] for name in names]
    return [as_text(short_name(name, longest)) for name in names]


def band(x: Ints, low: Floats, high: Floats, colour: str, opacity: float, name: str) -> dict[str, Any]:
    """What fills between two lines (n,) that are not drawn themselves: up along the one and back on the other."""
    both = np.concatenate([high, low[::-1]])
    return {
        "type": "scatter", "x": np.concatenate([x, x[::-1]]), "name": name, "mode": "lines", "line": {"width": 0},
        "y": np.maximum(both, np.finfo(np.float32).tiny),  # a log axis has no zero
        "fill": "toself", "fillcolor": rgba(colour, opacity), "hoverinfo": "skip",
    }  # fmt: skip


def spread_within(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart as `spread` does, and then into the axis from `low` to `high`: outside none is shown.

    Where there is no room for all, they stand closer.
    """
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    placed = spread(positions, gap)
    order = sorted(range(len(placed)), key=lambda k: placed[k])
    for rank, k in enumerate(order):
        placed[k] = max(placed[k], low + rank * gap)
    for rank, k in enumerate(reversed(order)):
        placed[k] = min(placed[k], high - rank * gap)
    return placed


def let_zoom(fig: go.Figure) -> go.Figure:
    """Let a drag along the x axis zoom in; a double click shows all again."""
    fig.update_layout(dragmode="zoom")
    fig.update_xaxes(fixedrange=False, ticklabelstandoff=4)
    return fig


def shown_part(now: int, last: int) -> int:
    """Where an axis of progress ends: a tenth, a quarter, a half or all of `last`, so that `now` fits."""
    if now >= last:
        return now
    return next(max(1, math.ceil(last * part)) for part in (0.1, 0.25, 0.5, 1.0) if now <= math.ceil(last * part))


def step_range(now: int, last: int, first: int = 0) -> list[float]:
    """The part of the steps that an axis shows: from 0 to a part of all, or from `first` to now."""
    end = shown_part(now, last) if first == 0 else max(now, first + 1)
    room = 0.01 * (end - first)
    return [first - room, end + room]


@dataclass(frozen=True)
class Reference:
    """A horizontal line to compare with."""

    value: float
    """in the unit inside"""
    text: str


@dataclass(frozen=True, eq=False)
class ValidationLine:
    """The validation MAE of one run in a figure."""

    name: str
    colour: str
    symbol: str
    epochs: Ints
    """(n_epochs,) finished epochs"""
    values: Floats
    """(n_epochs,) in the unit inside"""


def validation_figure(
    lines: Sequence[ValidationLine],
    unit: str,
    factor: float,
    dark: bool,
    last_epoch: int,
    references: Sequence[Reference] = (),
    window: int = 0,
    log: bool = True,
    first_epoch: int = 0,
    height: int = 250,
) -> go.Figure:
    """Validation MAE of every epoch, the last value written at the end of each line.

    Args:
        lines: the run that is looked at, then those beside it.
        unit, factor: the unit shown, and what to multiply by.
        last_epoch: end of the axis.
        references: e.g. the baseline; one that lies outside a linear axis, or beside a part, is left out.
        window: epochs that the sentence on convergence speaks of; they are shaded.
        first_epoch: where the axis begins; it ends at the last finished epoch then.
    """
    c = colours(dark)
    fig = figure(dark, height, left=50, right=150 if len(lines) > 1 else 104, top=14, bottom=40)
    shown = []
    for line in lines:
        values = line.values * factor
        good = np.isfinite(values) & (values > 0) & (line.epochs >= first_epoch)
        if good.any():
            shown.append((line, line.epochs[good], values[good]))
    if not shown:
        return fig
    now = max(int(epochs[-1]) for _, epochs, _ in shown)
    last_epoch = now if first_epoch else max(last_epoch, now)
    if window and shown[0][0] is lines[0]:
        _shade(fig, int(shown[0][1][-1]), window, c)
    for line, epochs, values in reversed(shown):
        told = f"<b>{as_text(line.name).replace('%{', '% {')}</b><br>" if len(lines) > 1 else ""
        fig.add_scatter(
            x=epochs,
            y=values,
            name=as_text(line.name),
            mode="lines",
            line={"color": line.colour, "width": 2},
            hovertemplate=f"{told}epoch %{{x}}<br>%{{y:.4g}} {unit}<extra></extra>",
        )
        fig.add_scatter(
            x=epochs[-1:], y=values[-1:], name="now", mode="markers", hoverinfo="skip", cliponaxis=False,
            marker={"symbol": line.symbol, "color": line.colour, "size": 8},
        )  # fmt: skip
    levels = [(reference.value * factor, reference.text) for reference in references]
    needed = [] if first_epoch else [level for level, _ in levels]  # the last part of a curve fills the axis
    low, high = _validation_range([values for *_, values in shown], needed, log)
    levels = [(level, text) for level, text in levels if low <= level <= high]
    error_axis(fig, low, high, log)
    for level, _ in levels:
        level_line(fig, level, c)
    ends = [(np.array([level]), f"{text} {significant(level)}", c.muted, False) for level, text in levels]
    if len(lines) > 1:
        named = end_names([line.name for line, *_ in shown])
        ends += [
            (values[-1:], f"{name} {significant(float(values[-1]))}", line.colour, True)
            for name, (line, _, values) in zip(named, shown, strict=True)
        ]
    else:
        _, epochs, values = shown[0]
        place = math.log10(values[-1]) if log else float(values[-1])
        inside = epochs[-1] < 0.8 * last_epoch
        if not inside:  # its number stands in the same column as the names of the levels
            ends.append((values[-1:], significant(float(values[-1])), lines[0].colour, True))
        else:
            fig.add_annotation(
                x=epochs[-1], y=place, xanchor="left", xshift=8, yshift=-8,
                text=f"<b>{significant(float(values[-1]))}</b>", font={"size": 12, "color": lines[0].colour},
            )  # fmt: skip
    name_ends(fig, ends, low, high, log, height - 54)
    fig.update_xaxes(range=[max(first_epoch, 1) - 0.5, last_epoch + 0.5], nticks=6, tickformat=",d", title_text="epoch")
    if last_epoch - max(first_epoch, 1) < 6:
        fig.update_xaxes(tickvals=list(range(max(first_epoch, 1), last_epoch + 1)))
    return let_zoom(fig)


def _shade(fig: go.Figure, last: int, window: int, c: Colours) -> None:
    fig.add_shape(
        type="rect", x0=last - window + 0.5, x1=last + 0.5, y0=0, y1=1, yref="paper", line_width=0,
        fillcolor=rgba(c.worse, 0.08), layer="below",
    )  # fmt: skip
    fig.add_annotation(
        x=last + 0.5 - window / 2, y=1, yref="paper", yanchor="bottom", text=f"last {window}",
        font={"size": 10.5, "color": c.muted},
    )  # fmt: skip


def _validation_range(curves: Sequence[Floats], levels: Sequence[float], log: bool) -> tuple[float, float]:
    if log:
        every = np.concatenate([*curves, np.array(levels)])
        return float(every.min()) / 1.25, float(every.max()) * 1.25
    late = [values[len(values) // EARLY :] for values in curves]
    return 0.0, 1.1 * max(float(values.max()) for values in late)
