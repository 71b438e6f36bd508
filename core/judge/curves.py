"""Validation error over epochs, for any group of molecules, from the errors that the job kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.selection import Selection
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.divisions import division_of
from core.judge.grouping.groupings import Grouping
from core.judge.grouping.groups import Group
from core.judge.held_out import PER, check_dataset
from core.judge.measures import measure_unit
from core.recipes.recipe import validated
from core.recipes.sampling import training_rows
from core.runs.folder import Run
from core.runs.predictions import TRAIN, read_predictions
from core.runs.validation import read_validation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

CURVE_MEASURES = ("mae", "rmse", "mse", "bias")
_EPOCHS_AT_ONCE = 64


@dataclass(frozen=True)
class CurveGroup:
    """One group of a grouping, as the curves name it."""

    name: str
    label: str
    """in words: "21 atoms" """
    lowest: int | None = None
    """of what orders the groups, such as atoms"""
    highest: int | None = None
    element: str | None = None
    where: str | None = None
    """the group as filters joined by ";" """

    @property
    def size(self) -> int | None:
        """The number that the group has, where it is only one."""
        return self.lowest if self.lowest == self.highest else None


@dataclass(frozen=True, eq=False)
class GroupCurves:
    """Validation error of every group after every recorded epoch, in the target's unit."""

    measure: str
    epochs: Ints
    """(n_epochs,) finished epochs, from 1"""
    groups: list[CurveGroup]
    """those with validation molecules; of groups that were asked for by themselves, all"""
    n: Ints
    """(n_groups,) validation molecules"""
    n_train: Ints
    """(n_groups,) training molecules"""
    values: Floats
    """(n_epochs, n_groups)"""
    overall: Floats
    """(n_epochs,) the same measure over all validation molecules, or those that the curves stay within"""

    @property
    def relative(self) -> Floats:
        """(n_epochs, n_groups) error of the group over the error of all validation molecules in the same epoch."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.values / self.overall[:, None]


def validation_curves(
    run: Run,
    dataset: Dataset,
    by: str | Group | Grouping = "size",
    measure: str = "mae",
    per: str = "molecule",
    within: Mask | None = None,
    train_rows: Ints | None = None,
) -> GroupCurves | None:
    """Validation error by group over epochs; None if the run recorded no epoch (yet, or it has none).

    by: any grouping as `core.judge.errors.group_errors` takes it, or one group
    measure: "mae", "rmse", "mse" (unit squared) or "bias"; per: "molecule" or "atom"
    within: (n_molecules,) of the dataset, to stay within
    train_rows: of the training molecules, where they are at hand

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
    molecules = dataset.molecules
    rows = molecules.rows_of(recorded.ids)
    train_rows = _training_rows(run, dataset) if train_rows is None else train_rows
    inside = np.ones(len(rows), dtype=bool) if within is None else within[rows]
    kept = rows[inside]
    division = division_of(dataset, (by,) if isinstance(by, Group) else by, kept, train_rows)
    if within is not None:
        train_rows = train_rows[within[train_rows]]
    member = division.cells[:, division.of[rows]] & inside
    weights = np.concatenate([member, inside[None]]).astype(np.float32).T
    values = _over_epochs(recorded.errors, weights, measure, molecules.sizes[rows] if per == "atom" else None)
    return GroupCurves(
        measure=measure,
        epochs=recorded.epochs,
        groups=[CurveGroup(row.pop("group"), **row) for row in division.names.to_dicts()],
        n=member.sum(axis=1),
        n_train=division.counts(train_rows),
        values=values[:, :-1],
        overall=values[:, -1],
    )


def _over_epochs(errors: NDArray[np.float32], weights: NDArray[np.float32], measure: str, sizes: Ints | None) -> Floats:
    """(n_epochs, n_groups) the measure of errors (n_epochs, n) over groups (n, n_groups); NaN for empty ones."""
    scale = np.float32(1) if sizes is None else (1.0 / sizes).astype(np.float32)
    counts = weights.sum(axis=0)
    values = np.empty((len(errors), weights.shape[1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        for start in range(0, len(errors), _EPOCHS_AT_ONCE):
            part = np.asarray(errors[start : start + _EPOCHS_AT_ONCE]) * scale
            values[start : start + len(part)] = _sums(part, weights, measure) / counts
    return np.sqrt(values) if measure == "rmse" else values


def _sums(errors: NDArray[np.float32], weights: NDArray[np.float32], measure: str) -> NDArray[np.float32]:
    """Sums over groups of what the measure averages: errors (n_epochs, n), weights (n, n_groups)."""
    if measure == "mae":
        return np.abs(errors) @ weights
    return (errors if measure == "bias" else errors**2) @ weights


def curves_report(
    run: Run,
    dataset: Dataset,
    by: str = "size",
    measure: str = "mae",
    per: str = "molecule",
    within: Selection | None = None,
) -> dict[str, Any]:
    """Validation curves as `curves --json` prints them; no epochs and no groups where the run recorded none.

    Raises:
        MollensError: as `validation_curves`.
    """
    found = validation_curves(run, dataset, by, measure, per, within.mask(dataset) if within else None)
    content = {
        "run": run.name,
        "dataset": dataset.name,
        "target": run.target,
        "unit": measure_unit(dataset.property(run.target).unit, measure, per),
        "part": "validation",
        "measure": measure,
        "per": per,
        "by": by,
        "where": within.where() if within else [],
    }
    if found is None:
        return {**content, "epochs": [], "overall": [], "groups": []}
    groups = [
        {
            "group": group.name,
            "label": group.label,
            "where": group.where,
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
