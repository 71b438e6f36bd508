"""The difference of two models in every cell of size and element: blue where the first is better, orange where not."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures.error_axes import Row, View, as_text, linear_ticks, tick_texts
from core.figures.error_heatmaps import N_BLANK, cell_axes, cells_figure, colour_bar
from core.figures.numbers import number, significant
from core.figures.theme import colours, scale


def difference_heatmap(
    first: pl.DataFrame,
    second: pl.DataFrame,
    names: tuple[str, str],
    view: View,
    selected: Collection[str] = (),
    height: int = 250,
) -> go.Figure:
    """Error of the first model minus that of the second, cell by cell; a dot below 10 molecules, no colour below 3.

    first, second: tables by size_element on the same molecules; of a signed error its size is compared. The ends of the
    scale are the largest differences of cells with 10 molecules or more.
    """
    rows = differences(first, second, view)
    sizes, elements = cell_axes(first)
    values = np.full((len(elements), len(sizes)), np.nan)
    for row in rows:
        if row["n_held_out"] >= N_BLANK:
            values[elements.index(row["element"]), row["lowest"] - sizes[0]] = row["difference"] * view.factor
    known = [abs(row["difference"]) * view.factor for row in rows if row["n_held_out"] >= 10]
    reach = max(known or [abs(row["difference"]) * view.factor for row in rows] or [1.0]) or 1.0
    ticks = linear_ticks(-reach, reach, 4)
    colour = colour_bar(scale(colours(view.dark).difference), -reach, reach, ticks, tick_texts(ticks, sign=True), view)
    texts = [_text(names, row, view) for row in rows]
    return cells_figure(
        sizes, elements, np.clip(values, -reach, reach), colour, rows, texts, view.dark, selected, height
    )


def differences(first: pl.DataFrame, second: pl.DataFrame, view: View) -> list[Row]:
    """Cells that both models have an error in, with `first`, `second` and their `difference` in the unit inside."""
    other = {row["group"]: row[view.measure] for row in second.iter_rows(named=True)}
    found = []
    for row in first.iter_rows(named=True):
        a, b = row[view.measure], other.get(row["group"])
        if a is not None and b is not None and row["n_held_out"] > 0:
            change = abs(a) - abs(b) if view.measure == "bias" else a - b
            found.append({**row, "first": a, "second": b, "difference": change})
    return found


def difference_table(first: pl.DataFrame, second: pl.DataFrame, view: View) -> pl.DataFrame:
    """The numbers behind the figure: one row a cell, in the unit inside."""
    columns = ("group", "lowest", "element", "n_held_out", "n_train", "first", "second", "difference")
    rows = [{key: row[key] for key in columns} for row in differences(first, second, view)]
    return pl.DataFrame(rows, schema=None if rows else dict.fromkeys(columns, pl.Float64))


def _text(names: tuple[str, str], row: Row, view: View) -> str:
    if row["n_held_out"] < N_BLANK:
        return f"{row['label']}: {row['n_held_out']} held out, too few for a colour"
    a, b = (view.text(row[side]) for side in ("first", "second"))
    change = significant(row["difference"] * view.factor, 3, sign=True)
    return (
        f"<b>{row['label']}</b>: {change} {view.unit}<br>{as_text(names[0])} {a}, {as_text(names[1])} {b}<br>"
        f"{number(row['n_held_out'])} held out, {number(row['n_train'])} in training"
    )


def difference_sentence(first: pl.DataFrame, second: pl.DataFrame, view: View) -> str:
    """From where to where the differences of cells with 10 molecules or more go; what is noise is said on Compare."""
    rows = [row for row in differences(first, second, view) if row["n_held_out"] >= 10]
    if not rows:
        return "No cell has 10 held-out molecules: not enough data."
    better = sum(row["difference"] < 0 for row in rows)
    low, high = (pick(rows, key=lambda row: row["difference"]) for pick in (min, max))
    ends = [f"{significant(row['difference'] * view.factor, 3, sign=True)} {view.unit} at {row['label']}"
            for row in (low, high)]  # fmt: skip
    return (
        f"The first has the smaller error in {better} of {len(rows)} cells with 10 molecules or more: {ends[0]} to "
        f"{ends[1]}. Which of these are more than noise, Compare tells."
    )
