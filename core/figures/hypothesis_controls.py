"""The small figures of hypotheses that have a control: the spread over sizes, and the difference by size."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from core.figures.error_axes import Row, linear_ticks, tick_texts
from core.figures.numbers import number, percent, significant
from core.figures.theme import Colours, ModelStyle, annotate, rgba
from core.judge.hypotheses.findings import Finding

_SMALL = {"size": 10.5}


def spreads(
    finding: Finding, style: ModelStyle, factor: float, unit: str, c: Colours, fig: go.Figure
) -> go.Figure | None:
    """H3: how far the MAE varies over sizes, balanced and control, with intervals and a small mark for each seed."""
    told = finding.details
    if told.get("spread") is None or told.get("spread_control") is None:
        return None
    lines = [
        ("control", "spread_control", "spreads_control", c.muted, "circle"),
        ("balanced", "spread", "spreads", style.colour, style.symbol),
    ]
    reach = [0.0]
    notes: list[Row] = []
    for place, (name, key, each, colour, symbol) in enumerate(lines):
        value, low, high = float(told[key]), told.get(f"{key}_low"), told.get(f"{key}_high")
        limits = (value if low is None else float(low), value if high is None else float(high))
        seeds = [float(one) for one in told.get(each) or []]
        reach += [value, *limits, *seeds]
        words = f"<b>{name}</b>: {percent(value, 1)} of the mean"
        if low is not None:
            words += f" ({percent(limits[0], 1)} to {percent(limits[1], 1)})"
        if len(seeds) > 1:
            fig.add_scatter(
                x=seeds, y=[place - 0.26] * len(seeds), mode="markers", name=f"{name}, seeds", hoverinfo="skip",
                marker={"symbol": symbol, "size": 5, "color": rgba(colour, 0.5)},
            )  # fmt: skip
        fig.add_scatter(
            x=[value], y=[place], mode="markers", name=name, text=[words], hovertemplate="%{text}<extra></extra>",
            error_x={
                "type": "data", "symmetric": False, "array": [limits[1] - value], "arrayminus": [value - limits[0]],
                "color": colour, "thickness": 2, "width": 0,
            },
            marker={"symbol": symbol, "size": 9, "color": colour},
        )  # fmt: skip
        notes.append({
            "x": 0, "xref": "paper", "xanchor": "right", "xshift": -8, "y": place, "text": f"<b>{name}</b>",
            "font": {"size": 11, "color": colour},
        })  # fmt: skip
    annotate(fig, notes)
    highest = 1.08 * max(reach) or 1.0
    ticks = linear_ticks(0, highest, 4)
    fig.update_layout(
        margin={"l": 66, "r": 12, "t": 4, "b": 22},
        xaxis={"range": [0, highest], "tickvals": ticks, "ticktext": [percent(tick) for tick in ticks],
               "tickfont": _SMALL, "showgrid": True},
        yaxis={"visible": False, "range": [-0.65, 1.45]},
    )  # fmt: skip
    return fig


def against_control(
    finding: Finding, style: ModelStyle, factor: float, unit: str, c: Colours, fig: go.Figure
) -> go.Figure | None:
    """H4, and depletion experiments of H1: MAE of the run minus that of its control by size.

    Sizes that the question is about (trained on, or left out) are filled, the others hollow.
    """
    rows: list[Row] = finding.details.get("sizes", [])
    if not rows:
        return None
    chosen = [bool(row.get("trained", row.get("depleted", True))) for row in rows]
    values = [_difference(row) * factor for row in rows]
    places = [float(row["size"]) for row in rows]
    margin = float(finding.details.get("margin") or 0.0) * factor
    reach = [0.0, margin, -margin, *values]
    ends = [(low * factor, high * factor) for row in rows if (low := row.get("low")) is not None
            if (high := row.get("high")) is not None]  # fmt: skip
    far = 3 * max(abs(value) for value in reach)
    reach += [min(max(limit, -far), far) for pair in ends for limit in pair]
    low, high = min(reach), max(reach)
    pad = 0.14 * (high - low) or 1.0
    low, high = low - pad, high + pad
    colour = style.colour
    shapes: list[Row] = [
        {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0, "y1": 0, "line": {"color": c.faint, "width": 1},
         "layer": "below"},
        {"type": "rect", "x0": 0, "x1": 1, "xref": "paper", "y0": -margin, "y1": margin, "line": {"width": 0},
         "fillcolor": rgba(c.faint, 0.22), "layer": "below"},
    ]  # fmt: skip
    fig.add_scatter(
        x=places, y=values, mode="markers", name="sizes",
        error_y={
            "type": "data", "symmetric": False, "array": [_arm(row, "high") * factor for row in rows],
            "arrayminus": [-_arm(row, "low") * factor for row in rows], "color": rgba(colour, 0.55), "thickness": 1.4,
            "width": 0,
        },
        marker={
            "symbol": style.symbol, "size": 6.5, "color": [colour if one else c.page for one in chosen],
            "line": {"color": colour, "width": [0 if one else 1.2 for one in chosen]},
        },
        text=[_words(row, value, factor, unit) for row, value in zip(rows, values, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    tops = [value + _arm(row, "high") * factor for row, value in zip(rows, values, strict=True)]
    feet = [value + _arm(row, "low") * factor for row, value in zip(rows, values, strict=True)]
    half = max(1, len(rows) // 2)
    above = {"yref": "paper", "y": 1, "yanchor": "top", **_side(max(tops[:half]) <= max(tops[half:] or tops))}
    below = {"yref": "paper", "y": 0, "yanchor": "bottom", **_side(min(feet[:half]) >= min(feet[half:] or feet))}
    annotate(fig, [
        {**above, "text": "control better", "font": {"size": 10, "color": c.muted}},
        {**below, "text": "run better", "font": {"size": 10, "color": colour}},
    ])  # fmt: skip
    ticks = linear_ticks(low, high, 3)
    first, last = min(places), max(places)
    inner = [size for size in range(5 * int(first // 5), int(last) + 1, 5) if first + 2 <= size <= last - 2]
    fig.update_layout(
        shapes=shapes,
        margin={"l": 42, "r": 8, "t": 4, "b": 22},
        xaxis={"range": [first - 0.8, last + 0.8], "tickvals": [first, *inner, last], "tickfont": _SMALL},
        yaxis={"range": [low, high], "tickvals": ticks, "ticktext": tick_texts(ticks, sign=True), "tickfont": _SMALL},
    )
    return fig


def _difference(row: Row) -> float:
    found = row.get("difference")
    return float(row["mae"] - row["mae_control"] if found is None else found)


def _side(left: bool) -> dict[str, Any]:
    """Left or right, where the marks leave room."""
    return {"xref": "paper", "x": 0 if left else 1, "xanchor": "left" if left else "right"}


def _arm(row: Row, side: str) -> float:
    limit = row.get(side)
    return 0.0 if limit is None else float(limit) - _difference(row)


def _words(row: Row, value: float, factor: float, unit: str) -> str:
    text = f"<b>{row['size']} atoms</b>: {significant(value, 3, sign=True)} {unit}"
    if row.get("low") is not None and row.get("high") is not None:
        ends = (significant(row[side] * factor, 3, sign=True) for side in ("low", "high"))
        text += f" ({' to '.join(ends)})"
    errors = (significant(row[side] * factor) for side in ("mae", "mae_control"))
    return f"{text}<br>{' against '.join(errors)}; {number(row['n_held_out'])} held out"
