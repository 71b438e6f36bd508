"""What the page Outliers is asked for: a run, others to set beside it, an order, filters and perhaps one molecule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.selection import Selection
from core.data.store import Dataset
from core.figures.filters import selection_text
from core.figures.numbers import shown_unit, unit_text
from core.judge.comparing.recipes_compared import recipe_key
from core.judge.held_out import HeldOut
from core.judge.inspect.bench import Bench, BenchRun, open_bench
from core.runs.folder import Run
from core.runs.inside import ABOUT
from pages.common.models import known_style, style_of

MOST_SEEDS = 4
"""Runs of another recipe that are looked at, so that a page with many runs opens quickly."""
MOST_RUNS = 32


@dataclass(frozen=True, eq=False)
class Asked:
    """Which molecules are shown, in which order, and against what."""

    source: HeldOut
    bench: Bench
    """the run that is looked at, its seeds, and runs of other recipes"""
    selection: Selection
    within: NDArray[np.bool_] | None
    """(n_molecules,) what the filters leave; None for everything"""
    order: str
    other: int | None
    """number on the bench of the recipe that is set beside the first; None where there is only one"""
    complete: bool = True
    """whether every network that predicts the same stands on the bench"""

    @property
    def run(self) -> Run:
        """The run that is looked at."""
        return self.source.run

    @property
    def dataset(self) -> Dataset:
        """Whose molecules are shown."""
        return self.source.dataset

    @property
    def label(self) -> str:
        """The filters in words."""
        return selection_text(self.selection, self.dataset)

    @property
    def second(self) -> BenchRun | None:
        """The first run of the other recipe."""
        return None if self.other is None else self.bench.of_recipe(self.other)[0]

    def molecule_command(self, molecule: int) -> str:
        """The command that prints everything about one molecule, asking the same runs."""
        words = ["python -m core molecule", self.run.id, str(molecule)]
        if self.dataset.name != self.run.dataset_name:
            words.append(f"--dataset {self.dataset.name}")
        if not self.complete:
            words += [f"--with {run.run.id}" for run in self.bench.runs[1:]]
        return " ".join([*words, "--json"])

    def unit(self) -> tuple[float, str]:
        """Factor and unit in which errors are shown."""
        factor, unit = shown_unit(self.source.target.unit, self.bench.first.mae)
        return factor, unit_text(unit)

    def recipe_colours(self) -> dict[int, str]:
        """Number of a recipe -> colour of its model; those that nobody has picked on any page have none."""
        found = {0: style_of(self.run.id).colour}
        if self.second is not None:
            found[self.second.group] = style_of(self.second.run.id).colour
        for run in self.bench.runs:
            style = known_style(run.run.id)
            if style is not None:
                found.setdefault(run.group, style.colour)
        return found


def inspected(dataset: Dataset, run: Run, ready: list[Run], other: Run | None) -> tuple[Bench, bool]:
    """The run on a bench with its other seeds and with runs of other recipes that predict the same, and whether these
    are all networks that do.

    Raises:
        MollensError: as `open_bench`.
    """
    key = recipe_key(run)
    same = [each for each in ready if each.target == run.target and each.id != run.id]
    chosen = [run] + [each for each in same if recipe_key(each) == key]
    seeds: dict[object, int] = {key: len(chosen)}
    for each in ([other] if other is not None else []) + same:
        own = recipe_key(each)
        fits = own != key and each.recipe_values.get("model") != "composition"
        if fits and each not in chosen and seeds.get(own, 0) < MOST_SEEDS and len(chosen) < MOST_RUNS:
            seeds[own] = seeds.get(own, 0) + 1
            chosen.append(each)
    networks = [each for each in same if each.recipe_values.get("model") != "composition"]
    return open_bench(chosen, dataset), len(chosen) > len(networks)


def looked_into(run: Run, dataset: Dataset) -> bool:
    """Whether a task has looked inside the run's network, perhaps before it changed."""
    return any((root / "predictions" / dataset.name / ABOUT).exists() for root in {run.results, run.path})


def show_molecule(molecule: str | int | None) -> None:
    """Put a molecule, or the gallery for None, into the address; everything else stays."""
    if molecule is None:
        st.query_params.pop("molecule", None)
    else:
        st.query_params["molecule"] = str(molecule)
