"""The dataset picker of the sidebar; its choice stays over pages and stands in the address as `dataset`."""

from __future__ import annotations

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.loaders import dataset_entries, load_dataset

_KEPT = "_dataset"


def pick_dataset() -> Dataset:
    """Let the reader choose a dataset in the sidebar and open it.

    Raises:
        MollensError: if there is none, or the chosen one is damaged.
    """
    entries = {entry.name: entry for entry in dataset_entries()}
    if not entries:
        raise MollensError(
            "datasets: there is none; add one on the page Add data, or import one with `python -m core import`"
        )
    wanted = st.query_params.get("dataset") or st.session_state.get(_KEPT)
    if wanted is not None and wanted not in entries:
        st.warning(
            f"There is no dataset {plain(wanted)}; {plain(next(iter(entries)))} is shown.", icon=":material/info:"
        )
        wanted = None
        st.query_params.clear()  # filters, molecules and forms of another dataset mean nothing here
    names = list(entries)

    def describe(name: str) -> str:
        card = entries[name].card
        return f"{name} · {number(card.n_molecules)}" if card else f"{name} · damaged"

    chosen = st.sidebar.selectbox(
        "Dataset",
        names,
        index=names.index(wanted) if wanted else 0,
        format_func=describe,
        help="Name and number of molecules. More come in on the page Add data.",
    )
    st.session_state[_KEPT] = chosen
    if st.query_params.get("dataset") != chosen:
        st.query_params["dataset"] = chosen
    return load_dataset(chosen)
