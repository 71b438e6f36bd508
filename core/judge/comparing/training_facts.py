"""What a training cost and what it was given: time, steps, speed, convergence, size of the network, its molecules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import read_json
from core.judge.convergence import NOT_RECORDED, State, convergence_of
from core.runs.folder import Run
from core.runs.metrics import MetricsTail

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainingFacts:
    """One training, from its metrics and its model; None where a run does not say it."""

    epochs: int
    steps: int
    train_seconds: float | None
    """of all epochs, without validation"""
    validation_seconds: float | None
    molecules_per_second: float | None
    """over the whole training"""
    parameters: int | None
    """numbers in the network's weights"""
    state: State
    """has the validation error stopped falling?"""
    curve: Floats
    """(n_epochs,) validation MAE in the target's unit"""


def training_facts(run: Run) -> TrainingFacts:
    """What the training of a run cost; kept until its metrics or its model change.

    Raises:
        MollensError: if its status is damaged.
    """
    return _read(run.path, run.shipped, *(_stamp(run.path / name) for name in _FILES))


_FILES = ("metrics.jsonl", "model.json", "status.json", "recipe.json")


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=512)
def _read(path: Path, shipped: bool, *stamps: tuple[int, int, int]) -> TrainingFacts:
    run = Run(path, shipped)
    tail = MetricsTail(run)
    tail.refresh()
    epochs, status = tail.epochs, run.status()
    whole, validating, rates = (
        np.array([_number(line.get(name)) for line in epochs])
        for name in ("seconds", "validation_seconds", "molecules_per_second")
    )
    validating = np.where(np.isfinite(validating), validating, 0.0)  # an older log counts it as training
    training = whole - validating
    known = np.isfinite(training) & np.isfinite(rates)
    timed = bool(len(epochs)) and bool(np.isfinite(whole).all())
    curve = np.array([_number(line.get("validation_mae")) for line in epochs])
    state = convergence_of(run, epochs).state
    return TrainingFacts(
        epochs=max([status.epoch, *(int(line["epoch"]) for line in epochs[-1:] if line.get("epoch") is not None)]),
        steps=max([status.step, *(int(line["step"]) for line in epochs[-1:])]),
        train_seconds=float(training.sum()) if timed else None,
        validation_seconds=float(validating.sum()) if timed and validating.any() else None,
        molecules_per_second=(
            float((rates * training)[known].sum() / training[known].sum()) if training[known].sum() > 0 else None
        ),
        parameters=_parameters(run),
        state=NOT_RECORDED if state == "no epochs" and run.origin != "mollens" else state,
        curve=curve[np.isfinite(curve)],
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _parameters(run: Run) -> int | None:
    try:
        n = read_json(run.path / "model.json", run.what).get("n_parameters")
    except MollensError:
        return None
    return n if isinstance(n, int) and n > 0 else None


def trained_on(run: Run) -> str:
    """The training molecules of a run in words: "13,506 of qm9", "7,910 of qm9, 18 atoms or more"."""
    recipe = run.recipe_values
    if run.recipe_file["split"].get("known", bool(run.split_hash)) is False:
        return "not known"
    words = [f"{run.n_trained:,} of {run.dataset_name}" if run.n_trained else run.dataset_name]
    low, high, most = (_whole(recipe.get(key)) for key in ("min_atoms", "max_atoms", "most_per_size"))
    if recipe.get("control"):
        return f"{words[0]}, drawn by lot"
    if low and high:
        words.append(f"{low} to {high} atoms")
    elif low or high:
        words.append(f"{low} atoms or more" if low else f"{high} atoms or fewer")
    if most:
        words.append(f"at most {most:,} per size")
    if recipe.get("weighting", "none") != "none":
        drawn = recipe.get("weights_in", "loss") != "loss"
        words.append(f"{'drawn' if drawn else 'weighted'} by {_weights(recipe)}")
    return ", ".join(words)


def _weights(recipe: dict[str, object]) -> str:
    kind = str(recipe.get("weighting")).replace("_", " ")
    by = recipe.get("weight_by")
    return kind if kind.startswith("size") or not by else f"{kind} of the {by}"


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
