"""The parts of a split side by side: grey bars for training, hollow marks for validation, filled ones for test.

Orange is what a part lacks: a size or an element that is tested but was not trained, or that is rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.balance import is_common
from core.data.drift import Distance, Drift, Leakage
from core.data.splits import PARTS
from core.figures.dataset_sizes import spans
from core.figures.numbers import number, percent, short_count
from core.figures.theme import Colours, Figure, annotate, colours, figure, spread

WORDS = {"train": "training", "validation": "validation", "test": "test"}
_NAMES = 104  # pixels at the right for the names of the parts
_MARKS = {1: ("circle", 7), 2: ("circle", 8)}


def parts_by_size(drift: Drift, dark: bool, height: int = 270) -> Figure:
    """Share of each part's molecules that have each size: equal parts lie on each other, drift shows as a gap."""
    c = colours(dark)
    shares = 100 * drift.shares(drift.by_size)
    fig = figure(dark, height, left=46, right=_NAMES, top=10, bottom=40)
    if drift.n[0]:
        fig.add_bar(
            x=drift.sizes, y=shares[0], marker={"color": c.count, "cornerradius": 2}, name="training",
            customdata=np.stack([drift.by_size[0]], axis=1), hovertemplate=_hover("training"),
        )  # fmt: skip
    untrained = drift.by_size[0] == 0
    for part in (1, 2):
        if not drift.n[part]:
            continue
        # a size without a molecule of this part gets no mark, else zeros would cover the axis
        there = drift.by_size[part] > 0
        fig.add_scatter(
            x=drift.sizes[there],
            y=shares[part][there],
            mode="markers",
            marker=_marker(c, part, untrained[there]),
            customdata=np.stack([drift.by_size[part][there]], axis=1),
            hovertemplate=_hover(WORDS[PARTS[part]]),
            name=WORDS[PARTS[part]],
            cliponaxis=False,
        )
    fig.update_layout(bargap=0.2)
    top = float(np.nanmax(shares, initial=1.0))
    _name_parts(fig, drift, c, height)
    fig.update_yaxes(range=[0, top * 1.1], ticksuffix=" %", nticks=5)
    _size_axis(fig, drift.sizes)
    return fig


def _hover(word: str) -> str:
    return f"<b>%{{x}} atoms</b><br>%{{customdata[0]:,}} {word} molecules, %{{y:.2g}} % of them<extra></extra>"


def _marker(c: Colours, part: int, worse: NDArray[np.bool_]) -> dict[str, Any]:
    """Hollow for validation, filled for test; orange where the training part has nothing of the kind."""
    symbol, size = _MARKS[part]
    ink = [c.worse if w else c.ink for w in worse]
    if part == 1:
        return {"symbol": symbol, "size": size, "color": c.page, "line": {"color": ink, "width": 1.5}}
    return {"symbol": symbol, "size": size, "color": ink, "line": {"color": c.page, "width": 1}}


def _name_parts(fig: Figure, drift: Drift, c: Colours, height: int) -> None:
    """The name of each part with its mark and its number of molecules, at the right edge."""
    glyphs = {"train": "■", "validation": "○", "test": "●"}
    inks = {"train": c.count_line, "validation": c.ink, "test": c.ink}
    for place, part in enumerate(PARTS):
        n = int(drift.n[place])
        text = f"<b>{glyphs[part]} {WORDS[part]}</b><br>{number(n) if n else 'none'}"
        fig.add_annotation(
            xref="paper", x=1.0, xanchor="left", xshift=8, yref="paper", y=1.0, yanchor="top", yshift=-38 * place,
            align="left", text=text, font={"size": 11.5, "color": inks[part] if n else c.faint},
        )  # fmt: skip


def _size_axis(fig: Figure, sizes: Sequence[int] | NDArray[np.int64]) -> None:
    span = int(sizes[-1] - sizes[0])
    step = next((step for step in (1, 2, 5, 10, 20, 50) if span / step <= 14), 100)
    fig.update_xaxes(
        range=[sizes[0] - 0.7, sizes[-1] + 0.7], tickmode="linear", tick0=0, dtick=step, tickangle=0,
        title_text="atoms in the molecule",
    )  # fmt: skip


def division_of_sizes(drift: Drift, dark: bool, height: int = 250) -> Figure:
    """How the molecules of each size are divided, as stacked shares; their number above, orange below 1 % of all."""
    c = colours(dark)
    fig = figure(dark, height, left=46, right=_NAMES, top=22, bottom=40)
    of_size = drift.by_size.sum(axis=0)
    fills = (c.count, c.page, c.count_line)
    for part in range(3):
        share = 100 * drift.by_size[part] / np.maximum(of_size, 1)
        fig.add_bar(
            x=drift.sizes,
            y=share,
            marker={"color": fills[part], "line": {"color": c.count_line if part else c.count, "width": 1}},
            customdata=np.stack([drift.by_size[part]], axis=1),
            hovertemplate=f"<b>%{{x}} atoms</b><br>%{{customdata[0]:,}} {WORDS[PARTS[part]]}, %{{y:.3g}} %"
            "<extra></extra>",
            name=WORDS[PARTS[part]],
        )
    total = int(of_size.sum())
    ink = [c.muted if common else c.worse for common in is_common(of_size, total)]
    annotate(
        fig,
        [
            {"x": int(size), "y": 100, "yanchor": "bottom", "text": short_count(int(n)), "showarrow": False,
             "font": {"size": 10.5, "color": colour}}
            for size, n, colour in zip(drift.sizes, of_size, ink, strict=True)
            if n
        ]
        if len(drift.sizes) <= 40
        else [],
    )  # fmt: skip
    shares = drift.n / max(int(drift.n.sum()), 1)
    middle = 100 * (np.cumsum(shares) - shares / 2)
    there = [part for part in range(3) if drift.n[part]]
    gap = 100 * 17 / (height - 62)
    for part, y in zip(there, spread([float(middle[part]) for part in there], gap), strict=True):
        fig.add_annotation(
            xref="paper", x=1.0, xanchor="left", xshift=8, y=y, yanchor="middle", align="left",
            text=f"{WORDS[PARTS[part]]} {percent(float(shares[part]))}",
            font={"size": 11.5, "color": c.ink if part else c.count_line},
        )  # fmt: skip
    fig.update_layout(barmode="stack", bargap=0.2)
    fig.update_yaxes(range=[0, 100], tickvals=[0, 50, 100], ticktext=["0 %", "50 %", "100 %"], showgrid=False)
    _size_axis(fig, drift.sizes)
    return fig


def parts_by_element(drift: Drift, dark: bool, height: int = 270) -> Figure:
    """Share of each part's molecules that contain each element, the most frequent on top; counts at the right."""
    c = colours(dark)
    order = np.argsort(drift.by_element.sum(axis=0), kind="stable")
    symbols = [drift.symbols[k] for k in order]
    counts = drift.by_element[:, order]
    shares = 100 * drift.shares(counts)
    rows = np.arange(len(symbols))
    fig = figure(dark, max(height, 60 + 26 * len(symbols)), left=34, right=196, top=24, bottom=40)
    untrained = counts[0] == 0
    if drift.n[0]:
        fig.add_bar(
            x=shares[0], y=rows, orientation="h", width=0.5, marker={"color": c.count, "cornerradius": 3},
            customdata=_with_symbol(symbols, counts[0]), hovertemplate=_element_hover("training"), name="training",
        )  # fmt: skip
    for part in (1, 2):
        if drift.n[part]:
            fig.add_scatter(
                x=shares[part], y=rows, mode="markers", marker=_marker(c, part, untrained & (counts[part] > 0)),
                customdata=_with_symbol(symbols, counts[part]), hovertemplate=_element_hover(WORDS[PARTS[part]]),
                name=WORDS[PARTS[part]], cliponaxis=False,
            )  # fmt: skip
    notes = []
    for part, (head, shift) in enumerate((("■ training", 64), ("○ validation", 134), ("● test", 188))):
        margin = {"xref": "paper", "x": 1.0, "xanchor": "right", "xshift": shift, "showarrow": False}
        notes.append({**margin, "yref": "paper", "y": 1.0, "yanchor": "bottom", "text": head, "font": {"size": 11}})
        for row in rows:
            n = int(counts[part][row])
            few = bool(drift.n[part]) and not is_common(n, int(drift.n[part]))
            font = {"size": 11.5, "color": c.worse if few else c.ink if part == 0 else c.muted}
            notes.append({**margin, "y": int(row), "text": number(n) if drift.n[part] else "\N{EM DASH}", "font": font})
    annotate(fig, notes)
    fig.update_xaxes(
        range=[-2, 102], tickvals=[0, 50, 100], ticktext=["0 %", "50 %", "100 %"], title_text="of the part contain it"
    )
    fig.update_yaxes(
        range=[-0.6, len(symbols) - 0.4], tickvals=rows, ticktext=symbols, showgrid=False, ticklabelstandoff=6,
        tickfont={"size": 13, "color": c.ink},
    )  # fmt: skip
    return fig


def _with_symbol(symbols: Sequence[str], counts: NDArray[np.int64]) -> list[list[Any]]:
    return [[symbol, int(n)] for symbol, n in zip(symbols, counts, strict=True)]


def _element_hover(word: str) -> str:
    return f"<b>%{{customdata[0]}}</b><br>%{{customdata[1]:,}} {word} molecules, %{{x:.3g}} %<extra></extra>"


def size_table(drift: Drift) -> pl.DataFrame:
    """The numbers behind the figures by size."""
    return pl.DataFrame({"atoms": drift.sizes, **dict(zip(PARTS, drift.by_size, strict=True))})


def element_table(drift: Drift) -> pl.DataFrame:
    """The numbers behind the figure by element."""
    return pl.DataFrame({"element": drift.symbols, **dict(zip(PARTS, drift.by_element, strict=True))})


def leakage_table(leakage: Leakage) -> pl.DataFrame:
    """Molecules of validation and test beside the training molecule that they equal; the first 20."""
    return pl.DataFrame(leakage.examples, schema=["held_out_id", "training_id"], orient="row")


def size_drift_sentence(drift: Drift) -> str:
    """Do the parts hold the same sizes? In Markdown, with what is tested but not trained."""
    text = _drift_sentence("sizes", drift.size_distances)
    missing = drift.untrained_sizes()
    return f"{text} **Tested but never trained: {spans(missing)} atoms.**" if missing else text


def element_drift_sentence(drift: Drift) -> str:
    """Do the parts hold the same elements? In Markdown, with what is tested but not trained."""
    text = _drift_sentence("elements", drift.element_distances)
    missing = drift.untrained_elements()
    return f"{text} **Tested but never trained: {', '.join(missing)}.**" if missing else text


def _drift_sentence(what: str, distances: Sequence[Distance]) -> str:
    if not distances:
        return "There is only one part, so nothing can drift."
    drifted = [d for d in distances if d.drifted]
    if not drifted:
        told = " and ".join(f"{WORDS[d.part]} {percent(d.value, 1)}" for d in distances)
        most = percent(max(d.by_chance for d in distances), 1)
        return f"**No drift in {what} beyond chance.** Off training: {told}; dividing by lot alone gives up to {most}."
    told = " and ".join(
        f"{percent(d.value, 1)} of {WORDS[d.part]} (by lot up to {percent(d.by_chance, 1)})" for d in drifted
    )
    return f"**Other {what} than in training: {told}.**"


def leakage_sentence(leakage: Leakage | None) -> str:
    """Is a molecule in two parts? In Markdown."""
    if leakage is None:
        return "Whether a molecule is in two parts is not known yet: geometries have not been compared."
    if not leakage.n:
        return "No molecule is in two parts: geometries of validation and test are not among those of training."
    parts = [f"{number(n)} {word}" for n, word in ((leakage.test, "test"), (leakage.validation, "validation")) if n]
    one, other = leakage.examples[0]
    verb = "molecule has" if leakage.n == 1 else "molecules have"
    return f"**{' and '.join(parts)} {verb} the geometry of a training molecule**, such as {one} that of {other}."
