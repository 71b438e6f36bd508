from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.judge.statistics.rank_correlation import rank_correlation


def points(n: int = 20, slope: float = 0.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return x, slope * x + random.normal(size=n)


def test_coefficient_and_permutation_test_agree_with_scipy() -> None:
    x, y = points()
    found, known = rank_correlation(x, np.exp(y)), stats.spearmanr(x, y)
    assert found.value == pytest.approx(known.statistic)
    assert found.p == pytest.approx(known.pvalue, abs=0.01)
    assert found.low < found.value < found.high and found.n == 20


def test_ties_share_their_rank() -> None:
    x, y = np.array([1, 1, 2, 3, 3, 3, 4, 9.0]), np.array([2, 1, 4, 4, 3, 6, 8, 7.0])
    assert rank_correlation(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic)


def test_partial_coefficient_is_that_of_the_three() -> None:
    random = np.random.default_rng(1)
    z = random.normal(size=30)
    x, y = z + random.normal(size=30), z + random.normal(size=30)
    xy, xz, yz = (stats.spearmanr(a, b).statistic for a, b in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert rank_correlation(x, y, z).value == pytest.approx(expected)


def test_interval_is_that_of_bonett_and_wright() -> None:
    x, y = points()
    found = rank_correlation(x, y)
    reach = stats.norm.ppf(0.975) * np.sqrt((1 + found.value**2 / 2) / 17)
    middle = np.arctanh(found.value)
    assert (found.low, found.high) == pytest.approx((np.tanh(middle - reach), np.tanh(middle + reach)))


def test_interval_covers_the_true_coefficient() -> None:
    """Bivariate normal, r = 0.6: Spearman's coefficient is 6 / pi asin(r / 2); nominal 95 %."""
    random = np.random.default_rng(2)
    true, held = 6 / np.pi * np.arcsin(0.3), 0
    for _ in range(150):
        x = random.normal(size=20)
        found = rank_correlation(x, 0.6 * x + 0.8 * random.normal(size=20))
        held += found.low <= true <= found.high
    assert held / 150 >= 0.9


def test_undefined_where_nothing_varies() -> None:
    x = np.arange(12.0)
    assert np.isnan(rank_correlation(x, np.ones(12)).value)
    assert np.isnan(rank_correlation(x, x, x).value)
    assert np.isnan(rank_correlation(x[:4], x[:4]).value)
