"""Cells: molecules of equal size and equal elements, so that counting runs over a few hundred cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Molecules of equal size and equal elements: no group of sizes and elements can tell them apart."""

    of: NDArray[np.int32]
    """(n_molecules,) cell of each molecule, numbered from 0"""
    example: Rows
    """(n_cells,) row of a molecule of each cell"""
    sizes: NDArray[np.int64]
    """(n_cells,) atoms of the molecules of each cell"""
    contained: NDArray[np.bool_]
    """(n_cells, n_elements) which of `Molecules.elements` they contain"""
    total: NDArray[np.int64]
    """(n_cells,) molecules of the whole dataset in each cell"""

    def count(self, rows: Rows | None = None) -> NDArray[np.int64]:
        """(n_cells,) how many of the molecules at `rows`, or of all, are in each cell."""
        if rows is None:
            return self.total
        return np.bincount(self.of[rows], minlength=len(self.example))

    def inside(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """(n_cells,) which cells are inside a part of the molecules (n_molecules,); None if it cuts through one."""
        counts = np.bincount(self.of[mask], minlength=len(self.example))
        return counts > 0 if np.array_equal(counts[counts > 0], self.total[counts > 0]) else None


@lru_cache(maxsize=4)
def cells_of(molecules: Molecules) -> Cells:
    """The cells of all molecules of a dataset, computed once."""
    elements, n_bits = _element_bits(molecules)
    key = (molecules.sizes << n_bits) | elements if n_bits + _bits(molecules.sizes.max()) < 63 else None
    if key is not None and key.max() < 1 << 20:
        # Small keys are told apart by counting, which is faster than sorting them.
        total = np.bincount(key)
        known = np.flatnonzero(total)
        number = np.zeros(len(total), dtype=np.int32)
        number[known] = np.arange(len(known), dtype=np.int32)
        of = number[key]
        example = np.zeros(len(known), dtype=np.int64)
        example[of[::-1]] = np.arange(len(of) - 1, -1, -1)  # the last one written, i.e. the first row, stays
        total = total[known]
    else:
        _, name = np.unique(elements, return_inverse=True)
        key = molecules.sizes * (int(name.max()) + 1) + name
        _, example, inverse, total = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        of = inverse.astype(np.int32)
    contained = np.stack([_contains(molecules, int(row)) for row in example])
    return Cells(of, example, molecules.sizes[example], contained, total)


def _bits(value: int) -> int:
    return int(value).bit_length()


def _element_bits(molecules: Molecules) -> tuple[NDArray[np.int64], int]:
    """(n_molecules,) a number for each set of elements, and how many bits it has."""
    n = len(molecules.elements)
    if n > 62:
        _, name = np.unique(np.packbits(molecules.element_counts > 0, axis=1), axis=0, return_inverse=True)
        return name.ravel().astype(np.int64), _bits(name.max())
    dtype = np.uint8 if n <= 8 else np.uint64
    bit = np.zeros(256, dtype=dtype)
    bit[list(molecules.elements)] = [1 << place for place in range(n)]
    return np.bitwise_or.reduceat(bit[molecules.numbers], molecules.first_atom[:-1]).astype(np.int64), n


def _contains(molecules: Molecules, row: int) -> NDArray[np.bool_]:
    return np.isin(molecules.elements, molecules.numbers[molecules.atoms(row)])
