"""Where a run is wrong while it learns: validation error by size or element over the epochs, and as it stands now."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import shown_unit
from core.figures.theme import ModelStyle, colours
from core.figures.training_groups import group_lines, groups_now, learning_map
from core.judge.curves import GroupCurves
from core.judge.grouping.groups import is_common
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import dark, plain
from pages.common.furniture import card, card_head, empty, scale_strip, show
from pages.common.judged import Bench
from pages.train.parts.run_charts import kept_figure, show_live

_TITLE = "Where is it wrong while it learns?"
_BY = {"size": "Size", "element": "Element"}
_AS = {"map": "Map", "curves": "Curves"}


def show_learning(run: Run, dataset: Dataset, style: ModelStyle, log: bool) -> None:
    """The card of errors by group."""
    with card("learning"):
        head = st.container()
        with st.container(horizontal=True, gap="small", key="learning_controls"):
            by = _choice("by", _BY, "size") or "size"
            form = _choice("as", _AS, "map") or "map"
            unit = str(run.recipe_file.get("unit", ""))
            modes = {"relative": "Relative", "error": "meV" if unit == "eV" else unit or "Error"}
            relative = _choice("scale", modes, "relative") != "error"
        try:
            curves = Bench(dataset, [run], "validation").curves(run, by)
        except MollensError as error:
            with head:
                card_head(_TITLE, "", "learning")
            st.warning(plain(error), icon=":material/info:")
            return
        factor, shown = shown_unit(unit, float(curves.overall[-1]) if curves is not None else None)
        told = f"**Validation** MAE of {'a size' if by == 'size' else 'the molecules with an element'} "
        told += "over that of all, in the same epoch" if relative else f"in **{shown}**"
        told += " · orange: " + ("rare in training" if form == "curves" else "worse than the rest") if (
            relative or form == "curves") else ""  # fmt: skip
        if curves is None:
            with head:
                card_head(_TITLE, told, "learning")
            empty("Nothing to show before the first epoch is finished.", "learning")
            return
        with head:
            command = f"python -m core curves {run.id} --by {by} --json"
            card_head(_TITLE, told, "error_by_group_and_epoch", lambda: _table(curves), command, image="card_learning")
        if form == "map":
            _show_map(curves, run, by, shown, factor, relative, style)
        else:
            _show_lines(curves, run, by, shown, factor, relative, log, style)


def _choice(name: str, options: dict[str, str], default: str) -> str | None:
    return st.segmented_control(
        name.capitalize(), list(options), format_func=options.__getitem__, required=True, label_visibility="collapsed",
        **kept(name, list(options), default),
    )  # fmt: skip


def _labels(curves: GroupCurves) -> list[str]:
    return [group.name for group in curves.groups]


def _table(curves: GroupCurves) -> pl.DataFrame:
    columns = [pl.Series(label, curves.values[:, k]) for k, label in enumerate(_labels(curves))]
    return pl.DataFrame({"epoch": curves.epochs, "all": curves.overall}).hstack(columns)


def _key(curves: GroupCurves, run: Run, by: str, unit: str, relative: bool, style: ModelStyle) -> tuple[object, ...]:
    """Changes whenever a figure of these curves does."""
    last = (int(curves.epochs[-1]), float(curves.overall[-1]), int(curves.n_train.sum()))
    return (run.id, by, unit, relative, style.colour, dark(), len(curves.epochs), *last)


def _show_map(
    curves: GroupCurves, run: Run, by: str, unit: str, factor: float, relative: bool, style: ModelStyle
) -> None:
    labels = _labels(curves)
    rare = ~is_common(curves.n_train, run.n_trained)
    title = "atoms in the molecule" if by == "size" else ""
    key = _key(curves, run, by, unit, relative, style)
    left, right = st.container(key="split_learning").columns([60, 40], gap="small")
    with left:
        fig = kept_figure(
            ("map", *key),
            lambda: learning_map(
                labels, curves.epochs, curves.values, curves.overall, curves.n, unit, factor, relative, dark(), title
            ),
        )
        show(fig, "fig_learning", "Validation error by group and epoch")
    with right:
        fig = kept_figure(
            ("groups", *key),
            lambda: groups_now(
                labels, curves.values[-1], float(curves.overall[-1]), curves.n, curves.n_train, rare, unit, factor,
                style.colour, dark(),
            ),
        )  # fmt: skip
        show(fig, "fig_groups", "Validation error of each group in the last epoch")
    c = colours(dark())
    remark = "hollow: 10 to 49 validation molecules · orange count: below 1 % of the training"
    if relative:
        scale_strip(c.difference, "½ ×", "2 × the MAE of all", remark)
    else:
        scale_strip(c.error_ramp, "small", f"large, {unit}", remark)


def _show_lines(
    curves: GroupCurves, run: Run, by: str, unit: str, factor: float, relative: bool, log: bool, style: ModelStyle
) -> None:
    labels = _labels(curves)
    rare = ~is_common(curves.n_train, run.n_trained)
    fig = kept_figure(
        ("lines", log, *_key(curves, run, by, unit, relative, style)),
        lambda: group_lines(
            labels, curves.epochs, curves.values, curves.overall, curves.n, rare, unit, factor, relative, log,
            style.colour, dark(),
        ),
    )  # fmt: skip
    show_live(fig, "fig_group_lines", "Validation error of each group by epoch")
    few = [label for label, n in zip(labels, curves.n, strict=True) if n < N_POINTS_ONLY]
    noun = "atoms" if by == "size" else "as element"
    left_out = f" · fewer than {N_POINTS_ONLY} validation molecules, so no line: {', '.join(few)} {noun}" if few else ""
    order = "faint to strong: small to large · " if by == "size" else ""
    st.caption(f"{order}dashed: below 1 % of the training{left_out}")
