"""The first page: what can be done here, with a glimpse of each from the dataset and the runs that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.data.store import Dataset
from core.data.summary import count_by_size
from core.errors import MollensError
from core.figures.dataset_sizes import size_histogram
from core.figures.numbers import formula, number, quantity, shown_unit, significant
from core.figures.training_runs import RunCurve, runs_figure
from core.judge.inspect.outliers import OutlierPage, page_of
from core.runs.folder import Run
from pages.common.appearance import dark, plain
from pages.common.candidates import candidates, display_names
from pages.common.furniture import card, card_head, empty, page_head, show
from pages.common.guard import guard
from pages.common.judged import Bench, first_of_each_recipe, part_of
from pages.common.loaders import load_history
from pages.common.models import style_of
from pages.common.pickers import pick_dataset
from pages.common.viewer import molecule_view

MOST_CURVES = 3
FIGURE = 320  # height in pixels


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    page_head("Mollens", "A lens on molecular datasets, and on the neural networks that are trained on them")
    ready = [run for run in candidates(dataset.name).ready if run.target == dataset.card.default_target]
    runs = least_validation_first(ready)
    grid = st.grid(3, min_column_width=300, gap="small")
    with grid.cell(), card("explore", height="stretch"):
        show_explore(dataset)
    with grid.cell(), card("train", height="stretch"):
        show_train(dataset, runs)
    with grid.cell(), card("judge", height="stretch"):
        show_judge(dataset, runs)


def least_validation_first(runs: list[Run]) -> list[Run]:
    """The runs of one split, the least validation MAE first: test errors choose no model.

    The split is the one with most runs; among equals the default one.
    """
    least = {run.id: min(maes) for run in runs if (maes := _validation_maes(run))}
    splits: dict[str, list[Run]] = {}
    for run in runs:
        if run.id in least:
            splits.setdefault(run.split_hash, []).append(run)
    if not splits:
        return []
    chosen = max(splits.values(), key=lambda same: (len(same), same[0].split_name == "default"))
    return sorted(chosen, key=lambda run: least[run.id])


def _validation_maes(run: Run) -> list[float]:
    return [line["validation_mae"] for line in load_history(run)[1] if line.get("validation_mae") is not None]


def errors_on(dataset: Dataset, run: Run, part: str) -> dict[str, Any] | None:
    """Errors of a run over all molecules of a part of its split; None if it cannot be judged."""
    try:
        return Bench(dataset, [run], part).overall(run)
    except MollensError:
        return None


def links(key: str, dataset: Dataset, pages: dict[str, str]) -> None:
    """The ways on, at the foot of a card; page -> its name."""
    with st.container(key=f"foot_{key}", horizontal=True, gap="small"):
        for page, label in pages.items():
            st.page_link(page, label=label, icon=":material/arrow_forward:", query_params={"dataset": dataset.name})


def show_explore(dataset: Dataset) -> None:
    """What the dataset holds."""
    molecules, info = dataset.molecules, dataset.card
    card_head("See what a dataset holds: which sizes, which elements, how many of each.", key="explore")
    level = "" if info.level_of_theory in info.title else f", {plain(info.level_of_theory)}"
    elements = " ".join(molecules.symbols)
    st.caption(f"{plain(info.title)}: **{number(info.n_molecules)} molecules** of {elements}{level}")
    sizes, counts = count_by_size(molecules)
    show(size_histogram(sizes, counts, dark(), height=FIGURE, numbers=False), "glimpse_sizes", "Molecules by size")
    links(
        "explore",
        dataset,
        {
            "pages/explore/dataset.py": "The dataset",
            "pages/explore/molecules.py": "Molecules",
            "pages/explore/add_data.py": "Add data",
        },
    )


def show_train(dataset: Dataset, runs: list[Run]) -> None:
    """How the best runs learned."""
    card_head("Train a network on it and watch it learn, group by group, from the first step.", key="train")
    trained = [run for run in runs if run.recipe_values.get("model") != "composition"]
    if trained:
        unit = str(trained[0].recipe_file.get("unit", ""))
        shown = first_of_each_recipe(trained)[:MOST_CURVES]
        names = display_names(shown)
        curves = [_curve(run, names[run.id]) for run in shown]
        factor, unit_shown = shown_unit(unit, min(float(curve.values.min()) for curve in curves))
        n = "" if len(shown) == 1 else f" of each of {len(shown)} recipes"
        st.caption(
            f"The run with the smallest validation error{n}: **validation** MAE in **{unit_shown}** over the epochs"
        )
        errors = errors_on(dataset, shown[0], "validation")
        show(
            runs_figure(curves, unit_shown, factor, dark(), errors["baseline_mae"] if errors else None, FIGURE),
            "glimpse_runs",
            "Validation error of the best runs",
        )
    else:
        empty("No network has been trained on it yet.", "train")
    links("train", dataset, {"pages/train/new_run.py": "A new run", "pages/train/runs.py": "All runs"})


def _curve(run: Run, name: str) -> RunCurve:
    lines = [line for line in load_history(run)[1] if line.get("validation_mae") is not None]
    style = style_of(run.id)
    return RunCurve(
        name,
        style.colour,
        style.symbol,
        np.array([line["epoch"] for line in lines], dtype=np.int64),
        np.array([line["validation_mae"] for line in lines], dtype=np.float64),
    )


def show_judge(dataset: Dataset, runs: list[Run]) -> None:
    """How good the best model is, and the molecule that it predicts worst."""
    card_head("Find out where it is wrong: which sizes, which elements, which molecules, and why.", key="judge")
    found = ((run, errors_on(dataset, run, part_of([run]))) for run in runs)
    run, errors = next(((run, errors) for run, errors in found if errors), (None, None))
    if run is not None and errors is not None:
        show_best(dataset, run, errors)
    else:
        empty("Nothing to judge before a run has finished.", "judge")
    links(
        "judge", dataset, {"pages/judge/errors.py": "Errors by group", "pages/judge/outliers.py": "The worst molecules"}
    )


def show_best(dataset: Dataset, run: Run, errors: dict[str, Any]) -> None:
    """The error of the chosen run beside the baseline, and the molecule with its largest error."""
    style = style_of(run.id)
    inside = str(run.recipe_file.get("unit", ""))
    factor, unit = shown_unit(inside, errors["mae"])
    limits = [errors["mae_low"], errors["mae_high"]]
    interval = "" if None in limits else f" ({' to '.join(significant(limit * factor) for limit in limits)})"
    baseline = f"; baseline {' '.join(quantity(errors['baseline_mae'], inside))}"
    st.caption(
        f"The run with the smallest validation error: :{style.markdown}[{style.glyph}] {plain(run.name)}: "
        f"**{significant(errors['mae'] * factor)} {unit}**{interval} mean absolute error on "
        f"{number(errors['n_held_out'])} {part_of([run])} molecules{baseline}"
    )
    worst = worst_of(dataset, run)
    if worst is not None:
        row = worst.table.row(0, named=True)
        molecule_view(dataset.molecules, row["row"], "glimpse_worst", height=FIGURE - 34)
        target = dataset.property(run.target).unit
        factor, shown = shown_unit(target, row["error"])
        error = f"**{significant(row['error'] * factor, sign=True)} {shown}**"
        st.caption(f"Worst: {formula(row['formula'])}, id {row['id']}, off by {error}", text_alignment="center")


def worst_of(dataset: Dataset, run: Run) -> OutlierPage | None:
    """The held-out molecule with the largest error."""
    try:
        page = page_of(Bench(dataset, [run], part_of([run])).held_out(run), limit=1)
    except MollensError:
        return None
    return page if len(page.table) else None


with guard("pages/explore/dataset.py", "To the dataset"):
    show_page()
