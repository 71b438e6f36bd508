from __future__ import annotations

import numpy as np
import pytest

from core.judge.intervals import intervals_of_means
from core.judge.verdicts import against_zero, compare
from tests.fake_runs import QM9_SIZES


def row(low: float | None, high: float | None, measure: str = "mae") -> dict[str, float | None]:
    return {f"{measure}_low": low, f"{measure}_high": high}


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (row(3, 4), row(1, 2), "above"),
        (row(1, 2), row(3, 4), "below"),
        (row(1, 3), row(2, 4), "overlap"),
        (row(1, 2), row(2, 4), "overlap"),
        (row(None, None), row(2, 4), "unknown"),
    ],
)
def test_groups_differ_only_if_their_intervals_do_not_touch(one: dict, other: dict, verdict: str) -> None:
    assert compare(one, other, "mae") == verdict


def test_side_of_zero() -> None:
    assert against_zero(row(0.1, 0.2, "bias")) == "above"
    assert against_zero(row(-0.2, -0.1, "bias")) == "below"
    assert against_zero(row(-0.2, 0.1, "bias")) == "overlap"
    assert against_zero(row(None, None, "bias")) == "unknown"


def false_verdicts(trials: int, n: int = 1300) -> float:
    """Share of test sets in which rare sizes are called worse or better although errors do not depend on the size."""
    random = np.random.default_rng(1)
    share = np.array(list(QM9_SIZES.values()), dtype=float)
    share /= share.sum()
    spoken = 0
    for trial in range(trials):
        rare = share[random.choice(len(share), n, p=share)] <= 0.01
        found = intervals_of_means(np.abs(random.standard_t(4, n))[None], np.stack([rare, ~rare]), seed=trial % 5)[0]
        groups = [row(found.low[k], found.high[k]) for k in (0, 1)]
        spoken += compare(*groups, "mae") in ("above", "below")
    return spoken / trials


def test_exchangeable_errors_seldom_give_a_verdict() -> None:
    assert false_verdicts(120) <= 0.075


@pytest.mark.slow
def test_exchangeable_errors_give_a_false_verdict_in_at_most_five_percent() -> None:
    assert false_verdicts(1000) <= 0.05
