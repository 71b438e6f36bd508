"""Which molecules, and the task that asks the network about them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.own_molecules import LARGEST_FILE, LENGTHS, MOST_MOLECULES, answer_token, save_text
from core.data.uploads import find_upload, remove_upload, save_upload, upload_key
from core.errors import MollensError
from core.figures.numbers import number
from core.runs.folder import Run
from core.tasks import Task, list_tasks, reap_children, start_task, stop_task
from pages.common.address import kept
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, note, progress

KIND = "predict-molecules"
WAYS = {"file": "Upload a file", "text": "Paste"}
EXAMPLE = """9
ethanol, a bond stretched
C   1.1879  -0.3829   0.0000
C   0.0000   0.5526   0.0000
O  -1.1867  -0.2472   0.0000
H  -1.9237   0.3850   0.0000
H   2.0985   0.2306   0.0000
H   1.1184  -1.0093   0.8869
H   1.1184  -1.0093  -0.8869
H  -0.0227   1.3812   1.0852
H  -0.0227   1.1812  -0.8852
12
benzene
C   0.0000   1.3960   0.0000
C   1.2090   0.6980   0.0000
C   1.2090  -0.6980   0.0000
C   0.0000  -1.3960   0.0000
C  -1.2090  -0.6980   0.0000
C  -1.2090   0.6980   0.0000
H   0.0000   2.4790   0.0000
H   2.1470   1.2400   0.0000
H   2.1470  -1.2400   0.0000
H   0.0000  -2.4790   0.0000
H  -2.1470  -1.2400   0.0000
H  -2.1470   1.2400   0.0000
5
chloromethane
C   0.0000   0.0000   0.0000
Cl  0.0000   0.0000   1.7810
H   1.0310   0.0000  -0.3450
H  -0.5155   0.8929  -0.3450
H  -0.5155  -0.8929  -0.3450
"""
_ROUND = "_predict_round"  # an uploader with a new key is empty and gives its memory back
_FAULT = "_predict_fault"


@dataclass(frozen=True)
class Asked:
    """One question: which run, which molecules."""

    run: Run
    upload: Path
    lengths: str
    token: str

    @property
    def command(self) -> str:
        """The command line that asks the same."""
        words = ["python", "-m", "core", KIND, self.run.id, self.upload.name]
        return shlex.join(words + (["--lengths", self.lengths] if self.lengths != LENGTHS[0] else []))


def pick_lengths(row: Any) -> str:
    """Unit of the coordinates."""
    chosen = row.selectbox("Coordinates in", LENGTHS, width=140, **kept("lengths", LENGTHS, LENGTHS[0]))
    return str(chosen or LENGTHS[0])


def chosen_upload() -> Path | None:
    """The molecules that the address names by `upload`; None where there are none."""
    text = st.query_params.get("upload")
    found = find_upload(text) if text else None
    if text and found is None:
        st.warning("Those molecules are not there any more; uploads are kept for a day.", icon=":material/info:")
        st.query_params.pop("upload", None)
    return found


def input_card(run: Run, lengths: str, weights: str) -> None:
    """Where molecules come in; the network is asked at once."""
    with card("input", gap="small"):
        limit = f"Plain or extended xyz, up to {number(MOST_MOLECULES)} molecules and {LARGEST_FILE >> 20} MB"
        card_head("Which molecules?", f"{limit} · columns of the file are not needed", "input")
        way = st.segmented_control(
            "How", list(WAYS), format_func=WAYS.__getitem__, label_visibility="collapsed", required=True,
            **kept("way", list(WAYS), "file"),
        )  # fmt: skip
        if way == "text":
            _paste(run, lengths, weights)
        else:
            _upload(run, lengths, weights)
    fault = st.session_state.pop(_FAULT, "")
    if fault:
        note(plain(fault), "input", "failed")


def _upload(run: Run, lengths: str, weights: str) -> None:
    found = st.session_state.setdefault(_ROUND, 0)
    uploaded = st.file_uploader(
        "An xyz file", key=f"predict_upload_{found}", label_visibility="collapsed", max_upload_size=LARGEST_FILE >> 20
    )
    if uploaded is None:
        return
    try:
        path = save_upload(uploaded, uploaded.name, uploaded.size, LARGEST_FILE)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    st.session_state[_ROUND] = found + 1
    _begin(run, path, lengths, weights)


def _paste(run: Run, lengths: str, weights: str) -> None:
    text = st.text_area(
        "Molecules as xyz", key="predict_text", height=230, label_visibility="collapsed", max_chars=1_000_000,
        placeholder="3\nwater\nO 0.000 0.000 0.119\nH 0.000 0.763 -0.477\nH 0.000 -0.763 -0.477",
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        if st.button("Predict", type="primary", icon=":material/play_arrow:", key="predict_pasted"):
            try:
                path = save_text(text or "")
            except MollensError as error:
                st.session_state[_FAULT] = str(error)
                st.rerun()
            _begin(run, path, lengths, weights)
        st.button("Fill in an example", type="tertiary", key="predict_example", on_click=_fill_in)


def _fill_in() -> None:
    st.session_state["predict_text"] = EXAMPLE


def _begin(run: Run, path: Path, lengths: str, weights: str) -> None:
    """Name the upload in the address and ask the network."""
    key = str(upload_key(path))
    st.query_params["upload"] = key
    st.query_params.pop("molecule", None)
    start(Asked(run, path, lengths, answer_token(run.id, key, lengths, weights)))
    st.rerun()


def start(asked: Asked) -> None:
    """Start the task that asks the network."""
    arguments = {"run": asked.run.id, "file": str(asked.upload), "lengths": asked.lengths, "token": asked.token}
    try:
        start_task(KIND, f"Prediction of {asked.upload.name} by {asked.run.name}", arguments)
    except MollensError as error:
        st.session_state[_FAULT] = str(error)


def task_of(asked: Asked) -> Task | None:
    """The task that asks this, or asked it last."""
    tasks = (task for task in list_tasks() if task.error is None and task.kind == KIND)
    return next((task for task in tasks if task.arguments.get("token") == asked.token), None)


def ask_card(asked: Asked, answered: bool) -> None:
    """The chosen molecules, and how far the prediction is."""
    reap_children()
    with card("asked", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            with st.container(gap=None, width="stretch", key="head_asked"):
                st.subheader(plain(asked.upload.name), anchor=False)
            if st.button("Other molecules", icon=":material/undo:", type="tertiary", key="predict_other"):
                remove_upload(asked.upload)
                for key in ("upload", "molecule", "sort"):
                    st.query_params.pop(key, None)
                st.rerun()
        if answered:
            return
        task = task_of(asked)
        if task is not None and task.status.active:
            st.fragment(_watch, run_every="1s")(asked)
            return
        fault = st.session_state.pop(_FAULT, "") or (task.status.error if task is not None else "")
        if fault:
            note(plain(fault.replace(f"{asked.upload.parent}/", "")), "asked", "failed")
        words = "Ask again" if fault else f"Ask {asked.run.name}"
        if st.button(plain(words), type="primary", icon=":material/play_arrow:", key="predict_ask"):
            start(asked)
            st.rerun()


def _watch(asked: Asked) -> None:
    reap_children()
    task = task_of(asked)
    if task is None or not task.status.active:
        st.rerun()
        return
    status = task.status
    first = status.text in ("looking for neighbours", "looking inside the network") or "training" in status.text
    left = "Looking at the training molecules" if first else "Asking the network"
    remark = "once for each model; later questions take seconds" if first else ""
    words = status.text or "starting, which takes some seconds"
    share = status.done / status.total if status.total else 0.0
    progress(share, left, words, f"{100 * share:.0f} %" if status.total else "", remark)
    if st.button("Cancel", icon=":material/close:", type="tertiary", key="predict_cancel"):
        try:
            stop_task(task)
        except MollensError as error:
            st.toast(plain(error))
