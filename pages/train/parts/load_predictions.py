"""Predictions of any program on their way to a run: the file, its columns, what will be loaded, and the start."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import partial
from pathlib import Path

import streamlit as st

from core.data.predicted import Choices, Inspection, inspect_predictions
from core.data.store import Dataset
from core.data.uploads import remove_upload
from core.errors import MollensError
from pages.common.appearance import plain
from pages.common.furniture import card, note
from pages.common.guard import guard
from pages.train.parts.load_source import Chosen, chosen_source, forget_source
from pages.train.parts.predictions_form import ask_columns, ask_what
from pages.train.parts.predictions_found import overruled, show_found, show_start
from pages.train.parts.predictions_source import choose_table
from pages.train.parts.predictions_tasks import show_loaded


def show_predictions_tab() -> None:
    """Everything about predictions only: choose a file, say what it holds, load it."""
    chosen = chosen_source()
    if chosen is None:
        choose_table()
    else:
        with guard("pages/train/load_model.py", "Choose another file"):
            _show_file(chosen)
    show_loaded()


def _show_file(chosen: Chosen) -> None:
    """The chosen file, from its columns down to the button."""
    path = chosen.path
    stamp = path.stat()
    source = hashlib.sha256(f"{path}{stamp.st_mtime_ns}{stamp.st_size}".encode()).hexdigest()[:12]
    with card("predictions_columns", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            with st.container(gap=None, width="stretch", key="head_predictions"):
                st.subheader(plain(path.name), anchor=False)
            if st.button("Another file", icon=":material/undo:", type="tertiary", key="predictions_other"):
                remove_upload(path)
                forget_source()
                st.rerun()
        try:
            dataset, target = ask_what(source)
            look = partial(_inspected, path, dataset, target)
            choices = overruled(ask_columns(look, dataset, target, source), source)
            found = look(choices)
        except MollensError as error:
            words = str(error).replace(f"{path}: ", "").replace(str(path), path.name)
            note(f"**Not readable.** {plain(words)}", "predictions_fault", "failed")
            return
    show_found(found, dataset, target, source)
    show_start(found, path, dataset, target, choices, source)


def _inspected(path: Path, dataset: Dataset, target: str, choices: Choices) -> Inspection:
    stamp = path.stat()
    return _inspect(str(path), (stamp.st_mtime_ns, stamp.st_size), dataset.card.sha256, target, choices, dataset)


@st.cache_data(max_entries=32, show_spinner="Looking into the file", hash_funcs={Choices: asdict})
def _inspect(
    path: str, stamp: tuple[int, int], sha256: str, target: str, choices: Choices, _dataset: Dataset
) -> Inspection:
    return inspect_predictions(Path(path), _dataset, target, choices)
