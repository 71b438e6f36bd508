"""Giving a run back: a SchNetPack model, weights with a model card, as a zip file that a task makes."""

from __future__ import annotations

from shlex import quote

import streamlit as st

from core.errors import MollensError
from core.runs.folder import Run
from core.runs.giving_back import LAYOUTS, export_file, why_no_model
from core.tasks import Task, list_tasks, read_task, reap_children, start_task
from pages.common.appearance import plain
from pages.common.furniture import note, progress

_CAPTIONS = {
    "both": "All of the below",
    "schnetpack": "best_model for SchNetPack's SpkCalculator, a pickle; config.yaml, split, model card",
    "folder": "Weights as safetensors, configuration, recipe, split, model card; nothing to unpickle",
}


def export_popover(run: Run) -> None:
    """A button that opens the export of a run's model; a sentence in it where there is no model."""
    with st.popover("Export", icon=":material/ios_share:", key=f"give_back_{run.id}", help="The trained model"):
        why = why_no_model(run)
        if why is not None:
            st.markdown(f"**{plain(run.name)}** {plain(why)}.")
            return
        st.markdown(f"**The model of {plain(run.name)}**")
        layout = st.radio(
            "What",
            list(LAYOUTS),
            format_func=LAYOUTS.__getitem__,
            captions=[_CAPTIONS[key] for key in LAYOUTS],
            key=f"give_back_as_{run.id}",
            label_visibility="collapsed",
        )
        st.caption("For single points. Not for relaxation or dynamics: no forces were learned.")
        _show_making(run, layout)
        told = "" if layout == "both" else f" --as {layout}"
        st.code(f"python -m core export {run.id} --to {quote(run.id)}{told}", language="bash", wrap_lines=True)


def _show_making(run: Run, layout: str) -> None:
    """The button that makes the file, the progress of its task, and the download."""
    reap_children()
    task = _task_of(run, layout)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="0.5s")(task.id)
        return
    made = export_file(run, layout)
    finished = task is not None and task.status.state == "finished" and made.is_file()
    if task is not None and task.status.state in ("failed", "lost"):
        note(plain(task.status.error or "The export was lost; make it again."), f"give_back_{run.id}", "failed")
    if task is not None and finished:
        for sentence in task.status.result.get("notes") or []:
            st.caption(f":orange[Note:] {plain(sentence)}")
        st.download_button(
            f"Download {made.stat().st_size / 1e6:.1f} MB",
            lambda: open(made, "rb"),
            made.name,
            "application/zip",
            icon=":material/download:",
            type="primary",
            width="stretch",
            on_click="ignore",
            key=f"give_back_download_{run.id}_{layout}",
        )
    if st.button(
        "Make it anew" if finished else "Make the file", key=f"give_back_make_{run.id}_{layout}", width="stretch"
    ):
        try:
            start_task("export", f"Export of {run.name}", {"run": run.id, "as": layout})
        except MollensError as error:
            st.error(plain(error), icon=":material/error:")
            return
        st.rerun()


def _task_of(run: Run, layout: str) -> Task | None:
    """The task that makes this file now, or did it last."""
    for task in list_tasks():
        if task.error is None and task.kind == "export" and task.arguments == {"run": run.id, "as": layout}:
            return task
    return None


def _watch(task_id: str) -> None:
    reap_children()
    try:
        status = read_task(task_id).status
    except MollensError:
        st.rerun()
    if not status.active:
        st.rerun()
    progress(status.done / status.total if status.total else 0.0, "Writing", status.text or "starting")
