from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.judge.statistics.intervals import (
    interval_of_mean,
    interval_of_quantile,
    intervals_of_means,
    kind_of_interval,
    places_of_quantile,
)


def errors(n: int, seed: int = 0) -> np.ndarray:
    """Absolute errors with a heavy tail."""
    return np.abs(np.random.default_rng(seed).standard_t(4, n))


@pytest.mark.parametrize(
    ("n", "kind"),
    [(0, "none"), (1, "none"), (9, "none"), (10, "bootstrap-t"), (49, "bootstrap-t"), (50, "bca"), (5000, "bca")],
)
def test_the_number_of_values_decides_the_kind(n: int, kind: str) -> None:
    low, high, found = interval_of_mean(errors(n))
    assert found == kind == kind_of_interval(n)
    assert np.isnan(low) == np.isnan(high) == (kind == "none")


@pytest.mark.parametrize("n", [50, 200, 3000])
def test_bca_agrees_with_scipy(n: int) -> None:
    values = errors(n, seed=n)
    low, high, _ = interval_of_mean(values)
    known = stats.bootstrap((values,), np.mean, n_resamples=6_000, method="BCa", rng=np.random.default_rng(1))
    width = known.confidence_interval.high - known.confidence_interval.low
    assert low == pytest.approx(known.confidence_interval.low, abs=0.06 * width)
    assert high == pytest.approx(known.confidence_interval.high, abs=0.06 * width)


def test_bootstrap_t_agrees_with_student_for_normal_values() -> None:
    """The studentised mean of normal values has Student's distribution, so both intervals estimate the same one."""
    shifts = []
    for seed in range(40):
        values = np.random.default_rng(seed).normal(5, 1, 30)
        low, high, _ = interval_of_mean(values, seed)
        known = stats.t.interval(0.95, 29, values.mean(), values.std(ddof=1) / np.sqrt(30))
        shifts.append((low - known[0], high - known[1]))
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05  # the interval is 0.73 wide


@pytest.mark.parametrize(("n", "at_least"), [(10, 0.90), (20, 0.91), (40, 0.91), (60, 0.90), (200, 0.92)])
def test_intervals_cover_the_true_mean(n: int, at_least: float) -> None:
    """|error| of a normal model: the true mean is sqrt(2 / pi); nominal coverage is 95 %, 600 trials."""
    random = np.random.default_rng(n)
    hits = 0
    for _ in range(600):
        low, high, _ = interval_of_mean(np.abs(random.normal(size=n)))
        hits += low <= np.sqrt(2 / np.pi) <= high
    assert at_least <= hits / 600 <= 0.98


def test_groups_at_once_equal_groups_one_by_one_within_resampling() -> None:
    values = errors(4000, seed=3)
    member = np.zeros((4, 4000), dtype=bool)
    member[0] = True
    member[1, :800] = True
    member[2, 500:1500] = True  # overlaps with the one before
    member[3, 100:130] = True
    together = intervals_of_means(values[None], member)[0]
    for k, inside in enumerate(member):
        low, high, _ = interval_of_mean(values[inside])
        assert together.mean[k] == pytest.approx(values[inside].mean())
        assert together.low[k] == pytest.approx(low, abs=0.06 * (high - low))
        assert together.high[k] == pytest.approx(high, abs=0.06 * (high - low))


def test_several_quantities_keep_apart() -> None:
    signed = np.random.default_rng(5).normal(0.2, 1, 500)
    member = np.ones((1, 500), dtype=bool)
    both = intervals_of_means(np.stack([np.abs(signed), signed]), member)
    assert both[0].mean[0] == pytest.approx(np.abs(signed).mean())
    assert both[1].low[0] < signed.mean() < both[1].high[0] < both[0].low[0]


def test_seeded() -> None:
    values = errors(300)
    assert interval_of_mean(values, seed=4) == interval_of_mean(values, seed=4)
    assert interval_of_mean(values, seed=4) != interval_of_mean(values, seed=5)


@pytest.mark.parametrize("n", [20, 500])
def test_equal_values_have_an_interval_of_no_width(n: int) -> None:
    low, high, _ = interval_of_mean(np.full(n, 0.37))
    assert (low, high) == pytest.approx((0.37, 0.37))


def test_empty_group_is_nan() -> None:
    found = intervals_of_means(errors(100)[None], np.zeros((1, 100), dtype=bool))[0]
    assert np.isnan(found.mean[0]) and np.isnan(found.low[0])


@pytest.mark.parametrize("probability", [0.5, 0.95])
@pytest.mark.parametrize("n", [100, 333])
def test_order_statistics_cover_the_quantile(n: int, probability: float) -> None:
    """Uniform values: the true quantile is the probability; the coverage is at least 95 % for any distribution."""
    random = np.random.default_rng(n)
    hits = 0
    for _ in range(2000):
        low, high = interval_of_quantile(np.sort(random.random(n)), probability)
        hits += low <= probability <= high
    assert 0.94 <= hits / 2000 <= 0.995


@pytest.mark.parametrize("probability", [0.5, 0.95])
@pytest.mark.parametrize("level", [0.95, 0.9975])
def test_places_of_order_statistics_are_those_of_the_binomial(probability: float, level: float) -> None:
    n = np.concatenate([np.arange(400), [2_683, 27_000, 130_831]])
    low, high = places_of_quantile(n, probability, level)
    tail = (1 - level) / 2
    known_low, known_high = (stats.binom.ppf(p, n, probability) for p in (tail, 1 - tail))
    allowed = (n >= 10) & (known_low >= 1) & (known_high + 1 <= n)
    assert np.array_equal(low, np.where(allowed, known_low, 0))
    assert np.array_equal(high, np.where(allowed, known_high + 1, 0))


def test_no_quantile_interval_where_no_order_statistic_reaches_it() -> None:
    assert all(np.isnan(interval_of_quantile(np.arange(9.0), 0.5)))
    assert all(np.isnan(interval_of_quantile(np.arange(40.0), 0.95)))
