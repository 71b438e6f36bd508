"""What the evidence waits for: buttons that start its tasks, in place of the commands that a terminal is told."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from core.data.defects import read_defects
from core.data.search import index_ready
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.inspect.label import defects_stamp
from core.judge.inspect.levels import levels_task, read_levels, start_levels
from core.tasks import reap_children
from pages.common.appearance import plain
from pages.common.furniture import progress
from pages.common.indexing import offer_index
from pages.judge.outlier_parts.gallery_asked import Asked

_COMMAND = re.compile(r"[:;] (?:run|make the index with) `(index|defects|second-levels|look-inside) [^`]*`(?=\.|$)")
_FAULT = "_levels_fault"


def without_commands(text: str) -> str:
    """A sentence without the command that would mend what it says; a button of the page does that."""
    return _COMMAND.sub("", text)


def offer_tasks(asked: Asked, sentences: Sequence[str]) -> None:
    """A button for each task whose command the sentences name; looking inside is offered at the map."""
    wanted = {found for text in sentences for found in _COMMAND.findall(text)}
    if wanted & {"index", "defects"}:
        why = "The index finds functional groups, and defects of the dataset are looked for with it."
        offer_index(asked.dataset, "evidence", why, lambda: _indexed(asked.dataset))
    if "second-levels" in wanted:
        offer_second_levels(asked, "evidence")


def offer_second_levels(asked: Asked, key: str) -> None:
    """Where a dataset at another level of theory waits to be set beside this one: the button, or how far it is.

    key: unique on the page
    """
    dataset, target = asked.dataset, asked.source.target.key
    if not read_levels(dataset, target)[1]:
        return
    reap_children()
    task = levels_task(dataset, target)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="1s")(dataset, target)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"levels_{key}"):
        st.button(
            "Set beside the other level", icon=":material/compare_arrows:", key=f"make_levels_{key}",
            on_click=_start, args=(dataset, target),
        )  # fmt: skip
        st.caption("Geometries of both datasets are recognised once, in the background, in seconds to a minute.")
    fault = st.session_state.pop(_FAULT, "") or (task.status.error if task is not None else "")
    if fault:
        st.error(plain(fault), icon=":material/error:")


def beside_state(asked: Asked) -> tuple[str, ...]:
    """Changes when another level of theory has been set beside the dataset or waits for it, or defects are found."""
    found, waiting = read_levels(asked.dataset, asked.source.target.key)
    return (str(defects_stamp(asked.dataset)), *(level.name for level in found), "", *waiting)


def _indexed(dataset: Dataset) -> bool:
    return index_ready(dataset) and read_defects(dataset) is not None


def _start(dataset: Dataset, target: str) -> None:
    try:
        start_levels(dataset, target)
    except MollensError as error:
        st.session_state[_FAULT] = str(error)


def _watch(dataset: Dataset, target: str) -> None:
    reap_children()
    task = levels_task(dataset, target)
    if task is None or not task.status.active:
        st.rerun()
        return
    status = task.status
    share = status.done / status.total if status.total else 0.0
    progress(share, "Setting beside the other level of theory", status.text or "starting, which takes some seconds")
