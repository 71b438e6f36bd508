"""Rank correlations of a few points, with one confounder held fixed, their intervals and permutation tests.

Sources: D. G. Bonett and T. A. Wright, Psychometrika 65, 23 (2000) (interval of Spearman's coefficient); D. Freedman
and D. Lane, J. Bus. Econ. Stat. 1, 292 (1983) (permutation of residuals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from core.judge.statistics.intervals import LEVEL

Floats = NDArray[np.float64]

N_PERMUTATIONS = 10_000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's coefficient of n points; NaN where it is undefined."""

    value: float
    low: float
    high: float
    p: float
    """share of permutations with a coefficient as far from 0, two-sided"""
    n: int


def rank_correlation(x: Floats, y: Floats, given: Floats | None = None) -> RankCorrelation:
    """Spearman's coefficient of x and y (n,); with `given` (n,) the partial one, of what that leaves of their ranks."""
    n = len(x)
    rank_x, rank_y = _ranks(x), _ranks(y)
    if given is not None:
        of_given = _ranks(given)
        rank_x, rank_y = _without(rank_x, of_given), _without(rank_y, of_given)
    length = float(np.linalg.norm(rank_x) * np.linalg.norm(rank_y))
    held = 0 if given is None else 1
    if n < 5 + held or length < 1e-9 * n**3:
        return RankCorrelation(float("nan"), float("nan"), float("nan"), float("nan"), n)
    value = float(np.clip(rank_x @ rank_y / length, -1, 1))
    random = np.random.default_rng(n)
    shuffled = random.permuted(np.broadcast_to(rank_x, (N_PERMUTATIONS, n)), axis=1) @ rank_y / length
    beyond = int((np.abs(shuffled) >= abs(value) - 1e-12).sum())
    reach = -ndtri((1 - LEVEL) / 2) * np.sqrt((1 + value**2 / 2) / (n - 3 - held))
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    low, high = np.tanh([middle - reach, middle + reach])
    return RankCorrelation(value, float(low), float(high), (beyond + 1) / (N_PERMUTATIONS + 1), n)


def _ranks(values: Floats) -> Floats:
    """Ranks of values (n,) minus their mean; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place] - (len(values) + 1) / 2


def _without(values: Floats, other: Floats) -> Floats:
    """What is left of centred values (n,) after a straight line in other ones."""
    square = float(other @ other)
    return values - (values @ other / square) * other if square > 0 else values
