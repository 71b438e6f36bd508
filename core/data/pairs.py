"""Distances between the atoms of many molecules, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules

Progress = Callable[[int, int], None]
_CHUNK = 400_000  # distances at once: arrays of 3 MB, which stay in the cache


@dataclass(frozen=True, eq=False)
class PairChunk:
    """Distances of some pairs of atoms in some molecules of equal size."""

    rows: NDArray[np.int64]
    """(n_rows,) the molecules"""
    numbers: NDArray[np.uint8]
    """(n_rows, size) their atomic numbers"""
    i: NDArray[np.int64]
    """(n_pairs,) first atom of each pair, counted within the molecule; i < j"""
    j: NDArray[np.int64]
    """(n_pairs,) second atom"""
    distances: NDArray[np.float64]
    """(n_rows, n_pairs) in Angstrom"""


def pair_chunks(
    molecules: Molecules, rows: NDArray[np.int64] | None = None, progress: Progress | None = None
) -> Iterator[PairChunk]:
    """Every unordered pair of atoms of every molecule once; a large molecule comes in several chunks.

    Args:
        rows: only these molecules; all if None.
        progress: called with molecules done and their number.
    """
    wanted = np.arange(molecules.n_molecules) if rows is None else np.asarray(rows, dtype=np.int64)
    sizes = molecules.sizes[wanted]
    done = int((sizes < 2).sum())
    for size in np.unique(sizes[sizes > 1]):
        of_size = wanted[sizes == size]
        n_pairs = int(size) * (int(size) - 1) // 2
        step = max(1, _CHUNK // n_pairs)
        for start in range(0, len(of_size), step):
            some = of_size[start : start + step]
            atoms = molecules.first_atom[some][:, None] + np.arange(size)
            positions = np.moveaxis(molecules.positions[atoms], 2, 0)  # (3, n_rows, size)
            numbers = molecules.numbers[atoms]
            for i, j in _pairs(int(size)):
                squared = np.zeros((len(some), len(i)))
                with np.errstate(over="ignore"):  # absurd coordinates are infinitely far apart
                    for axis in positions:
                        difference = axis[:, i] - axis[:, j]
                        squared += difference * difference
                yield PairChunk(some, numbers, i, j, np.sqrt(squared, out=squared))
            done += len(some)
            if progress:
                progress(done, len(wanted))


def _pairs(size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The pairs i < j of so many atoms, at most about a chunk of them at once."""
    partners = np.arange(size - 1, 0, -1)  # of each first atom
    block = np.cumsum(partners) // _CHUNK
    for number in np.unique(block):
        first = np.flatnonzero(block == number)
        i = np.repeat(first, partners[first])
        starts = np.concatenate([[0], np.cumsum(partners[first])[:-1]])
        j = i + 1 + np.arange(len(i)) - np.repeat(starts, partners[first])
        yield i, j
