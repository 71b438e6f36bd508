"""What can be done with a run: stop, resume, clone, rename, note, export, delete, and bring back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from core.errors import MollensError
from core.figures.numbers import duration
from core.judge.glance import Glance
from core.runs.folder import MOST_NOTE, Run, delete_run, rename_run, set_note
from core.runs.jobs import request_stop, start_job
from core.runs.logs import write_logs
from core.runs.trash import Trashed, list_trash, restore_run
from pages.common.appearance import plain
from pages.train.parts.run_export import export_popover

NEW_RUN = "pages/train/new_run.py"
_CAN_RESUME = ("created", "stopped", "failed", "lost")
_DELETED = "_deleted_run"
_SHOWN_TRASH = 20


def show_actions(seen: Glance) -> None:
    """Links and buttons by what the state allows."""
    run, status = seen.run, seen.status
    assert status is not None
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall", width="content",
        key="run_actions",
    ):  # fmt: skip
        if status.state == "finished":
            query = {"run": run.id}
            st.page_link("pages/judge/errors.py", label="Errors", icon=":material/query_stats:", query_params=query)
            st.page_link(
                "pages/judge/outliers.py", label="Outliers", icon=":material/search_insights:", query_params=query
            )
        if status.state == "finished":
            export_popover(run)
        if run.origin == "mollens":
            st.page_link(
                NEW_RUN, label="Clone", icon=":material/content_copy:", query_params={"from": run.id},
                help="A new run filled in as this one, to be changed before the start",
            )  # fmt: skip
        if not run.shipped:
            _show_main(seen)
        _show_more(seen)


def _show_main(seen: Glance) -> None:
    """Stop, cancel, resume or start."""
    run, status = seen.run, seen.status
    assert status is not None
    if status.state == "queued":
        if st.button("Cancel", icon=":material/close:", key=f"stop_{run.id}", help="Leaves the queue; can be resumed"):
            _do(lambda: request_stop(run))
    elif seen.live:
        if st.button(
            "Stop", icon=":material/stop:", key=f"stop_{run.id}", disabled=status.state == "stopping",
            help="Saves a checkpoint first; can be resumed",
        ):  # fmt: skip
            _do(lambda: request_stop(run))
    elif status.state in _CAN_RESUME and run.origin == "mollens":
        fresh = status.state == "created"
        if st.button(
            "Start" if fresh else "Resume", icon=":material/play_arrow:", key=f"resume_{run.id}",
            help="Begins the training" if fresh else "Goes on from the last checkpoint",
        ):  # fmt: skip
            _do(lambda: start_job(run))


def _show_more(seen: Glance) -> None:
    run = seen.run
    words = "Metrics" if run.shipped else "Rename, note, metrics, delete"
    with st.popover("", icon=":material/more_horiz:", key=f"command_more_{run.id}", help=words):
        if not run.shipped:
            name = st.text_input("Name", run.name, key=f"name_{run.id}", max_chars=80)
            if st.button("Rename", key=f"rename_{run.id}", disabled=name.strip() == run.name):
                _do(lambda: rename_run(run, name))
            text = st.text_area(
                "Note", run.note, key=f"remark_{run.id}", max_chars=MOST_NOTE, height=96,
                placeholder="What is this run for? What was seen?",
            )  # fmt: skip
            if st.button("Save the note", key=f"save_remark_{run.id}", disabled=text.strip() == run.note):
                _do(lambda: set_note(run, text))
        if seen.epochs:
            _show_export(run)
        if not run.shipped and st.button(
            "Delete", icon=":material/delete:", key=f"delete_{run.id}", disabled=seen.live,
            help="Stop it first" if seen.live else "Moves the run to the trash; can be undone",
        ):  # fmt: skip
            _do(lambda: _delete(run), forget=True)


def _show_export(run: Run) -> None:
    with st.container(horizontal=True, gap="xsmall", key=f"export_{run.id}"):
        for kind, label in (("csv", "CSV"), ("tensorboard", "TensorBoard")):
            st.download_button(
                f"Metrics, {label}",
                lambda kind=kind: zipped(run, kind),  # type: ignore[misc]
                f"{run.id}-{kind}.zip",
                "application/zip",
                icon=":material/download:",
                on_click="ignore",
                key=f"export_{kind}_{run.id}",
            )
    if run.logs:
        st.caption(f"Its job writes {' and '.join(run.logs)} logs itself, in {plain(run.path / 'logs')}")


def zipped(run: Run, kind: str) -> bytes:
    """The logs of one kind in a zip file."""
    content = io.BytesIO()
    with TemporaryDirectory() as folder:
        write_logs(run, Path(folder), [kind])
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder))
    return content.getvalue()


def _delete(run: Run) -> None:
    name = run.id if run.error is not None else run.name
    st.session_state[_DELETED] = (delete_run(run).name, name)


def delete_damaged(run: Run) -> None:
    """A button that throws a damaged run away."""
    if not run.shipped and st.button("Delete", icon=":material/delete:", key=f"delete_{run.id}"):
        _do(lambda: _delete(run), forget=True)


def show_deleted() -> None:
    """The run that was deleted last, and the way to have it back; until it is undone or put aside."""
    deleted: tuple[str, str] | None = st.session_state.get(_DELETED)
    if deleted is None:
        return
    trashed, name = deleted
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="note_plain_deleted", wrap=False):
        st.markdown(f"**{plain(name)}** is in the trash.")
        if st.button("Undo", icon=":material/undo:", key="undo_delete"):
            _do(lambda: _restore(trashed))
        if st.button("", icon=":material/close:", key="close_deleted", type="tertiary", help="Put this aside"):
            del st.session_state[_DELETED]
            st.rerun()


def _restore(trashed: str) -> None:
    run = restore_run(trashed)
    st.session_state.pop(_DELETED, None)
    st.query_params["run"] = run.id


def show_trash() -> None:
    """The deleted runs, each with a button that brings it back; nothing where there are none."""
    listed = list_trash()
    if not listed:
        return
    with st.expander(f"Trash ({len(listed)})", icon=":material/delete:", key="trash"):
        for one in listed[:_SHOWN_TRASH]:
            _show_trashed(one)
        if len(listed) > _SHOWN_TRASH:
            st.caption(f"and {len(listed) - _SHOWN_TRASH} older ones; `python -m core trash` lists all")
        st.caption("`python -m core trash --empty` removes them for good.")


def _show_trashed(one: Trashed) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"trashed_{one.id}", wrap=False):
        ago = duration((datetime.now(UTC) - one.deleted).total_seconds())
        st.markdown(f"{plain(one.name)}  \n:gray[:small[deleted {ago} ago]]", width="stretch")
        if st.button(
            "", icon=":material/restore_from_trash:", key=f"restore_{one.id}", type="tertiary", help="Bring it back"
        ):
            _do(lambda: _restore(one.id))


def _do(action: Callable[[], Any], forget: bool = False) -> None:
    """Carry out what a button asks for and show the page anew; a refusal is told in a sentence."""
    try:
        action()
    except MollensError as error:
        st.toast(plain(error), icon=":material/error:")
        return
    if forget:
        st.query_params.pop("run", None)
    st.rerun()
