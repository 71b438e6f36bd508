"""Properties of a dataset: how one is spread, and two together; a drag or a click becomes a filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from core.data.distributions import Bins, Grouping, Histogram, Per, bins_of, grouped_histogram, histogram
from core.data.joint import Axis, joint_histogram
from core.data.properties import Property
from core.data.selection import Range, Selection
from core.data.splits import DEFAULT, list_splits
from core.data.store import Dataset
from core.figures.dataset_density import density, density_sentence
from core.figures.dataset_distribution import (
    distribution,
    distribution_sentence,
    fitting,
    grouped_distribution,
    grouped_sentence,
)
from core.figures.numbers import unit_text
from core.figures.picking import Picked as Limits
from core.figures.picking import let_pick, picked_range
from core.figures.theme import colours
from pages.common.address import kept, kept_switch
from pages.common.appearance import dark
from pages.common.filters import Picked, set_selection
from pages.common.furniture import card, card_head, empty, picked_points, scale_strip, show

GROUPINGS: dict[str, str] = {
    "none": "all together",
    "element": "by element",
    "size_class": "by size",
    "part": "by part of a split",
}
MEDIANS = {**GROUPINGS, "none": "not marked"}


def show_properties(dataset: Dataset, picked: Picked) -> None:
    """The distribution of one property and the density of two."""
    known = {
        p.key: p
        for p in (dataset.property(listed.key) for listed in dataset.card.properties)
        if p.key in dataset.molecules.columns and dataset.molecules.columns[p.key].ndim == 1
    }
    if not known:
        empty("This dataset has no property of molecules, only geometries.", "properties")
        return
    first = dataset.card.default_target if dataset.card.default_target in known else next(iter(known))
    with card("distribution"):
        show_distribution(dataset, picked, known, str(first))
    with card("density"):
        show_density(dataset, picked, known, str(first))


def _pick_property(label: str, known: dict[str, Property], default: str, key: str) -> str:
    keys = list(known)
    chosen = st.selectbox(
        label,
        keys,
        format_func=lambda k: known[k].label + (f", {unit_text(known[k].unit)}" if known[k].unit else ""),
        width=280,
        **kept(key, keys, default),
    )
    return str(chosen)


def show_distribution(dataset: Dataset, picked: Picked, known: dict[str, Property], first: str) -> None:
    """One property: its histogram, or one row for each group."""
    card_place = st.container(gap="xsmall")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls_distribution"):
        key = _pick_property("Property", known, first, "property")
        grouping = st.selectbox(
            "Shown",
            list(GROUPINGS),
            format_func=GROUPINGS.__getitem__,
            width=190,
            **kept("by", list(GROUPINGS), "none"),
        )
        split = DEFAULT
        if grouping == "part":
            splits = list_splits(dataset)
            split = st.selectbox("Split", splits, width=150, **kept("of_split", splits, splits[0]))
        per: Per = "molecule"
        if known[key].extensive and st.toggle(
            "per atom", help="The value divided by the number of atoms", **kept_switch("per_atom")
        ):
            per = "atom"
        log = st.toggle(
            "log values", help="A logarithmic axis of values; only positive ones fit", **kept_switch("log_values")
        )
        log_counts = st.toggle("log counts", disabled=grouping != "none", **kept_switch("log_counts"))
    name, unit = _named(known[key], per)
    bins = bins_of(dataset, key, per, log)
    selection = picked.selection
    others = _without_range(selection, key) if per == "molecule" else selection
    rows = others.rows(dataset) if others else None
    everything = histogram(dataset, key, None, per, log)
    shown = histogram(dataset, key, rows, per, log) if rows is not None else None
    with card_place:
        card_head(
            "How are the values spread?",
            "Molecules by value"
            + (" · click a bar or drag a range to stay within it" if grouping == "none" and per == "molecule" else "")
            + (
                " · each row: share of the group, all molecules faint behind, a stroke at the median"
                if grouping != "none"
                else ""
            ),
            "distribution",
            _bin_table(bins, shown or everything),
            image="card_distribution",
        )
    if grouping != "none":
        groups = grouped_histogram(dataset, key, _grouping(grouping), rows, per, log, split=split)
        st.markdown(grouped_sentence(groups, name, unit))
        fig = grouped_distribution(bins, groups, shown or everything, name, unit, dark())
        show(fig, "fig_groups", f"Distribution of {name} by group")
        return
    st.markdown(distribution_sentence(bins, shown or everything, name, unit))
    chosen = _limits(selection, key) if per == "molecule" else None
    scale = "log" if log_counts else fitting(everything, shown)
    fig = distribution(bins, everything, name, unit, dark(), shown=shown, chosen=chosen, scale=scale)
    alt = f"Distribution of {name}"
    if per == "atom":
        show(fig, "fig_distribution_per_atom", alt)
        return
    let_pick(fig)
    chart = f"fig_distribution_{key}_{chosen}"
    show(fig, chart, alt, clickable=True, on_click=_follow_range, args=(chart, selection, key), drag=True)


def _known_split(dataset: Dataset, name: str) -> str:
    return name if name in list_splits(dataset) else DEFAULT


def _grouping(text: str) -> Grouping:
    return text  # type: ignore[return-value]


def _named(prop: Property, per: Per) -> tuple[str, str]:
    return (prop.label, prop.unit) if per == "molecule" else (f"{prop.label} per atom", prop.unit)


def _bin_table(bins: Bins, found: Histogram) -> pl.DataFrame:
    return pl.DataFrame({"from": bins.edges[:-1], "to": bins.edges[1:], "molecules": found.counts})


def _limits(selection: Selection, key: str) -> Limits | None:
    return next(((r.low, r.high) for r in selection.range if r.key == key), None)


def _without_range(selection: Selection, *keys: str) -> Selection:
    return replace(selection, range=tuple(r for r in selection.range if r.key not in keys))


def _with_range(selection: Selection, key: str, limits: Limits | None) -> Selection:
    """The selection with one range set; without it where it is just that."""
    rest = _without_range(selection, key)
    if limits is None or limits == _limits(selection, key) or limits == (None, None):
        return rest
    return replace(rest, range=(*rest.range, Range(key, *(None if end is None else _short(end) for end in limits))))


def _short(value: float) -> float:
    """As an address writes it, so that the same bar compares equal afterwards."""
    return float(f"{value:.12g}")


def _follow_range(chart: str, selection: Selection, key: str) -> None:
    limits = picked_range(picked_points(chart))
    if limits:
        set_selection(_with_range(selection, key, limits))


def show_density(dataset: Dataset, picked: Picked, known: dict[str, Property], first: str) -> None:
    """Two properties together, as a density; a drag sets the range of both."""
    if len(known) < 2:
        return
    card_place = st.container(gap="xsmall")
    # totals follow the sum formula in stripes, so values that do not grow with the molecule come first
    ordered = sorted(known, key=lambda key: (known[key].extensive, key != "gap", key == first))
    default_x, default_y = ordered[:2]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls_density"):
        x = _pick_property("Across", known, default_x, "x")
        y = _pick_property("Upright", known, default_y, "y")
        axes = []
        for key, label in ((x, "across"), (y, "upright")):
            per: Per = "molecule"
            if known[key].extensive and st.toggle(f"{label} per atom", **kept_switch(f"{label}_per_atom")):
                per = "atom"
            axes.append(Axis(key, per))
        marked = st.selectbox(
            "Medians",
            list(GROUPINGS),
            format_func=MEDIANS.__getitem__,
            width=170,
            **kept("medians", list(GROUPINGS), "none"),
        )
    selection = picked.selection
    pickable = x != y and all(axis.per == "molecule" for axis in axes)
    others = _without_range(selection, x, y) if pickable else selection
    rows = others.rows(dataset) if others else None
    everything = joint_histogram(dataset, *axes)
    joint = everything if rows is None else joint_histogram(dataset, *axes, rows)
    labels = [_named(known[axis.key], axis.per) for axis in axes]
    with card_place:
        card_head(
            "Which values go together?",
            "Molecules in cells of two values, log scale"
            + (" · click a cell or drag over several to stay within them" if pickable else ""),
            "density",
            image="card_density",
        )
    st.markdown(density_sentence(joint, *labels))
    limits = (_limits(selection, x), _limits(selection, y))
    chosen: Any = tuple(end or (None, None) for end in limits) if pickable and any(limits) else None
    centres = None
    if marked != "none":
        split = st.query_params.get("of_split", DEFAULT)
        of_x, of_y = (
            grouped_histogram(dataset, axis.key, _grouping(marked), rows, axis.per, split=_known_split(dataset, split))
            for axis in axes
        )
        centres = {name: (of_x[name], of_y[name]) for name in of_x}
    fig = density(joint, *labels, dark(), behind=None if rows is None else everything, chosen=chosen, centres=centres)
    alt = f"Density of {labels[0][0]} and {labels[1][0]}"
    if not pickable:
        show(fig, "fig_density_still", alt)
    else:
        let_pick(fig, "any")
        chart = f"fig_density_{x}_{y}_{limits}"
        show(fig, chart, alt, clickable=True, on_click=_follow_density, args=(chart, selection, x, y), drag=True)
    scale_strip(colours(dark()).count_ramp, "1", f"{int(np.max(joint.counts, initial=1)):,} molecules")


def _follow_density(chart: str, selection: Selection, x: str, y: str) -> None:
    points = picked_points(chart)
    across, upright = picked_range(points, 0), picked_range(points, 1)
    if across and upright:
        both = _with_range(_without_range(selection, x, y), x, across)
        both = _with_range(both, y, upright)
        set_selection(_without_range(selection, x, y) if both == selection else both)
