"""Validation error over epochs, for any group of molecules, from the errors that the job kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.groups import Group, make_groups, membership
from core.judge.held_out import PER, check_dataset, unit_per
from core.recipes.recipe import validated
from core.recipes.sampling import training_rows
from core.runs.folder import Run
from core.runs.predictions import TRAIN, read_predictions
from core.runs.validation import read_validation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CURVE_MEASURES = ("mae", "rmse", "bias")
_EPOCHS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class GroupCurves:
    """Validation error of every group after every recorded epoch, in the target's unit."""

    measure: str
    epochs: Ints
    """(n_epochs,) finished epochs, from 1"""
    groups: list[Group]
    """those with validation molecules"""
    n: Ints
    """(n_groups,) validation molecules"""
    n_train: Ints
    """(n_groups,) training molecules"""
    values: Floats
    """(n_epochs, n_groups)"""
    overall: Floats
    """(n_epochs,) the same measure over all validation molecules"""

    @property
    def relative(self) -> Floats:
        """(n_epochs, n_groups) error of the group over the error of all validation molecules in the same epoch."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.values / self.overall[:, None]


def validation_curves(
    run: Run, dataset: Dataset, by: str | Group = "size", measure: str = "mae", per: str = "molecule"
) -> GroupCurves | None:
    """Validation error by group over epochs; None if the run recorded no epoch (yet, or it has none).

    by: a grouping of `make_groups`, or one group; measure: "mae", "rmse" or "bias"; per: "molecule" or "atom".

    Raises:
        MollensError: for a run of another dataset or of changed data, and for unknown arguments.
    """
    if measure not in CURVE_MEASURES:
        raise MollensError(f"measure {measure!r} has no curve; there are {', '.join(CURVE_MEASURES)}")
    if per not in PER:
        raise MollensError(f"errors per {per!r} are not known; known are {', '.join(PER)}")
    check_dataset(run, dataset)
    recorded = read_validation(run)
    if recorded is None or recorded.errors.size == 0:
        return None
    epochs, errors = recorded.epochs, recorded.errors
    molecules = dataset.molecules
    rows = molecules.rows_of(recorded.ids)
    train_rows = _training_rows(run, dataset)
    groups = [by] if isinstance(by, Group) else make_groups(molecules, rows, by)
    member = membership(groups, molecules, rows)
    weights = np.concatenate([member, np.ones((1, len(rows)), dtype=bool)]).astype(np.float32).T
    counts = weights.sum(axis=0)
    scale = (1.0 / molecules.sizes[rows]).astype(np.float32) if per == "atom" else np.float32(1)
    values = np.empty((len(epochs), weights.shape[1]))
    for start in range(0, len(epochs), _EPOCHS_AT_ONCE):
        part = np.asarray(errors[start : start + _EPOCHS_AT_ONCE]) * scale
        values[start : start + len(part)] = _measure(part, weights, measure) / counts
    if measure == "rmse":
        values = np.sqrt(values)
    return GroupCurves(
        measure=measure,
        epochs=epochs,
        groups=groups,
        n=member.sum(axis=1),
        n_train=membership(groups, molecules, train_rows).sum(axis=1),
        values=values[:, :-1],
        overall=values[:, -1],
    )


def curves_report(
    run: Run, dataset: Dataset, by: str = "size", measure: str = "mae", per: str = "molecule"
) -> dict[str, Any]:
    """Validation curves as `curves --json` prints them; no epochs and no groups where the run recorded none.

    Raises:
        MollensError: as `validation_curves`.
    """
    found = validation_curves(run, dataset, by, measure, per)
    content = {
        "run": run.name,
        "dataset": dataset.name,
        "target": run.target,
        "unit": unit_per(dataset.property(run.target).unit, per),
        "part": "validation",
        "measure": measure,
    }
    if found is None:
        return {**content, "epochs": [], "overall": [], "groups": []}
    groups = [
        {
            "group": group.name,
            "n_validation": int(found.n[k]),
            "n_train": int(found.n_train[k]),
            measure: _numbers(found.values[:, k]),
        }
        for k, group in enumerate(found.groups)
    ]
    return {**content, "epochs": found.epochs.tolist(), "overall": _numbers(found.overall), "groups": groups}


def _numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON takes them: null for what is none."""
    return [float(v) if np.isfinite(v) else None for v in values]


def _measure(errors: NDArray[np.float32], weights: NDArray[np.float32], measure: str) -> NDArray[np.float32]:
    """Sums over groups of what the measure averages: errors (n_epochs, n), weights (n, n_groups)."""
    if measure == "mae":
        return np.abs(errors) @ weights
    return (errors**2 if measure == "rmse" else errors) @ weights


def _training_rows(run: Run, dataset: Dataset) -> Ints:
    """Rows of the training molecules; from the predictions, or before they exist as split and recipe have it."""
    stored = read_predictions(run, dataset.name)
    if stored is not None:
        return dataset.molecules.rows_of(np.asarray(stored.ids)[stored.split == TRAIN])
    molecules = dataset.molecules
    rows = molecules.rows_of(open_split(dataset, run.split_name).train)
    values = molecules.columns.get(run.target)
    if values is not None and values.ndim == 1:
        rows = rows[np.isfinite(values[rows])]
    return training_rows(validated(run.recipe_values, run.what), molecules, rows)
