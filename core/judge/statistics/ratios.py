"""Errors relative to another error on the same molecules: ratios of two means with intervals.

Both means come from the same molecules and, in every resample, from the same weights. The rule of the house for means
holds for ratios too: no interval below 10 molecules, bootstrap-t to 49 (of the logarithm, whose spread does not depend
on the ratio), BCa from 50 on.

Sources: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), eq. 12.20 and 14.9 to 14.15; W. G.
Cochran, Sampling Techniques (1977), eq. 6.13 (linearised variance of a ratio).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.judge.statistics.intervals import N_LARGE, N_POINTS_ONLY, bca, multinomial_counts, studentised_limits
from core.judge.statistics.resampling import group_totals, sums_by_cell
from core.judge.statistics.simultaneous import Estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ratios:
    """Ratios of means of several pairs of quantities in several groups; NaN where there is none."""

    value: Floats
    """(n_pairs, n_groups) mean of the first over mean of the second"""
    low: Floats
    """(n_pairs, n_groups)"""
    high: Floats
    """(n_pairs, n_groups)"""


def ratios_of_cells(
    above: Floats, below: Floats, cell: Ints, of_group: Mask, replicates: NDArray[np.floating] | None
) -> Ratios:
    """Ratios of the means of `above` and `below` (n_pairs, n), none of them negative, over groups made of cells.

    cell (n,); of_group (n_groups, n_cells); replicates (n_pairs, n_large, n_resamples): the ratio in every resample for
    the groups with at least `N_LARGE` molecules, in their order
    """
    n_cells = of_group.shape[1]
    counts = of_group @ np.bincount(cell, minlength=n_cells)
    weights = of_group.T.astype(np.float64)

    def total(values: Floats) -> Floats:
        return np.asarray(sums_by_cell(values, cell, n_cells) @ weights)

    x, y = total(above), total(below)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(y > 0, x / y, np.nan)
    low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
    for group in np.flatnonzero((counts >= N_POINTS_ONLY) & (counts < N_LARGE)):
        inside = of_group[group][cell]
        low[:, group], high[:, group] = _bootstrap_t(above[:, inside], below[:, inside])
    large = np.flatnonzero(counts >= N_LARGE)
    if len(large) and replicates is not None:
        r = value[:, large]
        xx, xy, yy = total(above**2)[:, large], total(above * below)[:, large], total(below**2)[:, large]
        xxx, xxy = total(above**2 * above)[:, large], total(above**2 * below)[:, large]
        xyy, yyy = total(above * below**2)[:, large], total(below**2 * below)[:, large]
        # u = x - R y is what one molecule adds; its sum is 0
        second = np.maximum(xx - 2 * r * xy + r**2 * yy, 0)
        third = xxx - 3 * r * xxy + 3 * r**2 * xyy - r**3 * yyy
        flat = ~(second > 1e-12 * xx)
        acceleration = np.where(flat, 0.0, third) / (6 * np.where(flat, 1.0, second) ** 1.5)  # eq. 14.15
        low[:, large], high[:, large] = bca(replicates, r, acceleration, flat)
    return Ratios(value, low, high)


def ratio_of_means(above: Floats, below: Floats, seed: int = 0) -> tuple[float, float, float]:
    """Ratio of the means of two quantities (n,) of the same molecules, with its limits; NaN below 10 molecules."""
    cell, of_group = np.zeros(len(above), dtype=np.int64), np.ones((1, 1), dtype=bool)
    drawn = None
    if len(above) >= N_LARGE:
        sums = group_totals(np.stack([above, below]), cell, of_group, seed)
        drawn = (sums[:1] / sums[1:2]).astype(np.float32)
    found = ratios_of_cells(above[None], below[None], cell, of_group, drawn)
    return float(found.value[0, 0]), float(found.low[0, 0]), float(found.high[0, 0])


def _bootstrap_t(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Bootstrap-t limits of ratios of means of (n_pairs, n), by way of their logarithm: two arrays (n_pairs,)."""
    n = above.shape[1]
    counts = multinomial_counts(n, 0).astype(np.float64)
    lines = (above, below, above**2, above * below, below**2)
    sums = np.stack([line.sum(axis=1) for line in lines])  # (5, n_pairs)
    drawn = np.stack([line @ counts.T for line in lines])  # (5, n_pairs, n_resamples)
    value, error = _log_ratio(sums, float(n))
    values, errors = _log_ratio(drawn, float(n))
    low, high = studentised_limits(value, error, values - value[:, None], errors)
    return np.exp(low), np.exp(high)


def _log_ratio(sums: NDArray[Any], n: NDArray[Any] | float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Logarithm of a ratio of means and its standard error, from the sums of x, y, x^2, x y and y^2."""
    x, y, xx, xy, yy = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        r = x / y
        variance = np.maximum(xx - 2 * r * xy + r**2 * yy, 0) / np.maximum(n - 1, 1) * n
        return np.log(r), np.sqrt(variance) / x


def log_ratio_estimates(n: Ints, sums: Floats, drawn: NDArray[np.floating]) -> Estimates:
    """Logarithms of ratios for simultaneous intervals, from sums of x, y, x^2, x y, y^2 and, last, of ones.

    n (n_groups,); sums (6, n_groups); drawn (6, n_groups, n_resamples)
    """
    value, error = _log_ratio(sums[:5], sums[5])
    values, errors = _log_ratio(drawn[:5], drawn[5])
    return Estimates(n, value, error, values, errors)
