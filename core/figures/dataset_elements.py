"""Which elements the molecules contain: bars of shares, and the sentence above them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import plotly.graph_objects as go

from core.data.balance import is_common
from core.figures.dataset_sizes import listed, marked, some
from core.figures.numbers import number, percent
from core.figures.picking import SEEN, UNSEEN
from core.figures.theme import annotate, colours, figure


def element_shares(
    counts: Mapping[str, int],
    total: int,
    dark: bool,
    height: int = 300,
    shown: Mapping[str, int] | None = None,
    shown_total: int = 0,
    chosen: Collection[str] = (),
    without: Collection[str] = (),
) -> go.Figure:
    """Share of the molecules that contain each element, the most frequent on top; a click gives [symbol].

    Args:
        counts: element symbol -> number of molecules that contain it.
        total: number of molecules.
        shown, shown_total: the same for the molecules that the filters leave, as shares of these; those of all
            molecules then stand faint behind.
        chosen, without: the elements that are a filter themselves: contained (dark) and not contained (crossed out).
    """
    c = colours(dark)
    symbols = sorted(counts, key=lambda symbol: counts[symbol])
    rows = np.arange(len(symbols))
    front, of = (counts, total) if shown is None else (shown, max(shown_total, 1))
    shares = np.array([front[symbol] / of for symbol in symbols])
    fig = figure(dark, height, left=34, right=112, top=22, bottom=40)
    if shown is not None:
        behind = [100 * counts[symbol] / total for symbol in symbols]
        fig.add_bar(
            x=behind, y=rows, orientation="h", width=0.72, marker={"color": c.behind, "cornerradius": 3},
            hoverinfo="skip", name="all", **SEEN,
        )  # fmt: skip
    fig.add_bar(
        x=100 * shares,
        y=rows,
        orientation="h",
        width=0.5 if shown is None else 0.4,
        marker={"color": marked([symbol in chosen for symbol in symbols], c), "cornerradius": 3},
        hoverinfo="skip",
        name="shown",
        **SEEN,
    )
    texts = [f"{number(counts[s])} molecules, {percent(counts[s] / total, 1)} of all" for s in symbols]
    if shown is not None:
        texts = [
            f"{number(shown[s])} of {text}<br>{percent(shown[s] / of, 1)} of those that the filters leave"
            for s, text in zip(symbols, texts, strict=True)
        ]
    fig.add_bar(
        x=np.full(len(symbols), 100.0), y=rows, orientation="h", width=1, customdata=[[symbol] for symbol in symbols],
        text=texts, textposition="none", hovertemplate="<b>%{customdata[0]}</b><br>%{text}<extra></extra>",
        name="elements", **UNSEEN,
    )  # fmt: skip
    notes = []
    for row, symbol, share in zip(rows, symbols, shares, strict=True):
        ink = c.ink if is_common(counts[symbol], total) else c.worse
        margin = {"xref": "paper", "x": 1.0, "y": int(row), "xanchor": "right"}
        text = percent(share, 1 if 0 < share < 0.1 else 0)
        notes.append({**margin, "xshift": 48, "text": text, "font": {"size": 12, "color": ink}})
        text = number(front[symbol])
        notes.append({**margin, "xshift": 108, "text": text, "font": {"size": 11.5, "color": c.muted}})
    heads = {"xref": "paper", "x": 1.0, "yref": "paper", "y": 1.0, "yanchor": "bottom", "xanchor": "right"}
    notes += [{**heads, "xshift": shift, "text": text} for text, shift in (("share", 48), ("molecules", 108))]
    annotate(fig, notes)
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(
        range=[0, 100], tickvals=[0, 50, 100], ticktext=["0", "50", "100 %"], title_text="of the molecules contain it"
    )
    names = [_marked(symbol, chosen, without) for symbol in symbols]
    fig.update_yaxes(
        range=[-0.6, len(symbols) - 0.4], tickvals=rows, ticktext=names, showgrid=False,
        tickfont={"size": 13, "color": c.ink},
    )  # fmt: skip
    return fig


def _marked(symbol: str, chosen: Collection[str], without: Collection[str]) -> str:
    if symbol in without:
        return f"<s>{symbol}</s>"
    return f"<b>{symbol}</b>" if symbol in chosen else symbol


def element_sentence(counts: Mapping[str, int], total: int) -> str:
    """Which elements nearly all molecules contain, and which are rare, in Markdown."""
    if total == 0:
        return "**No molecule is left.**"
    counts = {symbol: n for symbol, n in counts.items() if n}
    everywhere = [symbol for symbol, n in counts.items() if n >= 0.95 * total]
    rare = {symbol: n for symbol, n in counts.items() if not is_common(n, total)}
    first = "No element is in nearly all molecules."
    if everywhere:
        first = f"Nearly all molecules contain {listed(everywhere)}."
    if not rare:
        least = min(counts, key=lambda symbol: counts[symbol])
        return f"{first} **The rarest element is {least}, in {percent(counts[least] / total)}.**"
    words = [f"{symbol} in {some(n, 'molecule', 'molecules')}" for symbol, n in rare.items()]
    return f"{first} **Rarer than 1 %: {listed(words)}.**"
