"""The controls of the Errors page: which models, which groups, which measure; all of it part of the address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.selection import Selection
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.error_axes import MEASURE_NAMES, View, middle_cut
from core.figures.error_groups import grouping_name, pickable
from core.figures.numbers import shown_unit, unit_text
from core.judge.grouping.filters import read_filter
from core.judge.reference import chemical_accuracy
from core.runs.folder import Run
from pages.common.address import kept
from pages.common.appearance import dark, plain
from pages.common.candidates import Candidates, display_names
from pages.common.indexing import groups_wait
from pages.common.judged import Bench, first_of_each_recipe
from pages.common.loaders import load_run
from pages.common.models import known_style, style_of
from pages.judge.parts.models import Models

MOST_PILLS = 8
MOST_MODELS = 12
FEW = 3
RARE_BELOW = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
_KEPT = "_judged"
_SHORT = {**MEASURE_NAMES, "p95": "P95", "max": "Max"}


@dataclass(frozen=True)
class Choice:
    """What the reader has chosen beside the models."""

    by: str
    measure: str
    per: str
    relative: bool
    log: bool


def run_from_address() -> Run | None:
    """The run that a link asked for with `run`; its dataset becomes the chosen one if the link names none."""
    asked = st.query_params.get("run")
    if asked is None:
        return None
    try:
        run = load_run(asked)
    except MollensError as error:
        st.warning(plain(error), icon=":material/info:")
        del st.query_params["run"]
        return None
    if "dataset" not in st.query_params:
        st.query_params["dataset"] = run.dataset_name
    return run


def tell_unready(asked: Run | None, dataset: Dataset, ready: list[Run]) -> None:
    """Say why the run that a link asked for is not shown."""
    if asked is not None and asked.dataset_name == dataset.name and asked.id not in {run.id for run in ready}:
        state = asked.status().state
        st.info(f"{plain(asked.name)} is {state} and has no predictions yet; others are shown.", icon=":material/info:")


def pick_runs(place: DeltaGenerator, dataset: Dataset, found: Candidates, asked: Run | None) -> list[Run]:
    """The picker of models. The choice stands in the address as `models` and stays for the session."""
    runs = _same_target(place, dataset, found.ready, asked)
    names = display_names(runs)
    by_id = {run.id: run for run in runs}
    key = f"models_{dataset.name}_{runs[0].target}"
    if key not in st.session_state:
        st.session_state[key] = _first_choice(runs, asked, dataset.name)
    st.session_state[key] = [run_id for run_id in st.session_state[key] if run_id in by_id]

    def label(run_id: str) -> str:
        style = known_style(run_id)
        mark = f":{style.markdown}[{style.glyph}]" if style else ":gray[○]"
        return f"{mark} {plain(middle_cut(names[run_id], 26))}"

    for run_id in st.session_state[key]:
        style_of(run_id)
    if len(runs) <= MOST_PILLS:
        chosen = place.pills("Models", list(by_id), selection_mode="multi", format_func=label, key=key, wrap=True)
    else:
        chosen = place.multiselect(
            "Models", list(by_id), format_func=lambda run_id: names[run_id], key=key, width="stretch",
            max_selections=MOST_MODELS,
        )  # fmt: skip
    st.session_state[f"{_KEPT}_{dataset.name}"] = list(chosen)
    if st.query_params.get("models") != ",".join(chosen):
        st.query_params["models"] = ",".join(chosen)
    if "run" in st.query_params:
        del st.query_params["run"]
    return [by_id[run_id] for run_id in chosen]


def _same_target(place: DeltaGenerator, dataset: Dataset, runs: list[Run], asked: Run | None) -> list[Run]:
    """The runs that learn one property: errors of different ones are never put side by side."""
    targets = list(dict.fromkeys(run.target for run in runs))
    if len(targets) == 1:
        return runs
    wanted = asked.target if asked is not None and asked.target in targets else dataset.card.default_target
    key = f"target_{dataset.name}"
    if key not in st.session_state or asked is not None:
        asked_target = st.query_params.get("target", wanted)
        st.session_state[key] = asked_target if asked is None and asked_target in targets else wanted
    if st.session_state[key] not in targets:
        st.session_state[key] = targets[0]
    chosen = place.selectbox("Target", targets, format_func=lambda target: _label(dataset, target), key=key, width=220)
    if st.query_params.get("target") != chosen:
        st.query_params["target"] = chosen
    return [run for run in runs if run.target == chosen]


def _label(dataset: Dataset, target: str) -> str:
    try:
        return dataset.property(target).label
    except MollensError:
        return target


def _first_choice(runs: list[Run], asked: Run | None, dataset: str) -> list[str]:
    """The run a link asked for; else those of the address, of earlier in the session, or networks of each kind."""
    known = [run.id for run in runs]
    if asked is not None and asked.id in known:
        return [asked.id]
    for wanted in (st.query_params.get("models", "").split(","), st.session_state.get(f"{_KEPT}_{dataset}", [])):
        if there := [run_id for run_id in wanted if run_id in known]:
            return there[:MOST_MODELS]
    networks = [run for run in runs if run.recipe_values.get("model") != "composition"]
    kinds = {str(run.recipe_values.get("model")): run.id for run in reversed(networks)}  # the newest of each
    chosen = list(kinds.values())[::-1] if len(kinds) > 1 else [run.id for run in first_of_each_recipe(networks)]
    return (chosen or known)[:FEW]


def choose(row: DeltaGenerator, second: DeltaGenerator, bench: Bench) -> Choice:
    """Groups, measure, per molecule or atom, absolute or relative, and scale; some groups ask for more, below."""
    by = _pick_groups(row, second, bench)
    measure = _one_of(row, "Measure", "measure", _SHORT)
    per = "molecule"
    if bench.held_out(bench.runs[0]).target.extensive:
        per = _one_of(row, "Per", "per", {"molecule": "molecule", "atom": "atom"})
    signed = measure == "bias"
    over = "Over the error of the simplest model, linear in composition, on the same molecules."
    relative = _one_of(
        row, "Errors", "relative", {"absolute": "absolute", "baseline": "× baseline"}, signed,
        "A signed error has no ratio." if signed else over,
    )  # fmt: skip
    scale = _one_of(
        row, "Scale", "scale", {"log": "log", "linear": "linear"}, signed,
        "A signed error has no logarithm." if signed else None,
    )  # fmt: skip
    return Choice(by, measure, per, relative == "baseline" and not signed, scale == "log")


def _one_of(
    row: DeltaGenerator, label: str, name: str, options: dict[str, str], disabled: bool = False, help: str | None = None
) -> str:
    """A choice among a few, by its key in the address; the first is the default."""
    first = next(iter(options))
    chosen = row.segmented_control(
        label, list(options), format_func=options.__getitem__, required=True, disabled=disabled, help=help,
        **kept(name, list(options), first),
    )  # fmt: skip
    return str(chosen or first)


def _pick_groups(row: DeltaGenerator, second: DeltaGenerator, bench: Bench) -> str:
    """The grouping of the main figure, as core names it."""
    dataset = bench.dataset
    names = {by: grouping_name(by, dataset) for by in pickable(dataset)}
    by = row.selectbox(
        "Groups", list(names), format_func=names.__getitem__, width=205, **kept("by", list(names), "size")
    )
    if by == "rare":
        with second:
            below = st.select_slider(
                "Rare: sizes with fewer training molecules than",
                RARE_BELOW,
                width=420,
                **kept("below", RARE_BELOW, 100),
            )
        return f"rare:{below}"
    if groups_wait(second, dataset, str(by)):
        return "size"
    return _filter_groups(second, dataset) if by == "where" else str(by)


def _filter_groups(second: DeltaGenerator, dataset: Dataset) -> str:
    """Inside and outside of a filter that is typed as after --where; by size while it cannot be understood."""
    if "kept_inside" not in st.session_state:
        st.session_state["kept_inside"] = st.query_params.get("inside", "element=F")
    with second:
        text = st.text_input(
            "Inside: the filter, as after --where; several joined by ;", key="kept_inside", width=420,
            placeholder="size=24-29; element=F",
        )  # fmt: skip
        by = "where:" + ";".join(word.strip() for word in text.split(";") if word.strip())
        try:
            read_filter(by, dataset)
        except MollensError as error:
            st.warning(f"{plain(error)} Shown by size meanwhile.", icon=":material/info:")
            return "size"
    if st.query_params.get("inside") != text:
        st.query_params["inside"] = text
    return by


def models_of(bench: Bench, choice: Choice) -> Models:
    """The models as all parts of the page show them."""
    target = bench.held_out(bench.runs[0]).target
    # by the best model on all molecules: one bad model, or a filter, does not change the unit of the page
    whole = bench.tables("all", choice.per, Selection())
    known = [mae for table in whole if (mae := table["mae"][0]) is not None]
    factor, unit = shown_unit(target.unit, min(known, default=None))
    unit = f"{unit_text(unit)}/atom" if choice.per == "atom" else unit_text(unit)
    styles = {run.id: style_of(run.id) for run in bench.runs}
    accuracy = chemical_accuracy(bench.dataset.card, target) if choice.per == "molecule" else None
    view = View(choice.measure, factor, unit, dark(), choice.log)
    models = Models(bench, display_names(bench.runs), styles, choice.by, view, factor, unit, choice.per, accuracy)
    if choice.relative:
        view = View(choice.measure, 1.0, "× baseline", dark(), choice.log, relative=True)
    else:
        view = models.plain_view(choice.measure)
    return Models(bench, models.names, styles, choice.by, view, factor, unit, choice.per, accuracy)
