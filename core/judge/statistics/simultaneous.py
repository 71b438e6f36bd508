"""Simultaneous intervals: all groups that are shown together hold at once with 95 %, by the bootstrap of the largest t.

A replicate of every group's estimate is studentised with its own standard error. Small groups have wider tails than
large ones; so t is first brought to a common scale, that of the normal distribution with equal tail probability under
Student's t of n - 1 degrees of freedom, and then the largest over the groups is taken. The 95 % quantile of that
largest value is the critical value, and each group's limits are what it is on the group's own scale.

Sources: J. P. Romano and M. Wolf, Econometrica 73, 1237 (2005) (largest studentised statistic); R. Beran, J. Am. Stat.
Assoc. 83, 679 (1988) (statistics brought to one scale before the largest is taken); D. L. Wallace, Ann. Math. Stat. 30,
1124 (1959) (Student's t as a normal value).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY
from core.judge.statistics.resampling import cells_of_groups, resample, sums_by_cell

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Estimates:
    """What is estimated in every group, with its standard error, and the same in every resample."""

    n: Ints
    """(n_groups,) molecules"""
    value: Floats
    """(n_groups,)"""
    error: Floats
    """(n_groups,) standard errors"""
    values: NDArray[np.floating]
    """(n_groups, n_resamples)"""
    errors: NDArray[np.floating]
    """(n_groups, n_resamples)"""

    def part(self, groups: slice) -> Estimates:
        """The same of some of the groups."""
        return Estimates(
            self.n[groups], self.value[groups], self.error[groups], self.values[groups], self.errors[groups]
        )


@dataclass(frozen=True, eq=False)
class Simultaneous:
    """Intervals that hold together; NaN where a group has fewer than 10 molecules."""

    n: Ints
    """(n_groups,) molecules"""
    value: Floats
    """(n_groups,)"""
    error: Floats
    """(n_groups,) standard errors"""
    low: Floats
    """(n_groups,)"""
    high: Floats
    """(n_groups,)"""
    critical: float
    """the critical value on the scale of the normal distribution: 1.96 for a single group"""


def simultaneous(estimates: Estimates, level: float = LEVEL) -> Simultaneous:
    """Intervals of all groups that hold at once with probability `level`."""
    judged = np.flatnonzero((estimates.n >= N_POINTS_ONLY) & np.isfinite(estimates.value))
    low, high = np.full_like(estimates.value, np.nan), np.full_like(estimates.value, np.nan)
    if len(judged) == 0:
        return Simultaneous(estimates.n, estimates.value, estimates.error, low, high, float("nan"))
    freedom = (estimates.n[judged] - 1).astype(np.float64)
    value, error = estimates.value[judged], estimates.error[judged]
    own = estimates.errors[judged]
    kind = own.dtype  # resamples may come in float32, which takes half the time
    shift = estimates.values[judged] - value[:, None].astype(kind)
    # A resample without spread says nothing about the tails; a group without spread has no tails.
    usable = (own > 1e-6 * error[:, None].astype(kind)) & (error > 1e-9 * np.abs(value))[:, None] & np.isfinite(shift)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(usable, np.abs(shift) / own, kind.type(0))
    largest = np.max(normal_scale(t, freedom[:, None].astype(kind)), axis=0)
    critical = max(float(np.quantile(largest, level)), float(-ndtri((1 - level) / 2)))
    reach = student_scale(critical, freedom) * error
    low[judged], high[judged] = value - reach, value + reach
    return Simultaneous(estimates.n, estimates.value, estimates.error, low, high, critical)


def normal_scale(t: NDArray[np.floating], freedom: NDArray[np.floating]) -> Floats:
    """The value of a normal distribution that is about as rare as |t| of Student's, to 0.1 % from 9 degrees on."""
    stretch = (8 * freedom + 1) / (8 * freedom + 3)
    return np.asarray(stretch * np.sqrt(freedom * np.log1p(t**2 / freedom)))


def student_scale(z: float, freedom: Floats) -> Floats:
    """The value of Student's t to which `normal_scale` gives `z`."""
    stretch = (8 * freedom + 1) / (8 * freedom + 3)
    return np.asarray(np.sqrt(freedom * np.expm1((z / stretch) ** 2 / freedom)))


def simultaneous_means(values: Floats, member: NDArray[np.bool_], seed: int = 0, level: float = LEVEL) -> Simultaneous:
    """Means of values (n,) over groups (n_groups, n), with intervals that hold at once."""
    moments = np.stack([values, values**2])
    return simultaneous(mean_estimates(*group_sums(moments, member, seed)), level)


def group_sums(values: Floats, member: NDArray[np.bool_], seed: int = 0) -> tuple[Floats, Floats]:
    """Sums over groups (n_groups, n) of values (n_quantities, n) and of ones, which come last; then of each resample.

    Shapes (n_quantities + 1, n_groups) and (n_quantities + 1, n_groups, n_resamples).
    """
    cell = cells_of_groups(member)
    drawn = resample(values, cell, seed)
    of_group = member[:, drawn.first].astype(np.float64)
    ones = np.ones((1, values.shape[1]))
    return sums_by_cell(np.concatenate([values, ones]), cell, len(drawn.first)) @ of_group.T, drawn.totals(member)


def mean_estimates(sums: Floats, replicates: NDArray[np.floating]) -> Estimates:
    """Means from the sums of a value, of its square and of ones, as `group_sums` has them."""
    value, error = _mean(sums)
    values, errors = _mean(replicates)
    return Estimates(np.rint(sums[-1]).astype(np.int64), value, error, values, errors)


def _mean(sums: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        n = sums[2]
        mean = sums[0] / n
        variance = np.maximum(sums[1] / n - mean**2, 0.0)
        return mean, np.sqrt(variance / np.maximum(n - 1, 1.0))


def rmse_difference_estimates(sums: Floats, replicates: Floats) -> Estimates:
    """Root mean squares of b minus those of a, from the sums of a^2, b^2, a^4, b^4, a^2 b^2 and of ones.

    The standard error is that of the linearised statistic (delta method).
    """
    value, error = _rmse_difference(sums)
    values, errors = _rmse_difference(replicates)
    return Estimates(np.rint(sums[-1]).astype(np.int64), value, error, values, errors)


def _rmse_difference(sums: Floats) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        n = sums[5]
        a2, b2, a4, b4, ab = (line / n for line in sums[:5])
        a, b = np.sqrt(a2), np.sqrt(b2)
        safe_a, safe_b = np.maximum(a, 1e-300), np.maximum(b, 1e-300)
        # u = b^2 / 2B - a^2 / 2A is what one molecule adds
        second = b4 / (4 * safe_b**2) + a4 / (4 * safe_a**2) - ab / (2 * safe_a * safe_b)
        variance = np.maximum(second - ((b - a) / 2) ** 2, 0.0)
        return b - a, np.sqrt(variance / np.maximum(n - 1, 1.0))
