"""Sums over cells of molecules in every resample, kept: what is asked next is mostly made of the same sums.

Sizes and elements are looked at by turns, one model or all, per molecule and per atom, with a filter or without, alone
and relative to the baseline. All of these groups are made of the same cells, so the one expensive product (quantities
times weights of resampling) is made once for every quantity, and a group adds up the sums of its cells.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.judge.statistics.resampling import N_RESAMPLES, resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sums = NDArray[np.float32]

MOST_BYTES = 128 * 2**20
"""Memory that kept sums may take."""
_ONES = "ones"


def digest(values: NDArray[np.generic]) -> bytes:
    """A name for values: equal for equal ones."""
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).digest()


def bytes_of_sums(n_quantities: int, n_cells: int) -> int:
    """Memory that the sums of some quantities and of ones take."""
    return np.dtype(np.float32).itemsize * N_RESAMPLES * (n_quantities + 1) * n_cells


class _Kept:
    """Sums by molecules and cells, those asked for last, within `MOST_BYTES`; shared by all threads."""

    def __init__(self) -> None:
        self._sums: OrderedDict[Hashable, dict[Hashable, Sums]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> dict[Hashable, Sums]:
        with self._lock:
            if key in self._sums:
                self._sums.move_to_end(key)
            return dict(self._sums.get(key, {}))

    def put(self, key: Hashable, sums: dict[Hashable, Sums]) -> None:
        with self._lock:
            self._sums[key] = {**self._sums.get(key, {}), **sums}
            self._sums.move_to_end(key)
            while sum(line.nbytes for lines in self._sums.values() for line in lines.values()) > MOST_BYTES:
                self._sums.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._sums.clear()


KEPT = _Kept()


def cell_sums(
    key: Hashable,
    names: Sequence[Hashable],
    values: Callable[[list[int]], Floats],
    cell: Ints,
    seed: int,
    places: Ints,
    n_all: int,
) -> list[Sums]:
    """(n_cells, n_resamples) sums of each quantity in every resample, and last those of the weights.

    key: of the molecules and their cells (n,), numbered from 0 without gaps
    names: of the quantities, equal for equal ones; values: gives those (k, n) at some places among them
    places (n,) ascending: where the molecules stand in the set of `n_all` that the weights belong to
    """
    known = KEPT.find(key)
    missing = [k for k, name in enumerate(names) if name not in known and name not in names[:k]]
    if missing or _ONES not in known:
        drawn = resample(values(missing), cell, seed, places=places, n_all=n_all).sums
        found: dict[Hashable, Sums] = {names[k]: line for k, line in zip(missing, drawn[:-1], strict=True)}
        found[_ONES] = drawn[-1]
        KEPT.put(key, found)
        known |= found
    return [known[name] for name in (*names, _ONES)]
