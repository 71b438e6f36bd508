"""What a dataset holds, as figures of counts (grey, because a count is no error) and the sentences above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.numbers import number, percent, short_count
from core.figures.theme import annotate, colours, figure, mix, scale
from core.judge.groups import is_common

Ints = NDArray[np.int64]


def size_histogram(sizes: Ints, counts: Ints, dark: bool, height: int = 300, numbers: bool = True) -> go.Figure:
    """Molecules of each size; rare sizes, below 1 % of all, carry their count in orange.

    Args:
        sizes, counts: (n_sizes,) atoms per molecule and number of molecules.
        numbers: write the count over every bar.
    """
    c = colours(dark)
    fig = figure(dark, height, left=46, right=8, top=22, bottom=40)
    rare = ~is_common(counts, counts.sum())
    fig.add_bar(
        x=sizes,
        y=counts,
        marker={"color": c.count, "cornerradius": 2},
        text=[short_count(int(n)) for n in counts] if numbers else None,
        textposition="outside",
        textangle=0,
        constraintext="none",
        cliponaxis=False,
        textfont={"size": 10.5, "color": [c.worse if is_rare else c.muted for is_rare in rare]},
        customdata=np.stack([100 * counts / counts.sum()], axis=1),
        hovertemplate="<b>%{x} atoms</b><br>%{y:,} molecules, %{customdata[0]:.2g} %<extra></extra>",
        # A click is answered by another page; the clicked bar must not fade the others.
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": c.muted}},
    )
    fig.update_layout(bargap=0.2)
    step = _size_step(sizes) if numbers else 5
    fig.update_xaxes(range=[sizes[0] - 0.7, sizes[-1] + 0.7], dtick=step, title_text="atoms in the molecule")
    fig.update_yaxes(tickformat="~s", nticks=5, range=[0, float(counts.max()) * 1.06])
    return fig


def _size_step(sizes: Ints) -> int:
    span = int(sizes[-1] - sizes[0])
    return next((step for step in (1, 2, 5, 10, 20, 50) if span / step <= 26), 100)


def size_sentence(sizes: Ints, counts: Ints) -> str:
    """Where most molecules are, and which sizes are rare, in Markdown."""
    total = int(counts.sum())
    order = np.argsort(counts)[::-1]
    half = np.sort(sizes[order[: int(np.searchsorted(np.cumsum(counts[order]), 0.5 * total)) + 1]])
    share = float(counts[np.isin(sizes, half)].sum() / total)
    text = f"**{percent(share)} of the molecules have {spans(half)} atoms.**"
    rare = ~is_common(counts, total)
    if not rare.any():
        return f"{text} No size is rarer than 1 %."
    n_rare = int(counts[rare].sum())
    return (
        f"{text} {_some(int(rare.sum()), 'size is', 'sizes are')} rarer than 1 % "
        f"({spans(sizes[rare])} atoms): {_some(n_rare, 'molecule', 'molecules')}, {percent(n_rare / total, 1)} of all."
    )


def spans(values: Sequence[int] | Ints) -> str:
    """Whole numbers in words, three neighbours and more joined: 3 to 9, 12 and 25."""
    runs: list[list[int]] = []
    for value in sorted(int(v) for v in values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    words = [word for a, b in runs for word in ([f"{a} to {b}"] if b > a + 1 else [str(v) for v in range(a, b + 1)])]
    return _list(words)


def _some(n: int, one: str, many: str) -> str:
    return f"{number(n)} {one if n == 1 else many}"


def element_shares(counts: Mapping[str, int], total: int, dark: bool, height: int = 300) -> go.Figure:
    """Share of the molecules that contain each element, the most frequent on top.

    Args:
        counts: element symbol -> number of molecules that contain it.
        total: number of molecules.
    """
    c = colours(dark)
    symbols = sorted(counts, key=lambda symbol: counts[symbol])
    shares = np.array([counts[symbol] / total for symbol in symbols])
    fig = figure(dark, height, left=34, right=112, top=22, bottom=40)
    rows = np.arange(len(symbols))
    fig.add_bar(
        x=100 * shares,
        y=rows,
        orientation="h",
        width=0.5,
        marker={"color": c.count, "cornerradius": 3},
        customdata=[[symbol, counts[symbol]] for symbol in symbols],
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:,} molecules, %{x:.2g} %<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    for row, symbol, share in zip(rows, symbols, shares, strict=True):
        ink = c.ink if is_common(counts[symbol], total) else c.worse
        margin = {"xref": "paper", "x": 1.0, "y": int(row), "xanchor": "right"}
        fig.add_annotation(
            **margin, xshift=48, text=percent(share, 1 if share < 0.1 else 0), font={"size": 12, "color": ink}
        )
        fig.add_annotation(**margin, xshift=108, text=number(counts[symbol]), font={"size": 11.5, "color": c.muted})
    for text, shift in (("share", 48), ("molecules", 108)):
        fig.add_annotation(
            xref="paper", x=1.0, yref="paper", y=1.0, yanchor="bottom", xanchor="right", xshift=shift, text=text
        )
    fig.update_xaxes(range=[0, 100], tickvals=[0, 50, 100], ticksuffix=" %", title_text="of the molecules contain it")
    fig.update_yaxes(
        range=[-0.6, len(symbols) - 0.4], tickvals=rows, ticktext=symbols, showgrid=False,
        tickfont={"size": 13, "color": c.ink},
    )  # fmt: skip
    return fig


def element_sentence(counts: Mapping[str, int], total: int) -> str:
    """Which elements nearly all molecules contain, and which are rare, in Markdown."""
    everywhere = [symbol for symbol, n in counts.items() if n >= 0.95 * total]
    rare = {symbol: n for symbol, n in counts.items() if not is_common(n, total)}
    first = (
        f"Nearly all molecules contain {_list(everywhere)}." if everywhere else "No element is in nearly all molecules."
    )
    if not rare:
        least = min(counts, key=lambda symbol: counts[symbol])
        return f"{first} **The rarest element is {least}, in {percent(counts[least] / total)}.**"
    words = [f"{symbol} in {_some(n, 'molecule', 'molecules')}" for symbol, n in rare.items()]
    return f"{first} **Rarer than 1 %: {_list(words)}.**"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def size_element_map(sizes: Ints, symbols: Sequence[str], counts: Ints, dark: bool, height: int = 240) -> go.Figure:
    """How many molecules of each size contain each element; grey on a log scale, the counts written in the cells.

    Args:
        sizes: (n_sizes,).
        symbols: (n_symbols,) elements, by atomic number.
        counts: (n_symbols, n_sizes) molecules.
    """
    c = colours(dark)
    every = np.arange(sizes[0], sizes[-1] + 1)  # a size that does not occur stays an empty column
    table = np.zeros((len(symbols), len(every)))
    table[:, np.searchsorted(every, sizes)] = counts
    with np.errstate(divide="ignore"):
        shade = np.where(table > 0, np.log10(np.maximum(table, 1)), np.nan)
    top = max(float(np.nanmax(shade)), 1.0)
    fig = figure(dark, height, left=34, right=8, top=8, bottom=40)
    fig.add_heatmap(
        x=every,
        y=np.arange(len(symbols)),
        z=shade,
        zmin=0,
        zmax=top,
        xgap=2,
        ygap=2,
        colorscale=scale(c.count_ramp),
        showscale=False,
        hoverongaps=False,
        hoverinfo="skip",
    )
    filled = np.argwhere(table > 0)
    fig.add_scatter(
        # A heatmap takes no clicks; marks that cannot be seen lie on its cells and do.
        x=every[filled[:, 1]],
        y=filled[:, 0],
        mode="markers",
        marker={"symbol": "square", "size": 24, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[[int(every[column]), symbols[row]] for row, column in filled],
        text=[f"{number(int(table[row, column]))} molecules" for row, column in filled],
        hovertemplate="<b>%{customdata[1]}, %{customdata[0]} atoms</b><br>%{text}<extra></extra>",
        name="cells",
    )
    # Numbers in the cells, as annotations that a crowded or narrow figure does without.
    if table.size <= 200:
        inks = [_readable(mix(c.count_ramp, shade[row, column] / top)) for row, column in filled]
        annotate(
            fig,
            [
                {
                    "x": int(every[k]),
                    "y": int(row),
                    "text": short_count(int(table[row, k])),
                    "font": {"size": 10, "color": ink},
                }
                for (row, k), ink in zip(filled, inks, strict=True)
            ],
        )
    fig.update_xaxes(
        range=[every[0] - 0.5, every[-1] + 0.5], dtick=_size_step(every), title_text="atoms in the molecule"
    )
    fig.update_yaxes(
        range=[len(symbols) - 0.5, -0.5], tickvals=np.arange(len(symbols)), ticktext=list(symbols), showgrid=False,
        tickfont={"size": 13, "color": c.ink},
    )  # fmt: skip
    return fig


def _readable(ground: str) -> str:
    """Dark or light text, whichever stands out from the ground (WCAG's relative luminance, roughly)."""
    red, green, blue = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#0F172A" if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.22 else "#FFFFFF"
