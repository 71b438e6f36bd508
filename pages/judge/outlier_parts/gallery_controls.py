"""The controls of the page Outliers: the model, the one it is compared with, the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.data.store import Dataset
from core.judge.comparing.recipes_compared import recipe_key
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.candidates import display_names
from pages.common.judged import first_of_each_recipe
from pages.judge.outlier_parts.gallery import to_first_page
from pages.judge.outlier_parts.gallery_asked import looked_into
from pages.judge.outlier_parts.gallery_order import ORDER_NAMES


def pick_run(row: Any, runs: list[Run], asked: Run | None) -> Run:
    """The model that is looked at; it stands in the address as `run`."""
    names, by_id = display_names(runs), {run.id: run for run in runs}
    if "outlier_run" not in st.session_state or st.session_state["outlier_run"] not in by_id:
        first = next((run.id for run in runs if run.recipe_values.get("model") != "composition"), runs[0].id)
        st.session_state["outlier_run"] = asked.id if asked is not None and asked.id in by_id else first
    run_id = row.selectbox(
        "Model",
        list(by_id),
        format_func=lambda run_id: names[run_id],
        key="outlier_run",
        width="stretch",
        on_change=to_first_page,
    )
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
    return by_id[run_id]


def pick_other(row: Any, dataset: Dataset, runs: list[Run], run: Run) -> Run | None:
    """A run of another recipe, for what is shown as the difference of two models; None where there is none.

    One run stands for all seeds of its recipe, also where the address names another of them as `other`.
    """
    others = [each for each in runs if each.target == run.target and recipe_key(each) != recipe_key(run)]
    others = [each for each in others if each.recipe_values.get("model") != "composition"]
    shown = first_of_each_recipe(others)
    if not shown:
        return None
    by_key = {recipe_key(each): each for each in shown}
    text = st.query_params.get("other")
    asked = next((each for each in others if text in (each.id, each.name)), None)
    if asked is not None and by_key[recipe_key(asked)].id != text:
        st.query_params["other"] = by_key[recipe_key(asked)].id
    names, by_id = display_names(shown), {each.id: each for each in shown}
    chosen = row.selectbox(
        "Compared with",
        list(by_id),
        format_func=names.__getitem__,
        width="stretch",
        help="The model of which differences are shown; the seeds of its recipe are taken together",
        **kept("other", list(by_id), _first_choice(dataset, others, shown).id, to_first_page),
    )
    return by_id[str(chosen)]


def _first_choice(dataset: Dataset, others: Sequence[Run], shown: Sequence[Run]) -> Run:
    """The newest recipe with a network that has been looked into, else the newest."""
    keys = [recipe_key(each) for each in others if looked_into(each, dataset)]
    return next((each for each in shown if recipe_key(each) in keys), shown[0])


def pick_order(row: Any) -> str:
    """The order of the molecules."""
    chosen = row.pills(
        "Order",
        list(ORDER_NAMES),
        format_func=ORDER_NAMES.__getitem__,
        required=True,
        wrap=True,
        **kept("order", list(ORDER_NAMES), "worst", to_first_page),
    )
    return str(chosen)
