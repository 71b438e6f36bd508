"""Which distances between two elements occur in training molecules, and which of a molecule's never do.

A model trained on minima knows bonds as long as bonds are, and nothing of the gap between bonded and other atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import SYMBOLS, Molecules
from core.data.pairs import Progress, pair_chunks

Counts = NDArray[np.int64]
Ints = NDArray[np.int64]

BIN = 0.02
"""Angstrom"""
REACH = 3.0
"""Angstrom; farther atoms are not looked at"""
N_BINS = round(REACH / BIN)
BONDED = 1.35
"""Times the sum of covalent radii: up to here a distance that no training molecule has is told, bonds and the gap
behind them; beyond it only what is nearer than in any training molecule. So 1 of 1,299 test molecules of demo and none
of 1,688 of real QM9 are told of."""
FEW = 20
"""Distances of a pair of elements in the training molecules below which nothing is said of that pair."""
MOST_TOLD = 3


@dataclass(frozen=True)
class Unseen:
    """A distance in a molecule that no training molecule has between such elements."""

    first: int
    """index of an atom"""
    second: int
    elements: tuple[str, str]
    distance: float
    """Angstrom"""
    below: float | None
    """the nearest distance below it that occurs in training, Angstrom; None where there is none"""
    above: float | None
    """the nearest above it, up to REACH"""

    def __str__(self) -> str:
        """A sentence."""
        a, b = self.elements
        text = f"{a} and {b} (atoms {self.first + 1} and {self.second + 1}) are {self.distance:.2f} Å apart"
        if self.below is None and self.above is None:
            return f"{text}; no training molecule has them within {REACH:g} Å"
        if self.below is None:
            return f"{text}; in the training molecules never nearer than {self.above:.2f} Å"
        if self.above is None:
            return f"{text}; in the training molecules at most {self.below:.2f} Å within {REACH:g} Å"
        return f"{text}; no training molecule has them between {self.below:.2f} and {self.above:.2f} Å"


def distances_seen(molecules: Molecules, rows: Ints, progress: Progress | None = None) -> Counts:
    """Histograms of the distances below REACH in the molecules at `rows`, one for each pair of elements that occurs.

    (n_pairs, 2 + N_BINS): two atomic numbers, the smaller first, then counts in bins of BIN.
    """
    column = np.zeros(256, dtype=np.int64)
    column[list(molecules.elements)] = np.arange(len(molecules.elements))
    width = len(molecules.elements)
    counts = np.zeros(width * width * N_BINS, dtype=np.int64)
    for chunk in pair_chunks(molecules, rows, progress):
        near = chunk.distances < REACH
        kinds = column[chunk.numbers]
        a, b = kinds[:, chunk.i][near], kinds[:, chunk.j][near]
        pair = np.minimum(a, b) * width + np.maximum(a, b)
        place = pair * N_BINS + (chunk.distances[near] / BIN).astype(np.int64)
        counts += np.bincount(place, minlength=len(counts))
    table = counts.reshape(width * width, N_BINS)
    there = np.flatnonzero(table.any(axis=1))
    elements = np.array(molecules.elements, dtype=np.int64)
    return np.concatenate([elements[there // width, None], elements[there % width, None], table[there]], axis=1)


def unseen_distances(numbers: NDArray[np.uint8], positions: NDArray[np.float64], seen: Counts) -> list[Unseen]:
    """Distances of a molecule that no training molecule has, the most surprising first, at most MOST_TOLD.

    A distance counts as seen if its bin or one of the two beside it is not empty. What is nearer than in any training
    molecule is always told; what is farther than the shortest only up to BONDED covalent radii.
    """
    from ase.data import covalent_radii

    i, j = np.triu_indices(len(numbers), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        distances = np.linalg.norm(positions[i] - positions[j], axis=1)
    close = distances < REACH
    bins = (np.where(close, distances, 0.0) / BIN).astype(np.int64)
    one, other = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
    place = np.full((256, 256), -1)
    place[seen[:, 0], seen[:, 1]] = np.arange(len(seen))
    pair, table = place[one, other], np.asarray(seen[:, 2:])
    there = np.pad(table > 0, ((0, 0), (1, 1)))
    usual = there[:, :-2] | there[:, 1:-1] | there[:, 2:]  # the bin itself or one of the two beside it
    near = np.flatnonzero(close & (pair >= 0))
    near = near[~usual[pair[near], bins[near]]]
    found: list[tuple[float, Unseen]] = []
    for k in near:
        histogram = table[pair[k]]
        if int(histogram.sum()) < FEW:
            continue  # of a pair that is rare in training nothing can be said
        distance, bin_ = float(distances[k]), int(bins[k])
        filled = np.flatnonzero(histogram)
        gap = int(np.abs(filled - bin_).min())
        bonded = BONDED * float(covalent_radii[one[k]] + covalent_radii[other[k]])
        if distance > bonded and bin_ > filled[0]:
            continue
        below, above = filled[filled < bin_], filled[filled > bin_]
        unseen = Unseen(
            int(i[k]),
            int(j[k]),
            (SYMBOLS[int(numbers[i[k]])], SYMBOLS[int(numbers[j[k]])]),
            distance,
            float((below[-1] + 1) * BIN) if len(below) else None,
            float(above[0] * BIN) if len(above) else None,
        )
        found.append((gap * BIN, unseen))
    return [unseen for _, unseen in sorted(found, key=lambda pair: -pair[0])[:MOST_TOLD]]
