from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.judge.statistics.simultaneous import (
    group_sums,
    normal_scale,
    rmse_difference_estimates,
    simultaneous,
    simultaneous_means,
    student_scale,
)
from tests.core.judge.judged_runs import qm9_members


def everyone(n: int) -> np.ndarray:
    return np.ones((1, n), dtype=bool)


def test_one_group_agrees_with_student_for_normal_values() -> None:
    off = []
    for seed in range(30):
        values = np.random.default_rng(seed).normal(0.3, 1, 40)
        found = simultaneous_means(values, everyone(40), seed)
        low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
        off.append((found.low[0] - low, found.high[0] - high))
        assert found.value[0] == pytest.approx(values.mean()) and found.error[0] == pytest.approx(stats.sem(values))
    assert np.abs(np.mean(off, axis=0)).max() < 0.03  # the interval is 0.64 wide


def test_scales_are_inverse_and_close_to_student() -> None:
    for freedom in (9.0, 30.0, 1000.0):
        for t in (0.5, 2.0, 4.0):
            z = float(normal_scale(np.array([t]), np.array([freedom]))[0])
            assert student_scale(z, np.array([freedom]))[0] == pytest.approx(t)
            assert z == pytest.approx(-stats.norm.ppf(stats.t.sf(t, freedom)), rel=2e-3)


def test_disjoint_groups_have_the_critical_value_of_sidak() -> None:
    values = np.random.default_rng(1).normal(size=8000)
    member = np.arange(8000) % 20 == np.arange(20)[:, None]
    expected = stats.norm.ppf(1 - (1 - 0.95 ** (1 / 20)) / 2)
    assert simultaneous_means(values, member).critical == pytest.approx(expected, abs=0.12)


def test_equal_groups_cost_nothing() -> None:
    values = np.random.default_rng(2).normal(size=500)
    assert simultaneous_means(values, np.ones((9, 500), dtype=bool)).critical == pytest.approx(1.96, abs=0.12)


def test_small_groups_have_no_interval_and_change_no_other() -> None:
    values = np.random.default_rng(3).normal(size=300)
    large, small = np.arange(300) < 200, np.arange(300) >= 291
    both = simultaneous_means(values, np.stack([large, small]))
    assert np.isnan(both.low[1]) and both.value[1] == pytest.approx(values[small].mean())
    assert both.low[0] == pytest.approx(simultaneous_means(values, large[None]).low[0])


def test_values_without_spread_have_an_interval_of_no_width() -> None:
    found = simultaneous_means(np.full(60, 0.25), everyone(60))
    assert (found.low[0], found.high[0]) == pytest.approx((0.25, 0.25))


def test_standard_error_of_a_difference_of_rmse_agrees_with_scipy() -> None:
    random = np.random.default_rng(4)
    a, b = random.standard_t(8, 800), 1.2 * random.standard_t(8, 800)
    sums = group_sums(np.stack([a**2, b**2, a**4, b**4, a**2 * b**2]), everyone(800))
    estimates = rmse_difference_estimates(*sums)

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.sqrt((y**2).mean(axis=axis)) - np.sqrt((x**2).mean(axis=axis))

    known = stats.bootstrap((a, b), difference, paired=True, n_resamples=4000, rng=np.random.default_rng(0))
    assert estimates.value[0] == pytest.approx(np.sqrt((b**2).mean()) - np.sqrt((a**2).mean()))
    assert estimates.error[0] == pytest.approx(known.standard_error, rel=0.08)
    found = simultaneous(estimates)
    assert found.low[0] == pytest.approx(known.confidence_interval.low, abs=0.3 * known.standard_error)


def false_claims(trials: int, n: int = 1300) -> float:
    """Share of trials in which some size is called better although A and B are exchangeable."""
    random = np.random.default_rng(5)
    spoken = 0
    for trial in range(trials):
        member = qm9_members(n, random)
        common = random.standard_t(4, n)
        a, b = (np.abs(common + random.standard_t(4, n)) for _ in range(2))
        found = simultaneous_means(b - a, member, seed=trial % 5)
        spoken += bool(((found.low > 0) | (found.high < 0)).any())
    return spoken / trials


def test_exchangeable_errors_seldom_give_a_false_claim() -> None:
    assert false_claims(120) <= 0.06


@pytest.mark.slow
def test_exchangeable_errors_give_a_false_claim_in_at_most_five_percent() -> None:
    assert false_claims(1000) <= 0.05
