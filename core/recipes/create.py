"""From a recipe and a dataset to a run folder that a job can train."""

from __future__ import annotations

import platform
import shlex
from importlib import metadata
from typing import Any

import numpy as np

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.recipe import Recipe
from core.runs.folder import Run, new_run

_PACKAGES = ("torch", "schnetpack", "numpy", "ase")


def create_run(recipe: Recipe, dataset: Dataset, name: str | None = None, device: str = "auto") -> Run:
    """Write the run folder of one training; nothing is started.

    Raises:
        MollensError: if the target or the split does not fit the dataset, no molecules are left to train or to validate
            on, the card lacks the atomic energies that the recipe asks for, or the name is taken.
    """
    target = dataset.target_key(recipe.target)
    _check_reference(recipe, dataset, target)
    counts = usable_counts(recipe, dataset)
    if counts["train"] == 0:
        raise MollensError(f"split {recipe.split}: no training molecule of dataset {dataset.name} has a {target}")
    if counts["validation"] == 0 and recipe.model != "composition":
        raise MollensError(
            f"split {recipe.split}: no validation molecule of dataset {dataset.name} has a {target}; checkpoints are "
            "chosen by validation error, so make a split with some"
        )
    split = open_split(dataset, recipe.split)
    content = {
        "recipe": recipe.model_dump(),
        "dataset": {"name": dataset.name, "sha256": dataset.card.sha256},
        "split": {"name": split.name, "hash": split.hash, **counts},
        "target": target,
        "unit": dataset.property(target).unit,
        "seed": recipe.seed,
        "device": device,
        "versions": versions(),
    }
    return new_run(content, name or f"{recipe.preset or recipe.model} seed {recipe.seed}")


def _check_reference(recipe: Recipe, dataset: Dataset, target: str) -> None:
    """Refuse atomic energies that the card does not have, where they would be used: by a network, extensive target."""
    used = recipe.model != "composition" and dataset.property(target).output == "sum"
    if not used or recipe.reference != "atomic_energies":
        return
    known = dataset.card.atomic_energies.get(target, {})
    missing = [symbol for symbol in dataset.molecules.symbols if symbol not in known]
    if missing:
        raise MollensError(
            f"dataset {dataset.name}: its card has no atomic energy of {', '.join(missing)} for {target}; "
            "use reference=composition"
        )


def usable_counts(recipe: Recipe, dataset: Dataset) -> dict[str, int]:
    """Molecules of each part of the split that have the target, and how many were left out for lack of it."""
    values = dataset.molecules.columns[dataset.target_key(recipe.target)]
    codes = open_split(dataset, recipe.split).codes(dataset.molecules.ids)
    present = np.isfinite(values)
    parts = {part: int((present & (codes == code)).sum()) for code, part in enumerate(("train", "validation", "test"))}
    return {**parts, "left_out": int((~present & (codes != 255)).sum())}


def count_steps(recipe: Recipe, n_train: int) -> int:
    """Optimizer steps of the whole training."""
    return 0 if recipe.model == "composition" else recipe.epochs * -(-n_train // recipe.batch_size)


def command(recipe: Recipe, default: Recipe, dataset: str, name: str | None = None) -> str:
    """The command line that starts this recipe: the preset and only the fields that differ from it."""
    words = ["--recipe", recipe.preset, "--dataset", dataset]
    if recipe.split != "default":
        words += ["--split", recipe.split]
    for key, value in changes(recipe, default).items():
        if key != "split":
            words += ["--set", f"{key}={value}"]
    if name:
        words += ["--name", name]
    return "python -m core train " + shlex.join(words)


def changes(recipe: Recipe, default: Recipe) -> dict[str, Any]:
    """Fields of `recipe` that differ from `default`, with their values."""
    ours, theirs = recipe.model_dump(), default.model_dump()
    return {key: value for key, value in ours.items() if key != "preset" and value != theirs[key]}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
