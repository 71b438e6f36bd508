from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.judge.statistics.ratios import ratio_of_means


def draw(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Absolute errors of a model and of a baseline on the same molecules, some of which are hard for both."""
    hard = np.exp(random.normal(0, 0.5, n))
    return 0.05 * np.abs(random.standard_t(5, n)) * hard, np.abs(random.normal(0.1, 1, n)) * np.sqrt(hard)


@pytest.mark.parametrize("n", [60, 800])
def test_bca_of_a_ratio_agrees_with_scipy(n: int) -> None:
    above, below = draw(np.random.default_rng(n), n)
    value, low, high = ratio_of_means(above, below)
    known = stats.bootstrap(
        (above, below), lambda x, y, axis: x.mean(axis=axis) / y.mean(axis=axis), n_resamples=5_000, method="BCa",
        paired=True, vectorized=True, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    width = known.high - known.low
    assert value == pytest.approx(above.mean() / below.mean())
    assert (low, high) == (pytest.approx(known.low, abs=0.08 * width), pytest.approx(known.high, abs=0.08 * width))


@pytest.mark.parametrize(("n", "at_least"), [(10, 0.89), (25, 0.90), (49, 0.90), (60, 0.90), (300, 0.91)])
def test_intervals_cover_the_true_ratio(n: int, at_least: float) -> None:
    """Nominal coverage is 95 %; 300 trials with heavy tails, so that 2.5 % is two standard errors."""
    many = draw(np.random.default_rng(0), 1_000_000)
    true = many[0].mean() / many[1].mean()
    random = np.random.default_rng(n)
    hits = 0
    for _ in range(300):
        _, low, high = ratio_of_means(*draw(random, n))
        hits += low <= true <= high
    assert at_least <= hits / 300 <= 0.985


def test_a_ratio_is_paired() -> None:
    """Where both errors rise and fall together, the ratio is known far better than either."""
    random = np.random.default_rng(2)
    below = np.abs(random.standard_t(4, 400))
    above = below * random.uniform(0.18, 0.22, 400)
    value, low, high = ratio_of_means(above, below)
    assert value == pytest.approx(0.2, rel=0.02) and (high - low) / value < 0.02
    assert below.std() / np.sqrt(400) / below.mean() > 0.04


def test_below_ten_molecules_there_is_no_interval() -> None:
    value, low, high = ratio_of_means(np.ones(9), np.full(9, 2.0))
    assert value == 0.5 and np.isnan(low) and np.isnan(high)
    assert ratio_of_means(np.ones(10), np.full(10, 2.0)) == pytest.approx((0.5, 0.5, 0.5))
