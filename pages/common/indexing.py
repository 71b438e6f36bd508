"""What waits for the index of a dataset: its progress while it is made, else the button that makes it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.indexing import index_task, start_index
from core.data.search import index_ready
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.tasks import reap_children
from pages.common.appearance import plain
from pages.common.furniture import progress

MOST_UNINDEXED = 5_000
"""Molecules whose functional groups are found within about 3 s without an index."""
_FAULT = "_index_fault"


def groups_wait(place: DeltaGenerator, dataset: Dataset, by: str) -> bool:
    """Whether a grouping has to wait for the index of the dataset; `place` then offers to make it."""
    if by != "functional_group" or dataset.molecules.n_molecules <= MOST_UNINDEXED or index_ready(dataset):
        return False
    with place:
        why = "Functional groups are found with the index of the dataset; shown by size meanwhile."
        offer_index(dataset, "groups", why, lambda: index_ready(dataset))
    return True


def offer_index(dataset: Dataset, key: str, why: str, ready: Callable[[], bool]) -> None:
    """Say what the index is for, and make it or show how far it is.

    Args:
        key: unique on the page.
        why: a sentence (Markdown): what cannot be shown without it.
        ready: whether what is waited for is there, so that the page shows it before the rest of the index is made.
    """
    reap_children()
    task = index_task(dataset.name)
    if task is not None and task.status.active:
        st.fragment(_watch, run_every="1s")(dataset, ready)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"index_{key}"):
        st.button(
            "Make the index",
            icon=":material/manage_search:",
            key=f"make_index_{key}",
            on_click=_start,
            args=(dataset.name,),
        )
        time = "a few seconds" if dataset.molecules.n_molecules < 40_000 else "about a minute"
        st.caption(f"{why} It is made once, in the background, in {time}.")
    fault = st.session_state.pop(_FAULT, "") or (task.status.error if task is not None else "")
    if fault:
        st.error(plain(fault), icon=":material/error:")


def _start(name: str) -> None:
    try:
        start_index(name)
    except MollensError as error:
        st.session_state[_FAULT] = str(error)


def _watch(dataset: Dataset, ready: Callable[[], bool]) -> None:
    reap_children()
    task = index_task(dataset.name)
    if task is None or not task.status.active or ready():
        st.rerun()
        return
    status = task.status
    progress(
        status.done / status.total if status.total else 0.0,
        "The index is being made",
        f"{status.text} · {number(status.done)} of {number(status.total)}" if status.total else status.text,
    )
