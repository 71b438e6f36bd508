"""From a recipe and a dataset to a run folder that a job can train."""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.parts import Parts, parts_of
from core.recipes.recipe import Recipe
from core.recipes.weights import check_weights, weight_curve
from core.runs.folder import Run, new_run

LOGS = ("csv", "tensorboard")
"""Logs that a job can write beside its own, for other programs."""
ENGINES = ("eager", "graph")
"""How steps are computed: one operation after the other, or recorded once as a CUDA graph and replayed."""
MOST_DEVICES = 64
_PACKAGES = ("torch", "schnetpack", "numba", "numpy", "ase")


def create_run(
    recipe: Recipe,
    dataset: Dataset,
    name: str | None = None,
    device: str = "auto",
    devices: int = 1,
    logs: Sequence[str] = (),
    engine: str = "eager",
) -> Run:
    """Write the run folder of one training; nothing is started.

    Args:
        devices: how many devices share every batch.
        logs: further logs that the job writes, of `LOGS`.
        engine: of `ENGINES`.

    Raises:
        MollensError: if the target or the split does not fit the dataset, no molecules are left to train or to validate
            on, the card lacks the atomic energies that the recipe asks for, some of the molecules would have no weight,
            the name is not allowed, or devices, logs and engine are not known or do not go together.
    """
    check_means(recipe, dataset, device, devices, logs, engine)
    parts = parts_of(recipe, dataset)
    check_run(recipe, dataset, parts)
    target = dataset.target_key(recipe.target)
    content = {
        "recipe": recipe.model_dump(),
        "dataset": {"name": dataset.name, "sha256": dataset.card.sha256},
        "split": {
            "name": parts.split.name,
            "hash": parts.split.hash,
            "train": len(parts.split_train),
            "validation": len(parts.split_validation),
            "test": len(parts.test),
            "left_out": parts.left_out,
        },
        "trained_on": {
            "n": len(parts.train),
            "hash": hash_of(dataset.molecules.ids[parts.train]),
            "validation": len(parts.validation),
        },
        "weights": _weights_record(recipe, dataset, parts),
        "target": target,
        "unit": dataset.property(target).unit,
        "seed": recipe.seed,
        "device": device,
        "devices": devices,
        "logs": [log for log in LOGS if log in logs],
        "engine": engine,
        "versions": versions(),
    }
    return new_run(content, name or f"{recipe.preset or recipe.model} seed {recipe.seed}")


def check_means(recipe: Recipe, dataset: Dataset, device: str, devices: int, logs: Sequence[str], engine: str) -> None:
    """Refuse devices, logs and engines that are not known or do not go together; arguments as for `create_run`.

    Raises:
        MollensError: for the first of them.
    """
    if not 1 <= devices <= MOST_DEVICES:
        raise MollensError(f"devices is {devices}; it must be from 1 to {MOST_DEVICES}")
    if not set(logs) <= set(LOGS):
        raise MollensError(f"logs are {', '.join(logs)}; possible are {', '.join(LOGS)}")
    if engine not in ENGINES:
        raise MollensError(f"engine {engine!r}: not known; choose one of {', '.join(ENGINES)}")
    if engine == "eager":
        return
    found = ""
    if recipe.model == "composition":
        found = "the composition model takes no steps"
    elif dataset.property(dataset.target_key(recipe.target)).output == "dipole":
        found = "a dipole moment has no step of a fixed shape"
    elif devices > 1:
        found = f"it works on one GPU, not on {devices} devices"
    elif device == "cpu":
        found = "it records CUDA graphs, and a CPU has none"
    if found:
        raise MollensError(f"engine {engine}: {found}; use engine eager")


def check_run(recipe: Recipe, dataset: Dataset, parts: Parts) -> None:
    """Refuse what cannot be trained, before a folder is made.

    Raises:
        MollensError: see `create_run`.
    """
    target = dataset.target_key(recipe.target)
    _check_reference(recipe, dataset, target)
    if not len(parts.train):
        raise MollensError(f"split {recipe.split}: no training molecule of dataset {dataset.name} has a {target}")
    if not len(parts.validation) and recipe.model != "composition":
        raise MollensError(
            f"split {recipe.split}: no validation molecule of dataset {dataset.name} has a {target}; checkpoints are "
            "chosen by validation error, so make a split with some"
        )
    if recipe.model != "composition":
        check_weights(recipe, weight_curve(recipe, dataset.molecules, parts.train))


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


def hash_of(ids: NDArray[np.int64]) -> str:
    """SHA-256 over the sorted ids: equal hashes mean the same molecules."""
    return hashlib.sha256(np.sort(ids).astype("<i8").tobytes()).hexdigest()


def _weights_record(recipe: Recipe, dataset: Dataset, parts: Parts) -> dict[str, Any] | None:
    """What the weights of a run are, for recipe.json; nothing where all molecules count alike."""
    if recipe.weighting == "none" or recipe.model == "composition":
        return None
    curve = weight_curve(recipe, dataset.molecules, parts.train)
    classes = [int(z) if curve.by == "size" else name for z, name in zip(curve.classes, curve.names, strict=True)]
    return {
        "by": curve.by,
        "classes": classes,
        "weights": curve.weights.tolist(),
        "clipped": {
            "n": int(curve.counts[curve.clipped].sum()),
            "classes": [each for each, yes in zip(classes, curve.clipped, strict=True) if yes],
        },
        "effective_sample_size": curve.effective_sample_size,
    }


def usable_counts(recipe: Recipe, dataset: Dataset) -> dict[str, int]:
    """Molecules that are trained on, validated on and tested on, and how many have no target or are left unused."""
    parts = parts_of(recipe, dataset)
    return {
        "train": len(parts.train),
        "validation": len(parts.validation),
        "test": len(parts.test),
        "left_out": parts.left_out,
        "unused": parts.unused,
    }


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


def options(device: str, devices: int = 1, logs: Sequence[str] = (), engine: str = "eager") -> list[str]:
    """The words of a command line on what a recipe does not say, where they differ from what is usual."""
    words = [] if device == "auto" else ["--device", shlex.quote(device)]
    words += [] if devices == 1 else ["--devices", str(devices)]
    words += [] if engine == "eager" else ["--engine", engine]
    return words + (["--logs", ",".join(logs)] if logs else [])


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
