"""Error on the molecules that contain each element, from the tables of `core.judge.errors.group_errors`."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from core.figures.error_axes import (
    MEASURE_NAMES,
    ModelErrors,
    View,
    hover_text,
    limit,
    set_error_axis,
    value_range,
)
from core.figures.numbers import number
from core.figures.theme import colours, figure, rgba
from core.judge.intervals import N_LARGE, N_POINTS_ONLY


def error_by_element(
    models: list[ModelErrors], view: View, selected: str | None = None, height: int = 380
) -> go.Figure:
    """Error on the molecules that contain each element, as dots with intervals, rare elements first; n in a column.

    models: their tables by element; `overall` is drawn dotted
    """
    c = colours(view.dark)
    fig = figure(view.dark, height, left=88, right=14, top=22, bottom=42)
    table = models[0].table.filter(pl.max_horizontal(*[_held_out_of(m, models[0]) for m in models]) > 0)
    rows = table.sort("n_train", descending=True)
    elements = rows["element"].to_list()  # from the bottom up
    low, high = value_range(models, view)
    shapes: list[dict[str, Any]] = []
    for place, model in enumerate(models):
        shift = ((len(models) - 1) / 2 - place) * min(0.2, 0.7 / len(models))
        _element_marks(fig, model, elements, view, shift, low)
        if model.overall is not None:
            at = model.overall * view.factor
            line = {"color": rgba(model.style.colour, 0.45), "width": 1, "dash": "2px,3px"}
            shapes.append({"x0": at, "x1": at, "y0": -0.5, "y1": len(elements) - 0.5, "line": line})
    column = {"x": 0, "xref": "paper", "xanchor": "right", "showarrow": False}
    top = len(elements) - 0.5
    texts = [{**column, "y": top, "yanchor": "bottom", "text": "n", "xshift": -10, "font": {"color": c.faint}}]
    for place, row in enumerate(rows.iter_rows(named=True)):
        font = {"size": 15, "color": c.ink}
        texts.append({**column, "y": place, "text": f"<b>{row['element']}</b>", "xshift": -62, "font": font})
        texts.append({**column, "y": place, "text": number(row["n_held_out"]), "xshift": -10})
        across = {"x1": 1, "xref": "paper", "y0": place - 0.5}
        if place:
            shapes.append({**across, "x0": -0.3, "y1": place - 0.5, "line": {"color": c.grid, "width": 1}})
        if selected == row["element"]:
            fill = {"type": "rect", "fillcolor": rgba(c.faint, 0.18), "line": {"width": 0}}
            shapes.append({**across, **fill, "x0": 0, "y1": place + 0.5})
    shapes = [{"type": "line", "layer": "below", **shape} for shape in shapes]
    fig.update_layout(annotations=texts, shapes=shapes)
    set_error_axis(fig, "x", low, high, view)
    fig.update_xaxes(showgrid=True, title_text=f"{MEASURE_NAMES[view.measure]}, {view.unit}")
    fig.update_yaxes(visible=False, range=[-0.5, top + 0.25])
    return fig


def _held_out_of(model: ModelErrors, first: ModelErrors) -> pl.Series:
    """Held-out molecules of a model in the groups of the first one."""
    joined = first.table.select("group").join(model.table.select("group", "n_held_out"), on="group", how="left")
    return joined["n_held_out"].fill_null(0)


def _element_marks(
    fig: go.Figure, model: ModelErrors, elements: list[str], view: View, shift: float, floor: float
) -> None:
    colour, page = model.style.colour, colours(view.dark).page
    rows = [
        row for row in model.table.iter_rows(named=True) if row["element"] in elements and row[view.measure] is not None
    ]
    values = [row[view.measure] * view.factor for row in rows]
    lows = [max(limit(row, "low", view), floor) if view.on_log else limit(row, "low", view) for row in rows]
    highs = [limit(row, "high", view) for row in rows]
    few = [row["n_held_out"] < N_POINTS_ONLY for row in rows]
    hollow = [N_POINTS_ONLY <= row["n_held_out"] < N_LARGE for row in rows]
    fig.add_scatter(
        x=values,
        y=[elements.index(row["element"]) + shift for row in rows],
        mode="markers",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for high, value in zip(highs, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        marker={
            "symbol": model.style.symbol,
            "size": [5 if f else 9 for f in few],
            "color": [rgba(colour, 0.55) if f else page if h else colour for f, h in zip(few, hollow, strict=True)],
            "line": {"color": colour, "width": [1.7 if h else 0 for h in hollow]},
        },
        unselected={"marker": {"opacity": 1}},
        customdata=[[None, row["element"]] for row in rows],
        text=[hover_text(model.name, row, view) for row in rows],
        hovertemplate="%{text}<extra></extra>",
        name=model.name,
    )
