"""How large the molecules are: bars of counts by size, and the sentence above them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.data.balance import is_common
from core.figures.numbers import number, percent, short_count
from core.figures.picking import SEEN, UNSEEN
from core.figures.theme import Colours, colours, figure, log_ticks

Ints = NDArray[np.int64]
Scale = Literal["linear", "log", "share"]

FEW = 0.08
"""Where fewer than this share of all bars' height is left, counts on one axis would not be seen."""


def fitting_scale(counts: Ints, shown: Ints | None) -> Scale:
    """ "share" where the filtered molecules are too few to be seen beside all of them, else "linear"."""
    few = shown is not None and 0 < shown.max() < FEW * counts.max()
    return "share" if few else "linear"


def size_histogram(
    sizes: Ints,
    counts: Ints,
    dark: bool,
    height: int = 300,
    numbers: bool = True,
    shown: Ints | None = None,
    chosen: Collection[int] = (),
    scale: Scale = "linear",
) -> go.Figure:
    """Molecules of each size; rare sizes, below 1 % of all, carry their count in orange.

    Of the marks that a click or a sideways drag picks, `picked_range` gives the lowest and the highest size.

    Args:
        sizes, counts: (n_sizes,) atoms per molecule and number of molecules.
        numbers: write the count over every bar.
        shown: (n_sizes,) how many of them the filters leave; all molecules then stand faint behind.
        chosen: the sizes that are a filter themselves, marked dark.
        scale: of the upright axis; "share" measures both kinds of bars by their own total.
    """
    c = colours(dark)
    fig = figure(dark, height, left=46, right=8, top=22, bottom=40)
    rare = ~is_common(counts, counts.sum())
    front = counts if shown is None else shown
    tops = [_heights(part, scale) for part in (counts, front)]
    if shown is not None:
        fig.add_bar(
            x=sizes, y=tops[0], marker={"color": c.behind, "cornerradius": 2}, hoverinfo="skip", name="all", **SEEN
        )
    fig.add_bar(
        x=sizes,
        y=tops[1],
        marker={"color": marked([int(s) in chosen for s in sizes], c), "cornerradius": 2},
        text=[short_count(int(n)) if n or shown is None else "" for n in front] if numbers else None,
        textposition="outside",
        textangle=0,
        constraintext="none",
        cliponaxis=False,
        textfont={"size": 10.5, "color": [c.worse if is_rare else c.muted for is_rare in rare]},
        hoverinfo="skip",
        name="shown",
        **SEEN,
    )
    _targets(fig, sizes, counts, shown, scale, float(max(top.max() for top in tops)))
    fig.update_layout(bargap=0.2, barmode="overlay")
    step = size_step(sizes) if numbers else 5
    fig.update_xaxes(
        range=[sizes[0] - 0.7, sizes[-1] + 0.7], dtick=step, tickangle=0, title_text="atoms in the molecule"
    )
    _upright(fig, scale, float(max(top.max() for top in tops)), min(_least(top) for top in tops))
    return fig


def _heights(counts: Ints, scale: Scale) -> NDArray[np.float64]:
    if scale == "share":
        return 100 * counts / max(int(counts.sum()), 1)
    return counts.astype(np.float64)


def _least(tops: NDArray[np.float64]) -> float:
    return float(tops[tops > 0].min()) if (tops > 0).any() else 1.0


def _targets(fig: go.Figure, sizes: Ints, counts: Ints, shown: Ints | None, scale: Scale, top: float) -> None:
    """Bars of full height that cannot be seen: small counts are as easy to hit as large ones."""
    total, left = int(counts.sum()), 0 if shown is None else int(shown.sum())
    texts = [f"{number(int(n))} molecules, {percent(n / total, 1)} of all" for n in counts]
    if shown is not None:
        texts = [
            f"{number(int(m))} of {text}<br>{percent(m / max(left, 1), 1)} of those that the filters leave"
            for m, text in zip(shown, texts, strict=True)
        ]
    fig.add_bar(
        x=sizes,
        y=np.full(len(sizes), top),
        width=1,
        customdata=[[int(size), int(size)] for size in sizes],
        text=texts,
        textposition="none",
        hovertemplate="<b>%{x} atoms</b><br>%{text}<extra></extra>",
        name="sizes",
        **UNSEEN,
    )


def _upright(fig: go.Figure, scale: Scale, top: float, least: float) -> None:
    if scale == "log":
        low = least / 2
        values, texts = log_ticks(low, top)
        texts = [short_count(round(value)) if value >= 1 else text for value, text in zip(values, texts, strict=True)]
        fig.update_yaxes(type="log", range=[np.log10(low), np.log10(top) + 0.12], tickvals=values, ticktext=texts)
    else:
        ticks = {"ticksuffix": " %", "nticks": 5} if scale == "share" else count_ticks(top)
        fig.update_yaxes(range=[0, max(top, 1e-9) * 1.06], **ticks)


def count_ticks(top: float) -> dict[str, Any]:
    """Ticks of a linear axis of counts up to `top`: whole numbers."""
    return {"dtick": 1} if top < 5 else {"tickformat": "~s", "nticks": 5}


def marked(chosen: Sequence[bool], c: Colours) -> str | list[str]:
    """Colour of each bar of counts: dark for the chosen ones."""
    return [c.count_line if one else c.count for one in chosen] if any(chosen) else c.count


def size_step(sizes: Ints) -> int:
    """Step of the ticks of an axis of sizes."""
    span = int(sizes[-1] - sizes[0])
    return next((step for step in (1, 2, 5, 10, 20, 50) if span / step <= 26), 100)


def size_sentence(sizes: Ints, counts: Ints) -> str:
    """Where most molecules are, and which sizes are rare, in Markdown."""
    sizes, counts = sizes[counts > 0], counts[counts > 0]
    if len(sizes) == 0:
        return "**No molecule is left.**"
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
        f"{text} {some(int(rare.sum()), 'size is', 'sizes are')} rarer than 1 % "
        f"({spans(sizes[rare])} atoms): {some(n_rare, 'molecule', 'molecules')}, {percent(n_rare / total, 1)} of all."
    )


def spans(values: Sequence[int] | Ints) -> str:
    """Whole numbers in words, three neighbours and more joined: 3 to 9, 12 and 25."""
    runs: list[list[int]] = []
    for value in sorted(int(v) for v in values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return listed([word for a, b in runs for word in ([f"{a} to {b}"] if b > a + 1 else map(str, range(a, b + 1)))])


def some(n: int, one: str, many: str) -> str:
    """A count with its noun: 1 molecule, 2,000 molecules."""
    return f"{number(n)} {one if n == 1 else many}"


def listed(words: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
