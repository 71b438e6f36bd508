"""The molecules that a run has not seen, with its errors on them: the only source of every judgement."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.data.properties import Property
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.groups import cells_of
from core.judge.resampling import Resamples, resample, seed_of
from core.runs.folder import Run
from core.runs.predictions import NONE, TEST, TRAIN, VALIDATION, read_predictions
from core.runs.status import ACTIVE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = {"validation": VALIDATION, "test": TEST}
"""Parts of a split that may be judged, with their code in the predictions; training molecules never may."""
MEASURES = ("mae", "rmse", "median", "p95", "bias", "max")
PER = ("molecule", "atom")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Errors of one run on molecules that it was not trained on."""

    run: Run
    dataset: Dataset
    target: Property
    part: str
    """"test" or "validation" """
    rows: Ints
    """(n,) rows in the dataset, ascending by id"""
    ids: Ints
    """(n,)"""
    target_values: Floats
    """(n,) in the target's unit"""
    predicted: Floats
    """(n,)"""
    baseline: Floats
    """(n,) linear in composition, fitted on the training molecules"""
    train_rows: Ints
    """(n_train,) rows of the molecules that the run was trained on"""
    all_rows: Ints
    """(n_all,) rows of all molecules of the split: training, validation and test, and those of them left unused"""
    seen_rows: Ints
    """(n_seen,) rows that may not be judged on: of training molecules, and for the test also of validation molecules"""

    @property
    def error(self) -> Floats:
        """(n,) predicted minus target."""
        return self.predicted - self.target_values

    @property
    def baseline_error(self) -> Floats:
        """(n,) baseline minus target."""
        return self.baseline - self.target_values

    @cached_property
    def resamples(self) -> Resamples:
        """Bootstrap sums of `quantities` of the error, then of the error per atom, by cells of size and elements."""
        of_cell = np.unique(cells_of(self.dataset.molecules).of[self.rows], return_inverse=True)[1]
        values = np.concatenate([quantities(self.error), quantities(self.error / self.sizes)])
        return resample(values, of_cell.astype(np.int64), seed_of(self.ids))

    @property
    def sizes(self) -> Ints:
        """(n,) atoms of each molecule, hydrogens included."""
        return self.dataset.molecules.sizes[self.rows]


def quantities(error: Floats) -> Floats:
    """(3, n) what is averaged over molecules: |error|, error squared, error (n,)."""
    return np.stack([np.abs(error), error**2, error])


def unit_per(unit: str, per: str) -> str:
    """Unit of an error per molecule or per atom: eV, eV/atom."""
    return f"{unit}/atom" if per == "atom" else unit


def held_out(run: Run, dataset: Dataset, part: str = "test", only: Ints | None = None) -> HeldOut:
    """The held-out molecules of a run with its predictions.

    only: ids to stay within, e.g. those that other runs have not seen either; see `shared_held_out`. Of a run whose
    split is not known all molecules are taken: its errors may be optimistic, see `split_known`.

    Raises:
        MollensError: for a part other than test or validation, a run of another dataset, of changed data or without
            predictions, predictions that are not numbers, and an empty part.
    """
    if part not in PARTS:
        raise MollensError(
            f"run {run.name}: errors on {part!r} molecules are not measured, only on those held out: test or validation"
        )
    check_dataset(run, dataset)
    stored = read_predictions(run, dataset.name)
    if stored is None:
        raise MollensError(f"run {run.name}: {_why_no_predictions(run)}")
    codes = np.asarray(stored.split)
    of_part, known = codes == PARTS[part], split_known(run)
    if part == "test" and not known:
        of_part |= codes == NONE
    chosen = of_part & np.isfinite(stored.target)
    if only is not None:
        chosen = chosen & np.isin(stored.ids, only)
    if not chosen.any():
        raise MollensError(
            f"run {run.name}: split {run.split_name!r} of dataset {dataset.name} has no {part} molecules to judge on; "
            f"use {'validation' if part == 'test' else 'test'} or a split that has them"
        )
    ids = np.asarray(stored.ids)[chosen]
    order = np.argsort(ids, kind="stable")
    stored_values = (stored.target, stored.predicted, stored.baseline)
    values = [np.asarray(column, dtype=np.float64)[chosen][order] for column in stored_values]
    bad = int((~np.isfinite(values[1])).sum())
    if bad:
        raise MollensError(
            f"run {run.name}: {bad:,} of {len(ids):,} predictions for {part} molecules are not numbers; the training "
            "diverged; train again with a lower learning rate"
        )
    rows = dataset.molecules.rows_of(np.asarray(stored.ids))
    return HeldOut(
        run=run,
        dataset=dataset,
        target=dataset.property(run.target),
        part=part,
        rows=rows[chosen][order],
        ids=ids[order],
        target_values=values[0],
        predicted=values[1],
        baseline=values[2],
        train_rows=rows[codes == TRAIN],
        all_rows=rows[codes != NONE] if known else rows,
        seen_rows=rows[codes < PARTS[part]],
    )


def split_known(run: Run) -> bool:
    """Whether it is known which molecules the run has seen; of a model from elsewhere it may not be.

    recipe.json then has an empty hash of the split, or `"known": false` in it.
    """
    return bool(run.split_hash) and bool(run.recipe_file["split"].get("known", True))


def shared_held_out(runs: list[Run], dataset: Dataset, part: str = "test") -> Ints:
    """Ids (n,) that are in this part for every run and that none of them saw in training or validation.

    For `part="validation"` they are seen by none in training.

    Raises:
        MollensError: if nothing is left, or as `held_out`.
    """
    ids: Ints | None = None
    for run in runs:
        mine = held_out(run, dataset, part).ids
        ids = mine if ids is None else np.intersect1d(ids, mine, assume_unique=True)
    if ids is None or len(ids) == 0:
        names = ", ".join(run.name for run in runs) or "none"
        raise MollensError(
            f"runs {names}: have no {part} molecule in common; compare runs that were trained on the same split"
        )
    return ids


def check_dataset(run: Run, dataset: Dataset) -> None:
    """Refuse a dataset on which a run's errors would not be held-out errors.

    Raises:
        MollensError: if the run was trained on data of another name or content.
    """
    if run.dataset_name != dataset.name:
        raise MollensError(
            f"run {run.name}: was trained on dataset {run.dataset_name}, not on {dataset.name}; its held-out errors "
            f"exist for {run.dataset_name} only"
        )
    if run.dataset_sha256 != dataset.card.sha256:
        raise MollensError(
            f"run {run.name}: dataset {dataset.name} has changed since the training (checksum "
            f"{dataset.card.sha256[:8]}, then {run.dataset_sha256[:8]}); restore that data, or train again"
        )


def _why_no_predictions(run: Run) -> str:
    status = run.status()
    if status.state in ACTIVE:
        return f"is {status.state}; its predictions are written when the training ends"
    if status.state in ("created", "stopped", "lost"):
        return f"is {status.state} and has no predictions yet; start or resume it and let it finish"
    if status.state == "failed":
        return f"failed before it wrote predictions ({status.error or 'no reason given'}); train again"
    return f"has no predictions for dataset {run.dataset_name}; write them with: python -m core predict {run.name}"
