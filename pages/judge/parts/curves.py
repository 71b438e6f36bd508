"""How each group got there: validation error over epochs, one small figure a group."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES, View
from core.figures.error_curves import Curve, curve_range, group_curves
from core.figures.numbers import number
from core.judge.curves import CURVE_MEASURES, GroupCurves
from core.judge.groups import Group
from core.judge.intervals import N_POINTS_ONLY
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, show
from pages.judge.parts.controls import Models

_GROUPINGS = {"size_class": "size classes", "element": "elements"}


def over_epochs(models: Models, group: Group | None) -> None:
    """Curves of all models by size class or element, and of the group that was clicked."""
    measure = models.view.measure if models.view.measure in CURVE_MEASURES else "mae"
    view = models.view_of(measure)
    by = st.session_state.get("curves_by") or "size_class"
    found = {run.id: models.bench.curves(run, by, measure, models.per) for run in models.bench.runs}
    shown = {run_id: curves for run_id, curves in found.items() if curves is not None and len(curves.epochs) > 1}
    if not shown:
        return
    with card("curves", gap="xsmall"):
        scale = " (log)" if view.on_log else ""
        caption = (
            f"**Validation** {MEASURE_NAMES[measure]} in **{view.unit}**{scale} against epoch, same axes everywhere "
            "· grey: validation molecules"
        )
        if not models.bench.same_split:
            first = next(run for run in models.bench.runs if run.id in shown)
            caption += f" of {models.marked(first)} · splits differ: each curve is over its own run's molecules"
        per = f" --per {models.per}" if models.per != "molecule" else ""
        options = f"--by {by} --measure {measure}{per} --json"
        commands = "\n".join(f"python -m core curves {run_id} {options}" for run_id in shown)
        card_head("How did each group get there?", caption, "over_epochs", command=commands)
        st.segmented_control(
            "Groups", list(_GROUPINGS), format_func=_GROUPINGS.__getitem__, default="size_class", key="curves_by",
            required=True, label_visibility="collapsed",
        )  # fmt: skip
        if group is not None:
            _one_group(models, group, view)
        _small_multiples(models, shown, view)


def _small_multiples(models: Models, found: dict[str, GroupCurves], view: View) -> None:
    names = list(dict.fromkeys(g.name for curves in found.values() for g in curves.groups))
    series = {name: _series(models, found, name) for name in names}
    series = {name: curves for name, curves in series.items() if curves}
    counts, words = _counts(found)
    if series:
        limits = curve_range([curve for curves in series.values() for curve in curves], view)
        last = max(int(curves.epochs[-1]) for curves in found.values())
        grid = st.grid(min(6, max(3, len(series))), min_column_width=150, gap="small")
        for name, curves in series.items():
            with grid.container(gap=None):
                st.markdown(f":small[**{plain(words[name])}**&ensp;:gray[{number(counts[name])}]]")
                alt = f"Validation error of {words[name]} over epochs"
                show(group_curves(curves, view, last, limits), f"curves_{name}", alt)
    few = [words[name] for name in names if name not in series]
    if few:
        st.markdown(f":gray[:small[Fewer than 10 validation molecules, not drawn: {', '.join(few)}.]]")


def _series(models: Models, found: dict[str, GroupCurves], name: str) -> list[Curve]:
    """The curve of one group for every model that has at least 10 validation molecules in it."""
    curves = []
    for run_id, of_run in found.items():
        for k, group in enumerate(of_run.groups):
            if group.name == name and of_run.n[k] >= N_POINTS_ONLY:
                curves.append(Curve(models.names[run_id], models.styles[run_id], of_run.epochs, of_run.values[:, k]))
    return curves


def _counts(found: dict[str, GroupCurves]) -> tuple[dict[str, int], dict[str, str]]:
    """Validation molecules and words for every group."""
    counts: dict[str, int] = {}
    words: dict[str, str] = {}
    for curves in found.values():
        for k, group in enumerate(curves.groups):
            counts.setdefault(group.name, int(curves.n[k]))
            words.setdefault(group.name, f"with {group.label}" if group.lowest is None else group.label)
    return counts, words


def _one_group(models: Models, group: Group, view: View) -> None:
    """The clicked group, larger than the others."""
    found = {run.id: models.bench.curves(run, group, view.measure, models.per) for run in models.bench.runs}
    known = {run_id: curves for run_id, curves in found.items() if curves is not None and len(curves.epochs) > 1}
    n = max((int(curves.n[0]) for curves in known.values()), default=0)
    if n == 0:
        st.markdown(f"**{plain(group.label)}** :gray[no validation molecules, so there is no curve.]")
        return
    st.markdown(
        f"**{plain(group.label)}**&ensp;:gray[{number(n)} validation molecules"
        + ("; fewer than 10, so the curve says little]" if n < N_POINTS_ONLY else "]")
    )
    curves = [
        Curve(models.names[run_id], models.styles[run_id], of_run.epochs, of_run.values[:, 0])
        for run_id, of_run in known.items()
        if of_run.n[0] > 0 and np.isfinite(of_run.values[:, 0]).any()
    ]
    last = max(int(curve.epochs[-1]) for curve in curves)
    fig = group_curves(curves, view, last, curve_range(curves, view), names=True, height=210)
    show(fig, "curve_selected", f"Validation error of {group.label} over epochs")
