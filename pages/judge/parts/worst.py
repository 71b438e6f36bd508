"""Which groups are worst? Found among validation molecules, confirmed on test molecules, in the background."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from core.data.where import parse_where
from core.errors import MollensError
from core.figures.error_slices import worst_groups
from core.figures.numbers import number, shown_unit, unit_text
from core.figures.picking import picked_marks
from core.judge.slicing.slice_cache import slices_of, slices_task, start_slices
from core.judge.slicing.slices import Slice, SliceSearch
from core.runs.folder import Run
from core.tasks import reap_children
from pages.common.appearance import plain, unbroken
from pages.common.filters import selection_query
from pages.common.furniture import card_head, progress, show
from pages.judge.parts.models import Models
from pages.judge.parts.numbers import focus_run

_TITLE = "Which groups are worst?"
_STATES = ("confirmed", "not confirmed", "not enough data")
_FAULT = "_slices_fault"


def show_worst(models: Models) -> None:
    """The confirmed groups of one model, or the button that has them looked for, or how far that is."""
    run, dataset = focus_run(models), models.bench.dataset
    reap_children()
    if reason := _cannot(run, models):
        card_head(_TITLE, models.marked(run), "worst_groups")
        st.markdown(f":gray[{reason}]")
        return
    found = slices_of(run, dataset, models.per, models.selection or None)
    head = f"{models.marked(run)} · found on **validation**, confirmed on **test**"
    command = f"python -m core slices {run.id}{models.options()} --json"
    if found is None:
        card_head(_TITLE, head, "worst_groups", command=command)
        _waiting(run, models)
        return
    caption = (
        f"{head} · intervals corrected for {number(found.looked_at)} looked at · hollow: not confirmed · click a group "
        "for its molecules"
    )
    card_head(_TITLE, caption, "worst_groups", lambda: slices_table(found.slices), command, image="card_worst")
    st.markdown(unbroken(plain(found.sentence)))
    if found.left_out:
        st.markdown(f":gray[:small[{plain(found.left_out)}]]")
    if any(each.mae is not None for each in found.slices):
        _figure(found, run, models)


def _cannot(run: Run, models: Models) -> str:
    """Why the worst groups of a model cannot be found and confirmed; empty where they can."""
    if run.dataset_name != models.bench.dataset.name or run in models.bench.unknown:
        return "Needs validation and test molecules of this dataset that are known to be unseen."
    split = run.recipe_file["split"]
    if not split.get("test", 1) or not split.get("validation", 1):
        return (
            "Needs validation molecules to find groups and test molecules to confirm them; this split lacks one part."
        )
    return ""


def _figure(found: SliceSearch, run: Run, models: Models) -> None:
    factor, unit = shown_unit(models.bench.held_out(run).target.unit, found.mae)
    unit = f"{unit_text(unit)}/atom" if models.per == "atom" else unit_text(unit)
    known = [each for each in found.slices if each.mae is not None]
    known.sort(key=lambda each: (_STATES.index(each.state), -(each.mae or 0.0)))
    fig = worst_groups(known, found.mae, models.styles[run.id], factor, unit, models.view.dark)
    marks = picked_marks(show(fig, f"worst_groups_{run.id}", "The worst groups of one model", clickable=True))
    if not marks:
        return
    each = known[int(marks[-1][0])]
    if each.where is None:
        st.toast("No filter means this group, so it cannot be followed.", icon=":material/info:")
        return
    dataset = models.bench.dataset
    try:
        selection = parse_where([*models.selection.where(), *each.where] if each.where else [], dataset)
    except MollensError as error:
        st.toast(plain(error), icon=":material/info:")
        return
    st.switch_page("pages/judge/outliers.py", query_params={**selection_query(dataset, selection), "run": run.id})


def _waiting(run: Run, models: Models) -> None:
    """The button, or how far the search is."""
    dataset, within = models.bench.dataset, models.selection or None
    task = slices_task(run, dataset, models.per, within)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="1s")(run, models)
        return
    with st.container(key="empty_worst", horizontal_alignment="center", gap="small"):
        st.markdown(
            "Sizes, elements, rings, functional groups, fifths of properties, alone and in pairs: which have a high "
            "error among validation molecules, and is that confirmed on test molecules?",
            text_alignment="center",
        )
        st.button(
            "Look for them", icon=":material/search_insights:", key="find_worst", on_click=_start, args=(run, models)
        )
    fault = st.session_state.pop(_FAULT, "")
    if not fault and task is not None and task.status.state == "failed":
        fault = task.status.error
    if fault:
        st.error(plain(fault), icon=":material/error:")


def _start(run: Run, models: Models) -> None:
    try:
        start_slices(run, models.bench.dataset, models.per, models.selection or None)
    except MollensError as error:
        st.session_state[_FAULT] = str(error)


def _watch(run: Run, models: Models) -> None:
    reap_children()
    task = slices_task(run, models.bench.dataset, models.per, models.selection or None)
    if task is None or not task.status.active:
        st.rerun()
        return
    status = task.status
    share = status.done / status.total if status.total else 0.0
    progress(share, "Looking for the worst groups", status.text or "waiting for the worker")


def slices_table(slices: Sequence[Slice]) -> pl.DataFrame:
    """The groups as a table, in the unit inside."""
    rows = [
        {**vars(each), "predicates": "; ".join(each.predicates), "where": "; ".join(each.where or ())}
        for each in slices
    ]
    return pl.DataFrame(rows)
