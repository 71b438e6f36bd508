"""What the atoms of one molecule can be coloured by: contributions, their difference between two models, charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.inspect.bench import Bench, BenchRun
from core.judge.inspect.contributions import (
    ContributionDifference,
    ElementContributions,
    contribution_difference,
    contributions_of_elements,
    relative_contributions,
)

Floats = NDArray[np.float64]

CHARGES = "partial_charges"
LEAST_NETWORKS = 3
"""Networks of two recipes together from which on the spread between seeds is known."""


@dataclass(frozen=True, eq=False)
class AtomValues:
    """One number for each atom of a molecule."""

    values: Floats
    """(n_atoms,) in `unit`"""
    unit: str
    beyond: NDArray[np.bool_] | None = None
    """(n_atoms,) of a difference of two recipes: whether it is more than the spread between seeds gives; None of what
    is no difference"""
    n_first: int = 0
    """networks of the first recipe that were asked"""
    n_second: int = 0

    @property
    def shown(self) -> Floats:
        """(n_atoms,) values to colour by: 0 where a difference is not beyond the spread between seeds."""
        return self.values if self.beyond is None else np.where(self.beyond, self.values, 0.0)

    @property
    def reach(self) -> float:
        """A round end of a scale that is symmetric about 0 and holds all that is shown."""
        most = float(np.abs(self.shown).max(initial=0.0))
        if most == 0:
            most = float(np.abs(self.values).max(initial=0.0)) or 1.0
        power = 10.0 ** np.floor(np.log10(most))
        return float(next(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= most * (1 - 1e-9)) * power)

    def largest(self, n: int = 3) -> list[int]:
        """Atoms with the largest values shown, the largest first; none of those that show nothing."""
        order = np.argsort(-np.abs(self.shown), kind="stable")[:n]
        return [int(atom) for atom in order if self.shown[atom] != 0]


def contribution_values(bench: Bench, row: int) -> AtomValues:
    """What each atom adds to the first run's prediction, minus the mean of its element.

    Raises:
        MollensError: where the output is no sum over atoms, or nobody has looked inside the network.
    """
    return AtomValues(_relative(bench, bench.first, row), bench.target.unit, n_first=1)


def difference_values(bench: Bench, row: int, recipe: int) -> AtomValues:
    """Contributions in another recipe minus those in the first run's, each the mean of the seeds that are looked into.

    recipe: its number on the bench

    Raises:
        MollensError: where one of the two has no contributions, or no second seed tells how much is noise.
    """
    first, second = (_of_recipe(bench, k, row) for k in (0, recipe))
    if len(first) + len(second) < LEAST_NETWORKS:
        names = f"{bench.recipes[0]} and {bench.recipes[recipe]}"
        raise MollensError(
            f"{names}: one network of each was looked into, so the spread between seeds is not known, and any "
            "difference of their atoms may be noise; look inside another seed of one of them"
        )
    found: ContributionDifference = contribution_difference(first, second)
    return AtomValues(found.difference, bench.target.unit, found.beyond, n_first=len(first), n_second=len(second))


def charge_values(dataset: Dataset, row: int) -> AtomValues:
    """Partial charges that the dataset gives.

    Raises:
        MollensError: where it gives none for this molecule.
    """
    charges = dataset.molecules.atom_columns.get(CHARGES)
    if charges is None or charges.ndim != 1:
        raise MollensError(f"dataset {dataset.name}: gives no charges of atoms")
    values = np.asarray(charges[dataset.molecules.atoms(row)], dtype=np.float64)
    if not np.isfinite(values).all():
        raise MollensError(f"dataset {dataset.name}: gives no charges of the atoms of this molecule")
    return AtomValues(values, dataset.property(CHARGES).unit)


def _of_recipe(bench: Bench, recipe: int, row: int) -> Sequence[Floats]:
    """Relative contributions in the runs of a recipe that have been looked into, one of each seed."""
    runs: dict[int, BenchRun] = {}
    for run in bench.runs:
        if run.group == recipe and run.inside is not None and run.place[row] >= 0:
            runs.setdefault(run.run.seed, run)
    if not runs:
        raise MollensError(
            f"{bench.recipes[recipe]}: nobody has looked inside; do it with: "
            f"python -m core look-inside {bench.of_recipe(recipe)[0].run.id}"
        )
    return [_relative(bench, run, row) for run in runs.values()]


def _relative(bench: Bench, run: BenchRun, row: int) -> Floats:
    if run.inside is None:
        raise MollensError(f"{run.run.name}: nobody has looked inside; `look-inside {run.run.id}` does")
    if run.place[row] < 0:
        raise MollensError(f"{run.run.name}: has not predicted molecule {bench.dataset.molecules.ids[row]}")
    numbers = bench.dataset.molecules.numbers[bench.dataset.molecules.atoms(row)]
    return relative_contributions(run.inside, int(run.place[row]), numbers, _of_elements(run))


@lru_cache(maxsize=48)
def _of_elements(run: BenchRun) -> ElementContributions:
    assert run.inside is not None
    molecules = run.source.dataset.molecules
    return contributions_of_elements(run.inside, molecules, run.codes[molecules.rows_of(np.asarray(run.inside.ids))])
