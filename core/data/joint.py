"""Two properties together: counts in a grid of bins, and their correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.cells import Rows
from core.data.distributions import N_BINS_2D, Bins, Floats, Ints, Per, bins_of, property_values, ranks_of
from core.data.store import Dataset


@dataclass(frozen=True)
class Axis:
    """One of the two properties and how it is shown."""

    key: str
    per: Per = "molecule"
    log: bool = False


@dataclass(frozen=True, eq=False)
class Joint:
    """Two properties of the same molecules."""

    x: Bins
    y: Bins
    counts: Ints
    """(n_y_bins, n_x_bins) molecules"""
    n: int
    """molecules with both values"""
    outside: int
    """of these, how many lie outside the bins"""
    missing: int
    """molecules without one of the values"""
    pearson: float
    """NaN where fewer than 3 molecules have both values, or one property has one value only"""
    spearman: float
    """the same for the ranks"""


def joint_histogram(dataset: Dataset, x: Axis, y: Axis, rows: Rows | None = None, n_bins: int = N_BINS_2D) -> Joint:
    """How the molecules at `rows`, or all, are spread over the bins of two properties, and how these go together.

    Raises:
        MollensError: as `property_values` does.
    """
    return _joint_of_all(dataset, x, y, n_bins) if rows is None else _joint(dataset, x, y, rows, n_bins)


@lru_cache(maxsize=16)
def _joint_of_all(dataset: Dataset, x: Axis, y: Axis, n_bins: int) -> Joint:
    return _joint(dataset, x, y, None, n_bins)


def _joint(dataset: Dataset, x: Axis, y: Axis, rows: Rows | None, n_bins: int) -> Joint:
    bins_x, bins_y = (bins_of(dataset, axis.key, axis.per, axis.log, n_bins) for axis in (x, y))
    of_x, of_y = (bins.of if rows is None else bins.of[rows] for bins in (bins_x, bins_y))
    width, height = bins_x.n_bins + 3, bins_y.n_bins + 3
    table = np.bincount(of_y.astype(np.int64) * width + of_x, minlength=width * height).reshape(height, width)
    known = int(table[:-1, :-1].sum())
    counts = table[:-3, :-3]
    pearson, spearman = correlations(dataset, x, y, rows)
    missing = int(table.sum()) - known
    return Joint(bins_x, bins_y, counts, known, known - int(counts.sum()), missing, pearson, spearman)


def correlations(dataset: Dataset, x: Axis, y: Axis, rows: Rows | None = None) -> tuple[float, float]:
    """Pearson's and Spearman's correlation of two properties over the molecules that have both; ties get mean ranks.

    Raises:
        MollensError: as `property_values` does.
    """
    values = [property_values(dataset, axis.key, axis.per) for axis in (x, y)]
    ranks = [ranks_of(dataset, axis.key, axis.per)[1] for axis in (x, y)]
    if rows is not None:
        values, ranks = [column[rows] for column in values], [column[rows] for column in ranks]
    known = np.isfinite(values[0]) & np.isfinite(values[1])
    if not known.all():
        values, ranks = [column[known] for column in values], [column[known] for column in ranks]
    return _pearson(*values), _pearson(*(_mean_ranks(column) for column in ranks))


def _mean_ranks(ranks: NDArray[np.int32]) -> Floats:
    """(n,) ranks among these molecules, from the order of their values in the whole dataset; by counting, no sort."""
    counts = np.bincount(ranks)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[ranks]


def _pearson(x: Floats, y: Floats) -> float:
    if len(x) < 3 or x.min() == x.max() or y.min() == y.max():
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    # Sums, not products of vectors: these would wake threads that cost more than they save.
    return float(np.clip((x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum()), -1, 1))
