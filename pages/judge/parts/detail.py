"""One model in detail: size against element, alone or minus another model, and size against epoch."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES
from core.figures.error_differences import difference_heatmap, difference_sentence, difference_table
from core.figures.error_heatmaps import size_element_heatmap, size_epoch_heatmap
from core.figures.sentences import size_sentence
from core.judge.convergence import convergence
from core.judge.curves import CURVE_MEASURES, GroupCurves
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import plain, unbroken
from pages.common.furniture import card, card_head
from pages.judge.parts.figures import click_on
from pages.judge.parts.models import Models
from pages.judge.parts.numbers import focus_run, what

_MOST_BUTTONS = 4


def in_detail(models: Models) -> None:
    """Pick one model, and perhaps one to take away, and show its two heatmaps."""
    run, other = _pick(models)
    grid = st.grid(2, min_column_width=430, gap="small")
    with grid, card("cells", "stretch", gap="xxsmall"):
        _cells(models, run, other)
    with grid, card("epochs", "stretch", gap="xxsmall"):
        _epochs(models, run)


def _pick(models: Models) -> tuple[Run, Run | None]:
    runs = models.runs
    if len(runs) < 2:
        return runs[0], None
    by_id = {run.id: run for run in runs}
    marks = {run.id: models.marked(run) for run in runs}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="detail_row"):
        st.markdown("**One model in detail**", width="content")
        options = {"label_visibility": "collapsed", **kept("focus", list(by_id), runs[0].id)}
        if len(runs) <= _MOST_BUTTONS:
            st.segmented_control(
                "One model in detail", list(by_id), format_func=marks.__getitem__, required=True, wrap=True, **options
            )
        else:
            st.selectbox("One model in detail", list(by_id), format_func=models.names.__getitem__, width=260, **options)
        focus = focus_run(models)
        others = ["", *(run_id for run_id in by_id if run_id != focus.id)]
        minus = st.selectbox(
            "Minus another model",
            others,
            format_func=lambda run_id: f"minus {models.names[run_id]}" if run_id else "alone",
            width=230,
            label_visibility="collapsed",
            **kept("minus", others, ""),
        )
    return focus, by_id.get(minus or "")


def _cells(models: Models, run: Run, other: Run | None) -> None:
    view, by = models.view, "size_element"
    within, grouping = models.within(by), models.grouping(by)
    shown = [r for r in models.runs if r in (run, other)]
    tables = dict(zip([r.id for r in shown], models.tables(by, runs=shown), strict=True))
    table, chosen = tables[run.id], models.chosen(by)
    if table["n_held_out"].sum() == 0:
        card_head("Where do size and element meet?", models.marked(run), "size_by_element")
        st.markdown(":gray[The filters leave no molecule.]")
        return
    if other is None:
        caption = f"{models.marked(run)} · {what(models)}, {models.part()} · dot: fewer than 10 · blank: fewer than 3"
        card_head(
            "Where do size and element meet?", caption, "size_by_element", table, models.command(run, by, within),
            image="card_cells",
        )  # fmt: skip
        told = models.tables("size", within)[models.runs.index(run)]
        if not models.silence:
            st.markdown(unbroken(size_sentence(told, view, convergence(run).state)))
        fig = size_element_heatmap(table, view, models.names[run.id], chosen)
        alt = "Error of one model by size and element"
    else:
        caption = (
            f"{models.marked(run)} minus {models.marked(other)} · {what(models)}, {models.part()} · blue: the first is "
            "better · orange: worse · dot: fewer than 10 · blank: fewer than 3"
        )
        commands = "\n".join(models.command(r, by, within) for r in (run, other))
        card_head(
            "Where does the one err more than the other?", caption, "size_by_element_difference",
            lambda: difference_table(table, tables[other.id], view), commands, image="card_cells",
        )  # fmt: skip
        st.markdown(unbroken(models.silence or difference_sentence(table, tables[other.id], view)))
        names = (models.names[run.id], models.names[other.id])
        fig = difference_heatmap(table, tables[other.id], names, view, chosen)
        alt = "Difference of the errors of two models by size and element"
    click_on(fig, "errors_by_cell", alt, models, grouping)


def _epochs(models: Models, run: Run) -> None:
    measure = models.view.measure if models.view.measure in CURVE_MEASURES else "mae"
    within = models.within("size")
    found = models.bench.curves(run, "size", measure, models.per, within)
    title = "When was each size learned?"
    if found is None or len(found.epochs) < 2:
        card_head(title, models.marked(run), "by_epoch")
        elsewhere = run.dataset_name != models.bench.dataset.name
        reason = f"was trained on {plain(run.dataset_name)}" if elsewhere else "recorded no epochs"
        st.markdown(f":gray[This model {reason}, so there is nothing to show over time.]")
        return
    view = models.plain_view(measure)
    signed = measure == "bias"
    relative = st.query_params.get("epochs", "relative") == "relative" and not signed
    how = "over that of all molecules in the same epoch" if relative else f"in **{view.unit}**"
    caption = f"{models.marked(run)} · **validation** {MEASURE_NAMES[measure]} {how} · rows: atoms in the molecule"
    command = f"python -m core curves {run.id} --by size --measure {measure}{curve_options(models, within)} --json"
    card_head(title, caption, "by_epoch", lambda: curve_table(found), command, image="card_epochs")
    keep = [k for k, n in enumerate(found.n) if n >= N_POINTS_ONLY]
    left_out = [found.groups[k].name for k in range(len(found.n)) if k not in keep]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        few = f"Fewer than 10 validation molecules, not shown: {', '.join(left_out)} atoms." if left_out else ""
        st.markdown(f":gray[:small[{few}]]", width="stretch")
        if not signed:
            names = {"relative": "relative", "absolute": view.unit}
            st.segmented_control(
                "Scale of the epochs", list(names), format_func=names.__getitem__, required=True,
                label_visibility="collapsed", **kept("epochs", list(names), "relative"),
            )  # fmt: skip
    if not keep:
        return
    names_kept = [found.groups[k].name for k in keep]
    shown = found.relative[:, keep] if relative else None
    fig = size_epoch_heatmap(
        names_kept, found.epochs, found.values[:, keep], shown, found.n[keep], view, models.chosen("size")
    )
    alt = "Validation error of one model by size and epoch"
    click_on(fig, "errors_by_epoch", alt, models, models.grouping("size"))


def curve_options(models: Models, within: object) -> str:
    """The options of the command `curves`: those of a table but for the part, which is validation always."""
    options = models.options(within)  # type: ignore[arg-type]
    return options.replace(f" --part {models.bench.part}", "")


def curve_table(found: GroupCurves) -> pl.DataFrame:
    """Curves as a table: one row an epoch, one column a group, in the unit inside."""
    columns = {"epoch": found.epochs, "all": found.overall}
    return pl.DataFrame(columns | {g.name: found.values[:, k] for k, g in enumerate(found.groups) if g.name != "all"})
