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
_CELLS_BYTES = 32 * 2**20  # that sums of cells may take before they are added to their groups


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


def resample(
    values: Floats,
    cell: Ints,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
    places: Ints | None = None,
    n_all: int | None = None,
) -> Resamples:
    """Resample values (n_quantities, n) and sum them over cells (n,), numbered from 0 without gaps.

    places (n,) ascending: where the molecules stand in the set of `n_all` that the weights belong to, for a part of it
    """
    n_quantities, n = values.shape
    first = np.unique(cell, return_index=True)[1]
    sums = np.zeros((n_quantities + 1, len(first), n_resamples), dtype=np.float32)
    at = np.arange(n) if places is None else places
    for number, own, weights in _by_cell(values, cell, seed, n_resamples, at, len(at) if n_all is None else n_all):
        sums[:, number] += own @ weights
    return Resamples(first, cell, sums)


def group_totals(
    values: Floats,
    cell: Ints,
    of_group: NDArray[np.bool_],
    seed: int = 0,
    places: Ints | None = None,
    n_all: int | None = None,
    n_resamples: int = N_RESAMPLES,
) -> NDArray[np.float32]:
    """Sums of values (n_quantities, n) over groups in every resample; the last quantity is the sum of the weights.

    cell (n,) cell of each molecule; of_group (n_groups, n_cells) which cells make up each group
    places (n,) ascending: where the molecules stand in the set of `n_all` that the weights belong to, for a part of it
    Returns (n_quantities + 1, n_groups, n_resamples). Unlike `resample` it never holds all cells at once.
    """
    at = np.arange(values.shape[1]) if places is None else places
    n = len(at) if n_all is None else n_all
    used = np.asarray(of_group.any(axis=0))[cell]  # molecules in no group need no weights
    if not used.all():
        values, cell, at = values[:, used], cell[used], at[used]
    lines = len(values) + 1
    totals = np.zeros((len(of_group), lines * n_resamples), dtype=np.float32)
    most = max(1, min(int(_CELLS_BYTES / (4 * lines * n_resamples)), of_group.shape[1]))
    held = np.empty((most, lines, n_resamples), dtype=np.float32)
    numbers: list[int] = []
    for number, own, weights in _by_cell(values, cell, seed, n_resamples, at, n):
        np.matmul(own, weights, out=held[len(numbers)])
        numbers.append(number)
        if len(numbers) == most:
            totals += of_group[:, numbers].astype(np.float32) @ held.reshape(most, -1)
            numbers = []
    if numbers:
        totals += of_group[:, numbers].astype(np.float32) @ held[: len(numbers)].reshape(len(numbers), -1)
    return totals.reshape(len(of_group), lines, n_resamples).transpose(1, 0, 2)


def _by_cell(
    values: Floats, cell: Ints, seed: int, n_resamples: int, at: Ints, n: int
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """A cell, values (n_quantities + 1, k) and weights (k, n_resamples) of some of its molecules, again and again."""
    columns = np.concatenate([values, np.ones((1, values.shape[1]))]).astype(np.float32)
    for place, weights in _largest_chunks(n, seed, n_resamples):
        begin, end = np.searchsorted(at, [place.start, place.stop])
        order = begin + np.argsort(cell[begin:end], kind="stable")
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            here = cell[rows]
            block, own = weights[at[rows] - place.start].astype(np.float32), columns[:, rows]
            edges = np.flatnonzero(np.diff(here, prepend=-1))
            for low, high in zip(edges, [*edges[1:], len(rows)], strict=True):
                yield int(here[low]), own[:, low:high], block[low:high]


def _largest_chunks(n: int, seed: int, n_resamples: int) -> Iterator[tuple[slice, Weights]]:
    """Kept weights all at once, others chunk by chunk."""
    weights = _KEPT.get(n, seed, n_resamples)
    return weight_chunks(n, seed, n_resamples) if weights is None else iter([(slice(0, n), weights)])


def cells_of_groups(member: NDArray[np.bool_]) -> Ints:
    """(n,) number of each molecule's cell; molecules of one cell belong to the same of the groups (n_groups, n)."""
    cell = np.zeros(member.shape[1], dtype=np.int64)
    packed = np.packbits(member, axis=0)  # (n_bytes, n)
    for start in range(0, len(packed), 4):
        key = cell
        for line in packed[start : start + 4]:
            key = key << 8 | line
        cell = np.unique(key, return_inverse=True)[1].astype(np.int64)
    return cell


def sums_by_cell(values: Floats, cell: Ints, n_cells: int) -> Floats:
    """(n_quantities, n_cells) sums of values (n_quantities, n) over the molecules of each cell (n,)."""
    return np.stack([np.bincount(cell, weights=line, minlength=n_cells) for line in values])
