"""Bootstrap weights of a set of molecules, drawn once, kept, and multiplied with whatever is to be resampled.

Every molecule has in every resample a Poisson(1) weight, one byte. The weights belong to the set of molecules (a hash
of its ids): all runs, groups and measures on one test set are resampled together, so that differences are paired and
every figure and verdict rests on the same resamples. Sums over groups are matrix products.

Source: J. Hanley and B. MacGibbon, Comput. Methods Programs Biomed. 83, 57 (2006) (Poisson weights).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = NDArray[np.uint8]

N_RESAMPLES = 2_000
MOST_BYTES = 256 * 2**20
"""Memory that kept weights may take; those of a larger set are drawn anew each time, chunk by chunk."""
_CHUNK = 8_192
_ROWS = 1_024  # that are turned into float32 at a time


def seed_of(ids: Ints) -> int:
    """The seed of a set of molecules: a hash of its ids (n,), in their order."""
    return int.from_bytes(hashlib.blake2b(np.ascontiguousarray(ids, dtype="<i8").tobytes(), digest_size=8).digest())


def weight_chunks(n: int, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Iterator[tuple[slice, Weights]]:
    """Places and weights (n_chunk, n_resamples) of `n` molecules, in their order, a chunk at a time; read-only."""
    weights = _KEPT.get(n, seed, n_resamples)
    for number, start in enumerate(range(0, n, _CHUNK)):
        place = slice(start, min(start + _CHUNK, n))
        yield place, _draw(place, seed, number, n_resamples) if weights is None else weights[place]


def _draw(place: slice, seed: int, number: int, n_resamples: int) -> Weights:
    thresholds = np.rint(pdtr(np.arange(9), 1) * 2**16)  # Poisson's distribution function
    table = np.searchsorted(thresholds, np.arange(2**16), side="right").astype(np.uint8)
    random = np.random.default_rng([seed, n_resamples, number])
    weights = np.empty((place.stop - place.start, n_resamples), dtype=np.uint8)
    for start in range(0, len(weights), _ROWS):
        rows = weights[start : start + _ROWS]
        np.take(table, random.integers(0, 2**16, rows.shape, dtype=np.uint16), out=rows)
    return weights


class _Kept:
    """Weights of the sets that were asked for last, within `MOST_BYTES`; shared by all threads."""

    def __init__(self) -> None:
        self._weights: OrderedDict[tuple[int, int, int], Weights] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, n: int, seed: int, n_resamples: int) -> Weights | None:
        """(n, n_resamples) weights; None if they are too large to be kept."""
        if n * n_resamples > MOST_BYTES:
            return None
        key = (n, seed, n_resamples)
        with self._lock:  # held while drawing, so that nothing is drawn twice
            if key not in self._weights:
                weights = np.empty((n, n_resamples), dtype=np.uint8)
                for number, start in enumerate(range(0, n, _CHUNK)):
                    place = slice(start, min(start + _CHUNK, n))
                    weights[place] = _draw(place, seed, number, n_resamples)
                weights.flags.writeable = False
                self._weights[key] = weights
            self._weights.move_to_end(key)
            while sum(each.nbytes for each in self._weights.values()) > MOST_BYTES:
                self._weights.popitem(last=False)
            return self._weights[key]


_KEPT = _Kept()


@dataclass(frozen=True, eq=False)
class Resamples:
    """Sums over cells of molecules in every resample; a group of whole cells only has to add them up."""

    first: Ints
    """(n_cells,) a molecule of each cell"""
    cell: Ints
    """(n,) cell of each molecule"""
    sums: NDArray[np.float32]
    """(n_quantities + 1, n_cells, n_resamples) weighted sums; the last are those of the weights"""

    def totals(self, member: NDArray[np.bool_]) -> Floats:
        """(n_quantities + 1, n_groups, n_resamples) sums over groups (n_groups, n), each made of whole cells."""
        of_group = member[:, self.first]
        if not np.array_equal(of_group[:, self.cell], member):
            raise ValueError("a group cuts through a cell")
        return np.matmul(of_group.astype(np.float32), self.sums).astype(np.float64)

    def means(self, member: NDArray[np.bool_]) -> Floats:
        """(n_quantities, n_groups, n_resamples) means over groups (n_groups, n), each made of whole cells."""
        totals = self.totals(member)
        with np.errstate(invalid="ignore", divide="ignore"):
            return totals[:-1] / totals[-1]

    def part(self, quantities: slice) -> Resamples:
        """The same resamples of some of the quantities."""
        return Resamples(self.first, self.cell, np.concatenate([self.sums[:-1][quantities], self.sums[-1:]]))


def resample(values: Floats, cell: Ints, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Resamples:
    """Resample values (n_quantities, n) and sum them over cells (n,), numbered from 0 without gaps."""
    n_quantities, n = values.shape
    first = np.unique(cell, return_index=True)[1]
    columns = np.concatenate([values, np.ones((1, n))]).astype(np.float32)
    sums = np.zeros((len(first), n_quantities + 1, n_resamples), dtype=np.float32)
    for place, weights in weight_chunks(n, seed, n_resamples):
        here = cell[place]
        order = np.argsort(here, kind="stable")
        starts = np.flatnonzero(np.diff(here[order], prepend=-1))
        own = columns[:, place]
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            number = here[order[start]]
            for begin in range(start, stop, _ROWS):
                rows = order[begin : min(begin + _ROWS, stop)]
                sums[number] += own[:, rows] @ weights[rows].astype(np.float32)
    return Resamples(first, cell, sums.transpose(1, 0, 2))


def cells_of_groups(member: NDArray[np.bool_]) -> Ints:
    """(n,) number of each molecule's cell; molecules of one cell belong to the same of the groups (n_groups, n)."""
    packed = np.ascontiguousarray(np.packbits(member, axis=0).T)  # (n, n_bytes)
    if packed.shape[1] == 0:
        return np.zeros(member.shape[1], dtype=np.int64)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def sums_by_cell(values: Floats, cell: Ints, n_cells: int) -> Floats:
    """(n_quantities, n_cells) sums of values (n_quantities, n) over the molecules of each cell (n,)."""
    return np.stack([np.bincount(cell, weights=line, minlength=n_cells) for line in values])
