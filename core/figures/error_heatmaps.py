"""Error of one model by size and element, and by size and epoch, as heatmaps."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import NDArray

from core.figures.error_axes import Row, View, as_text, built, hover_text, linear_ticks, log_axis_ticks, size_ticks
from core.figures.numbers import number, percent, significant
from core.figures.theme import colours, scale
from core.judge.statistics.intervals import N_POINTS_ONLY

N_BLANK = 3
"""Below this many held-out molecules a cell has no colour."""
MOST_COLUMNS = 64
"""More epochs than this are thinned, the later the more."""

Floats = NDArray[np.float64]


def size_element_heatmap(
    table: pl.DataFrame, view: View, name: str, selected: Collection[str] = (), height: int = 250
) -> go.Figure:
    """Error of one model in every cell of size and element; a dot below 10 molecules, no colour below 3.

    table: of `group_errors` by size_element
    selected: names of the cells to outline
    """
    rows = [row for row in table.iter_rows(named=True) if row["n_held_out"] > 0]
    sizes, elements = cell_axes(table)
    values = np.full((len(elements), len(sizes)), np.nan)
    for row in rows:
        if row["n_held_out"] >= N_BLANK and row[view.measure] is not None:
            values[elements.index(row["element"]), row["lowest"] - sizes[0]] = row[view.measure] * view.factor
    shown, colour = _magnitude(values, view)
    return cells_figure(
        sizes, elements, shown, colour, rows, [_cell_text(name, row, view) for row in rows], view.dark, selected, height
    )


def cell_axes(table: pl.DataFrame) -> tuple[list[int], list[str]]:
    """Every size from the smallest to the largest of a table by size_element, and its elements in their order."""
    elements = list(dict.fromkeys(table["element"].to_list()))
    return list(range(table["lowest"].min(), table["lowest"].max() + 1)), elements  # type: ignore[arg-type,operator]


def cells_figure(
    sizes: list[int],
    elements: list[str],
    shown: Floats,
    colour: dict[str, Any],
    rows: list[Row],
    texts: list[str],
    dark: bool,
    selected: Collection[str],
    height: int,
) -> go.Figure:
    """A heatmap of size and element whose cells can be clicked.

    shown (n_elements, n_sizes): what is coloured; colour: scale and bar; rows: cells with molecules, texts: theirs
    """
    c = colours(dark)
    few = [row for row in rows if N_BLANK <= row["n_held_out"] < N_POINTS_ONLY]
    still = {"selected": {"marker": {"opacity": 0}}, "unselected": {"marker": {"opacity": 0}}}
    traces: list[dict[str, Any]] = [
        {"type": "heatmap", "x": sizes, "y": list(range(len(elements))), "z": shown, "xgap": 1.5, "ygap": 1.5,
         "hoverinfo": "skip", **colour},
        {"type": "scatter", "x": [row["lowest"] for row in few], "y": [elements.index(row["element"]) for row in few],
         "mode": "markers", "marker": {"size": 4, "color": c.page, "line": {"color": c.muted, "width": 0.8}},
         "hoverinfo": "skip", "unselected": {"marker": {"opacity": 1}}, "name": "fewer than 10"},
        # A heatmap takes no clicks; marks that cannot be seen lie on its cells and do.
        {"type": "scatter", "x": [row["lowest"] for row in rows], "y": [elements.index(row["element"]) for row in rows],
         "mode": "markers", "marker": {"symbol": "square", "size": 15, "opacity": 0}, **still,
         "customdata": [[row["group"]] for row in rows], "text": texts, "hovertemplate": "%{text}<extra></extra>",
         "name": "cells"},
    ]  # fmt: skip
    marked: dict[str, list[int]] = {}
    for row in rows:
        if row["group"] in selected:
            marked.setdefault(row["element"], []).append(row["lowest"])
    boxes = [
        {"type": "rect", "x0": first - 0.5, "x1": last + 0.5, "line": {"color": c.ink, "width": 2},
         "y0": elements.index(element) - 0.5, "y1": elements.index(element) + 0.5}
        for element, places in marked.items()
        for first, last in _neighbours(places)
    ]  # fmt: skip
    layout = {
        "shapes": boxes,
        "xaxis": {
            "range": [sizes[0] - 0.6, sizes[-1] + 0.6], "tickvals": size_ticks(sizes),
            "title": {"text": "atoms in the molecule"},
        },
        "yaxis": {
            "range": [len(elements) - 0.5, -0.5], "showgrid": False, "tickvals": list(range(len(elements))),
            "ticktext": elements, "tickfont": {"size": 13, "color": c.ink},
        },
    }  # fmt: skip
    return built(dark, height, traces, layout, left=30, right=62, top=6, bottom=42)


def _neighbours(places: list[int]) -> list[tuple[int, int]]:
    """First and last of every run of neighbouring whole numbers, so that one outline goes around them."""
    runs: list[tuple[int, int]] = []
    for place in sorted(places):
        if runs and place == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def _cell_text(name: str, row: Row, view: View) -> str:
    if row["n_held_out"] < N_BLANK:
        return f"<b>{as_text(name)}</b><br>{row['label']}: {row['n_held_out']} held out, too few for a colour"
    return hover_text(name, row, view)


def _magnitude(values: Floats, view: View) -> tuple[Floats, dict[str, Any]]:
    """Colour values (log2 of the error, or the signed error itself) and the heatmap's scale for them."""
    c = colours(view.dark)
    known = values[np.isfinite(values)]
    if view.measure == "bias":
        reach = float(np.abs(known).max()) if len(known) else 1.0
        ticks = linear_ticks(-reach, reach, 4)
        texts = [significant(t, 2, sign=True) for t in ticks]
        return values, colour_bar(scale(c.difference), -reach, reach, ticks, texts, view)
    known = known[known > 0]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 2.0)
    high = max(high, 2 * low)
    places, texts = log_axis_ticks(low, high)
    with np.errstate(divide="ignore"):
        shown = np.log2(values)
    ticks = [math.log2(place) for place in places]
    return shown, colour_bar(scale(c.error_ramp), math.log2(low), math.log2(high), ticks, texts, view)


def colour_bar(
    ramp: list[list[float | str]], low: float, high: float, ticks: list[float], texts: list[str], view: View
) -> dict[str, Any]:
    """A heatmap's colour scale from `low` to `high`, and the bar that explains it."""
    c = colours(view.dark)
    bar = {
        "thickness": 8, "outlinewidth": 0, "tickvals": ticks, "ticktext": texts, "x": 1.015, "xpad": 0, "len": 1,
        "tickfont": {"size": 11, "color": c.muted},
        "title": {"text": view.unit, "font": {"size": 11, "color": c.muted}},
    }  # fmt: skip
    return {"colorscale": ramp, "zmin": low, "zmax": high, "colorbar": bar}


def size_epoch_heatmap(
    names: list[str],
    epochs: NDArray[np.int64],
    values: Floats,
    relative: Floats | None,
    counts: NDArray[np.int64],
    view: View,
    selected: Collection[str] = (),
    height: int = 250,
) -> go.Figure:
    """Validation error of one model by size and epoch: relative to all molecules of that epoch, or as it is.

    names (n_sizes,) of the sizes; epochs (n_epochs,); values (n_epochs, n_sizes) in the unit inside; relative: the same
    over the error of all validation molecules, or None to colour by the error itself; counts (n_sizes,) validation
    molecules
    selected: names of sizes to outline
    """
    c = colours(view.dark)
    kept = thinned(len(epochs))
    shown_values = values[kept].T * view.factor  # (n_sizes, n_columns)
    if relative is None:
        shown, colour = _magnitude(shown_values, view)
        texts = [[f"{significant(v)} {view.unit}" for v in line] for line in shown_values.tolist()]
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.log2(relative[kept].T)
        ticks = [-1.0, -0.5, 0.0, 0.5, 1.0]
        words = ["½ ×", "0.7 ×", "as all", "1.4 ×", "2 ×"]
        colour = colour_bar(scale(c.difference), -1, 1, ticks, words, view)
        colour["colorbar"]["title"]["text"] = ""
        texts = [
            [f"{significant(v)} {view.unit}, {percent(2.0**r)} of all" for v, r in zip(a, b, strict=True)]
            for a, b in zip(shown_values.tolist(), shown.tolist(), strict=True)
        ]
    labels = [
        [
            f"{name} atoms, epoch {epochs[k]}: {text}<br>{number(int(n))} validation molecules"
            for k, text in zip(kept, line, strict=True)
        ]
        for name, line, n in zip(names, texts, counts, strict=True)
    ]
    columns, lines = list(range(len(kept))), list(range(len(names)))
    gap = 1.0 if len(kept) <= 30 else 0.5
    still = {"selected": {"marker": {"opacity": 0}}, "unselected": {"marker": {"opacity": 0}}}
    traces: list[dict[str, Any]] = [
        {"type": "heatmap", "x": columns, "y": lines, "z": shown, "xgap": gap, "ygap": gap, "hoverinfo": "skip",
         **colour},
        # a heatmap takes no clicks; the marks of all cells do, and choose the size of their row
        {"type": "scatter", "x": columns * len(lines), "y": [k for k in lines for _ in columns], "mode": "markers",
         "marker": {"symbol": "square", "size": 9, "opacity": 0}, **still, "name": "cells",
         "customdata": [[names[k]] for k in lines for _ in columns], "text": [t for line in labels for t in line],
         "hovertemplate": "%{text}<extra></extra>"},
    ]  # fmt: skip
    boxes = [
        {"type": "rect", "x0": -0.5, "x1": len(kept) - 0.5, "y0": first - 0.5, "y1": last + 0.5,
         "line": {"color": c.ink, "width": 2}}
        for first, last in _neighbours([place for place, name in enumerate(names) if name in selected])
    ]  # fmt: skip
    ticks_at = _epoch_ticks([int(epochs[k]) for k in kept])
    every = max(1, math.ceil(len(names) * 15 / (height - 48)))
    layout = {
        "shapes": boxes,
        "xaxis": {
            "range": [-0.5, len(kept) - 0.5], "tickvals": ticks_at,
            "ticktext": [str(epochs[kept[t]]) for t in ticks_at],
            "title": {"text": "epoch" if len(kept) == len(epochs) else "epoch (thinned)"},
        },
        "yaxis": {
            "range": [-0.5, len(names) - 0.5], "showgrid": False, "tickvals": lines[::every],
            "ticktext": names[::every],
        },
    }  # fmt: skip
    return built(view.dark, height, traces, layout, left=30, right=62, top=6, bottom=42)


def thinned(n: int, most: int = MOST_COLUMNS) -> list[int]:
    """Places of at most `most` out of n epochs: all early ones, later ones at growing distances, always the last."""
    if n <= most:
        return list(range(n))
    wanted = most
    while len(places := np.unique(np.geomspace(1, n, wanted).round().astype(int))) < most and wanted < 20 * most:
        wanted += 1
    return [int(p) - 1 for p in places[:most]] if places[-1] == n else [int(p) - 1 for p in places]


def _epoch_ticks(epochs: list[int], most: int = 10) -> list[int]:
    """Places of about ten ticks among the shown epochs: round numbers, the first and the last."""
    if len(epochs) <= most:
        return list(range(len(epochs)))
    steps = [e for d in range(7) for e in (10**d, 2 * 10**d, 5 * 10**d)]
    if epochs[-1] - epochs[0] + 1 == len(epochs):  # nothing left out: even ticks
        step = next(s for s in steps if len(epochs) / s <= most)
        return [k for k, epoch in enumerate(epochs) if epoch == 1 or epoch % step == 0]
    return sorted({int(np.argmin(np.abs(np.array(epochs) - s))) for s in steps if epochs[0] <= s <= epochs[-1]})
