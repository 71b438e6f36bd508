"""The figures of the Errors page: size beside element, the chosen group, and the two heatmaps of one model."""

from __future__ import annotations

from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from core.figures.error_axes import MEASURE_NAMES
from core.figures.error_elements import error_by_element
from core.figures.error_heatmaps import size_element_heatmap, size_epoch_heatmap
from core.figures.errors import accuracy_drawn, error_by_size
from core.figures.numbers import in_sentence, number
from core.figures.sentences import Told, element_sentence, limits_text, rarity_sentence, size_sentence
from core.judge.curves import CURVE_MEASURES, GroupCurves
from core.judge.groups import Group
from core.judge.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, show
from pages.common.judged import run_convergence
from pages.common.selection import choose_group, follow_click, group_query
from pages.judge.parts.controls import Models


def _clickable(fig: go.Figure, key: str, alt: str) -> None:
    """A figure whose marks choose a group."""
    show(fig, key, alt, clickable=True, on_click=partial(follow_click, key))


def size_and_element(models: Models, group: Group | None) -> None:
    """Error against size, and by element."""
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(column_span=2), card("size", "stretch", gap="xxsmall"):
        card_head(
            "Are rare sizes predicted worse?",
            _size_caption(models),
            "by_size",
            joined(models, "size"),
            models.commands("size"),
        )
        _answers(models, "size")
        fig = error_by_size(models.of("size"), models.view, models.accuracy, group.size if group else None, height=372)
        _clickable(fig, "errors_by_size", "Error of each model against the number of atoms")
    with grid.cell(), card("element", "stretch", gap="xxsmall"):
        caption = "Molecules that contain it · line: 95 % interval · dotted: all · n: held out"
        card_head("And rare elements?", caption, "by_element", joined(models, "element"), models.commands("element"))
        _answers(models, "element")
        fig = error_by_element(models.of("element"), models.view, group.element if group else None, height=372)
        _clickable(fig, "errors_by_element", "Error of each model on molecules with each element")


def _size_caption(models: Models) -> str:
    measure, view, bench = models.view.measure, models.view, models.bench
    label = bench.held_out(bench.runs[0]).target.label
    part = "test" if bench.part == "test" else "**validation**"
    words = [f"{MEASURE_NAMES[measure]} of {plain(in_sentence(label))} in **{view.unit}**, {part} molecules"]
    if measure == "p95":
        words.append("band: 95 % interval, from 100 molecules on")
    else:
        words.append("band: 95 % interval")
    words += ["hollow: 10 to 49 molecules", "faint dot: fewer than 10"]
    if not bench.same_split:
        words.append(f"splits differ: bars and baseline are those of {models.marked(bench.runs[0])}")
    if accuracy_drawn(models.of("size"), view, models.accuracy):
        words.append("1 kcal/mol: here against this dataset's labels, not experiment")
    return " · ".join(words)


def _answers(models: Models, by: str) -> None:
    """The sentence that answers the figure's question."""
    several = len(models.bench.runs) > 1
    told = [
        Told(
            f":{models.styles[run.id].markdown}[{models.styles[run.id].glyph}]" if several else "",
            models.bench.table(run, "rarity" if by == "size" else by, models.per),
            models.bench.overall(run, models.per),
            run_convergence(run).state,
        )
        for run in models.bench.runs
    ]
    st.markdown(rarity_sentence(told, models.view) if by == "size" else element_sentence(told, models.view))


def joined(models: Models, by: str) -> pl.DataFrame:
    """The tables of all models under each other, with the run in front; in the unit inside."""
    return pl.concat(
        models.bench.table(run, by, models.per).select(
            pl.lit(run.id).alias("run"), pl.lit(run.name).alias("name"), pl.all()
        )
        for run in models.bench.runs
    )


def selected_group(models: Models, group: Group | None) -> None:
    """What was clicked: its error for every model, and the way to its molecules."""
    with st.container(key="note_plain_selected", horizontal=True, vertical_alignment="center", gap="small"):
        if group is None:
            st.markdown(
                ":gray[Click a mark or a cell to see that group: its numbers, its curve, its molecules.]",
                width="stretch",
            )
            return
        told, n_held_out, n_train = [], 0, set()
        for run in models.bench.runs:
            row = models.bench.group_row(run, group, models.per)
            n_held_out = row["n_held_out"]
            n_train.add(row["n_train"])
            told.append(f":{models.styles[run.id].markdown}[{models.styles[run.id].glyph}] {_value(row, models)}")
        in_training = " to ".join(number(n) for n in dict.fromkeys((min(n_train), max(n_train))))
        few = ", fewer than 10: points only, nothing can be said" if 0 < n_held_out < N_POINTS_ONLY else ""
        counts = f"{number(n_held_out)} held out{few}; {in_training} in training"
        st.markdown(f"**{plain(group.label)}** &ensp;{' &ensp;'.join(told)} &ensp;:gray[{counts}]", width="stretch")
        if n_held_out:
            focus = focus_run(models)
            st.page_link(
                "pages/judge/outliers.py",
                label=f"{number(n_held_out)} {'molecule' if n_held_out == 1 else 'molecules'}",
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={"dataset": models.bench.dataset.name, "run": focus.id, **group_query(group)},
            )
        st.button(
            "", icon=":material/close:", type="tertiary", help="Clear the choice", on_click=choose_group, args=(None,)
        )


def _value(row: dict, models: Models) -> str:
    view = models.view
    if row[view.measure] is None:
        return "—"
    limits = limits_text(row, view)
    return f"**{view.text(row[view.measure])}** {view.unit}{f' :gray[{limits}]' if limits else ''}"


def focus_run(models: Models) -> Run:
    """The model that is shown in detail."""
    by_id = {run.id: run for run in models.bench.runs}
    return by_id.get(st.session_state.get("focus") or "", models.bench.runs[0])


def two_heatmaps(models: Models, group: Group | None) -> None:
    """Size against element, and size against epoch, of one model."""
    runs = models.bench.runs
    if len(runs) > 1:
        if st.session_state.get("focus") not in {run.id for run in runs}:
            st.session_state["focus"] = runs[0].id
        marks = {run.id: models.marked(run) for run in runs}
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**One model in detail**", width="content")
            st.segmented_control(
                "One model in detail", list(marks), format_func=marks.__getitem__, key="focus", required=True,
                wrap=True, label_visibility="collapsed",
            )  # fmt: skip
    run = focus_run(models)
    grid = st.grid(2, min_column_width=430, gap="small")
    with grid, card("cells", "stretch", gap="xxsmall"):
        _cells(models, run, group)
    with grid, card("epochs", "stretch", gap="xxsmall"):
        _epochs(models, run, group)


def _cells(models: Models, run: Run, group: Group | None) -> None:
    view = models.view
    table = models.bench.table(run, "size_element", models.per)
    part = "test" if models.bench.part == "test" else "**validation**"
    what = f"{MEASURE_NAMES[view.measure]} in **{view.unit}**, {part}"
    caption = f"{models.marked(run)} · {what} · dot: fewer than 10 · blank: fewer than 3"
    card_head("Where do size and element meet?", caption, "size_by_element", table, models.command(run, "size_element"))
    st.markdown(size_sentence(models.bench.table(run, "size", models.per), view, run_convergence(run).state))
    cell = (group.size, group.element) if group and group.size and group.element else None
    fig = size_element_heatmap(table, view, run.name, cell)
    _clickable(fig, "errors_by_cell", "Error of one model by size and element")


def _epochs(models: Models, run: Run, group: Group | None) -> None:
    measure = models.view.measure if models.view.measure in CURVE_MEASURES else "mae"
    found = models.bench.curves(run, "size", measure, models.per)
    title = "When was each size learned?"
    if found is None or len(found.epochs) < 2:
        card_head(title, models.marked(run), "by_epoch")
        st.markdown(":gray[This model was not trained over epochs, so there is nothing to show over time.]")
        return
    relative = st.session_state.get("epoch_scale", "relative") == "relative" and measure != "bias"
    what = "over that of all molecules in the same epoch" if relative else f"in **{models.view.unit}**"
    per = f" --per {models.per}" if models.per != "molecule" else ""
    caption = f"{models.marked(run)} · **validation** {MEASURE_NAMES[measure]} {what} · rows: atoms in the molecule"
    card_head(
        title,
        caption,
        "by_epoch",
        lambda: curve_table(found),
        f"python -m core curves {run.id} --by size --measure {measure}{per} --json",
    )
    keep = [k for k, n in enumerate(found.n) if n >= N_POINTS_ONLY]
    left_out = [found.groups[k].name for k in range(len(found.n)) if k not in keep]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        few = f"Fewer than 10 validation molecules, not shown: {', '.join(left_out)} atoms." if left_out else ""
        st.markdown(f":gray[:small[{few}]]", width="stretch")
        if measure != "bias":
            names = {"relative": "relative", "absolute": models.view.unit}
            st.segmented_control(
                "Scale of the epochs", list(names), format_func=names.__getitem__, default="relative",
                key="epoch_scale", required=True, label_visibility="collapsed",
            )  # fmt: skip
    if not keep:
        return
    sizes = [found.groups[k].lowest or 0 for k in keep]
    shown = found.relative[:, keep] if relative else None
    size = group.size if group else None
    view = models.view if measure == models.view.measure else models.view_of(measure)
    fig = size_epoch_heatmap(sizes, found.epochs, found.values[:, keep], shown, found.n[keep], view, size)
    show(fig, "errors_by_epoch", "Validation error of one model by size and epoch")


def curve_table(found: GroupCurves) -> pl.DataFrame:
    """Curves as a table: one row an epoch, one column a group, in the unit inside."""
    columns = {"epoch": found.epochs, "all": found.overall}
    return pl.DataFrame(columns | {g.name: found.values[:, k] for k, g in enumerate(found.groups) if g.name != "all"})
