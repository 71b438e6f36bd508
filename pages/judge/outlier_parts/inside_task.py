"""What is known inside a run's network, or the button of the task that finds it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.runs.folder import Run
from core.runs.inside import ABOUT, Inside, inside_state, read_inside
from core.runs.predictions import predictions_folder
from core.tasks import Task, list_tasks, reap_children, start_task, stop_task
from pages.common.appearance import plain
from pages.common.furniture import empty, note, progress

KIND = "inside"
_FAULT = "_inside_fault"


def inside_of(run: Run, dataset: Dataset) -> Inside | None:
    """What a task has found inside the run's network for a dataset, kept until its files change; draws nothing.

    Raises:
        MollensError: if a file of it is damaged.
    """
    folder = predictions_folder(run, dataset.name)
    roots = (run.results / "predictions" / dataset.name, run.path / "predictions" / dataset.name)
    files = [run.path / "model.json", *(root / ABOUT for root in roots)]
    files += [folder / "about.json"] if folder is not None else []
    return _inside((str(run.path), dataset.name, *map(_modified, files)), run, dataset.name)


def why_never(run: Run) -> str:
    """Why nothing can be known inside this run (Markdown); empty where a task can look."""
    name = plain(run.name)
    if run.recipe_values.get("model") == "composition":
        return f"{name} is the baseline, a linear fit of the atom counts: there is no network to look into."
    if not (run.path / "model.json").exists():
        return f"{name} holds predictions only: there is no network to look into."
    return ""


def inside_or_start(run: Run, dataset: Dataset, key: str = "inside", purpose: str = "") -> Inside | None:
    """What is inside the run's network; where no task has looked yet, a sentence and the button that starts one.

    Args:
        key: unique on the page, for each place that shows the sentence.
        purpose: what cannot be shown without it, as the end of the sentence, e.g. "its nearest training molecules".
    """
    try:
        found = inside_of(run, dataset)
    except MollensError as error:
        note(plain(error), key, "failed")
        found = None
    if found is not None:
        return found
    never = why_never(run)
    if never:
        empty(never, key)
        return None
    reap_children()
    task = _task(run, dataset)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="1s")(run, dataset, key)
        return None
    with st.container(key=f"empty_{key}", horizontal_alignment="center", gap="small"):
        st.markdown(_sentence(run, dataset, purpose), text_alignment="center")
        fault = st.session_state.pop(_FAULT, "") or (task.status.error if task is not None else "")
        if fault:
            note(plain(fault), f"fault_{key}", "failed")
        if st.button("Look inside", icon=":material/play_arrow:", key=f"look_{key}"):
            _start(run, dataset)
            st.rerun()
    return None


def _sentence(run: Run, dataset: Dataset, purpose: str) -> str:
    n = number(dataset.molecules.n_molecules)
    end = f" {purpose[:1].upper()}{purpose[1:]} come from it." if purpose else ""
    if inside_state(run, dataset.name) == "stale":
        return f"The weights or predictions of {plain(run.name)} have changed since its network was looked into.{end}"
    return (
        f"Nobody has looked inside {plain(run.name)} yet: the network's own features of {n} molecules take seconds to "
        f"a minute.{end}"
    )


def _start(run: Run, dataset: Dataset) -> None:
    try:
        start_task(KIND, f"Looking inside {run.name}", {"run": run.id, "dataset": dataset.name})
    except MollensError as error:
        st.session_state[_FAULT] = str(error)


def _task(run: Run, dataset: Dataset) -> Task | None:
    """The task that looks inside this run for this dataset, or did last."""
    wanted = (run.id, dataset.name)
    tasks = (task for task in list_tasks() if task.error is None and task.kind == KIND)
    return next((task for task in tasks if _about(task, run) == wanted), None)


def _about(task: Task, run: Run) -> tuple[Any, Any]:
    return task.arguments.get("run"), task.arguments.get("dataset") or run.dataset_name


def _watch(run: Run, dataset: Dataset, key: str) -> None:
    reap_children()
    task = _task(run, dataset)
    if task is None or not task.status.active:
        st.rerun()
        return
    status = task.status
    share = status.done / status.total if status.total else 0.0
    words = status.text or "starting, which takes some seconds"
    progress(share, "Looking inside the network", words, f"{100 * share:.0f} %" if status.total else "")
    if st.button("Cancel", icon=":material/close:", type="tertiary", key=f"cancel_{key}"):
        try:
            stop_task(task)
        except MollensError as error:
            st.toast(plain(error))


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=20, show_spinner=False)
def _inside(stamp: tuple[Any, ...], _run: Run, dataset: str) -> Inside | None:
    return read_inside(_run, dataset)
