"""Where size and element meet: a heatmap of counts or shares."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.dataset_sizes import size_step
from core.figures.numbers import number, percent, short_count
from core.figures.picking import UNSEEN
from core.figures.theme import colours, figure, mix, scale

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Normalisation = Literal["counts", "share", "element"]

NARROWEST = 19
"""Pixels of a cell in which a number can still be read."""


def normalise(counts: Ints, total: int, normalisation: Normalisation) -> Floats:
    """(n_symbols, n_sizes) counts as they are, as shares of all molecules, or so that each element's row sums to 1.

    The last one is the thesis's: at which sizes the molecules with an element are found.
    """
    if normalisation == "counts":
        return counts.astype(np.float64)
    if normalisation == "share":
        return counts / max(total, 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def size_element_map(
    sizes: Ints,
    symbols: Sequence[str],
    counts: Ints,
    dark: bool,
    height: int = 240,
    normalisation: Normalisation = "counts",
    log: bool = True,
    total: int | None = None,
    behind: Ints | None = None,
    chosen: Collection[tuple[int, str]] = (),
    width: int = 1240,
) -> go.Figure:
    """How many molecules of each size contain each element; in grey, the numbers written in the cells where they fit.

    A click gives [atoms, symbol], also of an empty cell that `behind` fills.

    Args:
        sizes: (n_sizes,).
        symbols: (n_symbols,) elements, by atomic number.
        counts: (n_symbols, n_sizes) molecules.
        normalisation: what the colour and the numbers measure.
        log: colour by the logarithm.
        total: molecules counted, for shares; a molecule with several elements counts once.
        behind: (n_symbols, n_sizes) all molecules, where `counts` are filtered; cells that are emptied stay faint.
        chosen: cells (atoms, symbol) that are a filter, outlined.
        width: pixels that the figure will have; numbers that do not fit are left out. A page that does not know it
            makes them smaller and hides them by its stylesheet: they are `.textpoint`, the ticks `.xtick`.
    """
    c = colours(dark)
    every = np.arange(sizes[0], sizes[-1] + 1)  # a size that does not occur stays an empty column
    place = np.searchsorted(every, sizes)
    table, values, ground = (np.zeros((len(symbols), len(every))) for _ in range(3))
    table[:, place] = counts
    values[:, place] = normalise(counts, int(counts.max(initial=0)) if total is None else total, normalisation)
    ground[:, place] = counts if behind is None else behind
    shade, low, high = _shade(values, log, normalisation)
    if behind is not None:
        low -= 0.25 * (high - low)  # a few molecules must not look like none
    fig = figure(dark, height, left=34, right=8, top=8, bottom=40)
    rows = np.arange(len(symbols))
    if behind is not None:
        fig.add_heatmap(
            x=every, y=rows, z=np.where((ground > 0) & (table == 0), 0.0, np.nan),
            colorscale=[[0, c.behind], [1, c.behind]], xgap=2, ygap=2, showscale=False, hoverongaps=False,
            hoverinfo="skip", name="all",
        )  # fmt: skip
    fig.add_heatmap(
        x=every,
        y=rows,
        z=shade,
        zmin=low,
        zmax=high,
        xgap=2,
        ygap=2,
        colorscale=scale(c.count_ramp),
        showscale=False,
        hoverongaps=False,
        hoverinfo="skip",
        name="shown",
    )
    _write_numbers(fig, every, table, values, (shade - low) / (high - low), normalisation, dark, width)
    filled = np.argwhere(ground > 0)
    fig.add_scatter(
        # A heatmap takes no clicks; marks that cannot be seen lie on its cells and do.
        x=every[filled[:, 1]],
        y=filled[:, 0],
        mode="markers",
        marker={"symbol": "square", "size": 24, "opacity": 0},
        selected=UNSEEN["selected"],
        unselected=UNSEEN["unselected"],
        customdata=[[int(every[column]), symbols[row]] for row, column in filled],
        text=_texts(table, values, ground if behind is not None else None, filled, symbols, normalisation),
        hovertemplate="<b>%{customdata[1]}, %{customdata[0]} atoms</b><br>%{text}<extra></extra>",
        name="cells",
    )
    for atoms, symbol in chosen:
        if symbol in symbols:
            row = list(symbols).index(symbol)
            fig.add_shape(
                type="rect", x0=atoms - 0.5, x1=atoms + 0.5, y0=row - 0.5, y1=row + 0.5,
                line={"color": c.ink, "width": 2},
            )  # fmt: skip
    step = size_step(every) if width / len(every) >= NARROWEST else max(5, size_step(every))
    fig.update_xaxes(
        range=[every[0] - 0.5, every[-1] + 0.5], dtick=step, tickangle=0, title_text="atoms in the molecule"
    )
    fig.update_yaxes(
        range=[len(symbols) - 0.5, -0.5], tickvals=rows, ticktext=list(symbols), showgrid=False,
        tickfont={"size": 13, "color": c.ink},
    )  # fmt: skip
    return fig


def _shade(values: Floats, log: bool, normalisation: Normalisation) -> tuple[Floats, float, float]:
    """What the colour measures, NaN for empty cells, and the values at the ends of the scale."""
    seen = values[values > 0]
    top = float(seen.max()) if len(seen) else 1.0
    if not log:
        return np.where(values > 0, values, np.nan), 0.0, top
    least = 1.0 if normalisation == "counts" else float(seen.min()) if len(seen) else 0.1
    with np.errstate(divide="ignore"):
        shade = np.where(values > 0, np.log10(values), np.nan)
    return shade, math.log10(least), max(math.log10(top), math.log10(least) + 1)


def scale_ends(counts: Ints, total: int, normalisation: Normalisation, log: bool = True) -> tuple[str, str]:
    """Words for the two ends of the colour scale."""
    values = normalise(counts, total, normalisation)
    seen = values[values > 0]
    if normalisation == "counts":
        return ("1" if log else "0"), f"{number(float(seen.max()) if len(seen) else 1)} molecules"
    of = "of all molecules" if normalisation == "share" else "of the molecules with the element"
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    return (percent(low, 2) if log else "0 %"), f"{percent(high, 1)} {of}"


def _texts(
    table: Floats, values: Floats, ground: Floats | None, filled: Ints, symbols: Sequence[str], kind: Normalisation
) -> list[str]:
    of = {"share": "of all molecules", "element": "of the molecules with {}"}
    texts = []
    for row, column in filled:
        n = int(table[row, column])
        text = f"{number(n)} molecule{'' if n == 1 else 's'}"
        if ground is not None:
            text = f"{number(n)} of {number(int(ground[row, column]))} molecules"
        if kind in of:
            text += f"<br>{percent(float(values[row, column]), 2)} {of[kind].format(symbols[row])}"
        texts.append(text)
    return texts


def _write_numbers(
    fig: go.Figure,
    every: Ints,
    table: Floats,
    values: Floats,
    shade: Floats,
    kind: Normalisation,
    dark: bool,
    width: int,
) -> None:  # fmt: skip
    """Numbers in the cells, which a crowded or narrow figure does without."""
    cell = (width - 42) / len(every)
    if cell < NARROWEST or table.size > 400:
        return
    ramp = colours(dark).count_ramp
    row, column = np.nonzero(table)
    if kind == "counts":
        texts = [short_count(int(n)) for n in table[row, column]]
    else:
        texts = [_short_percent(float(share)) for share in values[row, column]]
    inks = [readable(mix(ramp, float(part))) for part in shade[row, column]]
    fig.add_scatter(
        x=every[column], y=row, mode="text", text=texts, hoverinfo="skip", name="numbers", cliponaxis=False,
        textfont={"size": round(min(10.5, cell / 2.3), 1), "color": inks},
    )  # fmt: skip


def _short_percent(share: float) -> str:
    """A share in percent without its sign: 12, 3.4, .05."""
    value = 100 * share
    if value >= 9.95:
        return f"{value:.0f}"
    if value >= 0.095:
        return f"{value:.1f}"
    return f"{value:.2f}".lstrip("0") if value >= 0.005 else "<.01"


def readable(ground: str) -> str:
    """Dark or light text, whichever stands out from the ground (WCAG's relative luminance, roughly)."""
    red, green, blue = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#0F172A" if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.22 else "#FFFFFF"
