"""Statements about recipes: several seeds of each, with the scatter between seeds and between molecules.

The error of a group is averaged over seeds. What it would be with other seeds and other molecules varies by

    s_A^2 / S_A + s_B^2 / S_B + s_d^2 / n

where s_A is the scatter of the group's error between the S_A seeds of A, and s_d that of the difference between
molecules after averaging over seeds. That is the variance a hierarchical bootstrap over seeds and molecules finds, but
for its factor (S - 1) / S, which takes a third of the variance between seeds away with 3 of them. Each part is
multiplied with the quantile of Student's t of its own degrees of freedom before they are added up: the scatter of 3
seeds is known badly, that of the molecules well. Over several groups the quantile follows Sidak's rule, because seeds
are too few to tell how groups vary together.

Networks of one kind that start from the same seed start from the same weights, and a seed that is bad for one recipe is
mostly bad for the other. Where the seeds of A and B are the same (`matched`), the scatter of the seeds may therefore be
that of their differences, s_AB^2 / S, with S - 1 degrees of freedom. Which of both is smaller cannot be known before:
each interval then gets half of the error probability, and the narrower one holds.

Sources: K. S. Banerjee, Sankhya 22, 359 (1960) (quantile by quantile); B. L. Welch, Biometrika 34, 28 (1947) (freedom
of two scatters); Z. Sidak, J. Am. Stat. Assoc. 62, 626 (1967).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY
from core.judge.statistics.simultaneous import Simultaneous
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from core.runs.predictions import predictions_folder

Floats = NDArray[np.float64]

LEAST_SEEDS = 3
"""Seeds of each recipe from which on something may be said about recipes."""
_NOT_THE_RECIPE = ("seed", "preset", "threads")


def recipe_key(run: Run) -> tuple[Any, ...]:
    """What two runs share that differ in their seed only: recipe, data and split; fields that are missing have
    defaults.

    The name of the preset and the number of threads are no part of a recipe. What is known of a model from elsewhere is
    not all of its recipe: each is one of its own.
    """
    if run.origin != "mollens":
        return (run.dataset_name, run.dataset_sha256, (("elsewhere", run.id),))
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    values = {**defaults, **run.recipe_values, "target": run.target, "split": run.split_hash}
    recipe = tuple(sorted((key, repr(value)) for key, value in values.items() if key not in _NOT_THE_RECIPE))
    return (run.dataset_name, run.dataset_sha256, recipe)


def differing_fields(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Fields of the recipe in which runs differ, and dataset and split: field -> id of the run -> value.

    A field that a model from elsewhere does not state is None there, and differs from nothing.
    """
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    told = {}
    for run in runs:
        values = {**(defaults if run.origin == "mollens" else {}), **run.recipe_values}
        told[run.id] = {**values, "dataset": run.dataset_name, "target": run.target, "split": run.split_name}
    names = dict.fromkeys(key for values in told.values() for key in values if key not in _NOT_THE_RECIPE)
    found = {}
    for name in names:
        values = {run: told[run].get(name) for run in told}
        if len({repr(value) for value in values.values() if value is not None}) > 1:
            found[name] = values
    return found


def seeds_of(run: Run, runs: Sequence[Run]) -> list[Run]:
    """The runs with predictions that differ from `run` in their seed only, one of each seed, `run` among them."""
    key, found = recipe_key(run), {run.seed: run}
    for other in runs:
        if other.error is None and predictions_folder(other, other.dataset_name) and recipe_key(other) == key:
            found.setdefault(other.seed, other)
    return [found[seed] for seed in sorted(found)]


def by_recipe(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs put together that differ in their seed only, in the order of the first of each."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(recipe_key(run), []).append(run)
    return list(groups.values())


def recipe_differences(
    errors_a: Floats,
    errors_b: Floats,
    member: NDArray[np.bool_],
    measure: str = "mae",
    level: float = LEVEL,
    matched: bool = False,
) -> Simultaneous:
    """Error of recipe B minus that of A in every group, for other seeds and other molecules, all groups at once.

    Args:
        errors_a, errors_b: (n_seeds, n) signed errors of each seed of A and of B on the same molecules.
        member: (n_groups, n) which molecules belong to which group.
        measure: "mae" or "rmse".
        matched: whether seeds of A and B belong together, place by place; see `same_start`.
    """
    n_groups = len(member)
    n = member.sum(axis=1)
    value, seeds, freedom, molecules, of_pairs = (np.full(n_groups, np.nan) for _ in range(5))
    for k in np.flatnonzero(n >= N_POINTS_ONLY):
        sides = [_side(errors[:, member[k]], measure) for errors in (errors_a, errors_b)]
        value[k] = sides[1][0].mean() - sides[0][0].mean()
        seeds[k], freedom[k] = scatter_of_seeds(sides[0][0], sides[1][0])
        molecules[k] = (sides[1][1] - sides[0][1]).var(ddof=1) / n[k]
        if matched:
            of_pairs[k] = (sides[1][0] - sides[0][0]).var(ddof=1) / len(errors_a)
    if not matched:
        return two_levels(n, value, seeds, freedom, molecules, level)
    half = 1 - (1 - level) / 2
    free = two_levels(n, value, seeds, freedom, molecules, half)
    blocked = two_levels(n, value, of_pairs, np.full(n_groups, len(errors_a) - 1.0), molecules, half)
    narrow = blocked.high - blocked.low < free.high - free.low
    return replace(
        free,
        error=np.where(narrow, blocked.error, free.error),
        low=np.where(narrow, blocked.low, free.low),
        high=np.where(narrow, blocked.high, free.high),
    )


_OF_THE_NETWORK = ("model", "n_atom_basis", "n_interactions", "n_rbf", "cutoff")


def same_start(runs_a: Sequence[Run], runs_b: Sequence[Run]) -> bool:
    """Whether two lists of runs have the same seeds, place by place, and networks that these give the same weights."""
    if [run.seed for run in runs_a] != [run.seed for run in runs_b] or len(runs_a) < 2:
        return False
    everyone = [*runs_a, *runs_b]
    if any(run.origin != "mollens" for run in everyone):
        return False
    return len({tuple(repr(run.recipe_values.get(key)) for key in _OF_THE_NETWORK) for run in everyone}) == 1


def scatter_of_seeds(one: Floats, other: Floats) -> tuple[float, float]:
    """Variance of the difference of two means over seeds (n_seeds,), and its degrees of freedom."""
    parts = np.array([each.var(ddof=1) / len(each) for each in (one, other)])
    if not parts.any():
        return 0.0, float(len(one) + len(other) - 2)
    freedom = parts.sum() ** 2 / (parts**2 / np.array([len(one) - 1, len(other) - 1])).sum()
    return float(parts.sum()), float(freedom)


def two_levels(
    n: NDArray[np.int64], value: Floats, seeds: Floats, freedom: Floats, molecules: Floats, level: float = LEVEL
) -> Simultaneous:
    """Intervals of several estimates (n_groups,) that hold at once, NaN for groups below 10 molecules.

    Args:
        seeds, freedom: variance from the choice of seeds and its degrees of freedom.
        molecules: variance from the choice of the n molecules.
    """
    judged = (n >= N_POINTS_ONLY) & np.isfinite(value)
    critical = float(-ndtri((1 - level ** (1 / max(int(judged.sum()), 1))) / 2))
    low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
    own = _student(critical, n[judged] - 1) ** 2 * molecules[judged]
    reach = np.sqrt(_student(critical, freedom[judged]) ** 2 * seeds[judged] + own)
    low[judged], high[judged] = value[judged] - reach, value[judged] + reach
    return Simultaneous(n, value, np.sqrt(seeds + molecules), low, high, critical)


def _student(z: float, freedom: ArrayLike) -> Floats:
    """The value of Student's t that is as rare as `z` of the normal distribution."""
    return np.asarray(-stdtrit(np.asarray(freedom, dtype=np.float64), ndtr(-z)))


def _side(errors: Floats, measure: str) -> tuple[Floats, Floats]:
    """Error of each seed (n_seeds,), and what each molecule adds to it on average over seeds (n,)."""
    if measure == "mae":
        size = np.abs(errors)
        return size.mean(axis=1), size.mean(axis=0)
    mean_squares = (errors**2).mean(axis=1)
    roots = np.sqrt(mean_squares)
    return roots, (errors**2 / (2 * np.maximum(roots, 1e-300))[:, None]).mean(axis=0)
