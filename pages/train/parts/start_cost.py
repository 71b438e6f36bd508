"""What a run will cost: time and memory, from a short measurement on this machine or from runs before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.recipes.cost import Cost, cost_file, expected_seconds, read_cost, start_calibration
from core.recipes.preview import Preview
from core.recipes.recipe import Recipe
from core.tasks import Task, TaskStatus, list_tasks, read_task, reap_children
from pages.common.appearance import plain
from pages.common.clock import moment
from pages.common.furniture import progress
from pages.common.loaders import load_history, load_runs
from pages.train.parts.form_address import hold

_FAULT = "_calibration_fault"
_SAME = ("model", "n_atom_basis", "n_interactions", "n_rbf", "neighbour_cutoff", "batch_size", "filters")


@dataclass(frozen=True)
class Expected:
    """Time and memory of one run; None where nothing is known."""

    seconds: float | None = None
    memory: int | None = None
    """bytes"""
    cost: Cost | None = None
    """what was measured; None where the time is that of runs before, or unknown"""


def expected(found: Preview, dataset: Dataset, device: str) -> Expected:
    """What one run will take, as far as it is known."""
    recipe = found.recipe
    if recipe.model == "composition":
        return Expected()
    cost = read_cost(recipe, dataset, device)
    if cost is not None:
        seconds = expected_seconds(cost, found.n_train, found.n_validation, recipe.epochs)
        return Expected(seconds, cost.memory + cost.fixed_memory, cost)
    speed = speed_before(recipe, dataset)
    return Expected(recipe.epochs * found.n_train / speed) if speed else Expected()


def speed_before(recipe: Recipe, dataset: Dataset) -> float | None:
    """Molecules per second of the latest run here with the same network and batch on this dataset, if there is one."""
    for run in load_runs():
        if run.error is not None or run.shipped or run.dataset_name != dataset.name:
            continue
        values = {"filters": "exact"} | run.recipe_values
        if any(values.get(name) != getattr(recipe, name) for name in _SAME):
            continue
        speeds = [line["molecules_per_second"] for line in load_history(run)[1] if line.get("molecules_per_second")]
        if speeds:
            return float(np.median(speeds))
    return None


def show_source(recipe: Recipe, dataset: Dataset, device: str, known: Expected) -> None:
    """Where time and memory are from, and the button that measures them; its progress while it works."""
    if recipe.model == "composition":
        return
    reap_children()
    task = _task_of(recipe, dataset, device)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="1s")(task.id)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="speed", wrap=False):
        st.caption(_source(known))
        st.button(
            "Measure again" if known.cost else "Measure speed",
            key="measure",
            icon=":material/speed:",
            type="tertiary" if known.cost else "secondary",
            help="A few steps with this network, batch and dataset, in the background; it takes well under a minute",
            on_click=_start,
            args=(recipe, dataset, device),
        )
    fault = st.session_state.pop(_FAULT, "")
    if task is not None and task.status.state in ("failed", "lost") and not known.cost:
        fault = fault or task.status.error or "the measurement was lost"
    if fault:
        st.error(plain(fault), icon=":material/error:")


def _source(known: Expected) -> str:
    cost = known.cost
    if cost is not None:
        threads = f" with {cost.threads} thread{'s' if cost.threads > 1 else ''}" if cost.device == "cpu" else ""
        return (
            f"{number(cost.molecules_per_second)} molecules per second on {cost.device}{threads}, measured "
            f"{moment(cost.measured)}"
        )
    if known.seconds is not None:
        return "Time as of runs before with this network and batch"
    return "Time and memory are not known yet"


def _task_of(recipe: Recipe, dataset: Dataset, device: str) -> Task | None:
    """The task that measures this cost now, or did it last."""
    wanted = cost_file(recipe, dataset, device)
    for task in list_tasks():
        if task.error is not None or task.kind != "calibrate" or task.arguments.get("dataset") != dataset.name:
            continue
        try:
            given = Recipe.model_validate(task.arguments["recipe"])
            if cost_file(given, dataset, str(task.arguments["device"])) == wanted:
                return task
        except (MollensError, ValueError, KeyError):  # of another version, or for what is no longer there
            continue
    return None


def _start(recipe: Recipe, dataset: Dataset, device: str) -> None:
    hold()
    try:
        start_calibration(recipe, dataset, device)
    except (MollensError, OSError) as error:
        st.session_state[_FAULT] = str(error)


def _watch(task_id: str) -> None:
    reap_children()
    try:
        status = read_task(task_id).status
    except MollensError:  # removed meanwhile
        status = TaskStatus("failed")
    if not status.active:
        hold()
        st.rerun()
        return
    share = status.done / status.total if status.total else 0.0
    progress(share, "Measuring the speed", status.text or "starting")
