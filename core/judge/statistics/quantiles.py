"""Median, 95th percentile and largest error of many runs in many groups, with limits from order statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.judge.statistics.intervals import LEVEL, N_PERCENTILE, N_POINTS_ONLY, places_of_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = dict[str, Floats]


def quantiles_of_groups(size: Floats, members: list[Ints], for_ratios: bool, together: bool) -> list[Columns]:
    """Median, 95th percentile and maximum of absolute errors (n_runs, n) in every group, with limits by order.

    members: places of each group's molecules
    for_ratios: limits so wide that those of a ratio of two such quantiles hold with 95 %, by Bonferroni
    together: also limits so wide that those of all groups hold at once
    """
    counts = np.array([len(inside) for inside in members], dtype=np.int64)
    n_judged = max(int((counts >= N_POINTS_ONLY).sum()), 1)
    levels = {"": LEVEL, **({"_all": LEVEL ** (1 / n_judged)} if together else {})}
    places: dict[str, Ints] = {}
    for kind, level in levels.items():
        wide = 1 - (1 - level) / 2 if for_ratios else level
        for name, probability in (("median", 0.5), ("p95", 0.95)):
            low, high = places_of_quantile(counts, probability, wide)
            allowed = counts >= (N_PERCENTILE if name == "p95" else N_POINTS_ONLY)
            places[f"{name}_low{kind}"], places[f"{name}_high{kind}"] = (np.where(allowed, p, 0) for p in (low, high))
    columns = [{name: np.full(len(counts), np.nan) for name in ("median", "p95", "max", *places)} for _ in size]
    for group, places_inside in enumerate(members):
        n = len(places_inside)
        if n == 0:
            continue
        between = {"median": 0.5 * (n - 1), **({"p95": 0.95 * (n - 1)} if n >= N_POINTS_ONLY else {})}
        limits = {name: int(place[group]) - 1 for name, place in places.items() if place[group] > 0}
        inside = size[:, places_inside]
        known = ~np.isnan(inside).any(axis=1)  # a model from elsewhere may come without a baseline
        for name, values in _picked(inside, between, {"max": n - 1, **limits}):
            for line, value in zip(columns, np.where(known, values, np.nan), strict=True):
                line[name][group] = value
    return columns


def _picked(values: Floats, between: dict[str, float], at: dict[str, int]) -> Iterator[tuple[str, Floats]]:
    """Values (n_runs,) of the order statistics at places from 0, some of them between two places."""
    n = values.shape[1]
    wanted = {int(p) for p in between.values()} | {min(int(p) + 1, n - 1) for p in between.values()} | set(at.values())
    ordered = np.partition(values, sorted(wanted), axis=1)
    for name, place in between.items():
        left = int(place)
        low, high = ordered[:, left], ordered[:, min(left + 1, n - 1)]
        yield name, low + (place - left) * (high - low)
    for name, position in at.items():
        yield name, ordered[:, position]


def divided(own: Columns, baseline: Columns) -> Columns:
    """Ratios of quantiles; the limits are the farthest that the limits of both allow, so they cover at least 95 %."""
    found = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, values in own.items():
            other = name.replace("_low", "_?").replace("_high", "_low").replace("_?", "_high")
            ratio = values / baseline[other]
            found[name] = np.where(np.isfinite(ratio), ratio, np.nan)
    return found
