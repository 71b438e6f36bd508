"""The small figures of the four hypotheses, from `Finding.details`; a card has room for 120 pixels."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from core.figures.error_axes import Row, log_axis_ticks
from core.figures.hypothesis_controls import against_control, spreads
from core.figures.numbers import number, short_count, significant
from core.figures.theme import Colours, ModelStyle, annotate, colours, figure, rgba
from core.judge.hypotheses.findings import Finding
from core.judge.statistics.intervals import N_LARGE

_SMALL = {"size": 10.5}


def finding_figure(
    finding: Finding, style: ModelStyle, factor: float, unit: str, dark: bool, height: int = 128
) -> go.Figure | None:
    """The figure of one hypothesis, or None where there is nothing to draw; `figure_caption` says what it shows.

    Args:
        style: colour and symbol of the run; its control is grey.
        factor, unit: from the unit inside to the one shown.
    """
    draw = _KINDS.get(_kind(finding))
    return None if draw is None else draw(finding, style, factor, unit, colours(dark), figure(dark, height))


def figure_caption(finding: Finding, unit: str) -> str:
    """What the figure of a hypothesis shows, as its card says it."""
    return {
        "H1": f"MAE of a size, {unit}, against its training molecules, both log · hollow: fewer than {N_LARGE}",
        "H1 experiment": f"MAE of run minus control by size, {unit} · filled: the size that was left out",
        "H2": "Times the error of like molecules without the element · 95 %, all at once",
        "H3": "Spread of the MAE over sizes, noise removed, 95 % · small: each seed",
        "H4": f"MAE of run minus control by size, {unit} · filled: sizes trained on · band: equal",
    }.get(_kind(finding), "")


def _kind(finding: Finding) -> str:
    experiment = getattr(finding, "evidence", "") == "experiment"
    return f"{finding.hypothesis} experiment" if experiment and finding.hypothesis == "H1" else finding.hypothesis


def _rare_sizes(
    finding: Finding, style: ModelStyle, factor: float, unit: str, c: Colours, fig: go.Figure
) -> go.Figure | None:
    rows: list[Row] = [row for row in finding.details.get("sizes", []) if row["mae"] > 0]
    if len(rows) < 2:
        return None
    # A size that was never trained on has its place left of 1, where a logarithm has none.
    x = [max(float(row["n_train"]), 0.5) for row in rows]
    y = [row["mae"] * factor for row in rows]
    low, high = min(y) / 1.2, max(y) * 1.25
    arms = [((row.get("high") or row["mae"]) - row["mae"], row["mae"] - (row.get("low") or row["mae"])) for row in rows]
    hollow = [row["n_held_out"] < N_LARGE for row in rows]
    fig.add_scatter(
        x=x, y=y, mode="markers", name="sizes",
        error_y={
            "type": "data", "symmetric": False, "array": [up * factor for up, _ in arms],
            "arrayminus": [down * factor for _, down in arms], "color": rgba(style.colour, 0.35), "thickness": 1.2,
            "width": 0,
        },
        marker={
            "symbol": style.symbol, "size": 7, "color": [c.page if h else style.colour for h in hollow],
            "line": {"color": style.colour, "width": [1.4 if h else 0 for h in hollow]},
        },
        text=[
            f"<b>{row['size']} atoms</b>: {significant(row['mae'] * factor)} {unit}<br>"
            f"{number(row['n_held_out'])} held out, {number(row['n_train'])} in training"
            for row in rows
        ],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    ends = [min(rows, key=lambda row: row["size"]), max(rows, key=lambda row: row["size"])]
    ends.sort(key=lambda row: row["mae"])  # the lower one has its name below, so that the two never touch
    annotate(fig, [
        {"x": math.log10(max(row["n_train"], 0.5)), "y": math.log10(row["mae"] * factor), "yshift": shift,
         "text": f"{row['size']} atoms", "font": {"size": 10, "color": c.muted}, "xanchor": "center"}
        for row, shift in zip(ends, (-11, 11), strict=True)
    ])  # fmt: skip
    left, right = min(x) / 1.5, max(x) * 1.7
    ticks, texts = log_axis_ticks(max(left, 1.0), right)
    ticks = ticks if len(ticks) <= 5 else [tick for tick in ticks if math.log10(tick) % 1 == 0] or ticks[::2]
    texts = [short_count(int(tick)) for tick in ticks]
    if min(x) < 1:
        ticks, texts = [0.5, *ticks[1:]], ["0", *texts[1:]]  # 1 would touch it
    heights, words = log_axis_ticks(low, high)
    keep = max(1, math.ceil(len(heights) / 3))
    fig.update_layout(
        margin={"l": 34, "r": 8, "t": 14, "b": 22},
        xaxis={"type": "log", "range": [math.log10(left), math.log10(right)], "tickvals": ticks, "ticktext": texts,
               "tickfont": _SMALL},
        yaxis={"type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": heights[::keep],
               "ticktext": words[::keep], "tickfont": _SMALL},
    )  # fmt: skip
    return fig


def _rare_elements(
    finding: Finding, style: ModelStyle, factor: float, unit: str, c: Colours, fig: go.Figure
) -> go.Figure | None:
    rows: list[Row] = sorted(finding.details.get("elements", []), key=lambda row: -row["n_train"])  # rarest on top
    if not rows:
        return None
    matched, rarest = finding.details.get("matched") or {}, finding.details.get("rarest")
    if matched.get("times") is not None:  # the same question, asked in another way, under the regression's answer
        first = next(row for row in rows if row["element"] == rarest)
        rows.insert(rows.index(first), {**first, **matched, "element": f"{rarest} matched", "n_held_out": matched["n"]})
    known = [row for row in rows if row.get("times") is not None]
    limits = [value for row in known for value in (row["low"], row["high"], row["times"]) if value]
    low, high = min([*limits, 0.9]) / 1.06, max([*limits, 1.1]) * 1.06
    fig.add_shape(type="line", x0=1, x1=1, y0=-0.5, y1=len(rows) - 0.5, line={"color": c.faint, "width": 1})
    colour = style.colour
    fig.add_scatter(
        x=[row["times"] for row in known], y=[rows.index(row) for row in known], mode="markers", name="elements",
        error_x={
            "type": "data", "symmetric": False, "thickness": 2, "width": 0, "color": colour,
            "array": [row["high"] - row["times"] for row in known],
            "arrayminus": [row["times"] - row["low"] for row in known],
        },
        marker={"symbol": style.symbol, "size": 8, "color": colour},
        text=[
            f"<b>with {row['element']}</b>: {row['times']:.2f} times ({row['low']:.2f} to {row['high']:.2f})<br>"
            f"{number(row['n_held_out'])} held out, {number(row['n_train'])} in training"
            for row in known
        ],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    start = {"x": 0, "xref": "paper", "xanchor": "right"}
    notes: list[Row] = []
    for place, row in enumerate(rows):
        notes.append({**start, "y": place, "text": _element_label(row["element"]), "xshift": -40,
                      "font": {"size": 12, "color": c.ink}})  # fmt: skip
        notes.append({**start, "y": place, "text": short_count(int(row['n_held_out'])), "xshift": -8,
                      "font": {"size": 10.5, "color": c.muted}})  # fmt: skip
        if row.get("times") is None:
            few = f"fewer than {N_LARGE}" if row["n_held_out"] < N_LARGE else "not told apart"
            notes.append({"x": 0.5, "xref": "paper", "y": place, "text": few, "bgcolor": c.page,
                          "font": {"size": 10.5, "color": c.faint}})  # fmt: skip
    annotate(fig, notes)
    ticks, texts = log_axis_ticks(low, high)
    keep = max(1, math.ceil(len(ticks) / 5))
    ticks, texts = ticks[::keep], texts[::keep]
    if not any(math.isclose(tick, 1.0) for tick in ticks):
        ticks, texts = [1.0], ["1"]
    fig.update_layout(
        margin={"l": 104 if matched.get("times") is not None else 60, "r": 10, "t": 4, "b": 22},
        xaxis={"type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": ticks,
               "ticktext": [f"{text} ×" for text in texts], "tickfont": _SMALL},
        yaxis={"visible": False, "range": [-0.6, len(rows) - 0.4]},
    )  # fmt: skip
    return fig


def _element_label(name: str) -> str:
    symbol, _, rest = name.partition(" ")
    return f"<b>{symbol}</b>" + (f" <span style='font-size:10.5px'>{rest}</span>" if rest else "")


_KINDS = {
    "H1": _rare_sizes,
    "H1 experiment": against_control,
    "H2": _rare_elements,
    "H3": spreads,
    "H4": against_control,
}
