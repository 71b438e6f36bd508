"""The controls of the Errors page in one row, and one number card for each model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.error_axes import MEASURE_NAMES, ModelErrors, View, short_name
from core.figures.numbers import number, shown_unit, significant, unit_text
from core.figures.sentences import convergence_sentence, limits_text
from core.figures.theme import ModelStyle
from core.judge.reference import chemical_accuracy
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.furniture import card
from pages.common.judged import Bench, Candidates, display_names, first_of_each_recipe, run_convergence
from pages.common.loaders import load_run
from pages.common.models import known_style, style_of

MOST_PILLS = 8
FEW_PILLS = 3
_KEPT = "_judged"
_SHORT = {**MEASURE_NAMES, "p95": "P95"}
_BADGES = {
    "converged": ":gray-badge[:material/check: converged]",
    "still falling": ":yellow-badge[still falling]",
    "rising": ":yellow-badge[rising]",
    "too short": ":gray-badge[too short to tell]",
}


@dataclass(frozen=True, eq=False)
class Models:
    """What the parts of the page show: the models, and how."""

    bench: Bench
    names: dict[str, str]
    """run id -> name on the page"""
    styles: dict[str, ModelStyle]
    view: View
    per: str
    accuracy: float | None
    """1 kcal/mol in eV, where the line may be drawn"""

    def of(self, by: str) -> list[ModelErrors]:
        """The models with their tables by one grouping."""
        return [
            ModelErrors(
                self.names[run.id],
                self.styles[run.id],
                self.bench.table(run, by, self.per),
                self.bench.overall(run, self.per)[self.view.measure],
            )
            for run in self.bench.runs
        ]

    def marked(self, run: Run) -> str:
        """Symbol in its colour, and name, as Markdown."""
        style = self.styles[run.id]
        return f":{style.markdown}[{style.glyph}] {plain(self.names[run.id])}"

    def view_of(self, measure: str) -> View:
        """The view of another measure in the same unit and scale."""
        return replace(self.view, measure=measure)

    def command(self, run: Run, by: str) -> str:
        """The command that prints the table of one run, on the molecules and in the way of the page."""
        others = "" if self.bench.same_split else "".join(f" --with {r.id}" for r in self.bench.runs if r is not run)
        per = f" --per {self.per}" if self.per != "molecule" else ""
        part = f" --part {self.bench.part}" if self.bench.part != "test" else ""
        return f"python -m core report {run.id} --by {by} --measure {self.view.measure}{per}{part}{others} --json"

    def commands(self, by: str) -> str:
        """The commands that print the tables of all models."""
        return "\n".join(self.command(run, by) for run in self.bench.runs)


def run_from_address() -> Run | None:
    """The run that a link asked for with `run`; its dataset becomes the chosen one."""
    asked = st.query_params.get("run")
    if asked is None:
        return None
    try:
        run = load_run(asked)
    except MollensError as error:
        st.warning(plain(error), icon=":material/info:")
        del st.query_params["run"]
        return None
    if st.query_params.get("dataset", run.dataset_name) != run.dataset_name:
        return None  # the reader has gone on to another dataset
    st.query_params["dataset"] = run.dataset_name
    return run


def tell_unready(asked: Run | None, dataset: Dataset, ready: list[Run]) -> None:
    """Say why the run that a link asked for is not shown."""
    if asked is not None and asked.dataset_name == dataset.name and asked.id not in {run.id for run in ready}:
        state = asked.status().state
        st.info(f"{plain(asked.name)} is {state} and has no predictions yet; others are shown.", icon=":material/info:")


def pick_runs(
    above: DeltaGenerator, row: DeltaGenerator, dataset: Dataset, found: Candidates, asked: Run | None
) -> list[Run]:
    """The picker of models: in the row of controls if they are few, else above it.

    The choice stands in the address as `models` and stays for the session.
    """
    runs = _same_target(row, dataset, found.ready, asked)
    names = display_names(runs)
    by_id = {run.id: run for run in runs}
    key = f"models_{dataset.name}_{runs[0].target}"
    if key not in st.session_state:
        st.session_state[key] = _first_choice(runs, asked, dataset.name)
    st.session_state[key] = [run_id for run_id in st.session_state[key] if run_id in by_id]

    def label(run_id: str) -> str:
        style = known_style(run_id)
        mark = f":{style.markdown}[{style.glyph}]" if style else ":gray[○]"
        return f"{mark} {plain(short_name(names[run_id], 26))}"

    for run_id in st.session_state[key]:
        style_of(run_id)
    if len(runs) <= MOST_PILLS:
        place = row if len(runs) <= FEW_PILLS else above
        chosen = place.pills("Models", list(by_id), selection_mode="multi", format_func=label, key=key, wrap=True)
    else:
        chosen = above.multiselect(
            "Models", list(by_id), format_func=lambda run_id: names[run_id], key=key, width="stretch", max_selections=8
        )
    st.session_state[f"{_KEPT}_{dataset.name}"] = list(chosen)
    if st.query_params.get("models") != ",".join(chosen):
        st.query_params["models"] = ",".join(chosen)
    if "run" in st.query_params:
        del st.query_params["run"]
    return [by_id[run_id] for run_id in chosen]


def _same_target(row: DeltaGenerator, dataset: Dataset, runs: list[Run], asked: Run | None) -> list[Run]:
    """The runs that learn one property: errors of different ones are never put side by side."""
    targets = list(dict.fromkeys(run.target for run in runs))
    if len(targets) == 1:
        return runs
    wanted = asked.target if asked is not None and asked.target in targets else dataset.card.default_target
    key = f"target_{dataset.name}"
    if key not in st.session_state or asked is not None:
        st.session_state[key] = wanted if wanted in targets else targets[0]
    chosen = row.selectbox(
        "Target", targets, format_func=lambda target: dataset.property(target).label, key=key, width=170
    )
    return [run for run in runs if run.target == chosen]


def _first_choice(runs: list[Run], asked: Run | None, dataset: str) -> list[str]:
    """The run a link asked for; else those of the address, of earlier in the session, or networks of each kind."""
    known = [run.id for run in runs]
    if asked is not None and asked.id in known:
        return [asked.id]
    for wanted in (st.query_params.get("models", "").split(","), st.session_state.get(f"{_KEPT}_{dataset}", [])):
        if kept := [run_id for run_id in wanted if run_id in known]:
            return kept[:MOST_PILLS]
    networks = [run for run in runs if run.recipe_values.get("model") != "composition"]
    kinds = {str(run.recipe_values.get("model")): run.id for run in reversed(networks)}  # the newest of each
    chosen = list(kinds.values())[::-1] if len(kinds) > 1 else [run.id for run in first_of_each_recipe(networks)]
    return (chosen or known)[:FEW_PILLS]


def choose(row: DeltaGenerator, bench: Bench) -> Models:
    """Measure, per molecule or atom, and scale; all of them part of the address."""
    measure = row.segmented_control(
        "Measure", list(_SHORT), default="mae", format_func=_SHORT.__getitem__, key="measure", required=True,
        bind="query-params",
    )  # fmt: skip
    target = bench.held_out(bench.runs[0]).target
    per = "molecule"
    if target.extensive:
        per = row.segmented_control(
            "Per", ["molecule", "atom"], default="molecule", key="per", required=True, bind="query-params"
        )
    scale = row.segmented_control(
        "Scale", ["log", "linear"], default="log", key="scale", required=True, bind="query-params",
        disabled=measure == "bias", help="A signed error has no logarithm." if measure == "bias" else None,
    )  # fmt: skip
    typical = max(bench.overall(run, per)["mae"] for run in bench.runs)
    factor, unit = shown_unit(target.unit, typical)
    unit = unit_text(unit)
    view = View(str(measure), factor, f"{unit}/atom" if per == "atom" else unit, dark(), scale == "log")
    accuracy = chemical_accuracy(bench.dataset.card, target) if per == "molecule" else None
    styles = {run.id: style_of(run.id) for run in bench.runs}
    return Models(bench, display_names(bench.runs), styles, view, str(per), accuracy)


def numbers_of(models: Models) -> None:
    """One card a model: its error with interval, against the baseline, and whether it has converged."""
    grid = st.grid(min(4, max(2, len(models.bench.runs))), min_column_width=280, gap="small")
    target_unit = models.bench.held_out(models.bench.runs[0]).target.unit
    for place, run in enumerate(models.bench.runs):
        overall = models.bench.overall(run, models.per)
        state = run_convergence(run)
        with grid, card(f"model_{place}", gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
                st.markdown(f"{models.marked(run)}&ensp;:gray[:small[{_about(run, models)}]]", width="stretch")
                if state.state in _BADGES:
                    st.markdown(_BADGES[state.state], width="content", help=convergence_sentence(state, target_unit))
            view = models.view
            value = view.text(overall[view.measure])
            told = [limits_text(overall, view).replace(" to ", " – "), _beside_baseline(overall, view)]
            rest = " · ".join(part for part in told if part)
            large = f"<span style='font-size:1.5rem;font-weight:650;letter-spacing:-.01em'>{value}</span>"
            st.markdown(f"{large} {view.unit}&ensp;:gray[:small[{rest}]]", unsafe_allow_html=True)


def _about(run: Run, models: Models) -> str:
    """What to know of a run beside its name: training molecules if they differ, and a state before the end."""
    counts = {r.id: r.recipe_file["split"].get("train") for r in models.bench.runs}
    words = [f"{number(counts[run.id])} in training"] if len(set(counts.values())) > 1 and counts[run.id] else []
    status = run.status()
    if status.state != "finished":
        words.append(status.state)
    return " · ".join(words)


def _beside_baseline(overall: dict[str, Any], view: View) -> str:
    """The error of the linear fit of the composition; how many times that is, only where it leaves the interval."""
    measure = view.measure
    baseline, value = overall.get(f"baseline_{measure}"), overall[measure]
    if measure == "bias" or baseline is None:
        return "predicted minus target" if measure == "bias" else f"n = {number(overall['n_held_out'])}"
    text = f"baseline {view.text(baseline)} {view.unit}"
    low, high = overall[f"{measure}_low"], overall[f"{measure}_high"]
    if low is None or not value or not baseline or low <= baseline <= high:
        return text
    ratio = significant(max(baseline / value, value / baseline), 2)
    return text if ratio == "1.0" else f"{ratio}× {'smaller' if value < baseline else 'larger'} than the {text}"
