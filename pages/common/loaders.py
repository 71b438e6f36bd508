"""Datasets and runs for the pages: opened once, shared by all sessions, opened again when their files change."""

from __future__ import annotations

import threading
from typing import Any

import streamlit as st

from core.data.store import Dataset, DatasetEntry, list_datasets, open_dataset
from core.errors import MollensError
from core.files import home
from core.runs.folder import Run, list_runs, open_run
from core.runs.jobs import reap_children
from core.runs.metrics import MetricsTail


def dataset_entries() -> list[DatasetEntry]:
    """Every dataset there is, damaged ones with their error."""
    return list_datasets()


def load_dataset(name: str) -> Dataset:
    """An opened dataset; its arrays are mapped, so this costs nothing after the first time.

    Raises:
        MollensError: if there is none of that name or it is damaged.
    """
    entry = next((entry for entry in list_datasets() if entry.name == name), None)
    if entry is None or entry.card is None:
        if entry is not None and entry.error:
            raise MollensError(entry.error)
        return open_dataset(name)  # raises, and says what there is
    return _open_dataset(str(home()), name, entry.card.sha256)


@st.cache_resource(max_entries=8, show_spinner="Opening the dataset")
def _open_dataset(folder: str, name: str, sha256: str) -> Dataset:
    return open_dataset(name)


def load_runs() -> list[Run]:
    """Every run there is, the newest first, shipped ones last; damaged ones carry their error."""
    reap_children()
    return list_runs()


def load_run(id_or_name: str) -> Run:
    """One run.

    Raises:
        MollensError: if there is none of that name or it is damaged.
    """
    return open_run(id_or_name)


class History:
    """The metrics of one run, read on from where the last reader stopped; safe for several sessions at once."""

    def __init__(self, run: Run) -> None:
        self._tail = MetricsTail(run)
        self._lock = threading.Lock()

    def read(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All lines of logged steps and of epochs so far."""
        with self._lock:
            self._tail.refresh()
            return list(self._tail.steps), list(self._tail.epochs)


def load_history(run: Run) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of logged steps and of epochs of a run, up to now."""
    return _history(str(run.path), run).read()


@st.cache_resource(max_entries=1000, show_spinner=False)
def _history(folder: str, _run: Run) -> History:
    return History(_run)
