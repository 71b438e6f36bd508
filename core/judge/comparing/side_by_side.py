"""Errors of many runs in many groups at once, with intervals: one matrix product for any change of group or measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.comparing.pairing import Paired
from core.judge.grouping.groupings import Grouping
from core.judge.held_out import MEASURES
from core.judge.statistics.intervals import (
    LEVEL,
    N_PERCENTILE,
    N_POINTS_ONLY,
    interval_of_quantile,
    intervals_of_means,
    kind_of_interval,
)
from core.judge.statistics.resampling import cells_of_groups, resample, seed_of
from core.judge.statistics.simultaneous import Estimates, simultaneous

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_AVERAGED = ("mae", "rmse", "mse", "bias")


@dataclass(frozen=True, eq=False)
class SideBySide:
    """One measure of several runs in several groups, on the molecules that none of them has seen."""

    grouping: Grouping
    measure: str
    n: Ints
    """(n_groups,) held-out molecules"""
    n_train: Ints
    """(n_runs, n_groups) training molecules"""
    value: Floats
    """(n_runs, n_groups) NaN for an empty group, and where the number of molecules allows no value"""
    low: Floats
    """(n_runs, n_groups) NaN where no interval is allowed"""
    high: Floats
    """(n_runs, n_groups)"""
    interval: list[str]
    """(n_groups,) "none", "bootstrap-t" or "bca" """


def side_by_side(
    paired: Paired, grouping: Grouping, measure: str = "mae", per: str = "molecule", together: bool = False
) -> SideBySide:
    """Errors of all runs of `paired` in all groups.

    measure: of `MEASURES`, or "mse"
    together: intervals of each run that hold for all its groups at once, for means only; else each for itself

    Raises:
        MollensError: for an unknown measure, or errors per atom of a target that does not grow with the molecule.
    """
    if measure not in (*MEASURES, "mse"):
        raise MollensError(f"measure {measure!r} is not known; known are {', '.join((*MEASURES, 'mse'))}")
    errors, member = paired.scaled(per), grouping.member(paired.rows)
    seed = seed_of(paired.ids)
    n = member.sum(axis=1)
    if measure in _AVERAGED:
        averaged = {"mae": np.abs(errors), "bias": errors}.get(measure, errors**2)
        value, low, high = (_together if together else _alone)(averaged, member, seed)
        if measure in ("mae", "mse", "rmse"):
            low = np.maximum(low, 0.0)  # bootstrap-t does not know that an error is not negative
        if measure == "rmse":
            value, low, high = np.sqrt(value), np.sqrt(low), np.sqrt(high)
    else:
        level = LEVEL ** (1 / max(len(member), 1)) if together else LEVEL
        value, low, high = _quantiles(np.abs(errors), member, measure, level)
    trained = [grouping.member(rows).sum(axis=1) for rows in paired.train_rows]
    kinds = [kind_of_interval(int(k)) for k in n]
    return SideBySide(grouping, measure, n, np.stack(trained), value, low, high, kinds)


def _alone(values: Floats, member: Mask, seed: int) -> tuple[Floats, Floats, Floats]:
    cell = cells_of_groups(member)
    found = intervals_of_means(values, member, resamples=resample(values, cell, seed))
    return (
        np.stack([each.mean for each in found]),
        np.stack([each.low for each in found]),
        np.stack([each.high for each in found]),
    )


def _together(values: Floats, member: Mask, seed: int) -> tuple[Floats, Floats, Floats]:
    cell = cells_of_groups(member)
    drawn = resample(np.concatenate([values, values**2]), cell, seed).totals(member)
    n = member.sum(axis=1)
    k = len(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square = (values @ member.T) / n, (values**2 @ member.T) / n
        means, squares = drawn[:k] / drawn[-1], drawn[k : 2 * k] / drawn[-1]
        error = np.sqrt(np.maximum(square - mean**2, 0) / np.maximum(n - 1, 1))
        errors = np.sqrt(np.maximum(squares - means**2, 0) / np.maximum(drawn[-1] - 1, 1))
    found = [simultaneous(Estimates(n, mean[r], error[r], means[r], errors[r])) for r in range(k)]
    return mean, np.stack([each.low for each in found]), np.stack([each.high for each in found])


def _quantiles(size: Floats, member: Mask, measure: str, level: float) -> tuple[Floats, Floats, Floats]:
    value, low, high = (np.full((len(size), len(member)), np.nan) for _ in range(3))
    for g, inside in enumerate(member):
        ordered = np.sort(size[:, inside], axis=1)
        n = ordered.shape[1]
        if n == 0:
            continue
        if measure == "max":
            value[:, g] = ordered[:, -1]  # a maximum has no interval
        elif measure == "median":
            value[:, g] = np.median(ordered, axis=1)
        elif n >= N_POINTS_ONLY:
            value[:, g] = np.quantile(ordered, 0.95, axis=1)
        if measure == "median" or (measure == "p95" and n >= N_PERCENTILE):
            probability = 0.5 if measure == "median" else 0.95
            limits = [interval_of_quantile(line, probability, level) for line in ordered]
            low[:, g], high[:, g] = np.array(limits).T
    return value, low, high
