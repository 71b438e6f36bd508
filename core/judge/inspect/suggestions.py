"""Runs that would weigh or sample some molecules more: the recipe of a run with a few fields changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.convergence import convergence
from core.judge.inspect.bench import Bench
from core.judge.inspect.causes import percent
from core.recipes.create import changes
from core.recipes.parts import parts_of
from core.recipes.presets import DEFAULT_PRESET, preset, presets
from core.recipes.recipe import Recipe, validated
from core.recipes.weights import effective_sample_size, molecule_weights, weight_curve
from core.runs.predictions import UNUSED

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WEIGHING = (
    "inverse-frequency-size", "inverse-frequency-element", "weighted-sampling-size", "weighted-sampling-element",
    "thesis-size-weights",
)  # fmt: skip
"""Presets whose weights are tried on the run's own recipe."""
_WEIGHT_FIELDS = (
    "weighting", "weight_by", "weight_rate", "weight_beta", "weights_in", "normalise_weights", "least_weight",
)  # fmt: skip
LEAST_GAIN = 1.2
"""Times its weight that what is like the chosen molecules must get for a suggestion."""
LEAST_LEFT = 0.1
"""Share of the training molecules that a directed training must keep."""
MOST_SUGGESTIONS = 3
LEAST_CHOSEN = 10
"""Chosen molecules from which on a range of their sizes is proposed."""
SPAN = (5, 95)
"""Percentiles of the chosen molecules' sizes that a directed training spans"""


@dataclass(frozen=True)
class Suggestion:
    """A new run that weighs or samples what is like the chosen molecules more."""

    key: str
    label: str
    reason: str
    preset: str
    """that the recipe starts from"""
    overrides: Mapping[str, Any]
    """field -> value, where it differs from the preset"""
    dataset: str
    split: str
    from_run: str | None
    """id of the run whose recipe is changed; None where that has none"""
    changed: Mapping[str, Any]
    """field -> value, where it differs from that run's recipe"""
    gain: float
    """times the share of weight that what is like the chosen molecules gets; 1 where weights stay"""

    @property
    def query(self) -> dict[str, list[str]]:
        """Parameters of New run's address: the run it changes, or the preset, and the fields that are changed."""
        start = {"recipe": [self.preset]} if self.from_run is None else {"from": [self.from_run]}
        fields = self.overrides if self.from_run is None else self.changed
        return {"dataset": [self.dataset], **start, "set": [f"{key}={value}" for key, value in fields.items()]}

    @property
    def command(self) -> str:
        """The command line that starts it."""
        if self.from_run is None:
            words = ["train", "--recipe", self.preset, "--dataset", self.dataset]
            fields = self.overrides
        else:
            words, fields = ["clone", self.from_run], self.changed
        settings = [word for key, value in fields.items() for word in ("--set", f"{key}={value}")]
        return f"python -m core {shlex.join([*words, *settings])}"


def _recipe(bench: Bench) -> tuple[Recipe, str | None]:
    """The recipe to change, and the run that it is from; the usual one where the run has none of a network."""
    run = bench.first.run
    if run.origin == "mollens" and run.recipe_values.get("model") != "composition":
        known = {key: value for key, value in run.recipe_values.items() if key in Recipe.model_fields}
        try:
            return validated(known, run.what), run.id
        except MollensError:
            pass  # of another Mollens: start from the usual recipe
    usual = preset(DEFAULT_PRESET)
    same = run.dataset_name == bench.dataset.name and run.split_name
    return validated(
        {**usual.model_dump(), "split": run.split_name if run.origin == "mollens" and same else "default"}
    ), None


def suggest(bench: Bench, rows: Ints, alike: Mask) -> list[Suggestion]:
    """Changes of the first run's recipe for the chosen molecules at `rows` (n,), the one that gives most first.

    alike: (n_molecules,) what is like them; tried are the weights of some presets, sampling, and more epochs.
    """
    recipe, from_run = _recipe(bench)
    dataset, train = bench.dataset, bench.first.source.train_rows
    now = _share(recipe, bench, train, alike)
    if now is None:
        now = float(alike[train].mean())
    found = _sampling(bench, rows, recipe, from_run, alike, now)
    for name in WEIGHING:
        fields = {key: getattr(preset(name), key) for key in _WEIGHT_FIELDS}
        tried = _changed(recipe, fields)
        if tried is None or all(getattr(recipe, key) == value for key, value in fields.items()):
            continue
        try:
            rows_then = parts_of(tried, dataset).train
            weights = molecule_weights(tried, dataset.molecules, rows_then)
        except MollensError:
            continue  # the formula gives some sizes no weight
        then = float(weights[alike[rows_then]].sum() / weights.sum())
        if now <= 0 or then < LEAST_GAIN * now:
            continue
        left = effective_sample_size(weights) / len(weights)
        reason = (
            f"What is like these ({int(alike[train].sum()):,} of {len(train):,} training molecules) gets "
            f"{percent(then)} of the weight in place of {percent(now)}; the whole is then worth {percent(left)} of as "
            "many molecules of equal weight."
        )
        found.append(_suggestion(bench, name, presets()[name].title, reason, tried, recipe, from_run, then / now))
    found = _distinct(found)[:MOST_SUGGESTIONS]
    state = convergence(bench.first.run).state
    if from_run is not None and state in ("still falling", "too short"):
        longer = _changed(recipe, {"epochs": min(2 * recipe.epochs, 100_000)})
        if longer is not None:
            reason = "The validation error had not stopped falling: more epochs help all molecules, these among them."
            found.append(_suggestion(bench, "longer", "Train twice as long", reason, longer, recipe, from_run, 1.0))
    return found


def _distinct(found: list[Suggestion]) -> list[Suggestion]:
    """The one that gives most first; drawing by a weight is left out where the same weight acts on the loss."""
    kept: list[Suggestion] = []
    for each in sorted(found, key=lambda each: (-each.gain, each.key)):
        weight = {key: value for key, value in each.changed.items() if key != "weights_in"}
        if not any(weight == {k: v for k, v in other.changed.items() if k != "weights_in"} for other in kept):
            kept.append(each)
    return kept


def _sampling(
    bench: Bench, rows: Ints, recipe: Recipe, from_run: str | None, alike: Mask, now: float
) -> list[Suggestion]:
    """Sampling that leaves fewer of them out, or more of all others."""
    found = []
    left_out = int((alike & (bench.first.codes == UNUSED)).sum())
    dataset, train = bench.dataset, bench.first.source.train_rows
    if left_out:
        fields = {"min_atoms": 0, "max_atoms": 0, "most_per_size": 0, "control": False, "validate_same_sizes": False}
        tried = _changed(recipe, fields)
        if tried is not None:
            have = int(alike[train].sum())
            reason = f"Sampling left out {left_out:,} molecules like these; {have:,} were trained on."
            gain = (have + left_out) / max(have, 1)
            found.append(_suggestion(bench, "all", "Train on all sizes", reason, tried, recipe, from_run, gain))
    sizes = dataset.molecules.sizes
    if len(rows) >= LEAST_CHOSEN:
        low, high = (int(v) for v in np.percentile(sizes[rows], SPAN))
        kept = (sizes[train] >= low) & (sizes[train] <= high)
        share = float(alike[train][kept].mean()) if kept.any() else 0.0
        if now > 0 and share >= LEAST_GAIN * now and kept.mean() >= LEAST_LEFT:
            tried = _changed(recipe, {"min_atoms": low, "max_atoms": high})
            reason = (
                f"Directed training: {int(kept.sum()):,} of {len(train):,} training molecules have {low} to {high} "
                f"atoms, {percent(share)} of them like these in place of {percent(now)}. It says nothing of other "
                "sizes; compare with its control."
            )
            if tried is not None:
                label = f"Train on {low} to {high} atoms"
                found.append(_suggestion(bench, "directed", label, reason, tried, recipe, from_run, share / now))
    return found


def _share(recipe: Recipe, bench: Bench, train: Ints, alike: Mask) -> float | None:
    """Share of the weight that what is like the chosen molecules has in the run itself."""
    try:
        curve = weight_curve(recipe, bench.dataset.molecules, train)
        if curve.refused.any():
            return None
        weights = molecule_weights(recipe, bench.dataset.molecules, train)
    except MollensError:
        return None
    return float(weights[alike[train]].sum() / weights.sum())


def _changed(recipe: Recipe, fields: Mapping[str, Any]) -> Recipe | None:
    try:
        return validated({**recipe.model_dump(), **fields})
    except MollensError:
        return None


def _suggestion(
    bench: Bench, key: str, label: str, reason: str, tried: Recipe, recipe: Recipe, from_run: str | None, gain: float
) -> Suggestion:
    base = tried.preset if tried.preset in presets() else DEFAULT_PRESET
    return Suggestion(
        key, label, reason, base, changes(tried, preset(base)), bench.dataset.name, tried.split, from_run,
        changes(tried, recipe), gain,
    )  # fmt: skip
