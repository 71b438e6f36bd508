"""Runs: all of them by state, and one of them live."""

from __future__ import annotations

import streamlit as st

from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.figures.theme import ModelStyle, colours
from core.recipes.create import command
from core.recipes.presets import presets
from core.recipes.recipe import validated
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.furniture import Step, card, card_head, empty, page_head, steps
from pages.common.guard import guard
from pages.common.judged import Bench
from pages.common.loaders import load_dataset, load_runs
from pages.common.models import early_style
from pages.common.rows import pick_row
from pages.train.parts.run_charts import show_curves, show_learning
from pages.train.parts.run_head import show_head
from pages.train.parts.run_list import Seen, look, row_groups

NEW_RUN = "pages/train/new_run.py"
LOG_LINES = 60


def show_page() -> None:
    """The whole page; what changes on its own is a fragment that runs every 2 s while something is at work."""
    actions = page_head("Runs", "Every training, with its state and its validation error")
    if actions.button("New run", icon=":material/add:", type="primary"):
        st.switch_page(NEW_RUN)
    seen = [look(run) for run in load_runs()]
    if not seen:
        empty("No model has been trained yet.", "runs", NEW_RUN, "Start the first run")
        return
    live = any(s.live for s in seen)
    st.fragment(show_runs, run_every="2s" if live else None)(live)


def show_runs(live: bool) -> None:
    """List and detail, read anew each time.

    Args:
        live: whether anything was at work when the page was built; when that changes the page is built again.
    """
    with guard("pages/train/runs.py", "All runs"):
        seen = [look(run) for run in load_runs()]
        if any(s.live for s in seen) != live:
            st.rerun()
        left, right = st.container(key="split_runs").columns([272, 880], gap="medium")
        chosen = chosen_run(seen)
        with left:
            picked = pick_row(row_groups(seen), chosen.run.id if chosen else None, "All runs", "runs")
        if picked is not None and (chosen is None or picked != chosen.run.id):
            st.query_params["run"] = picked
            st.rerun(scope="fragment" if live else "app")
        with right:
            if chosen is None:
                empty(f"There is no run {plain(st.query_params['run'])}.", "no_run", "pages/train/runs.py", "All runs")
            else:
                show_run(chosen)


def chosen_run(seen: list[Seen]) -> Seen | None:
    """The run that the address names by id or name; None if it is not there. Without one, the first of the list that
    has curves to show.
    """
    wanted = st.query_params.get("run")
    if wanted is not None:
        named = [s for s in seen if s.run.id == wanted] or [s for s in seen if not s.run.error and s.run.name == wanted]
        return named[0] if named else None
    by_id = {s.run.id: s for s in seen}
    listed = [by_id[row.id] for group in row_groups(seen) for row in group.rows]
    learned = (s for s in listed if s.run.error is None and s.run.recipe_values.get("model") != "composition")
    return next(learned, listed[0])


def show_run(seen: Seen) -> None:
    """Everything about one run."""
    run = seen.run
    if seen.status is None:
        st.error(plain(run.error), icon=":material/error:")
        return
    style = early_style(run.id) or ModelStyle(colours(dark()).ink, "circle", "●", "gray")
    dataset, fault = dataset_of(run)
    baseline = baseline_of(run, dataset)
    show_head(seen, baseline)
    if run.recipe_values.get("model") == "composition":
        if seen.status.state == "finished":
            empty("A linear fit of the atom counts: solved at once, so there are no curves.", "composition",
                  "pages/judge/errors.py", "Its errors", {"run": run.id})  # fmt: skip
    else:
        show_curves(seen, dataset, style, baseline)
        if dataset is not None:
            show_learning(run, dataset, style)
    if fault:
        st.warning(plain(fault), icon=":material/info:")
    with card("trained"):
        show_way(run, dataset)
    show_log(run)
    with st.expander("The command that repeats this run", icon=":material/terminal:"):
        st.code(repeat_command(run), language="bash", wrap_lines=True)


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
    """Validation MAE of the linear fit, from this run or another one on the same split and target."""
    if dataset is None:
        return None
    same = [
        other
        for other in [run, *load_runs()]
        if other.error is None
        and (other.split_hash, other.target, other.dataset_sha256) == (run.split_hash, run.target, run.dataset_sha256)
        and other.status().state == "finished"
    ]
    for other in same:
        try:
            value = Bench(dataset, [other], "validation").overall(other)["baseline_mae"]
        except MollensError:
            continue
        return None if value is None else float(value)
    return None


_NETWORKS = {"schnet": "SchNet", "painn": "PaiNN"}
_LOSSES = {"mse": "squared error", "mae": "absolute error", "huber": "Huber loss"}


def show_way(run: Run, dataset: Dataset | None) -> None:
    """The way of the data into this run, as a strip."""
    values, split = run.recipe_values, run.recipe_file["split"]
    card_head("What was trained", "The way of the data into this run", "way")
    left_out = split.get("left_out", 0)
    listed = dataset.card.properties if dataset else tuple(PROPERTIES.values())
    target = next((prop.label for prop in listed if prop.key == run.target), run.target)
    parts = " / ".join(number(split.get(part)) for part in ("train", "validation", "test"))
    shown = [
        Step("Dataset", run.dataset_name, (f"{number(dataset.card.n_molecules)} molecules",) if dataset else ()),
        Step(
            "Target",
            target,
            (f"{number(left_out)} without it left out",) if left_out else ("known for all",),
        ),
        Step("Split", run.split_name, (parts, "train, validation, test")),
    ]
    if values.get("model") == "composition":
        shown.append(Step("Model", "composition", ("linear in the atom counts",)))
    else:
        shown += [
            Step("Reference", str(values.get("reference", "")).replace("_", " "), ("subtracted before learning",)),
            Step(
                "Network",
                _NETWORKS.get(str(values.get("model")), str(values.get("model"))),
                (
                    f"{values.get('n_atom_basis')} features, {values.get('n_interactions')} interactions",
                    f"neighbours {values.get('neighbour_cutoff'):g} Å, filters {values.get('cutoff'):g} Å",
                ),
            ),
            Step(
                "Training",
                f"{values.get('epochs')} epochs",
                (
                    f"batch {values.get('batch_size')}, rate {values.get('learning_rate'):g}",
                    {"mse": "squared error", "mae": "absolute error", "huber": "Huber loss"}.get(
                        str(values.get("loss")), ""
                    ),
                ),
            ),
        ]
    steps(shown)


def show_log(run: Run) -> None:
    """The last lines of the job's output."""
    path = run.path / "log.txt"
    if run.shipped or not path.exists():
        return
    with st.expander("Log", icon=":material/subject:"):
        lines = path.read_text(errors="replace").splitlines()
        st.code("\n".join(lines[-LOG_LINES:]) or "(empty)", language=None, wrap_lines=True)
        if len(lines) > LOG_LINES:
            st.caption(f"The last {LOG_LINES} of {number(len(lines))} lines; all are in {plain(path)}")


def repeat_command(run: Run) -> str:
    """The command line that starts the same training again."""
    recipe = validated(run.recipe_values, run.what)
    known = presets()
    default = known[recipe.preset].recipe if recipe.preset in known else type(recipe)()
    return command(recipe, default, run.dataset_name, run.name)


with guard():
    show_page()
