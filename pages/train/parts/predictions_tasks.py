"""Predictions that were loaded lately or are being loaded, with the way to what can be judged."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.errors import MollensError
from core.figures.numbers import number
from core.tasks import Task, list_tasks, read_task, reap_children, remove_task
from pages.common.appearance import plain
from pages.common.clock import moment
from pages.common.furniture import card, card_head, note, progress
from pages.common.loaders import load_runs
from pages.train.parts.predictions_found import words_of


def show_loaded() -> None:
    """The predictions that were loaded lately, and those at work."""
    reap_children()
    tasks = [task for task in list_tasks() if task.error is None and task.kind == "load-predictions"][:5]
    if tasks:
        live = any(task.status.active for task in tasks)
        st.fragment(_watch, run_every="0.5s" if live else None)([task.id for task in tasks], live)


def _watch(ids: list[str], live: bool) -> None:
    reap_children()
    tasks = []
    for one in ids:
        try:
            tasks.append(read_task(one))
        except MollensError:
            continue  # removed meanwhile
    if live and not any(task.status.active for task in tasks):
        st.rerun()
    with card("predictions_tasks", gap="small"):
        card_head("Loaded lately", "", "predictions_tasks", command="python -m core tasks")
        there = {run.id for run in load_runs()}
        for task in tasks:
            _show_task(task, there)


def _show_task(task: Task, there: set[str]) -> None:
    status, run = task.status, str(task.status.result.get("run", ""))
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"predictions_task_{task.id}"):
        with st.container(gap=None, width="stretch", key=f"head_predictions_{task.id}"):
            st.markdown(f"**{plain(task.arguments.get('run', task.title))}**")
            st.caption(plain(_caption(task)))
        if status.state == "finished" and run in there:
            query = {"run": run}
            st.page_link("pages/judge/errors.py", label="Errors", icon=":material/query_stats:", query_params=query)
            st.page_link("pages/train/runs.py", label="Run", icon=":material/monitoring:", query_params=query)
        elif not status.active and st.button(
            "", icon=":material/delete:", key=f"predictions_remove_{task.id}", help="Remove this line", type="tertiary"
        ):
            remove_task(task)
            st.rerun()
    if status.active:
        progress(0.0, "", status.text or "starting")
    elif status.state != "finished":
        words = status.error or f"It was {status.state}; load the file again."
        source = Path(str(task.arguments.get("source", "")))
        note(words_of(words.replace(str(source), source.name)), f"predictions_{task.id}", "failed")


def _caption(task: Task) -> str:
    """What was loaded, from what, and when."""
    words = [Path(str(task.arguments.get("source", ""))).name, f"for {task.arguments.get('dataset', '')}"]
    matched = task.status.result.get("matched")
    words += [f"{number(matched)} molecules"] if isinstance(matched, int) else []
    return " · ".join([*words, moment(task.created)])
