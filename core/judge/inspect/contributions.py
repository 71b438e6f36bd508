"""What each atom adds to a prediction, shown as what it adds beyond the usual of its element.

Only the sum over atoms is determined by the training: contributions are internals of one network, not energies of atoms
and not shares of its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.errors import MollensError
from core.runs.inside import Inside
from core.runs.predictions import TRAIN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ElementContributions:
    """What atoms of each element add, in one network."""

    mean: dict[int, float]
    """atomic number -> mean over the atoms, in the target's unit"""
    spread: dict[int, float]
    """atomic number -> standard deviation"""
    n_atoms: dict[int, int]


def contributions_of_elements(
    inside: Inside, molecules: Molecules, codes: NDArray[np.uint8] | None = None
) -> ElementContributions:
    """Mean and spread of the contributions of each element's atoms in the training molecules, all where none is known.

    molecules: of the dataset; codes (n,): of the predictions.

    Raises:
        MollensError: where the network's output is no sum over atoms, with the reason.
    """
    if inside.contributions is None:
        raise MollensError(f"contributions of atoms: {inside.why_no_contributions or 'there are none'}")
    rows = molecules.rows_of(np.asarray(inside.ids))
    numbers = _numbers(molecules, rows)
    values = np.asarray(inside.contributions)
    if codes is not None and (codes == TRAIN).any():
        keep = np.repeat(codes == TRAIN, np.diff(inside.first_atom))
        if len(np.unique(numbers[keep])) == len(np.unique(numbers)):
            numbers, values = numbers[keep], values[keep]
    counts = np.bincount(numbers, minlength=256)
    there = np.flatnonzero(counts)
    mean = np.bincount(numbers, values, 256)[there] / counts[there]
    of_number = np.zeros(256)
    of_number[there] = mean
    squares = np.bincount(numbers, (values - of_number[numbers]) ** 2, 256)[there] / counts[there]
    elements = there.tolist()
    return ElementContributions(
        dict(zip(elements, mean.tolist(), strict=True)),
        dict(zip(elements, np.sqrt(squares).tolist(), strict=True)),
        dict(zip(elements, counts[there].tolist(), strict=True)),
    )


def relative_contributions(inside: Inside, place: int, numbers: NDArray[np.uint8], of: ElementContributions) -> Floats:
    """(n_atoms,) contributions of the atoms of the molecule in row `place`, minus the mean of their elements.

    Raises:
        MollensError: where the network's output is no sum over atoms.
    """
    values = inside.of_molecule(place)
    if values is None:
        raise MollensError(f"contributions of atoms: {inside.why_no_contributions or 'there are none'}")
    return values - np.array([of.mean[int(z)] for z in numbers])


@dataclass(frozen=True, eq=False)
class ContributionDifference:
    """What the atoms of one molecule add in runs of one recipe, and in those of another."""

    difference: Floats
    """(n_atoms,) mean over the second runs minus mean over the first, each minus the mean of its element"""
    spread: Floats
    """(n_atoms,) standard deviation between seeds of one recipe, pooled over both; NaN with one run each"""
    beyond: NDArray[np.bool_]
    """(n_atoms,) whether the difference is more than twice what seeds alone would give"""


def contribution_difference(first: Sequence[Floats], second: Sequence[Floats]) -> ContributionDifference:
    """Compare relative contributions (n_atoms,) of several runs of two recipes; one run each gives no `beyond`."""
    one, other = np.stack(first), np.stack(second)
    difference = other.mean(axis=0) - one.mean(axis=0)
    freedom = len(one) + len(other) - 2
    if freedom < 1:
        unknown = np.full(difference.shape, np.nan)
        return ContributionDifference(difference, unknown, np.zeros(difference.shape, dtype=bool))
    squares = ((one - one.mean(axis=0)) ** 2).sum(axis=0) + ((other - other.mean(axis=0)) ** 2).sum(axis=0)
    spread = np.sqrt(squares / freedom)
    expected = spread * np.sqrt(1 / len(one) + 1 / len(other))
    return ContributionDifference(difference, spread, np.abs(difference) > 2 * expected)


def _numbers(molecules: Molecules, rows: Ints) -> NDArray[np.uint8]:
    """(n_atoms,) atomic numbers of the molecules at `rows`, one after the other."""
    sizes = molecules.sizes[rows]
    begins = np.cumsum(sizes) - sizes
    atoms = np.arange(sizes.sum()) + np.repeat(molecules.first_atom[rows] - begins, sizes)
    return np.asarray(molecules.numbers[atoms])
