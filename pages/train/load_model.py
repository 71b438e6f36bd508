"""Load a model: one that SchNetPack has trained, or the predictions of any program, to be judged like a run."""

from __future__ import annotations

import importlib.util

import streamlit as st

from pages.common.furniture import page_head
from pages.common.guard import guard
from pages.train.parts.load_found import show_inspection
from pages.train.parts.load_source import Chosen, choose_source, chosen_source
from pages.train.parts.load_tasks import show_tasks_card

KINDS = {"model": "A model of SchNetPack", "predictions": "Predictions only"}
_PREDICTIONS = "pages.train.parts.load_predictions"


def show_page() -> None:
    """One of two ways to a run that was not trained here, and what is at work in the background."""
    page_head("Load a model", "What was trained elsewhere becomes a run, judged like any other")
    if choose_kind() == "predictions":
        from pages.train.parts.load_predictions import show_predictions_tab

        show_predictions_tab()
        return
    chosen: Chosen | None = chosen_source()
    if chosen is None:
        choose_source()
    else:
        with guard("pages/train/load_model.py", "Choose another model"):
            show_inspection(chosen)
    show_tasks_card()


def choose_kind() -> str:
    """What is loaded; it stands in the address."""
    kinds = [kind for kind in KINDS if kind == "model" or importlib.util.find_spec(_PREDICTIONS)]
    wanted = st.query_params.get("kind", "model")
    wanted = wanted if wanted in kinds else "model"
    # a widget cannot be set by the address once it is there, so the address is part of its key
    picked = st.segmented_control(
        "What", kinds, default=wanted, format_func=KINDS.__getitem__, key=f"load_kind_{wanted}",
        label_visibility="collapsed", required=True,
    )  # fmt: skip
    if picked and picked != wanted:
        st.query_params.from_dict({"kind": picked} if picked != "model" else {})
        st.rerun()
    return wanted


with guard():
    show_page()
