from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from core.judge.comparing.recipes_compared import (
    by_recipe,
    recipe_differences,
    recipe_key,
    same_start,
    scatter_of_seeds,
    seeds_of,
)
from core.runs.folder import open_run
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_seeds_are_runs_that_differ_in_their_seed_only() -> None:
    dataset = half_tested("seeds", 300)
    runs = [seeded(dataset, noise(dataset, k), k) for k in (2, 0, 1)]
    other = seeded(dataset, noise(dataset, 4), 3, learning_rate=2e-3)
    again = seeded(dataset, noise(dataset, 5), 0, "again")
    unfinished = seeded(dataset, noise(dataset, 6), 5)
    for path in (unfinished.path / "predictions" / dataset.name).iterdir():
        path.unlink()
    found = seeds_of(runs[0], [*runs, other, again, unfinished])
    assert [run.seed for run in found] == [0, 1, 2]
    assert seeds_of(again, [*runs, other, again])[0] is again
    assert by_recipe([runs[0], other, runs[1]]) == [[runs[0], runs[1]], [other]]


def test_threads_and_names_are_no_part_of_a_recipe_and_missing_fields_have_defaults() -> None:
    dataset = half_tested("seeds", 300)
    plain, named = seeded(dataset, noise(dataset, 1), 1), seeded(dataset, noise(dataset, 1), 2, threads=2)
    content = json.loads((named.path / "recipe.json").read_text())
    content["recipe"] |= {"preset": "mine"}
    del content["recipe"]["weight_decay"]
    (named.path / "recipe.json").write_text(json.dumps(content))
    assert recipe_key(open_run(named.id)) == recipe_key(plain)
    assert recipe_key(seeded(dataset, noise(dataset, 1), split="default")) != recipe_key(plain)


def test_scatter_of_seeds_is_that_of_welch() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, 3), random.normal(0, 3, 5)
    variance, freedom = scatter_of_seeds(a, b)
    known = stats.ttest_ind(a, b, equal_var=False)
    assert (b.mean() - a.mean()) / np.sqrt(variance) == pytest.approx(-known.statistic)
    assert freedom == pytest.approx(known.df)
    assert scatter_of_seeds(np.ones(3), np.ones(4)) == (0.0, 5.0)


@pytest.mark.parametrize("measure", ["mae", "rmse"])
def test_standard_error_is_that_of_a_hierarchical_bootstrap(measure: str) -> None:
    """Seeds and molecules drawn with replacement; deviations of seeds widened for their small number."""
    random = np.random.default_rng(1)
    difficulty = 0.5 + np.abs(random.normal(size=400))
    levels = np.array([[0.8, 1.0, 1.2, 0.9], [1.1, 0.7, 1.0, 1.3]])
    sides = [level[:, None] * difficulty * (1 + 0.2 * random.normal(size=(4, 400))) for level in levels]
    everyone = np.ones((1, 400), dtype=bool)
    found = recipe_differences(*sides, everyone, measure)

    def errors(side: np.ndarray, rows: np.ndarray) -> np.ndarray:
        chosen = side[:, rows]
        return np.abs(chosen).mean(axis=1) if measure == "mae" else np.sqrt((chosen**2).mean(axis=1))

    drawn = []
    for _ in range(3000):
        rows = random.integers(0, 400, 400)
        means = []
        for side in sides:
            each = errors(side, rows)
            picked = each[random.integers(0, 4, 4)].mean() - each.mean()
            means.append(each.mean() + picked * np.sqrt(4 / 3))
        drawn.append(means[1] - means[0])
    assert found.error[0] == pytest.approx(np.std(drawn), rel=0.06)
    assert found.value[0] == pytest.approx(float(np.diff([errors(side, np.arange(400)).mean() for side in sides])[0]))


def test_seeds_that_agree_leave_the_scatter_of_molecules() -> None:
    random = np.random.default_rng(2)
    a, b = np.repeat(random.normal(size=(1, 60)), 3, axis=0), np.repeat(random.normal(size=(1, 60)), 3, axis=0)
    found = recipe_differences(a, b, np.ones((1, 60), dtype=bool))
    difference = (np.abs(b) - np.abs(a))[0]
    low, high = stats.t.interval(0.95, 59, difference.mean(), stats.sem(difference))
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))


def coverage(trials: int, spread_a: float, spread_b: float, shared: float = 0.0, matched: bool = False) -> float:
    """How often the interval of 3 seeds each holds the true difference, which is 0; nominal 95 %.

    shared: what a seed does to both sides alike
    """
    random = np.random.default_rng(3)
    held = 0
    for _ in range(trials):
        difficulty = 0.5 + np.abs(random.standard_t(4, 200))
        both = 1 + shared * random.normal(size=(3, 1))
        sides = [
            difficulty * (both + spread * random.normal(size=(3, 1))) * np.exp(0.3 * random.normal(size=(3, 200)))
            for spread in (spread_a, spread_b)
        ]
        found = recipe_differences(*sides, np.ones((1, 200), dtype=bool), matched=matched)
        held += bool(found.low[0] <= 0 <= found.high[0])
    return held / trials


@pytest.mark.parametrize(("spread_a", "spread_b"), [(0.0, 0.0), (0.1, 0.1), (0.1, 0.0)])
def test_intervals_of_three_seeds_cover(spread_a: float, spread_b: float) -> None:
    assert coverage(400, spread_a, spread_b) >= 0.94


@pytest.mark.parametrize(("spread", "shared"), [(0.1, 0.0), (0.02, 0.2)])
def test_intervals_of_matched_seeds_cover(spread: float, shared: float) -> None:
    assert coverage(300, spread, spread, shared, matched=True) >= 0.94


@pytest.mark.slow
@pytest.mark.parametrize(("spread_a", "spread_b"), [(0.0, 0.0), (0.05, 0.05), (0.2, 0.2), (0.2, 0.0)])
def test_intervals_of_three_seeds_cover_95_percent(spread_a: float, spread_b: float) -> None:
    assert coverage(4000, spread_a, spread_b) >= 0.945


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "shared"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.02, 0.2), (0.0, 0.3)])
def test_intervals_of_matched_seeds_cover_95_percent(spread: float, shared: float) -> None:
    assert coverage(4000, spread, spread, shared, matched=True) >= 0.945


def test_matched_seeds_see_what_a_bad_seed_hides() -> None:
    """The second seed is bad for both recipes; B is 10 % better whatever the seed."""
    random = np.random.default_rng(4)
    difficulty = 0.5 + np.abs(random.normal(size=400))
    level = np.array([[1.0], [3.0], [1.1]])
    a, b = (f * level * difficulty * np.exp(0.1 * random.normal(size=(3, 400))) for f in (1.0, 0.9))
    everyone = np.ones((1, 400), dtype=bool)
    free, matched = recipe_differences(a, b, everyone), recipe_differences(a, b, everyone, matched=True)
    assert matched.value[0] == free.value[0] < 0
    assert matched.high[0] - matched.low[0] < 0.5 * (free.high[0] - free.low[0])


def test_the_same_seeds_start_alike_only_with_the_same_network() -> None:
    dataset = half_tested("seeds", 300)
    a = [seeded(dataset, noise(dataset, 1), k) for k in range(3)]
    b = [seeded(dataset, noise(dataset, 1), k, batch_size=64) for k in range(3)]
    wide = [seeded(dataset, noise(dataset, 1), k, n_atom_basis=48) for k in range(3)]
    assert same_start(a, b)
    assert not same_start(a, b[::-1]) and not same_start(a, wide) and not same_start(a[:1], b[:1])
    assert not same_start(a, b[:2])
