"""How each group got there: validation error over epochs, one small figure a group; and how the models learned."""

from __future__ import annotations

from shlex import quote
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES, View
from core.figures.error_curves import Curve, curve_range, group_curves
from core.figures.error_groups import kind_of
from core.figures.filters import selection_text
from core.figures.learning import Against, learning_figure
from core.figures.numbers import number
from core.figures.plain_figure import as_plain
from core.figures.theme import Figure, ModelStyle
from core.judge.comparing.recipes_compared import recipe_key, seeds_of
from core.judge.curves import CURVE_MEASURES, GroupCurves
from core.judge.learning import LearningCurve
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, show
from pages.common.judged import learning_of
from pages.judge.parts.detail import curve_options, curve_table
from pages.judge.parts.models import Models

MOST_SMALL = 12
_WHOLE = ("size_class", "heavy", "unsaturation")
"""Groupings with every molecule in one group: together they are all that the filters leave."""


def over_epochs(models: Models) -> None:
    """Curves of all models by the chosen grouping (size classes for sizes), and of what the filters leave, large."""
    measure = models.view.measure if models.view.measure in CURVE_MEASURES else "mae"
    view = models.plain_view(measure)
    by = "size_class" if models.by == "size" else models.by
    within = models.within(by)
    found = {run.id: models.bench.curves(run, by, measure, models.per, within) for run in models.runs}
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
            first = next(run for run in models.runs if run.id in shown)
            caption += f" of {models.marked(first)} · splits differ: each curve is over its own run's molecules"
        options = f"--by {quote(by)} --measure {measure}{curve_options(models, within)} --json"
        commands = "\n".join(f"python -m core curves {run_id} {options}" for run_id in shown)
        name = "size class" if models.by == "size" else "group"
        title = f"How did each {name} get there?"
        card_head(title, caption, "over_epochs", lambda: _joined(models, shown), commands, image="card_curves")
        if models.selection:
            _selected(models, view, found if by in _WHOLE and within == models.selection else {})
        _small_multiples(models, shown, view)


def _joined(models: Models, found: dict[str, GroupCurves]) -> pl.DataFrame:
    """The curves of all models under each other, with the run in front; in the unit inside."""
    tables = [
        curve_table(curves).select(pl.lit(run_id).alias("run"), pl.lit(models.names[run_id]).alias("name"), pl.all())
        for run_id, curves in found.items()
    ]
    return pl.concat(tables, how="diagonal")


def _small_multiples(models: Models, found: dict[str, GroupCurves], view: View) -> None:
    names = list(dict.fromkeys(g.name for curves in found.values() for g in curves.groups))
    every = {name: _series(models, found, name) for name in names}
    series = {name: curves for name, curves in every.items() if curves}
    counts, words = _counts(found)
    if kind_of(models.by) == "property":  # the property stands in the title of the page's first figure
        words |= {name: short for name, short in models.axis(models.by).shorts.items() if name in words}
    if len(series) > MOST_SMALL:
        most = sorted(series, key=lambda name: -counts[name])[:MOST_SMALL]
        series = {name: curves for name, curves in series.items() if name in most}
    if series:
        limits = curve_range([curve for curves in series.values() for curve in curves], view)
        last = max(int(curves.epochs[-1]) for curves in found.values())
        grid = st.grid(min(6, max(3, len(series))), min_column_width=150, gap="small")
        for name, curves in series.items():
            with grid.container(gap=None):
                st.markdown(f":small[**{plain(words[name])}**&ensp;:gray[{number(counts[name])}]]")
                alt = f"Validation error of {words[name]} over epochs"
                show(group_curves(curves, view, last, limits), f"curves_{name}", alt)
    few = [words[name] for name in names if not every[name]]
    told = [f"Fewer than 10 validation molecules, not drawn: {', '.join(few)}."] if few else []
    rest = len(names) - len(few) - len(series)
    told += [f"{rest} more groups with fewer molecules are in the command's output."] if rest > 0 else []
    if told:
        st.markdown(f":gray[:small[{plain(' '.join(told))}]]")


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
            words.setdefault(group.name, group.label.removeprefix("molecules "))
    return counts, words


def _selected(models: Models, view: View, at_hand: dict[str, GroupCurves | None]) -> None:
    """What the filters leave, larger than the groups.

    at_hand: curves of groups that together are all of it, where there are such
    """
    found = at_hand or {run.id: models.bench.curves(run, "all", view.measure, models.per) for run in models.runs}
    known = {run_id: curves for run_id, curves in found.items() if curves is not None and len(curves.epochs) > 1}
    n = max((int(curves.n.sum()) for curves in known.values()), default=0)
    label = plain(selection_text(models.selection, models.bench.dataset))
    if n == 0:
        st.markdown(f"**{label}** :gray[no validation molecules, so there is no curve.]")
        return
    st.markdown(
        f"**{label}**&ensp;:gray[{number(n)} validation molecules"
        + ("; fewer than 10, so the curve says little]" if n < N_POINTS_ONLY else "]")
    )
    curves = [
        Curve(models.names[run_id], models.styles[run_id], of_run.epochs, of_run.overall)
        for run_id, of_run in known.items()
        if of_run.n.sum() and np.isfinite(of_run.overall).any()
    ]
    if curves:
        last = max(int(curve.epochs[-1]) for curve in curves)
        fig = group_curves(curves, view, last, curve_range(curves, view), names=True, height=210)
        show(fig, "curve_selected", f"Validation error of {label} over epochs")


def learning(models: Models, ready: list[Run]) -> None:
    """The learning curves of the chosen models side by side, linear and log, with all seeds of each recipe."""
    networks = [run for run in models.runs if run.recipe_values.get("model") != "composition"]
    firsts: dict[object, Run] = {}
    for run in networks:
        firsts.setdefault(recipe_key(run), run)
    seeds = {key: seeds_of(run, ready) for key, run in firsts.items()}
    curves = learning_of([run for runs in seeds.values() for run in runs])
    pairs = [
        (curve, run)
        for curve, run in zip(curves, firsts.values(), strict=True)
        if len(getattr(curve, "epochs", ())) > 1
    ]
    if not pairs:
        return
    against: Against = "time" if st.query_params.get("against") == "time" else "epoch"
    seeds_told = ", ".join(f"{models.mark(run)} {len(curve.runs)}" for curve, run in pairs if len(curve.runs) > 1)
    band = f" · mean of the seeds of a recipe ({seeds_told}), band: from the least to the largest" if seeds_told else ""
    axis = "time of training and validation" if against == "time" else "epoch"
    shown = [curve for curve, _ in pairs]
    names = [models.names[run.id] for _, run in pairs]
    styles = [models.styles[run.id] for _, run in pairs]
    commands = "\n".join(f"python -m core curves {r.id} --by all --json" for curve in shown for r in curve.runs)
    with card("learning", gap="xsmall"):
        caption = (
            f"**Validation** MAE per molecule in **{_unit(models)}** against {axis}{band} · left: linear, right: log"
        )
        card_head(
            "How did the models learn?", caption, "learning", lambda: _learning_table(models, pairs), commands,
            image="card_learning",
        )  # fmt: skip
        st.segmented_control(
            "Against", ["epoch", "time"], format_func={"epoch": "epochs", "time": "time"}.__getitem__, required=True,
            label_visibility="collapsed", **kept("against", ["epoch", "time"], "epoch"),
        )  # fmt: skip
        stamp = tuple((tuple(r.id for r in c.runs), len(c.epochs), float(c.mean[-1])) for c in shown)
        grid = st.grid(2, min_column_width=380, gap="small")
        for log in (False, True):
            fig = _learning_figure(
                stamp, shown, tuple(names), tuple(styles), models.factor, _unit(models), models.view.dark, log, against,
                models.accuracy,
            )  # fmt: skip
            with grid.container(gap=None):
                scale = "log" if log else "linear"
                show(fig, f"learning_{scale}", f"Validation error of each model against {axis}, {scale}")


@st.cache_resource(max_entries=40, show_spinner=False, hash_funcs={ModelStyle: repr})
def _learning_figure(
    stamp: tuple[Any, ...], _curves: list[LearningCurve], names: tuple[str, ...], styles: tuple[ModelStyle, ...],
    factor: float, unit: str, dark: bool, log: bool, against: Against, accuracy: float | None,
) -> Figure:  # fmt: skip
    """The figure, kept as long as the curves are: no choice of the page but the models changes it."""
    return as_plain(learning_figure(_curves, names, styles, factor, unit, dark, log, against, accuracy))


def _unit(models: Models) -> str:
    return models.unit.removesuffix("/atom")


def _learning_table(models: Models, pairs: list[tuple[LearningCurve, Run]]) -> pl.DataFrame:
    """One row an epoch of each recipe; in the unit inside, seconds of training and validation."""
    return pl.concat(
        pl.DataFrame(
            {
                "name": [models.names[run.id]] * len(curve.epochs), "runs": [len(curve.runs)] * len(curve.epochs),
                "epoch": curve.epochs, "steps": curve.steps, "seconds": curve.seconds, "mae": curve.mean,
                "lowest": curve.low, "highest": curve.high,
            }
        )
        for curve, run in pairs
    )  # fmt: skip
