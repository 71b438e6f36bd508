"""What the pages of Judge say of runs that cannot be judged (yet)."""

from __future__ import annotations

import streamlit as st

from core.data.store import Dataset
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.candidates import Candidates
from pages.common.furniture import empty
from pages.common.judged import Bench


def nothing_yet(dataset: Dataset, found: Candidates, page: str) -> None:
    """No run can be judged: say what there is and what to do; `page` is the one that is shown."""
    if found.waiting:
        text = f"No run on {plain(dataset.name)} has predictions yet: {_states(found.waiting)}. "
        empty(text + "Errors are measured when a run ends.", "waiting", "pages/train/runs.py", "To the runs")
    else:
        text = f"No model has been trained on {plain(dataset.name)} yet."
        empty(text, "no_run", "pages/train/new_run.py", "Start a run", {"dataset": dataset.name})
    for name, count in found.elsewhere.items():
        label = f"{count} {'run' if count == 1 else 'runs'} on {plain(name)}"
        st.page_link(page, label=label, icon=":material/arrow_forward:", query_params={"dataset": name})
    _damaged(found)


def tell_unknown(bench: Bench) -> None:
    """A warning about models of which nobody knows what they have seen."""
    if unknown := bench.unknown:
        names = ", ".join(plain(run.name) for run in unknown)
        st.warning(
            f"{names}: it is not known which molecules {'it was' if len(unknown) == 1 else 'they were'} trained on. "
            "The errors may be optimistic, and no model is said to be better.",
            icon=":material/warning:",
        )


def tell_waiting(found: Candidates) -> None:
    """A line about runs that cannot be picked yet."""
    if found.waiting:
        st.caption(f"Not judged yet, without predictions: {_states(found.waiting)}.")
    _damaged(found)


def _damaged(found: Candidates) -> None:
    for run in found.damaged:
        st.warning(plain(run.error), icon=":material/warning:")


def _states(runs: list[Run], most: int = 4) -> str:
    told = [f"{plain(run.name)} ({run.status().state})" for run in runs[:most]]
    return ", ".join(told) + (f" and {len(runs) - most} more" if len(runs) > most else "")
