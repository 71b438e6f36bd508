"""Why is a molecule wrong? The evidence for and against four causes, from what runs, networks and data say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.data.store import Dataset
from core.judge.inspect.bench import Bench, open_bench
from core.judge.inspect.causes import Cause, in_order, in_unit
from core.judge.inspect.label import label
from core.judge.inspect.molecule import MoleculeErrors, errors_on
from core.judge.inspect.seed_noise import seed_noise
from core.judge.inspect.unseen import FeatureCount, feature_counts, unseen
from core.judge.inspect.weakness import weakness
from core.runs.folder import Run

UNUSUAL = 2.0
"""Times the spread of its size from which an error is called unusual."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """One molecule: its errors, and what may be behind that of the run that is looked at."""

    errors: MoleculeErrors
    causes: tuple[Cause, ...]
    """the four of `CAUSES`, strongest first; several may be strong, or none"""
    features: tuple[FeatureCount, ...]
    """what it is made of, the rarest in training first"""
    remarks: tuple[str, ...]
    """what has to be read with the causes"""


def evidence(runs: Sequence[Run], dataset: Dataset, molecule: int) -> Evidence:
    """Everything that is known about the error of one molecule, by its id; the first run is the one looked at.

    Raises:
        MollensError: as `core.judge.inspect.molecule.molecule_errors`.
    """
    bench = open_bench(runs, dataset)
    return evidence_on(bench, bench.row_of(molecule))


def evidence_on(bench: Bench, row: int) -> Evidence:
    """As `evidence`, for a row of the dataset on a bench that is open.

    Raises:
        MollensError: if the first run has not predicted it.
    """
    errors = errors_on(bench, row)
    causes: list[Cause] = []
    if errors.runs[0].error is not None:
        about_label = label(bench, row)
        confirmed = about_label.grade == "ruled out"
        causes = [unseen(bench, row), about_label, weakness(bench, row, confirmed), seed_noise(bench, row)]
    return Evidence(errors, in_order(causes), feature_counts(bench, row), tuple(_remarks(bench, errors)))


def _remarks(bench: Bench, errors: MoleculeErrors) -> list[str]:
    first, unit = errors.runs[0], errors.unit
    told: list[str] = []
    if first.error is None:
        return [f"It has no value of {bench.target.label}, so that there is no error to explain."]
    if first.code == "training":
        told.append("The run was trained on it: this is a training residual, not an error.")
    elif first.code == "not known":
        told.append("It is not known whether the run was trained on it; its error may be optimistic.")
    elif first.code == "validation":
        told.append("A validation molecule: the weights that were kept were chosen with it among others.")
    elif first.code == "not trained on":
        told.append("Of the split's training part, but left out by sampling; it is neither trained on nor held out.")
    place = first.place
    if place is not None and place.times_spread is not None and place.times_spread < UNUSUAL:
        told.append(
            f"Nothing unusual has to be explained: {in_unit(abs(first.error), unit)} is {place.times_spread:.1f} times "
            f"the spread of {place.n:,} molecules with {errors.size} atoms."
        )
    return [*told, *bench.left_out]
