"""Does something that is known without a label, a distance or a spread, tell how wrong a prediction is?

Within a size only: large molecules lie farther away and are predicted worse, so that over all sizes nearly anything
that grows with the size "predicts" the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY, interval_of_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_PARTS = 10


@dataclass(frozen=True)
class OfSize:
    """The rank correlation among the molecules of one size."""

    size: int
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Part:
    """A tenth of the molecules, by their rank within their size."""

    low: float
    """share of the molecules of a size that rank below this part"""
    high: float
    n: int
    relative_error: float
    """mean of |error| over the mean |error| of the molecule's size; 1 if the rank tells nothing"""
    relative_low: float
    relative_high: float
    """its 95 % interval, NaN below 10 molecules"""


@dataclass(frozen=True)
class DistanceAndError:
    """How a quantity and the absolute error go together within a size."""

    value: float
    """rank correlation, combined over sizes; NaN where no size has 10 molecules"""
    low: float
    high: float
    p: float
    """two-sided, of no correlation within any size"""
    n: int
    """molecules of the sizes that count"""
    sizes: tuple[OfSize, ...]
    """ascending"""
    n_left_out: int
    """molecules of sizes with fewer than 10, and those without a number"""
    parts: tuple[Part, ...]
    overall: float
    """rank correlation over all sizes together, which holds the size itself; not to be claimed"""


def distance_and_error(quantity: Floats, error: Floats, sizes: Ints) -> DistanceAndError:
    """Rank correlation of a quantity and |error|, all (n,), within each size and combined over sizes.

    Fisher's z of Spearman's coefficient of each size with 10 molecules or more, weighted by n - 3; variance of z
    (1 + r^2 / 2) / (n - 3) (D. G. Bonett and T. A. Wright, Psychometrika 65, 23 (2000)).
    """
    off = np.abs(error)
    known = np.isfinite(quantity) & np.isfinite(off)
    rank, relative = np.full(len(off), np.nan), np.full(len(off), np.nan)
    found: list[OfSize] = []
    for size in np.unique(sizes[known]):
        own = np.flatnonzero(known & (sizes == size))
        if len(own) < N_POINTS_ONLY:
            continue
        ranks = _ranks(quantity[own])
        mean = float(off[own].mean())
        rank[own] = (ranks - 0.5) / len(own)
        relative[own] = off[own] / mean if mean > 0 else 1.0
        value = _correlation(ranks, _ranks(off[own]))
        if np.isfinite(value):
            low, high = np.tanh(np.arctanh(_inside(value)) + _reach(value, len(own)) * np.array([-1, 1]))
            found.append(OfSize(int(size), len(own), value, float(low), float(high)))
    overall = _correlation(_ranks(quantity[known]), _ranks(off[known])) if known.sum() > 2 else np.nan
    parts, n = _parts(rank, relative), sum(each.n for each in found)
    if not found:
        nan = float("nan")
        return DistanceAndError(nan, nan, nan, nan, 0, (), len(off), parts, float(overall))
    weight = np.array([each.n - 3.0 for each in found])
    values = np.array([each.value for each in found])
    z = float((weight * np.arctanh(_inside(values))).sum() / weight.sum())
    deviation = float(np.sqrt((weight * (1 + values**2 / 2)).sum()) / weight.sum())
    reach = -float(ndtri((1 - LEVEL) / 2)) * deviation
    p = 2 * float(ndtr(-abs(z) * np.sqrt(weight.sum())))  # under no correlation the variance of z is 1 / (n - 3)
    return DistanceAndError(
        float(np.tanh(z)), float(np.tanh(z - reach)), float(np.tanh(z + reach)), p, n, tuple(found), len(off) - n,
        parts, float(overall),
    )  # fmt: skip


def _parts(rank: Floats, relative: Floats) -> tuple[Part, ...]:
    place = np.where(np.isfinite(rank), np.floor(np.nan_to_num(rank) * N_PARTS), -1).astype(int)
    parts = []
    for k in range(N_PARTS):
        values = relative[place == k]
        if len(values):
            low, high, _ = interval_of_mean(values)
            parts.append(Part(k / N_PARTS, (k + 1) / N_PARTS, len(values), float(values.mean()), low, high))
    return tuple(parts)


def _ranks(values: Floats) -> Floats:
    """Ranks of values (n,) from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def _correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other / length) if length > 1e-9 * len(one) else float("nan")


def _inside(value: float | Floats) -> Floats:
    return np.clip(value, -1 + 1e-12, 1 - 1e-12)


def _reach(value: float, n: int) -> float:
    return -float(ndtri((1 - LEVEL) / 2)) * float(np.sqrt((1 + value**2 / 2) / (n - 3)))
