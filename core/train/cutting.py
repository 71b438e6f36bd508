"""Batches of pairs cut out of flat arrays by a compiled loop: the way on the CPU.

The arrays may be mapped from disk: only what a batch needs is read.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.fast.compiled import compiled


@compiled
def _cut(  # type: ignore[no-untyped-def]
    rows, first_atom, n_atoms, first_pair, n_pairs, all_numbers, all_positions, pair_i, pair_j,
    numbers, positions, molecule, first, second, distances,
):  # fmt: skip
    """Fill the last six arrays with the atoms and unordered pairs of the molecules at `rows`."""
    atom = pair = 0
    for m in range(len(rows)):
        row = rows[m]
        for a in range(n_atoms[row]):
            source = first_atom[row] + a
            numbers[atom + a] = all_numbers[source]
            molecule[atom + a] = m
            for axis in range(3):
                positions[atom + a, axis] = all_positions[source, axis]
        for p in range(first_pair[row], first_pair[row] + n_pairs[row]):
            i, j = np.int64(pair_i[p]), np.int64(pair_j[p])
            if i < j:
                first[pair], second[pair] = atom + i, atom + j
                squared = np.float32(0)
                for axis in range(3):  # each step rounded once, as torch's norm does it
                    part = np.float64(positions[atom + j, axis] - positions[atom + i, axis])
                    squared = np.float32(part * part + np.float64(squared))
                distances[pair] = np.sqrt(squared)
                pair += 1
        atom += n_atoms[row]


def cut(rows: NDArray[np.int64], molecules: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Fields of the PairBatch of the molecules at `rows`, but for `n_atoms`.

    `molecules` are arrays by the names that FlatMolecules gives them; every pair stands there in both directions.
    """
    n_atoms = int(molecules["n_atoms"][rows].sum())
    n_pairs = int(molecules["n_pairs"][rows].sum()) // 2
    found: dict[str, NDArray[Any]] = {
        "numbers": np.empty(n_atoms, np.int64),
        "positions": np.empty((n_atoms, 3), np.float32),
        "molecule": np.empty(n_atoms, np.int64),
        "first": np.empty(n_pairs, np.int64),
        "second": np.empty(n_pairs, np.int64),
        "distances": np.empty(n_pairs, np.float32),
    }
    given = ("first_atom", "n_atoms", "first_pair", "n_pairs", "numbers", "positions", "pair_i", "pair_j")
    _cut(rows, *(molecules[name] for name in given), *found.values())
    return found
