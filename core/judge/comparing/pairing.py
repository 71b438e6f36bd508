"""The molecules on which several runs may be compared: held out by each, seen by none, with the same label for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from core.data.properties import Property
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import HeldOut, common_ids, held_out, level_of, split_known
from core.runs.folder import Run
from core.runs.predictions import predictions_folder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONVERTIBLE = 1e-3
"""eV: two targets that differ by free atoms only may be off by this much, which is what rounded labels are"""


@dataclass(frozen=True, eq=False)
class Paired:
    """Errors of several runs on the same molecules."""

    dataset: Dataset
    runs: tuple[Run, ...]
    target: Property
    """of the first run"""
    part: str
    """"test" or "validation" """
    ids: Ints
    """(n,) ascending"""
    rows: Ints
    """(n,) rows in the dataset"""
    errors: Floats
    """(n_runs, n) predicted minus target, in the target's unit"""
    train_rows: tuple[Ints, ...]
    """of each run, (n_train,) rows of the molecules that it was trained on"""
    n_held_out: tuple[int, ...]
    """held-out molecules of each run before those that another run saw are left out"""
    converted: bool
    """whether the runs have different targets, which differ by free atoms only"""
    unknown: tuple[str, ...]
    """names of runs of which it is not known what they have seen; then there is no verdict"""
    copies: int = 0
    """molecules that all hold out and that are left out as copies of what one of them has seen"""

    @property
    def left_out(self) -> int:
        """Held-out molecules of the run with the most that are not compared, because another run saw them."""
        return max(self.n_held_out) - len(self.ids)

    def scaled(self, per: str) -> Floats:
        """(n_runs, n) errors per molecule or per atom.

        Raises:
            MollensError: for errors per atom of a target that does not grow with the molecule.
        """
        return scaled(self.errors, self.target, self.dataset, self.rows, per)


def scaled(errors: Floats, target: Property, dataset: Dataset, rows: Ints, per: str) -> Floats:
    """Errors (..., n) of the molecules at `rows`, per molecule or per atom.

    Raises:
        MollensError: for errors per atom of a target that does not grow with the molecule.
    """
    if per == "molecule":
        return errors
    if per != "atom":
        raise MollensError(f"errors per {per!r} are not known; known are molecule, atom")
    if not target.extensive:
        raise MollensError(
            f"{target.label} does not grow with the molecule, so an error per atom has no meaning; use errors "
            "per molecule"
        )
    return errors / dataset.molecules.sizes[rows]


def pair_up(runs: Sequence[Run], dataset: Dataset, part: str = "test") -> Paired:
    """The molecules that are in this part for every run and that none of them saw, in this or another row.

    A molecule is left out if any run saw the same atoms in the same geometry (`core.data.identity`) in training or, for
    the test part, in validation. The dataset may be one that some of the runs, or all, were not trained on: what they
    need is predictions for it.

    Raises:
        MollensError: for a run given twice, runs without predictions for the dataset or of another level of theory,
            targets that cannot be converted, no molecule in common, or as `held_out`.
    """
    _check_runs(runs, dataset)
    sources = [held_out(run, dataset, part) for run in runs]
    converted = targets_converted(sources)
    ids = common_ids(sources)
    held_by_all = reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), [s.ids for s in sources])
    if len(ids) == 0:
        names = ", ".join(run.name for run in runs)
        raise MollensError(
            f"runs {names}: have no {part} molecule in common that none of them has seen; compare runs that were "
            "trained on the same split"
        )
    return Paired(
        dataset=dataset,
        runs=tuple(runs),
        target=sources[0].target,
        part=part,
        ids=ids,
        rows=dataset.molecules.rows_of(ids),
        errors=np.stack([source.error[np.searchsorted(source.ids, ids)] for source in sources]),
        train_rows=tuple(source.train_rows for source in sources),
        n_held_out=tuple(len(source.ids) for source in sources),
        converted=converted,
        unknown=tuple(run.name for run in runs if not split_known(run, dataset)),
        copies=len(held_by_all) - len(ids),
    )


def notes_on(paired: Paired) -> list[str]:
    """What has to be read with numbers on these molecules, a sentence each."""
    name, notes = paired.dataset.name, []
    elsewhere = [run for run in paired.runs if run.dataset_name != name and run.name not in paired.unknown]
    if paired.converted:
        keys = sorted({run.target for run in paired.runs})
        notes.append(f"{' and '.join(keys)} differ by free atoms only, so that an error is the same in either.")
    for run in elsewhere:
        place = paired.runs.index(run)
        notes.append(
            f"{run.name} was trained on {run.dataset_name}: {len(paired.train_rows[place]):,} molecules of {name} were "
            "among those, as their geometry tells, and are left out."
        )
    if paired.copies:
        notes.append(
            f"{paired.copies:,} held-out molecule{'s are' if paired.copies != 1 else ' is'} left out as a copy of one "
            "that a run has seen, the same atoms in the same geometry."
        )
    return notes


def _check_runs(runs: Sequence[Run], dataset: Dataset) -> None:
    for k, run in enumerate(runs):
        if any(run.id == other.id for other in runs[:k]):
            raise MollensError(f"run {run.name}: is given twice; a comparison needs two different runs")
    for run in runs:
        if predictions_folder(run, dataset.name) is not None or run.dataset_name == dataset.name:
            continue
        level = level_of(run.dataset_name)
        if level is not None and level != dataset.card.level_of_theory:
            raise MollensError(
                f"runs {runs[0].name} and {run.name}: their labels are of different levels of theory "
                f"({dataset.card.level_of_theory} and {level}), whose energies are never compared; choose runs on one "
                "dataset"
            )


def targets_converted(sources: Sequence[HeldOut]) -> bool:
    """Whether targets differ but may be compared: then errors are the same in either.

    Total and atomisation energy of one level differ by the free atoms, which are the same in label and prediction.

    Raises:
        MollensError: if they may not.
    """
    first = sources[0]
    others = [source for source in sources[1:] if source.target.key != first.target.key]
    for other in others:
        off = None if first.target.unit != other.target.unit else _off_free_atoms(first, other)
        if off is None or off > CONVERTIBLE:
            found = (
                "" if off is None else f" (they differ by more than free atoms, up to {off:.3g} {first.target.unit})"
            )
            raise MollensError(
                f"runs {first.run.name} and {other.run.name}: learn different targets, {first.target.label} and "
                f"{other.target.label}{found}; only targets that differ by a constant for every sum formula, as "
                "total and atomisation energy do, can be compared"
            )
    return bool(others)


def _off_free_atoms(one: HeldOut, other: HeldOut) -> float | None:
    """Largest deviation of the difference of two targets from a sum over atoms; None where it cannot be told."""
    if not (one.target.is_energy and one.target.extensive and other.target.extensive):
        return None
    columns, counts = one.dataset.molecules.columns, one.dataset.molecules.element_counts
    difference = columns[one.target.key] - columns[other.target.key]
    known = np.flatnonzero(np.isfinite(difference))
    if len(known) <= counts.shape[1]:
        return None
    features = np.column_stack([counts[known], np.ones(len(known))]).astype(np.float64)
    found, *_ = np.linalg.lstsq(features, difference[known], rcond=None)
    return float(np.abs(features @ found - difference[known]).max())
