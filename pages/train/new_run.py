"""New run: a recipe, changed where wanted, what it will be trained on, and the start."""

from __future__ import annotations

import numpy as np
import polars as pl
import streamlit as st

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import duration, number
from core.figures.theme import colours
from core.figures.training_runs import rate_figure, training_sizes
from core.recipes.create import changes, command, count_steps, create_run, usable_counts
from core.recipes.presets import DEFAULT_PRESET, Preset, presets
from core.recipes.recipe import Recipe
from core.runs.devices import list_devices
from core.runs.jobs import start_job
from pages.common.appearance import dark, plain
from pages.common.furniture import Fact, card, card_head, facts, page_head, show
from pages.common.guard import guard
from pages.common.loaders import load_history, load_runs
from pages.common.models import style_of
from pages.common.pickers import pick_dataset
from pages.common.rows import Row, RowGroup, pick_row
from pages.train.parts.recipe_form import forget, recipe_form

RUNS = "pages/train/runs.py"


def show_page() -> None:
    """The whole page."""
    dataset = pick_dataset()
    actions = page_head("New run", f"on {plain(dataset.card.title)} · {plain(dataset.card.level_of_theory)}")
    left, form, preview = st.container(key="split_new").columns([220, 460, 480], gap="medium")
    with left:
        chosen = pick_preset()
    with form:
        recipe = recipe_form(chosen, dataset)
    with preview:
        show_preview(recipe, chosen, dataset)
    with actions:
        show_changes(recipe, chosen)


def pick_preset() -> Preset:
    """The list of recipes; the choice stands in the address as `recipe`."""
    known = presets()
    wanted = st.query_params.get("recipe", DEFAULT_PRESET)
    if wanted not in known:
        st.warning(f"There is no recipe {plain(wanted)}.", icon=":material/info:")
        wanted = DEFAULT_PRESET
    sections = list(dict.fromkeys(preset.section for preset in known.values()))
    groups = [
        RowGroup(section, tuple(Row(p.name, p.title, p.description) for p in known.values() if p.section == section))
        for section in sections
    ]
    picked = pick_row(groups, wanted, "Recipes", "recipes", wrap=True)
    if picked is not None and picked != wanted:
        st.query_params["recipe"] = picked
        st.rerun()
    return known[wanted]


def show_changes(recipe: Recipe | MollensError, preset: Preset) -> None:
    """Which fields differ from the recipe, and the way back."""
    if isinstance(recipe, MollensError):
        return
    changed = changes(recipe, preset.recipe)
    if not changed:
        st.caption(f"**{plain(preset.title)}**, unchanged")
        return
    titles = ", ".join(str(Recipe.model_fields[name].title).lower() for name in changed)
    st.caption(
        f"**{plain(preset.title)}** with {len(changed)} {'change' if len(changed) == 1 else 'changes'}: {titles}"
    )
    st.button("Reset", icon=":material/undo:", type="tertiary", on_click=forget, args=(preset,))


def show_preview(recipe: Recipe | MollensError, preset: Preset, dataset: Dataset) -> None:
    """What the run will cost and learn from, its start, and the command that does the same."""
    if isinstance(recipe, MollensError):
        with card("start", gap="small"):
            card_head("This run", "", "start")
            st.error(plain(recipe), icon=":material/error:")
            st.button("Start the run", icon=":material/play_arrow:", disabled=True, key="start_refused")
        return
    counts = usable_counts(recipe, dataset)
    with card("start", gap="small"):
        card_head("This run", "", "start")
        facts(_costs(recipe, dataset, counts))
        if recipe.model != "composition" and recipe.neighbour_cutoff < recipe.cutoff:
            st.caption(
                f"Neighbours end at {recipe.neighbour_cutoff:g} Å, where filters have not yet fallen to zero "
                f"({recipe.cutoff:g} Å): the energy jumps when an atom crosses that distance. The thesis did so."
            )
        devices = {"auto": "automatic", **{device.key: device.label for device in list_devices()}}
        grid = st.grid(2, min_column_width=150, gap="small")
        name = grid.cell().text_input(
            "Name", placeholder=f"{recipe.preset or recipe.model} seed {recipe.seed}", max_chars=80, key="run_name"
        )
        device = grid.cell().selectbox(
            "Device",
            list(devices),
            format_func=devices.__getitem__,
            key="device",
            help="automatic takes the first GPU, else the CPU",
        )
        if st.button("Start the run", type="primary", icon=":material/play_arrow:", width="stretch"):
            start(recipe, dataset, name.strip() or None, device)
        words = command(recipe, preset.recipe, dataset.name, name.strip() or None)
        st.code(words if device == "auto" else f"{words} --device {device}", language="bash", wrap_lines=True)
    with card("training_sizes"):
        show_sizes(recipe, dataset, counts)
    if recipe.model != "composition":
        with card("rate"):
            card_head("How fast does it learn?", f"Learning rate over the epochs · {recipe.schedule}", "rate")
            ink = colours(dark()).count_line
            fig = rate_figure(recipe.epochs, recipe.warmup_epochs, recipe.schedule, recipe.learning_rate, ink, dark())
            show(fig, "fig_rate", f"Learning rate over {recipe.epochs} epochs")


def _costs(recipe: Recipe, dataset: Dataset, counts: dict[str, int]) -> list[Fact]:
    rows = [Fact("Trained on", number(counts["train"]), "molecules"), Fact("Validation", number(counts["validation"]))]
    rows.append(Fact("Test", number(counts["test"])))
    if counts["left_out"]:
        rows.append(Fact("Without the target", number(counts["left_out"])))
    if recipe.model == "composition":
        return rows
    rows.append(Fact("Steps", number(count_steps(recipe, counts["train"]))))
    speed = measured_speed(recipe, dataset)
    if speed:
        rows.append(Fact("Time, as runs before", duration(recipe.epochs * counts["train"] / speed)))
    return rows


def measured_speed(recipe: Recipe, dataset: Dataset) -> float | None:
    """Molecules per second of the latest run here with the same network and batch on this dataset, if there is one."""
    fields = ("model", "n_atom_basis", "n_interactions", "n_rbf", "neighbour_cutoff", "batch_size")
    for run in load_runs():
        if run.error is not None or run.shipped or run.dataset_name != dataset.name:
            continue
        if any(run.recipe_values.get(name) != getattr(recipe, name) for name in fields):
            continue
        speeds = [line["molecules_per_second"] for line in load_history(run)[1] if line.get("molecules_per_second")]
        if speeds:
            return float(np.median(speeds))
    return None


def show_sizes(recipe: Recipe, dataset: Dataset, counts: dict[str, int]) -> None:
    """Sizes of the molecules that the run learns from."""
    molecules = dataset.molecules
    rows = molecules.rows_of(open_split(dataset, recipe.split).train)
    rows = rows[np.isfinite(molecules.columns[dataset.target_key(recipe.target)][rows])]
    sizes, n = np.unique(molecules.sizes[rows], return_counts=True)
    card_head(
        "What does it learn from?",
        f"The {number(counts['train'])} training molecules of the {plain(recipe.split)} split, by size",
        "training_sizes",
        pl.DataFrame({"atoms": sizes, "training_molecules": n}),
    )
    if len(sizes):
        show(training_sizes(sizes, n, dark()), "fig_training_sizes", "Training molecules by size")


def start(recipe: Recipe, dataset: Dataset, name: str | None, device: str) -> None:
    """Make the run, start its job and go to it."""
    try:
        run = create_run(recipe, dataset, name, device)
        start_job(run)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    style_of(run.id)
    st.switch_page(RUNS, query_params={"run": run.id})


with guard():
    show_page()
