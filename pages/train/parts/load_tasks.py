"""Models that are being loaded, and those that were: progress, what was found out, and the way to their errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.data.uploads import upload_key
from core.errors import MollensError
from core.figures.numbers import number, quantity
from core.runs.folder import runs_folder
from core.tasks import Task, list_tasks, reap_children, remove_task, start_again, stop_task
from pages.common.appearance import plain
from pages.common.clock import moment
from pages.common.furniture import card, card_head, note, progress

ERRORS = "pages/judge/errors.py"
RUNS = "pages/train/runs.py"
MOST_SHOWN = 10
_BADGES = {"running": "gray", "queued": "gray", "stopping": "yellow", "finished": "gray", "failed": "red",
           "stopped": "orange", "lost": "orange"}  # fmt: skip


def show_tasks_card() -> None:
    """The card of loadings, read anew every second while one is at work; nothing where there are none."""
    tasks = shown_tasks()
    if tasks:
        live = any(task.status.active for task in tasks)
        st.fragment(show_tasks, run_every="1s" if live else None)(live)


def shown_tasks() -> list[Task]:
    """The newest loadings."""
    reap_children()
    return [task for task in list_tasks() if task.error is None and task.kind == "load-model"][:MOST_SHOWN]


def show_tasks(live: bool) -> None:
    """All lines.

    Args:
        live: whether anything was at work when the page was built; when that changes the page is built again.
    """
    tasks = shown_tasks()
    if any(task.status.active for task in tasks) != live:
        st.rerun()
    with card("tasks", gap="small"):
        card_head(
            "Loaded, and being loaded",
            "Goes on when this page is closed or the server restarts · kept for a week",
            "tasks",
            command="python -m core tasks",
        )
        for task in tasks:
            show_task(task)


def show_task(task: Task) -> None:
    """One loading: a line of words with its actions, and below it what is to be said."""
    status = task.status
    with st.container(key=f"task_{task.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None, width="stretch", key=f"head_task_{task.id}"):
                badge = _BADGES.get(status.state, "red")
                st.markdown(f"**{plain(task.title)}** &nbsp;:{badge}-badge[{status.state}]")
                st.caption(" · ".join([moment(task.created), *_numbers(task)]))
            _actions(task)
        if status.active:
            share = status.done / status.total if status.total else 0.0
            percent = f"{100 * min(share, 1.0):.0f} %" if status.total else ""
            progress(share, percent, status.text or "waiting for the worker")
        elif status.state == "finished":
            warnings = status.result.get("warnings")
            for k, warning in enumerate(warnings if isinstance(warnings, list) else []):
                note(plain(warning), f"task_{task.id}_{k}", "notice")
        elif status.state == "failed":
            source = str(task.arguments.get("path") or "\0")
            note(plain(status.error.replace(source, Path(source).name)), f"task_{task.id}", "failed")
        elif status.state == "lost":
            note(
                "**Lost.** Its process has ended or fallen silent; nothing half done is left.",
                f"task_{task.id}",
                "notice",
            )


def _numbers(task: Task) -> list[str]:
    """What came out, in a few words."""
    result, status = task.status.result, task.status
    if status.state != "finished" or not isinstance(result.get("mae"), int | float):
        return []
    unit, part = str(result.get("unit", "")), "test" if result.get("part") == "test" else "labelled"
    words = [f"MAE {' '.join(quantity(result['mae'], unit))} on {number(result.get('n'))} {part} molecules"]
    if isinstance(result.get("baseline_mae"), int | float):
        words.append(f"linear fit {' '.join(quantity(result['baseline_mae'], unit))}")
    seen = result.get("seen")
    if isinstance(seen, dict):
        words.append(f"{number(seen.get('train'))} that it was trained on are left out")
    return words


def _actions(task: Task) -> None:
    status = task.status
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall", width="content"
    ):
        run = str(status.result.get("run", ""))
        if status.state == "finished" and run and (runs_folder() / run).is_dir():
            st.page_link(ERRORS, label="Errors", icon=":material/query_stats:",
                         query_params={"run": run, "dataset": str(status.result.get("dataset", ""))})  # fmt: skip
            st.page_link(RUNS, label="Run", icon=":material/monitoring:", query_params={"run": run})
        if status.active:
            if st.button(
                "Cancel", icon=":material/close:", key=f"cancel_{task.id}", disabled=status.state == "stopping"
            ):
                _do(lambda: stop_task(task))
            return
        if status.state in ("failed", "stopped", "lost"):
            again = _address(task)
            if again and st.button("Change", icon=":material/edit:", key=f"change_{task.id}", help="Back to the form"):
                st.query_params.from_dict(again)
                st.rerun()
            if again and st.button("Retry", icon=":material/refresh:", key=f"retry_{task.id}"):
                _do(lambda: start_again(task))
        if st.button("", icon=":material/delete:", key=f"remove_{task.id}", help="Remove this line", type="tertiary"):
            _do(lambda: remove_task(task))


def _address(task: Task) -> dict[str, str]:
    """The address of the form for the model of a task; empty where its files are gone."""
    path = Path(str(task.arguments.get("path", "")))
    if not path.exists():
        return {}
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    key = next((found for each in inside if (found := upload_key(each))), None)
    return {"upload": key} if key else {"path": str(path)}


def _do(action: Callable[[], object]) -> None:
    """Carry out what a button asks for and show the page anew; a refusal is told in a sentence."""
    try:
        action()
    except MollensError as error:
        st.toast(plain(error), icon=":material/error:")
        return
    st.rerun()
