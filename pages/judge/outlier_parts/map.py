"""The error map: where in the network's own features it is wrong; a click opens a molecule, a drag is a filter."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from shlex import quote
from typing import Any

import numpy as np
import streamlit as st

from core.data.selection import Selection
from core.figures.latent_map import map_figure, map_scale, map_sentence
from core.figures.numbers import number, significant
from core.figures.picking import let_pick, picked_marks
from core.judge.held_out import HeldOut
from core.judge.inspect.error_map import MOST_WORST, ErrorMap, error_map, region
from core.judge.inspect.latent_map import MOST_POINTS
from core.runs.inside import Inside
from pages.common.address import kept
from pages.common.appearance import dark, plain, unbroken
from pages.common.filters import set_selection
from pages.common.furniture import card, card_head, picked_points, scale_strip, show
from pages.common.models import style_of
from pages.judge.outlier_parts.gallery_asked import Asked, show_molecule
from pages.judge.outlier_parts.inside_task import inside_or_start

TITLE = "Where is it wrong?"
BY = {"error": "Error", "size": "Atoms", "trained": "Trained on"}
MOST_ELEMENTS = 8
_REMARK = "_map_remark"


def show_map(asked: Asked, molecule: int | None) -> None:
    """The card of the map; `molecule` is the id of the one that is looked at."""
    with card("map", gap="xxsmall"):
        inside = inside_or_start_of(asked)
        if inside is not None:
            _map(asked, inside, molecule)


def inside_or_start_of(asked: Asked) -> Inside | None:
    """What is inside the network; without it the card says what it would show and offers to look."""
    head = st.container(gap=None)
    inside = inside_or_start(asked.run, asked.dataset, "map", "the map, distances and nearest training molecules")
    if inside is None:
        with head:
            card_head(TITLE, "All molecules laid out by the network’s own features, coloured by error", "map")
    return inside


def _map(asked: Asked, inside: Inside, molecule: int | None) -> None:
    run, dataset = asked.run, asked.dataset
    found = _error_map(asked.source, inside)
    points = found.points(asked.within)
    style, (factor, unit) = style_of(run.id), asked.unit()
    by = str(st.session_state.get("kept_map", st.query_params.get("map", "error")))
    options = _options(asked)
    by = by if by in options else "error"
    command = f"python -m core map {run.id}{_dataset(asked)}{where_options(asked.selection)} --json"
    n_train = number(int(found.trained.sum()))
    shown = f"points: {number(len(points))} {asked.source.part} molecules"
    n_judged = found.mean_error(asked.within).n_held_out
    if n_judged > MOST_POINTS:
        shown += f" of {number(n_judged)}, the worst {MOST_WORST} and others by lot"
    ground = f"grey: density of all {number(len(found.ids))}" if by == "error" else "cells: all molecules"
    caption = (
        f":{style.markdown}[{style.glyph}] {plain(run.name)} · principal components of its features (mean over atoms, "
        f"standardised by {n_train} training molecules) · {shown} · {ground} · **click** a point to open it, **drag** "
        "over a region to filter by it"
    )
    card_head(TITLE, caption, "map", lambda: found.table(asked.within), command, image="card_map")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(unbroken(map_sentence(found)), width="stretch")
        st.segmented_control(
            "Coloured by", options, format_func=lambda key: BY.get(key, f"With {key}"), required=True,
            label_visibility="collapsed", **kept("map", options, "error"),
        )  # fmt: skip
    if asked.within is not None:
        _filtered(asked, found, factor, unit)
    chosen = None if molecule is None else found.place_of(molecule)
    nearest = None
    if chosen is not None and inside.nearest is not None and inside.nearest_in == dataset.name:
        nearest = np.asarray(inside.nearest[chosen], dtype=np.int64)
        nearest = nearest[nearest >= 0]
    fig = map_figure(found, points, by, style, factor, unit, dark(), chosen, nearest)
    let_pick(fig, "any")
    chart = f"error_map_{abs(hash((run.id, dataset.name, tuple(asked.selection.where()), by, molecule)))}"
    alt = f"Map of {number(len(found.ids))} molecules by the network’s features, {number(len(points))} as points"
    show(fig, chart, alt, clickable=True, on_click=_follow, args=(chart, found, asked.selection), drag=True)
    legend = map_scale(found, by, factor, unit, dark())
    remark = legend.remark
    if chosen is not None and nearest is not None and len(nearest):
        remark += f"; ring: id {molecule}, crosses: its nearest training molecules"
    scale_strip(legend.ramp, legend.low, legend.high, remark)


def _options(asked: Asked) -> list[str]:
    """What the map can be coloured by; an element only where some molecules lack it."""
    molecules = asked.dataset.molecules
    has = (molecules.element_counts > 0).mean(axis=0)
    elements = [symbol for symbol, share in zip(molecules.symbols, has, strict=True) if 0 < share < 0.99]
    return [*BY, *elements[:MOST_ELEMENTS]]


def _filtered(asked: Asked, found: ErrorMap, factor: float, unit: str) -> None:
    """What the filters leave, in a sentence; and where a region was too large for a filter, that too."""
    mean, everything = found.mean_error(asked.within), found.mean_error(None)
    text = f"**{number(mean.n_held_out)}** {asked.source.part} and {number(mean.n_train)} training molecules pass"
    if mean.n_held_out:
        text += f": mean absolute error **{significant(mean.mae * factor)} {unit}**"
        if np.isfinite(mean.low):
            text += f" ({significant(mean.low * factor)} to {significant(mean.high * factor)})"
        else:
            text += " (too few for an interval)"
        text += f", of all {significant(everything.mae * factor)} {unit}"
    stamp, remark = st.session_state.get(_REMARK, ((), ""))
    if remark and stamp == tuple(asked.selection.where()):
        text += f". {remark.removesuffix('.')}"
    st.markdown(f"{text}.")


def _follow(chart: str, found: ErrorMap, selection: Selection) -> None:
    """Open the molecule of the clicked point, or filter by the region that was dragged over."""
    state: Any = st.session_state.get(chart)
    boxes = list(state["selection"].get("box", [])) if state else []
    if boxes:
        x, y = (tuple(sorted(float(end) for end in boxes[-1][axis])) for axis in ("x", "y"))
        picked = region(found, (x[0], x[1]), (y[0], y[1]))
        if not picked.selection:
            st.toast("No molecule lies in that region.", icon=":material/info:")
            return
        changed = replace(selection, id=picked.selection.id)
        st.session_state[_REMARK] = (tuple(changed.where()), picked.remark)
        set_selection(changed)
        return
    marks = picked_marks(picked_points(chart))
    if marks:
        show_molecule(marks[-1][0])


def where_options(selection: Selection) -> str:
    """The filters as options of a command line."""
    return "".join(f" --where {quote(word)}" for word in selection.where())


def _dataset(asked: Asked) -> str:
    return f" --dataset {asked.dataset.name}" if asked.dataset.name != asked.run.dataset_name else ""


@lru_cache(maxsize=8)
def _error_map(source: HeldOut, inside: Inside) -> ErrorMap:
    return error_map(source, inside)
