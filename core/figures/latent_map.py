"""The error map: all molecules as a density over the plane of latents, the judged ones as points to click."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.error_axes import built
from core.figures.numbers import formula, number, percent, significant
from core.figures.theme import Colours, ModelStyle, colours, mix, scale
from core.judge.inspect.error_map import FEWEST_IN_CELL, ErrorMap
from core.judge.inspect.latent_map import N_CELLS

Floats = NDArray[np.float64]

_MOST_SEEN = 500
_LOW, _HIGH = 0.10, 0.99  # of the judged errors: the ends of the scale


@dataclass(frozen=True)
class MapScale:
    """What the colours of a map mean."""

    ramp: tuple[str, ...]
    low: str
    high: str
    remark: str


def map_scale(found: ErrorMap, by: str, factor: float, unit: str, dark: bool) -> MapScale:
    """The colours of `map_figure` in words."""
    c = colours(dark)
    if by == "error":
        low, high = (f"{significant(end * factor, 2)} {unit}" for end in _ends(found))
        return MapScale(c.error_ramp[1:], low, high, "absolute error, log scale; larger marks are worse")
    few = f"cells with fewer than {FEWEST_IN_CELL} molecules are left out"
    if by == "size":
        fewest, most = _range(found, by)
        return MapScale(c.count_ramp[1:], f"{fewest:.0f} atoms", f"{most:.0f} atoms", f"mean of each cell; {few}")
    what = "trained on" if by == "trained" else f"with {by}"
    return MapScale(c.count_ramp[1:], "0 %", "100 %", f"share of each cell's molecules {what}; {few}")


def map_figure(
    found: ErrorMap,
    points: NDArray[np.int64],
    by: str,
    style: ModelStyle,
    factor: float,
    unit: str,
    dark: bool,
    chosen: int | None = None,
    nearest: NDArray[np.int64] | None = None,
    height: int = 460,
) -> go.Figure:
    """The plane of the first two principal components.

    points: places of the judged molecules to click, `ErrorMap.points`, each with its id as customdata. by: a value of
    `ErrorMap.value`; "error" colours the points over a density of all molecules, everything else the cells. chosen:
    place of the molecule that is looked at, ringed in the model's colour; nearest: places of its nearest training
    molecules, which are crosses. factor, unit: how errors are shown.
    """
    c = colours(dark)
    traces = [_cells(found, by, c), _points(found, points, by, factor, unit, dark)]
    notes: list[dict[str, Any]] = []
    if nearest is not None and len(nearest):
        traces.append(_crosses(found, nearest, style))
    if chosen is not None:
        traces.append(_ring(found, chosen, style))
        notes.append(_name(found, chosen, style))
    x, y = found.places.explained
    layout = {
        "xaxis": {**_axis(found.places.edges_x), "title": {"text": f"1st component · {percent(x)} of the variance"}},
        "yaxis": {
            **_axis(found.places.edges_y), "title": {"text": f"2nd component · {percent(y)} of the variance"},
            "showgrid": False,
        },
    }  # fmt: skip
    return built(dark, height, traces, layout, notes, left=30, right=12, top=8, bottom=34)


def _axis(edges: Floats) -> dict[str, Any]:
    return {"range": [float(edges[0]), float(edges[-1])], "showticklabels": False, "tickvals": []}


def _ends(found: ErrorMap) -> tuple[float, float]:
    """Smallest and largest absolute error that the colours tell apart."""
    off = np.abs(found.error[np.isfinite(found.error)])
    off = off[off > 0]
    if not len(off):
        return 1e-6, 1.0
    low, high = np.quantile(off, [_LOW, _HIGH])
    return float(low), float(max(high, 1.01 * low))


def _cells(found: ErrorMap, by: str, c: Colours) -> dict[str, Any]:
    places = found.places
    counts = places.density()
    x, y = _middles(places.edges_x), _middles(places.edges_y)
    cells = {"type": "heatmap", "x": x, "y": y, "hoverinfo": "skip", "showscale": False, "hoverongaps": False}
    if by == "error":
        with np.errstate(divide="ignore"):
            shade = np.where(counts > 0, np.log10(counts), np.nan)
        # half of the ramp only, so that the points stay the darkest
        return {**cells, "z": shade, "zmin": 0, "zmax": max(math.log10(max(int(counts.max()), 2)), 0.5),
                "colorscale": scale(c.count_ramp[:4]), "name": "molecules"}  # fmt: skip
    values = found.value(by)
    mean = np.where(counts >= FEWEST_IN_CELL, places.mean(values), np.nan)
    low, high = _range(found, by)
    return {**cells, "z": mean, "zmin": low, "zmax": high, "colorscale": scale(c.count_ramp[1:]),
            "name": by}  # fmt: skip


def _range(found: ErrorMap, by: str) -> tuple[float, float]:
    """What the ends of the scale of the cells stand for; of sizes the ends of nearly all molecules."""
    if by != "size":
        return 0.0, 1.0
    low, high = np.quantile(found.sizes, [0.02, 0.98])
    return float(np.floor(low)), float(max(np.ceil(high), np.floor(low) + 1))


def _middles(edges: Floats) -> Floats:
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def _points(
    found: ErrorMap, points: NDArray[np.int64], by: str, factor: float, unit: str, dark: bool
) -> dict[str, Any]:
    """The judged molecules; those beyond the edges stand at them."""
    c = colours(dark)
    x, y = _at(found, points)
    error = found.error[points]
    low, high = _ends(found)
    with np.errstate(divide="ignore"):
        share = np.clip(np.log(np.maximum(np.abs(error), low) / low) / math.log(high / low), 0, 1)
    texts = list(_texts(found, points.tobytes(), factor, unit))
    if by == "error":
        ramp = c.error_ramp[1:]
        shades = [mix(ramp, float(s)) for s in np.linspace(0, 1, 33)]
        marker = {
            "color": [shades[round(32 * float(s))] for s in share], "size": np.round(3 + 6 * share**2, 1),
            "line": {"width": 0.5, "color": c.page}, "opacity": 1,
        }  # fmt: skip
    else:
        few = len(points) <= _MOST_SEEN  # more would hide the cells; they still take clicks
        marker = {"color": c.ink, "size": 4 if few else 7, "opacity": 0.7 if few else 0, "line": {"width": 0}}
    kept = {"marker": {"opacity": marker["opacity"]}}
    return {
        "type": "scatter", "mode": "markers", "x": np.round(x, 4), "y": np.round(y, 4), "text": texts,
        "customdata": [[int(identifier)] for identifier in found.ids[points]], "marker": marker, "name": "judged",
        "hovertemplate": "%{text}<extra></extra>", "selected": kept, "unselected": kept,
    }  # fmt: skip


@lru_cache(maxsize=4)
def _texts(found: ErrorMap, points: bytes, factor: float, unit: str) -> tuple[str, ...]:
    """What the pointer says of points (n_points,) of int64; kept, because every click draws the same ones again."""
    places, molecules = np.frombuffer(points, dtype=np.int64), found.source.dataset.molecules
    of = zip(found.error[places], found.rows[places], found.sizes[places], found.ids[places], strict=True)
    return tuple(
        f"<b>{number(e * factor, _decimals(e * factor), sign=True)} {unit}</b><br>"
        f"{formula(molecules.formula(int(row)))} · {size} atoms · id {identifier}"
        for e, row, size, identifier in of
    )


def _decimals(value: float) -> int:
    return 0 if abs(value) >= 10 else 2


def _at(found: ErrorMap, places: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Where molecules are drawn: those beyond the edges in the middle of the outermost cell."""
    drawn = []
    for values, edges in ((found.places.x, found.places.edges_x), (found.places.y, found.places.edges_y)):
        half = (edges[-1] - edges[0]) / (2 * N_CELLS)
        drawn.append(np.clip(values[places], edges[0] + half, edges[-1] - half))
    return drawn[0], drawn[1]


def _ring(found: ErrorMap, chosen: int, style: ModelStyle) -> dict[str, Any]:
    x, y = _at(found, np.array([chosen]))
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "hoverinfo": "skip", "name": "chosen",
            "marker": {"symbol": "circle-open", "size": 17, "color": style.colour, "line": {"width": 2.5}},
            **_unmoved()}  # fmt: skip


def _crosses(found: ErrorMap, nearest: NDArray[np.int64], style: ModelStyle) -> dict[str, Any]:
    x, y = _at(found, nearest)
    texts = [f"id {found.ids[place]}, among its nearest training molecules" for place in nearest]
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "text": texts, "name": "nearest",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"symbol": "x-thin", "size": 8, "line": {"width": 1.8, "color": style.colour}},
            **_unmoved()}  # fmt: skip


def _unmoved() -> dict[str, Any]:
    return {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}


def _name(found: ErrorMap, chosen: int, style: ModelStyle) -> dict[str, Any]:
    x, y = _at(found, np.array([chosen]))
    middle = (found.places.edges_x[0] + found.places.edges_x[-1]) / 2
    right = bool(x[0] < middle)
    return {"x": float(x[0]), "y": float(y[0]), "text": f"<b>id {found.ids[chosen]}</b>", "showarrow": False,
            "xanchor": "left" if right else "right", "xshift": 13 if right else -13, "yanchor": "middle",
            "font": {"size": 12, "color": style.colour}}  # fmt: skip


def map_sentence(found: ErrorMap) -> str:
    """How much of what tells the molecules apart the map shows."""
    x, y = found.places.explained
    return (
        f"The axes hold {percent(x + y)} of the features’ variance: what is far apart here is different to this "
        "network, what is close need not be alike."
    )
