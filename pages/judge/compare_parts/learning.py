"""Had they finished learning, and what did the accuracy cost: validation error over epochs and over time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import streamlit as st

from core.figures.learning import learning_figure
from core.figures.theme import ModelStyle, colours
from core.judge.comparing.compare import Comparison
from core.judge.comparing.recipes_compared import by_recipe, seeds_of
from core.judge.learning import LearningCurve
from core.judge.reference import chemical_accuracy
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import dark, plain
from pages.common.compared import curves_of
from pages.common.furniture import card, card_head, show
from pages.judge.compare_parts.shown import Shown
from pages.judge.compare_parts.sides import Pair, recipe_name

_MOST_OTHERS = 4
_SCALES = ("log", "linear")


def learning(found: Comparison, shown: Shown, two: Pair, ready: list[Run]) -> None:
    """Both figures with one scale."""
    groups = [two.runs_a, two.runs_b, *_others(two, ready)]
    curves = curves_of(groups)
    curves[2:] = [replace(curve, low=curve.mean, high=curve.mean) for curve in curves[2:]]  # bands of two are enough
    if not any(len(curve.epochs) for curve in curves[:2]):
        return
    names = [*two.names, *(recipe_name(runs) for runs in groups[2:])]
    styles = [*two.styles, *(ModelStyle(colours(dark()).faint, "circle", "○", "gray") for _ in groups[2:])]
    scale = st.query_params.get("scale", "log")
    log = scale != "linear"
    grid = st.grid(2, min_column_width=430, gap="small")
    accuracy = chemical_accuracy(two.dataset.card, found.paired.target)
    unit = shown.unit.split("/")[0]
    axis = f"{unit} ({'log' if log else 'linear'})"
    seeds = " · band: range of the seeds" if any(len(runs) > 1 for runs in groups) else ""
    others = " · grey: other recipes, mean of their seeds" if len(groups) > 2 else ""
    command = "\n".join(f"python -m core curves {runs[0].id} --by all --json" for runs in groups[:2])
    for against, title in (("epoch", "Had they finished learning?"), ("time", "What did the accuracy cost?")):
        with grid, card(f"learning_{against}", "stretch", gap="xxsmall"):
            what = "against epoch" if against == "epoch" else "against training time, validation included"
            caption = f"**Validation** MAE in **{axis}** {what}{seeds}{others}"
            key = f"learning_by_{against}"
            card_head(title, caption, key, lambda: table_of(curves, names), command, image=key)
            if against == "epoch":
                st.segmented_control(
                    "Scale", list(_SCALES), required=True, label_visibility="collapsed", **kept("scale", _SCALES, "log")
                )
            else:
                st.markdown(f":gray[:small[{_devices(groups[:2])}]]")
            told: dict[str, Any] = {"accuracy": accuracy}
            fig = learning_figure(curves, names, styles, shown.factor, unit, dark(), log, against, **told)
            show(fig, key, f"Validation error of each model {what}")


def _others(two: Pair, ready: list[Run]) -> list[tuple[Run, ...]]:
    """The newest other recipes on the same target that were trained over epochs."""
    mine = {run.id for side in (two.a, two.b) for run in side.runs}
    like = [
        run
        for run in ready
        if run.target == two.a.first.target
        and run.dataset_name == two.a.first.dataset_name
        and run.recipe_values.get("model") != "composition"
    ]
    groups = [tuple(seeds_of(group[0], group)) for group in by_recipe(like)]
    return [runs for runs in groups if not {run.id for run in runs} & mine][:_MOST_OTHERS]


def _devices(groups: list[tuple[Run, ...]]) -> str:
    """Times compare on one machine only: what each was trained on."""
    found = [runs[0].status().device for runs in groups]
    if not all(found):
        return "times compare only on one machine that does nothing else"
    if len(set(found)) == 1:
        return f"both on {plain(found[0])}; times compare only on one machine that does nothing else"
    return f"A on {plain(found[0])}, B on {plain(found[1])}: times do not compare"


def table_of(curves: list[LearningCurve], names: list[str]) -> pl.DataFrame:
    """All curves under each other, in the unit inside."""
    return pl.concat(
        pl.DataFrame(
            {
                "model": [name] * len(curve.epochs),
                "epoch": curve.epochs,
                "validation_mae": curve.mean,
                "low": curve.low,
                "high": curve.high,
                "seconds": curve.seconds,
            }
        )
        for curve, name in zip(curves, names, strict=True)
        if len(curve.epochs)
    )
