"""Error against the number of atoms, from the tables of `core.judge.errors.group_errors`."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures.error_axes import (
    LineEnd,
    ModelErrors,
    Row,
    View,
    as_text,
    hover_text,
    limit,
    names_at_end,
    set_error_axis,
    short_name,
    size_ticks,
    value_range,
)
from core.figures.numbers import number, significant
from core.figures.theme import colours, figure, rgba
from core.judge.intervals import N_LARGE, N_POINTS_ONLY


def error_by_size(
    models: list[ModelErrors], view: View, accuracy: float | None = None, selected: int | None = None, height: int = 380
) -> go.Figure:
    """Error against the number of atoms: lines with bands, hollow from 10 to 49 molecules, faint dots below.

    models: their tables by size; the training histogram and the baseline are those of the first
    accuracy: 1 kcal/mol in the unit inside where the level of theory allows the line
    selected: a size to mark
    """
    c = colours(view.dark)
    longest = max(len(short_name(model.name)) for model in models)
    fig = figure(view.dark, height, left=46, right=max(130, 20 + 7 * longest), top=14, bottom=42)
    _training_bars(fig, models[0].table, view)
    low, high = value_range(models, view, baseline=True)
    baseline = models[0].table.filter(pl.col("n_held_out") >= N_POINTS_ONLY)
    ends: list[LineEnd] = []
    if view.measure in ("mae", "rmse", "median") and len(baseline):
        ends += _baseline_line(fig, baseline, view, high)
    if accuracy is not None and accuracy_drawn(models, view, accuracy):
        at = accuracy * view.factor
        fig.add_shape(type="line", x0=0, x1=1, xref="paper", y0=at, y1=at, line={"color": c.axis, "width": 1})
        ends.append(LineEnd(at, "1 kcal/mol", c.faint))
    for model in models:
        ends += _size_line(fig, model, view, low)
    set_error_axis(fig, "y", low, high, view)
    names_at_end(fig, ends, low, high, view, height - 56)
    _dots_above(fig, models, view, high)
    if view.measure == "bias":
        fig.add_hline(y=0, line={"color": c.axis, "width": 1})
    sizes = models[0].table["lowest"].to_list()
    if selected is not None:
        fig.add_vrect(x0=selected - 0.5, x1=selected + 0.5, line_width=0, fillcolor=rgba(c.faint, 0.18), layer="below")
    fig.update_xaxes(
        range=[min(sizes) - 0.6, max(sizes) + 0.6], tickvals=size_ticks(sizes), title_text="atoms in the molecule"
    )
    return fig


def accuracy_drawn(models: list[ModelErrors], view: View, accuracy: float | None) -> bool:
    """Whether `error_by_size` draws the line of 1 kcal/mol: only for the MAE, and where it falls on the axis."""
    low, high = value_range(models, view, baseline=True)
    return accuracy is not None and view.measure == "mae" and low < accuracy * view.factor < high


def _training_bars(fig: go.Figure, table: pl.DataFrame, view: View) -> None:
    """The number of training molecules of each size as a quiet histogram in the lower third."""
    c = colours(view.dark)
    counts = table["n_train"].to_list()
    most = max(counts)
    fig.add_bar(
        x=table["lowest"].to_list(), y=counts, yaxis="y2", marker={"color": c.behind, "line": {"width": 0}}, width=0.86,
        hoverinfo="skip", name="training molecules",
    )  # fmt: skip
    fig.update_layout(
        yaxis2={"range": [0, max(most, 1) * 2.9], "visible": False, "fixedrange": True, "side": "right"},
        yaxis={"overlaying": "y2"},
    )
    at = table["lowest"][counts.index(most)]
    fig.add_annotation(
        x=1, xref="paper", xanchor="left", xshift=6, y=0, yref="paper", yanchor="bottom", align="left",
        text=f"bars: training molecules,<br>{number(most)} at {at} atoms", font={"size": 10.5, "color": c.faint},
    )  # fmt: skip


def _baseline_line(fig: go.Figure, table: pl.DataFrame, view: View, high: float) -> list[LineEnd]:
    """The baseline, dashed; or a sentence where it lies above a linear axis. Returns its name for the line's end."""
    c = colours(view.dark)
    values = [value * view.factor for value in table[f"baseline_{view.measure}"]]
    if not view.on_log and min(values) > high:
        fig.add_annotation(
            x=0.5, xref="paper", y=1, yref="paper", yanchor="top", bgcolor=c.page,
            text=f"baseline, linear in composition: {significant(min(values))} to {significant(max(values))} "
            f"{view.unit}, above this axis",
        )  # fmt: skip
        return []
    fig.add_scatter(
        x=table["lowest"].to_list(), y=values, mode="lines", line={"color": c.faint, "width": 1.2, "dash": "4px,4px"},
        hoverinfo="skip", name="baseline",
    )  # fmt: skip
    return [LineEnd(min(values[-1], high), "baseline: composition", c.faint)]


def _dots_above(fig: go.Figure, models: list[ModelErrors], view: View, high: float) -> None:
    """Say it where marks of few molecules lie above a linear axis."""
    above = sum((model.table[view.measure].drop_nulls() * view.factor > high).sum() for model in models)
    if above and not view.on_log:
        text = f"{above} {'dot lies' if above == 1 else 'dots lie'} above this axis"
        font = {"size": 10.5, "color": colours(view.dark).faint}
        fig.add_annotation(
            x=0, xref="paper", xanchor="left", xshift=6, y=1, yref="paper", yanchor="top", text=text, font=font
        )


def _size_line(fig: go.Figure, model: ModelErrors, view: View, floor: float) -> list[LineEnd]:
    """Bands, line and markers of one model; returns its name for the line's end."""
    colour = model.style.colour
    segments: list[list[Row]] = [[]]
    few: list[Row] = []
    for row in model.table.iter_rows(named=True):
        if row[view.measure] is None:
            continue
        if row["n_held_out"] >= N_POINTS_ONLY:
            segments[-1].append(row)
        else:
            few.append(row)
            segments.append([])  # no line through sizes that nothing can be said about
    segments = [segment for segment in segments if segment]
    for segment in segments:
        x = [row["lowest"] for row in segment]
        limits = [
            (max(limit(row, "low", view), floor) if view.on_log else limit(row, "low", view), limit(row, "high", view))
            for row in segment
        ]
        if len(segment) == 1:
            x, limits = [x[0] - 0.12, x[0] + 0.12], limits * 2
        fig.add_scatter(
            x=x + x[::-1], y=[b for _, b in limits] + [a for a, _ in limits][::-1], fill="toself", mode="lines",
            fillcolor=rgba(colour, 0.16), line={"width": 0}, hoverinfo="skip", name=f"{model.name} interval",
        )  # fmt: skip
        fig.add_scatter(
            x=[row["lowest"] for row in segment], y=[row[view.measure] * view.factor for row in segment], mode="lines",
            line={"color": colour, "width": 2}, hoverinfo="skip", name=f"{model.name} line",
        )  # fmt: skip
    enough = [row for segment in segments for row in segment]
    _markers(fig, model, [row for row in enough if row["n_held_out"] >= N_LARGE], view, "filled")
    _markers(fig, model, [row for row in enough if row["n_held_out"] < N_LARGE], view, "hollow")
    _markers(fig, model, few, view, "dot")
    last = enough[-1] if enough else (few[-1] if few else None)
    return (
        []
        if last is None
        else [LineEnd(last[view.measure] * view.factor, as_text(short_name(model.name)), colour, bold=True)]
    )


def _markers(fig: go.Figure, model: ModelErrors, rows: list[Row], view: View, kind: str) -> None:
    """Clickable marks of one kind: filled, hollow or dot."""
    if not rows:
        return
    colour, page = model.style.colour, colours(view.dark).page
    size, fill, line = {
        "filled": (6.5, colour, 0.0),
        "hollow": (7.0, page, 1.6),
        "dot": (4.5, rgba(colour, 0.55), 0.0),
    }[kind]
    fig.add_scatter(
        x=[row["lowest"] for row in rows],
        y=[row[view.measure] * view.factor for row in rows],
        mode="markers",
        marker={"symbol": model.style.symbol, "size": size, "color": fill, "line": {"color": colour, "width": line}},
        unselected={"marker": {"opacity": 1}},
        customdata=[[row["lowest"], row["element"]] for row in rows],
        text=[hover_text(model.name, row, view) for row in rows],
        hovertemplate="%{text}<extra></extra>",
        name=f"{model.name} {kind}",
    )
