"""Runs: all of them by state, and one of them live, with up to two others beside it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.theme import ModelStyle, colours
from core.judge.baseline import validation_baseline
from core.judge.glance import Glance
from core.runs.folder import Run
from core.runs.predictions import predictions_folder
from pages.common.appearance import dark, plain
from pages.common.furniture import empty, page_head
from pages.common.guard import guard
from pages.common.loaders import load_dataset
from pages.common.models import early_style, style_of
from pages.common.rows import pick_row
from pages.train.parts.run_actions import delete_damaged, show_deleted, show_trash
from pages.train.parts.run_beside import compared, names_of, pick_beside
from pages.train.parts.run_charts import pick_view, read_steps, show_curves
from pages.train.parts.run_foreign import is_foreign
from pages.train.parts.run_head import Now, show_head
from pages.train.parts.run_learning import show_learning
from pages.train.parts.run_list import MANY, found_by, look, row_groups
from pages.train.parts.run_way import show_log, show_way

NEW_RUN = "pages/train/new_run.py"
_CSS = (Path(__file__).parents[1] / "common" / "browser" / "runs.css").read_text()


def show_page() -> None:
    """The whole page; what changes on its own is a fragment that runs every 2 s while something is at work."""
    actions = page_head("Runs", "Every training, with its state and its validation error")
    st.html(f"<style>{_CSS}</style>")
    if actions.button("New run", icon=":material/add:", type="primary"):
        st.switch_page(NEW_RUN)
    seen = look()
    if not seen:
        empty("No model has been trained yet.", "runs", NEW_RUN, "Start the first run")
        show_deleted()
        show_trash()
        return
    live = any(s.live for s in seen)
    st.fragment(show_runs, run_every="2s" if live else None)(live)


def show_runs(live: bool) -> None:
    """List and detail, read anew each time.

    Args:
        live: whether anything was at work when the page was built; when that changes the page is built again.
    """
    with guard("pages/train/runs.py", "All runs"):
        seen = look()
        if not seen or any(s.live for s in seen) != live:
            st.rerun()
        left, right = st.container(key="split_runs").columns([272, 880], gap="medium")
        chosen = chosen_run(seen)
        with left:
            show_deleted()
            picked = show_list(seen, chosen)
            show_trash()
        if picked is not None and (chosen is None or picked != chosen.run.id):
            st.query_params["run"] = picked
            st.rerun(scope="fragment" if live else "app")
        with right:
            if chosen is None:
                empty(f"There is no run {plain(st.query_params['run'])}.", "no_run", "pages/train/runs.py", "All runs")
            else:
                show_run(chosen, seen)


def show_list(seen: list[Glance], chosen: Glance | None) -> str | None:
    """The list, with a search where there are many; gives the run that was just clicked."""
    words = ""
    if len(seen) > 8:
        words = st.text_input(
            "Find a run", key="find_run", placeholder="Find a run", icon=":material/search:",
            label_visibility="collapsed",
        )  # fmt: skip
    found = found_by(seen, words)
    if not found:
        st.caption(f"No run has all of these words in its name, data, recipe, state or note: {plain(words)}")
    more = st.session_state.get("_all_runs", False)
    picked = pick_row(
        row_groups(found, None if more or words else MANY), chosen.run.id if chosen else None, "All runs", "runs"
    )
    n_finished = sum(s.status is not None and s.status.state == "finished" for s in found)
    if n_finished > MANY and not words:
        label = "Show fewer" if more else f"Show all {n_finished} finished runs"
        st.button(label, key="more_runs", type="tertiary", on_click=_turn_more)
    return picked


def _turn_more() -> None:
    st.session_state["_all_runs"] = not st.session_state.get("_all_runs", False)


def chosen_run(seen: list[Glance]) -> Glance | None:
    """The run that the address names by id or name; None if it is not there. Without one, the first of the list that
    has curves to show.
    """
    wanted = st.query_params.get("run")
    if wanted is not None:
        named = [s for s in seen if s.run.id == wanted] or [s for s in seen if not s.run.error and s.run.name == wanted]
        return named[0] if named else None
    by_id = {s.run.id: s for s in seen}
    listed = [by_id[row.id] for group in row_groups(seen) for row in group.rows]
    learned = (s for s in listed if s.status is not None and not s.linear)
    return next(learned, listed[0])


def show_run(seen: Glance, every: list[Glance]) -> None:
    """Everything about one run."""
    run = seen.run
    if seen.status is None:
        st.error(plain(run.error), icon=":material/error:")
        delete_damaged(run)
        return
    style = early_style(run.id) or ModelStyle(colours(dark()).ink, "circle", "●", "gray")
    names = names_of(every)
    dataset, fault = dataset_of(run)
    baseline = baseline_of(run, dataset)
    if is_foreign(run) and not seen.epochs:
        show_head(seen, names, baseline, Now(), dataset is not None)
    elif seen.linear:
        show_head(seen, names, baseline, Now(), dataset is not None)
        if seen.status.state == "finished":
            empty("A linear fit of the atom counts: solved at once, so there are no curves.", "composition",
                  "pages/judge/errors.py", "Its errors", {"run": run.id})  # fmt: skip
    else:
        show_learner(seen, every, names, style, dataset, baseline)
    if fault and not is_foreign(run):
        st.warning(plain(fault), icon=":material/info:")
    show_way(run, dataset)
    show_log(run)


def show_learner(
    seen: Glance,
    every: list[Glance],
    names: dict[str, str],
    style: ModelStyle,
    dataset: Dataset | None,
    baseline: float | None,
) -> None:
    """Head and curves of a run that learns step by step."""
    run = seen.run
    head = st.container(key="run_top")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="run_controls"):
        others = pick_beside(seen, every, names)
        only_means = any(is_foreign(one.run) for one in (seen, *others))  # of whose batches a log says no more
        view = pick_view(bands=not only_means)
    if others:
        style = style_of(run.id)
    beside = compared(seen, others, names, view.share)
    read = [
        read_steps(
            one,
            style if one is seen else style_of(one.run.id),
            names[one.run.id],
            view.band,
            beside.other_weights or only_means,
            beside.first_step,
        )
        for one in (seen, *others)
    ]
    with head:
        show_head(seen, names, baseline, read[0].now, dataset is not None)
    show_curves(read, beside, dataset, baseline, view.log)
    if dataset is not None and not is_foreign(run):
        show_learning(run, dataset, style, view.log)


def dataset_of(run: Run) -> tuple[Dataset | None, str]:
    """The run's dataset, or why it cannot be opened."""
    try:
        dataset = load_dataset(run.dataset_name)
    except MollensError as error:
        return None, str(error)
    if dataset.card.sha256 != run.dataset_sha256:
        return None, (
            f"Dataset {dataset.name} has changed since this run was made, so nothing is shown by size or element."
        )
    return dataset, ""


def baseline_of(run: Run, dataset: Dataset | None) -> float | None:
    """Validation MAE of the run's linear fit in composition, once the run has told it."""
    if dataset is None:
        return None
    told = (predictions_folder(run, dataset.name) is not None, (run.path / "model.json").exists())
    try:
        return _baseline(str(run.path), dataset.card.sha256, told, run, dataset)
    except MollensError:
        return None


@st.cache_resource(max_entries=200, show_spinner=False)
def _baseline(folder: str, sha256: str, told: tuple[bool, bool], _run: Run, _dataset: Dataset) -> float | None:
    return validation_baseline(_run, _dataset)


with guard():
    show_page()
