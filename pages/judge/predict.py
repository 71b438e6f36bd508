"""What does a model say about my molecules? An upload or a pasted text, one model, and how far it may be trusted."""

from __future__ import annotations

import streamlit as st

from core.data.own_molecules import answer_token, read_answer
from core.data.store import Dataset
from core.data.uploads import upload_key
from core.errors import MollensError
from core.files import read_json
from core.runs.folder import Run
from pages.common.appearance import plain
from pages.common.candidates import display_names
from pages.common.furniture import empty, page_head
from pages.common.guard import guard
from pages.common.loaders import load_runs
from pages.common.pickers import pick_dataset
from pages.judge.predict_parts.answer import show_answer
from pages.judge.predict_parts.asking import Asked, ask_card, chosen_upload, input_card, pick_lengths

TITLE = "What does a model say about my molecules?"
PAGE = "pages/judge/predict.py"


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    words = [plain(dataset.card.title), plain(dataset.card.level_of_theory or "level of theory not stated")]
    page_head(TITLE, " · ".join([*words, "predicted by a model that was trained on this dataset; nothing is trained"]))
    runs = [run for run in load_runs() if run.error is None and run.dataset_name == dataset.name]
    with_weights = [run for run in runs if _weights(run)]
    if not with_weights:
        _nothing_to_ask(dataset, runs)
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    run = _pick_run(row, with_weights)
    lengths = pick_lengths(row)
    why = _cannot_be_asked(run)
    if why:
        empty(why, "no_network", "pages/train/new_run.py", "Start a run", {"dataset": dataset.name})
        return
    upload = chosen_upload()
    if upload is None:
        input_card(run, lengths, _weights(run))
        return
    asked = Asked(run, upload, lengths, answer_token(run.id, str(upload_key(upload)), lengths, _weights(run)))
    answer = read_answer(asked.token)
    ask_card(asked, answer is not None)
    if answer is not None:
        show_answer(dataset, asked, *answer)


def _weights(run: Run) -> str:
    """Checksum of the run's weights; empty where it has none."""
    try:
        return str(read_json(run.path / "model.json", run.what).get("weights_sha256", ""))
    except (MollensError, OSError):
        return ""


def _nothing_to_ask(dataset: Dataset, runs: list[Run]) -> None:
    if runs:
        names = ", ".join(plain(run.name) for run in runs[:4])
        text = f"No run on {plain(dataset.name)} has a trained network to ask: {names} hold predictions only or wait."
    else:
        text = f"No model has been trained on {plain(dataset.name)} yet."
    empty(text, "no_model", "pages/train/new_run.py", "Start a run", {"dataset": dataset.name})


def _cannot_be_asked(run: Run) -> str:
    """A sentence (Markdown) about a run without a network; empty for all others."""
    if run.recipe_values.get("model") == "composition":
        return (
            f"{plain(run.name)} is the baseline, a linear fit of the atom counts: it gives every isomer the same value "
            "and knows nothing of the geometry. Choose a network."
        )
    return ""


def _pick_run(row: st.delta_generator.DeltaGenerator, runs: list[Run]) -> Run:
    names, by_id = display_names(runs), {run.id: run for run in runs}
    if st.session_state.get("predict_run") not in by_id:
        first = next((run.id for run in runs if not _cannot_be_asked(run)), runs[0].id)
        wanted = st.query_params.get("run")
        named = [run.id for run in runs if wanted in (run.id, run.name)]
        if wanted and not named:
            st.warning(
                f"There is no run {plain(wanted)} with a trained network; {plain(names[first])} is shown.",
                icon=":material/info:",
            )
        st.session_state["predict_run"] = named[0] if named else first
    run_id = row.selectbox(
        "Model", list(by_id), format_func=lambda run_id: names[run_id], key="predict_run", width="stretch"
    )
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
    return by_id[run_id]


with guard(PAGE, "Other molecules"):
    show_page()
