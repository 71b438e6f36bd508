from __future__ import annotations

import numpy as np

from core.judge.inspect.distance_and_error import distance_and_error


def test_a_quantity_that_only_tells_the_size_tells_nothing() -> None:
    random = np.random.default_rng(0)
    sizes = np.repeat(np.arange(10, 20), 60)
    distance = sizes + 0.1 * random.random(600)
    error = sizes * random.normal(size=600)
    found = distance_and_error(distance, error, sizes)
    assert found.overall > 0.15  # the size itself
    assert found.low < 0 < found.high and abs(found.value) < 0.1 and found.p > 0.05
    assert found.n == 600 and len(found.sizes) == 10 and found.n_left_out == 0
    assert abs(np.mean([part.relative_error for part in found.parts]) - 1) < 1e-6


def test_a_quantity_that_orders_the_errors_is_found() -> None:
    sizes = np.repeat([12, 15], 100)
    error = np.concatenate([np.arange(100.0), 1000 + np.arange(100.0)]) * np.where(np.arange(200) % 2, 1, -1)
    found = distance_and_error(np.abs(error) ** 0.5, error, sizes)
    assert found.value > 0.999 and found.low > 0.99 and found.p < 1e-9
    assert [part.n for part in found.parts] == [20] * 10
    relative = [part.relative_error for part in found.parts]
    assert relative == sorted(relative) and all(p.relative_low <= p.relative_error for p in found.parts)


def test_the_interval_covers_the_truth() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(80):
        sizes = random.choice([9, 12, 14, 15], 120)
        found = distance_and_error(random.random(120), random.normal(size=120), sizes)
        inside += found.low <= 0 <= found.high
    assert inside >= 71  # 95 % of 80, less 2.5 standard deviations


def test_small_groups_and_missing_numbers_are_left_out() -> None:
    sizes = np.array([5] * 9 + [6] * 12)
    quantity = np.arange(21.0)
    quantity[-1] = np.nan
    found = distance_and_error(quantity, quantity, sizes)
    assert [each.size for each in found.sizes] == [6] and found.n == 11 and found.n_left_out == 10
    none = distance_and_error(quantity[:9], quantity[:9], sizes[:9])
    assert np.isnan(none.value) and none.n == 0 and none.parts == ()
