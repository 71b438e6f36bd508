"""Confidence intervals of means and quantiles, for many groups of molecules at once.

The rule of the house, by the number n of values in a group:

    n < 10        no interval
    10 <= n < 50  bootstrap-t (percentile intervals called 95 % cover 79 % at n = 10)
    n >= 50       BCa bootstrap of a mean; 2,000 resamples

Small groups are resampled with multinomial counts. Large ones use the weights of `resampling`, drawn once for all
molecules and shared by all groups and by every run judged on the same molecules, so that a table of 150 groups costs
one pass.

Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), eq. 12.20 (bootstrap-t) and 14.9 to 14.15
(BCa).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from core.judge.resampling import N_RESAMPLES, Resamples, cells_of_groups, resample, sums_by_cell

Floats = NDArray[np.float64]

N_POINTS_ONLY = 10
"""Below this many values no interval is given."""
N_LARGE = 50
"""From this many values on the interval is a BCa bootstrap; below, bootstrap-t."""
N_PERCENTILE = 100
"""From this many values on the 95th percentile has an interval."""
LEVEL = 0.95


@dataclass(frozen=True)
class Intervals:
    """Intervals of the means of several groups; NaN where the rule allows none."""

    mean: Floats  # (n_groups,)
    low: Floats  # (n_groups,)
    high: Floats  # (n_groups,)


def kind_of_interval(n: int) -> str:
    """Name the interval that n values allow: "none", "bootstrap-t" or "bca"."""
    if n < N_POINTS_ONLY:
        return "none"
    return "bootstrap-t" if n < N_LARGE else "bca"


def interval_of_mean(values: Floats, seed: int = 0) -> tuple[float, float, str]:
    """Interval of the mean of one sample.

    values (n,); returns low, high (NaN when n < 10) and the kind of interval, see `kind_of_interval`.
    """
    everything = np.ones((1, len(values)), dtype=bool)
    result = intervals_of_means(np.asarray(values, dtype=np.float64)[None], everything, seed)[0]
    return float(result.low[0]), float(result.high[0]), kind_of_interval(len(values))


def intervals_of_means(
    values: Floats, member: NDArray[np.bool_], seed: int = 0, resamples: Resamples | None = None
) -> list[Intervals]:
    """Means of several quantities over several groups, each with its 95 % interval.

    values (n_quantities, n): for instance |error|, error^2 and error of n molecules
    member (n_groups, n): which molecules belong to which group; groups may overlap
    resamples: of the same values, made before over cells of which every group consists
    Returns one `Intervals` per quantity. An empty group has the mean NaN.
    """
    counts = member.sum(axis=1)
    cell = cells_of_groups(member) if resamples is None else resamples.cell
    first = np.unique(cell, return_index=True)[1] if resamples is None else resamples.first
    of_group = member[:, first].astype(np.float64)  # (n_groups, n_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        # First, second and third moment about 0, each (n_quantities, n_groups).
        moments = [sums_by_cell(values**power, cell, len(first)) @ of_group.T / counts for power in (1, 2, 3)]
    means = moments[0]
    low = np.full_like(means, np.nan)
    high = np.full_like(means, np.nan)
    for group in np.flatnonzero((counts >= N_POINTS_ONLY) & (counts < N_LARGE)):
        low[:, group], high[:, group] = _bootstrap_t(values[:, member[group]], seed)
    large = np.flatnonzero(counts >= N_LARGE)
    if len(large):
        resamples = resample(values, cell, seed) if resamples is None else resamples
        replicates = resamples.means(member[large])
        low[:, large], high[:, large] = _bca(replicates, [moment[:, large] for moment in moments], counts[large])
    return [Intervals(means[k], low[k], high[k]) for k in range(len(values))]


def interval_of_quantile(sorted_values: Floats, probability: float, level: float = LEVEL) -> tuple[float, float]:
    """Distribution-free interval of a quantile from order statistics (binomial), at least `level` wide.

    sorted_values (n,) ascending. NaN where n does not reach the level or is below 10.
    Source: H. A. David and H. N. Nagaraja, Order Statistics (2003), section 7.1.
    """
    from scipy.stats import binom  # loading it takes longer than all else of a command

    n = len(sorted_values)
    if n < N_POINTS_ONLY:
        return np.nan, np.nan
    tail = (1 - level) / 2
    # The interval (x_(lower), x_(upper)), counted from 1, covers with P(lower <= Binomial(n, p) < upper).
    lower = int(binom.ppf(tail, n, probability))
    upper = int(binom.ppf(1 - tail, n, probability)) + 1
    if lower < 1 or upper > n:
        return np.nan, np.nan
    return float(sorted_values[lower - 1]), float(sorted_values[upper - 1])


@lru_cache(maxsize=N_LARGE)
def _multinomial_counts(n: int, seed: int) -> Floats:
    """How often each of n values is drawn in each resample: (N_RESAMPLES, n)."""
    random = np.random.default_rng([seed, n])
    return random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float64)


def _bootstrap_t(values: Floats, seed: int) -> tuple[Floats, Floats]:
    """Bootstrap-t limits of the means of `values` (n_quantities, n): two arrays (n_quantities,)."""
    n = values.shape[1]
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    error = np.sqrt((centred**2).sum(axis=1) / (n * (n - 1)))  # (n_quantities,)
    counts = _multinomial_counts(n, seed)
    shift = centred @ counts.T / n  # (n_quantities, N_RESAMPLES)
    variance = np.maximum(centred**2 @ counts.T / n - shift**2, 0) / (n - 1)
    # A resample without spread says nothing about the tails and is left out.
    usable = variance > 1e-12 * error[:, None] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(usable, shift / np.sqrt(variance), np.nan)
    tail = (1 - LEVEL) / 2
    low, high = mean[:, 0].copy(), mean[:, 0].copy()
    for k in range(len(values)):
        if error[k] > 1e-9 * abs(mean[k, 0]):  # else all values are equal but for rounding
            at_low, at_high = np.nanquantile(t[k], [1 - tail, tail])
            low[k] -= at_low * error[k]
            high[k] -= at_high * error[k]
    return low, high


def _bca(replicates: Floats, moments: list[Floats], counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """BCa limits of means: two arrays (n_quantities, n_groups).

    replicates (n_quantities, n_groups, N_RESAMPLES); moments: first, second and third about 0, each (n_quantities,
    n_groups); counts (n_groups,)
    """
    means, second, third = moments
    replicates = np.sort(replicates, axis=-1)
    below = (replicates < means[..., None]).mean(axis=-1)
    bias = ndtri(np.clip(below, 0.5 / N_RESAMPLES, 1 - 0.5 / N_RESAMPLES))  # z0, eq. 14.14
    variance = second - means**2
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = (third - 3 * means * second + 2 * means**3) / np.maximum(variance, 1e-300) ** 1.5
    flat = variance <= 1e-12 * second  # values without spread: the resamples differ from the mean by rounding only
    # The acceleration of eq. 14.15; the jackknife of a mean has this form.
    acceleration = np.where(flat, 0.0, skewness) / (6 * np.sqrt(counts))
    limits = []
    for z in (ndtri((1 - LEVEL) / 2), ndtri((1 + LEVEL) / 2)):
        level = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))  # eq. 14.10
        place = np.clip(level * N_RESAMPLES - 0.5, 0, N_RESAMPLES - 1)
        left = np.floor(place).astype(int)
        right = np.minimum(left + 1, N_RESAMPLES - 1)
        lower = np.take_along_axis(replicates, left[..., None], -1)[..., 0]
        upper = np.take_along_axis(replicates, right[..., None], -1)[..., 0]
        limits.append(lower + (place - left) * (upper - lower))
    return np.where(flat, means, limits[0]), np.where(flat, means, limits[1])
