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
from scipy.special import bdtr, bdtrik, ndtr, ndtri

from core.judge.statistics.resampling import N_RESAMPLES, Resamples, cells_of_groups, resample, sums_by_cell

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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
    cell = cells_of_groups(member) if resamples is None else resamples.cell
    first = np.unique(cell, return_index=True)[1] if resamples is None else resamples.first
    of_group = member[:, first]
    large = member.sum(axis=1) >= N_LARGE
    replicates = None
    if large.any():
        resamples = resample(values, cell, seed) if resamples is None else resamples
        replicates = resamples.means(member[large])
    return means_of_cells(values, cell, of_group, replicates, seed)


def means_of_cells(
    values: Floats, cell: Ints, of_group: NDArray[np.bool_], replicates: NDArray[np.floating] | None, seed: int = 0
) -> list[Intervals]:
    """As `intervals_of_means`, of groups made of cells, with the means of the large groups in every resample.

    cell (n,); of_group (n_groups, n_cells); replicates (n_quantities, n_large, n_resamples) for the groups with at
    least `N_LARGE` values, in their order
    """
    counts = of_group @ np.bincount(cell, minlength=of_group.shape[1])
    weights = of_group.T.astype(np.float64)  # (n_cells, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        # First, second and third moment about 0, each (n_quantities, n_groups).
        powers = (values, values**2, values**2 * values)  # a third power by name takes ten times as long
        moments = [sums_by_cell(power, cell, len(weights)) @ weights / counts for power in powers]
    means = moments[0]
    low = np.full_like(means, np.nan)
    high = np.full_like(means, np.nan)
    for group in np.flatnonzero((counts >= N_POINTS_ONLY) & (counts < N_LARGE)):
        low[:, group], high[:, group] = bootstrap_t(values[:, of_group[group][cell]], seed)
    large = np.flatnonzero(counts >= N_LARGE)
    if len(large) and replicates is not None:
        low[:, large], high[:, large] = _bca_of_means(replicates, [m[:, large] for m in moments], counts[large])
    return [Intervals(means[k], low[k], high[k]) for k in range(len(values))]


def places_of_quantile(n: Ints, probability: float, level: float = LEVEL) -> tuple[Ints, Ints]:
    """Places, counted from 1, of the order statistics that enclose a quantile of n values; 0 where none do.

    n (k,) numbers of values. Distribution-free (binomial), at least `level` wide; none below 10 values.
    Source: H. A. David and H. N. Nagaraja, Order Statistics (2003), section 7.1.
    """
    n = np.asarray(n, dtype=np.int64)
    tail = (1 - level) / 2
    # The interval (x_(lower), x_(upper)) covers with P(lower <= Binomial(n, p) < upper).
    lower = _binomial_quantile(tail, n, probability)
    upper = _binomial_quantile(1 - tail, n, probability) + 1
    known = (n >= N_POINTS_ONLY) & (lower >= 1) & (upper <= n)
    return np.where(known, lower, 0), np.where(known, upper, 0)


def _binomial_quantile(level: float, n: Ints, probability: float) -> Ints:
    """Least k with P(Binomial(n, p) <= k) >= level; as scipy.stats.binom.ppf, which takes 0.5 s to be loaded."""
    safe = np.maximum(n, 1)
    k = np.ceil(bdtrik(level, safe, probability))
    before = np.maximum(k - 1, 0)
    return np.where(bdtr(before, safe, probability) >= level, before, k).astype(np.int64)


def interval_of_quantile(sorted_values: Floats, probability: float, level: float = LEVEL) -> tuple[float, float]:
    """The interval of `places_of_quantile` in values (n,), ascending; NaN where there is none."""
    lower, upper = places_of_quantile(np.array([len(sorted_values)]), probability, level)
    if lower[0] == 0:
        return np.nan, np.nan
    return float(sorted_values[lower[0] - 1]), float(sorted_values[upper[0] - 1])


@lru_cache(maxsize=N_LARGE)
def multinomial_counts(n: int, seed: int) -> NDArray[np.float32]:
    """How often each of n values is drawn in each resample: (N_RESAMPLES, n)."""
    random = np.random.default_rng([seed, n])
    return random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float32)


def bootstrap_t(values: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """Bootstrap-t limits of the means of `values` (n_quantities, n): two arrays (n_quantities,)."""
    n = values.shape[1]
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    error = np.sqrt((centred**2).sum(axis=1) / (n * (n - 1)))  # (n_quantities,)
    counts = multinomial_counts(n, seed)
    scale = np.where(error > 0, error, 1.0)[:, None]  # what is about 1 keeps its digits in float32
    parts = (centred / scale).astype(np.float32)
    shift = parts @ counts.T / np.float32(n)  # (n_quantities, N_RESAMPLES)
    variance = np.maximum(parts**2 @ counts.T / np.float32(n) - shift**2, 0) / np.float32(n - 1)
    return studentised_limits(mean, error, shift, np.sqrt(variance), scale[:, 0])


def studentised_limits(
    value: Floats,
    error: Floats,
    shifts: NDArray[np.floating],
    errors: NDArray[np.floating],
    scale: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Bootstrap-t limits of estimates (k,) with standard errors (k,), from their resamples (k, n_resamples).

    scale (k,): what the resamples are divided by
    """
    # A resample without spread says nothing about the tails and is left out.
    usable = errors > 1e-6 * (error if scale is None else error / scale)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(usable, shifts / errors, np.nan).astype(np.float32)
    t.sort(axis=1)  # what is no number comes last
    n = usable.sum(axis=1)
    tail = (1 - LEVEL) / 2
    at_low, at_high = (_at(t, np.maximum(n - 1, 0) * level) for level in (1 - tail, tail))
    # else all values are equal but for rounding
    spread = (error > 1e-9 * np.abs(value)) & (n > 0)
    return np.where(spread, value - at_low * error, value), np.where(spread, value - at_high * error, value)


def _at(ordered: NDArray[np.floating], place: Floats) -> Floats:
    """Values of the last axis at places between two of them, interpolated; ordered (..., n), place (...)."""
    left = np.floor(place).astype(np.int64)
    right = np.minimum(left + 1, ordered.shape[-1] - 1)
    lower = np.take_along_axis(ordered, left[..., None], -1)[..., 0].astype(np.float64)
    upper = np.take_along_axis(ordered, right[..., None], -1)[..., 0]
    # the larger of two places is not looked at where the first is meant, it may be no number
    return np.where(place > left, lower + (place - left) * (upper - lower), lower)


def _bca_of_means(
    replicates: NDArray[np.floating], moments: list[Floats], counts: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """BCa limits of means: two arrays (n_quantities, n_groups).

    replicates (n_quantities, n_groups, N_RESAMPLES); moments: first, second and third about 0, each (n_quantities,
    n_groups); counts (n_groups,)
    """
    means, second, third = moments
    variance = second - means**2
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = (third - 3 * means * second + 2 * means**3) / np.maximum(variance, 1e-300) ** 1.5
    flat = variance <= 1e-12 * second  # values without spread: the resamples differ from the mean by rounding only
    # The acceleration of eq. 14.15; the jackknife of a mean has this form.
    return bca(replicates, means, np.where(flat, 0.0, skewness) / (6 * np.sqrt(counts)), flat)


def bca(
    replicates: NDArray[np.floating], value: Floats, acceleration: Floats, flat: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """BCa limits of estimates (...) from their resamples (..., n_resamples); those that are `flat` have no spread."""
    # sorting half the bytes takes a fifth of the time, and nobody reads the eighth digit of a limit
    ordered = np.sort(replicates.astype(np.float32), axis=-1)
    n = ordered.shape[-1]
    below = (ordered < value[..., None].astype(np.float32)).mean(axis=-1)
    bias = ndtri(np.clip(below, 0.5 / n, 1 - 0.5 / n))  # z0, eq. 14.14
    limits = []
    for z in (ndtri((1 - LEVEL) / 2), ndtri((1 + LEVEL) / 2)):
        level = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))  # eq. 14.10
        limits.append(_at(ordered, np.clip(level * n - 0.5, 0, n - 1)))
    return np.where(flat, value, limits[0]), np.where(flat, value, limits[1])


def wilson(share: float, n: int, z: float) -> tuple[float, float]:
    """Interval of a share of n (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927))."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
