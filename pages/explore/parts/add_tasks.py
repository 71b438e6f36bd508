"""What is at work in the background, and what was: progress, cancel, retry, and the way to the new dataset."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import streamlit as st

from core.data.download import USE_A_FILE
from core.data.store import list_datasets
from core.data.uploads import upload_key
from core.errors import MollensError
from core.figures.numbers import duration, number
from core.tasks import Task, list_tasks, reap_children, remove_task, start_again, stop_task
from pages.common.appearance import plain
from pages.common.clock import moment
from pages.common.furniture import card, card_head, note, progress

DATASET = "pages/explore/dataset.py"
MOST_SHOWN = 20
LOG_LINES = 40
_BADGES = {"running": "gray", "queued": "gray", "stopping": "yellow", "finished": "gray", "failed": "red",
           "stopped": "orange", "lost": "orange"}  # fmt: skip


def show_tasks_card() -> None:
    """The card of tasks, read anew every second while something is at work; nothing where there are none."""
    tasks = shown_tasks()
    if tasks:
        live = any(task.status.active for task in tasks)
        st.fragment(show_tasks, run_every="1s" if live else None)(live, [task.id for task in tasks])


def shown_tasks() -> list[Task]:
    """The newest tasks; an index that was made without a fault needs no line."""
    reap_children()
    tasks = [t for t in list_tasks() if t.error or t.kind in ("import", "download", "index")]
    tasks = [t for t in tasks if t.error or t.kind != "index" or t.status.state != "finished"]
    return tasks[:MOST_SHOWN]


def show_tasks(live: bool, known: list[str]) -> None:
    """All lines.

    Args:
        live: whether anything was at work when the page was built; when that changes the page is built again.
        known: ids of the tasks there were then.
    """
    tasks = shown_tasks()
    if any(task.status.active for task in tasks) != live or {t.id for t in tasks} - set(known):
        st.rerun()
    with card("tasks", gap="small"):
        card_head(
            "In the background",
            "Goes on when this page is closed or the server restarts · kept for a week",
            "tasks",
            command="python -m core tasks",
        )
        names = {entry.name for entry in list_datasets() if entry.card is not None}
        for task in tasks:
            show_task(task, names)


def show_task(task: Task, datasets: set[str]) -> None:
    """One task: a line of words with its actions, and below it what is to be said."""
    status = task.status
    state = "damaged" if task.error else status.state
    with st.container(key=f"task_{task.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap=None, width="stretch", key=f"head_task_{task.id}"):
                st.markdown(f"**{plain(task.title)}** &nbsp;:{_BADGES.get(state, 'red')}-badge[{state}]")
                st.caption(_caption(task))
            _actions(task, datasets)
        if task.error:
            note(plain(task.error), f"task_{task.id}", "failed")
        elif status.active:
            share = status.done / status.total if status.total else 0.0
            percent = f"{100 * min(share, 1.0):.0f} %" if status.total else ""
            progress(share, percent, status.text or "waiting for the worker")
        elif status.state == "finished":
            warnings = status.result.get("warnings")
            for k, warning in enumerate(warnings if isinstance(warnings, list) else []):
                note(f":material/warning: {plain(warning)}", f"task_{task.id}_{k}", "notice")
        elif status.state == "failed":
            note(plain(_sentence(task)), f"task_{task.id}", "failed")
        elif status.state == "lost":
            note(
                "**Lost.** Its process has ended or fallen silent; nothing half done is left. "
                + ("Retry goes on where it stopped." if task.kind == "download" else "Retry begins anew."),
                f"task_{task.id}",
                "notice",
            )


def _sentence(task: Task) -> str:
    """Why it failed, in the words of a page: files by their names, and the button in place of a command."""
    text = task.status.error.replace(str(task.arguments.get("source") or "\0"), _source_name(task))
    short = text.removesuffix(f"; {USE_A_FILE}")
    return text if short == text else f"{short}. If this network refuses, get the file elsewhere and upload it."


def _source_name(task: Task) -> str:
    """Name of the file that an import reads."""
    return Path(str(task.arguments.get("source", ""))).name


def _caption(task: Task) -> str:
    words = [moment(task.created)] if task.created else []
    result = task.status.result
    if task.status.state == "finished" and isinstance(result.get("n_molecules"), int):
        words.append(f"{number(result['n_molecules'])} molecules, {number(result.get('n_atoms'))} atoms")
        words.append(f"in {duration(_seconds(task))}")
    return " · ".join(words)


def _seconds(task: Task) -> float | None:
    """How long its worker was at work; None where its file does not tell."""
    try:
        begun, ended = (datetime.fromisoformat(text) for text in (task.status.started, task.status.updated))
    except ValueError:
        return None
    return (ended - begun).total_seconds()


def _actions(task: Task, datasets: set[str]) -> None:
    status = task.status
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall", width="content"
    ):
        name = str(status.result.get("dataset", ""))
        if status.state == "finished" and name in datasets:
            st.page_link(DATASET, label="Open the dataset", icon=":material/dataset:", query_params={"dataset": name})
        if task.error is None and status.active:
            if st.button(
                "Cancel", icon=":material/close:", key=f"cancel_{task.id}", disabled=status.state == "stopping"
            ):
                _do(lambda: stop_task(task))
            return
        if task.error is None and status.state in ("failed", "stopped", "lost"):
            refused = task.kind == "download" and status.state == "failed"
            if refused and st.button("Upload a file", icon=":material/upload:", key=f"instead_{task.id}"):
                st.query_params["way"] = "upload"
                st.rerun()
            again = _source_query(task) if status.state == "failed" else {}
            if again and st.button("Change", icon=":material/edit:", key=f"change_{task.id}", help="Back to the form"):
                st.query_params.from_dict(again)
                st.rerun()
            if st.button("Retry", icon=":material/refresh:", key=f"retry_{task.id}"):
                _do(lambda: start_again(task))
        _log(task)
        if st.button("", icon=":material/delete:", key=f"remove_{task.id}", help="Remove this line", type="tertiary"):
            _do(lambda: remove_task(task))


def _source_query(task: Task) -> dict[str, str]:
    """The address of the form for the file of an import; empty where it is gone."""
    source = Path(str(task.arguments.get("source", "")))
    key = upload_key(source)
    if task.kind != "import" or not source.exists():
        return {}
    return {"way": "upload", "upload": key} if key else {"way": "server", "file": str(source)}


def _log(task: Task) -> None:
    """The last lines of what the worker wrote, where there are any."""
    path = task.path / "log.txt"
    if task.status.state != "failed" or not path.is_file() or not path.stat().st_size:
        return
    with st.popover("", icon=":material/subject:", type="tertiary", key=f"command_log_{task.id}", help="Log"):
        with open(path, "rb") as file:
            file.seek(max(path.stat().st_size - 20_000, 0))
            lines = file.read().decode(errors="replace").splitlines()
        st.code("\n".join(lines[-LOG_LINES:]), language=None, wrap_lines=True)


def _do(action) -> None:  # type: ignore[no-untyped-def]
    """Carry out what a button asks for and show the page anew; a refusal is told in a sentence."""
    try:
        action()
    except MollensError as error:
        st.toast(plain(error), icon=":material/error:")
        return
    st.rerun()
