from __future__ import annotations

import numpy as np
import pytest

from core.judge.comparing.verdicts import (
    GroupVerdict,
    against_zero,
    compare,
    compare_extremes,
    default_margin,
    ranges_of,
    state_of,
)
from core.judge.statistics.intervals import intervals_of_means
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


def false_extremes(trials: int, n: int = 900) -> tuple[float, float]:
    """Share of test sets in which the size with the largest error is called worse than that with the least.

    By `compare`, which knows nothing of the others, and by `compare_extremes`.
    """
    random = np.random.default_rng(2)
    share = np.array(list(QM9_SIZES.values()), dtype=float)
    share /= share.sum()
    spoken = np.zeros(2)
    for trial in range(trials):
        of = random.choice(len(share), n, p=share)
        member = of == np.flatnonzero(np.bincount(of) >= 10)[:, None]
        found = intervals_of_means(np.abs(random.standard_t(4, n))[None], member, seed=trial % 5)[0]
        counts = member.sum(axis=1)
        ends = [
            {"mae": found.mean[k], "mae_low": found.low[k], "mae_high": found.high[k], "n_held_out": counts[k]}
            for k in (np.argmax(found.mean), np.argmin(found.mean))
        ]
        spoken += [compare(*ends, "mae") == "above", compare_extremes(*ends, "mae", len(member)) == "above"]
    one, all_of_them = spoken / trials
    return float(one), float(all_of_them)


def test_extremes_picked_out_of_many_alike_groups_seldom_give_a_verdict() -> None:
    one_by_one, together = false_extremes(40)
    assert one_by_one > 0.05 and together <= 0.05


def test_extremes_of_two_groups_are_compared_as_they_are() -> None:
    rows = [{"mae": 3.0, "mae_low": 2.0, "mae_high": 4.0, "n_held_out": 40},
            {"mae": 1.0, "mae_low": 0.0, "mae_high": 1.9, "n_held_out": 40}]  # fmt: skip
    assert compare_extremes(*rows, "mae", 1) == "above"
    assert compare_extremes(*rows, "mae", 20) == "overlap"
    assert compare_extremes({"mae": 3.0}, rows[1], "mae", 2) == "unknown"


@pytest.mark.slow
def test_exchangeable_errors_give_a_false_verdict_in_at_most_five_percent() -> None:
    assert false_verdicts(1000) <= 0.05


@pytest.mark.parametrize(
    ("low", "high", "margin", "state"),
    [
        (-3, -2, 1, "B better"),
        (2, 3, 1, "A better"),
        (-1, 1, 1, "equal"),
        (0.2, 0.9, 1, "equal"),
        (-0.5, 1.5, 1, "undecided"),
        (-0.5, 1.5, 0, "undecided"),
        (0.5, 1.5, 1, "A better"),
        (float("nan"), float("nan"), 1, "not enough data"),
    ],
)
def test_state_of_a_difference(low: float, high: float, margin: float, state: str) -> None:
    assert state_of(low, high, margin) == state


def test_default_margin_is_1_mev_or_5_percent() -> None:
    assert default_margin(0.010, 0.008, "eV") == 0.001
    assert default_margin(0.10, 0.08, "eV") == pytest.approx(0.004)
    assert default_margin(0.010, 0.008, "D") == pytest.approx(0.0004)
    assert default_margin(0.010, 0.008, "eV", "atom") == pytest.approx(0.0004)


def group(name: str, state: str, low: float | None = -2.0, high: float | None = 2.0, n: int = 100) -> GroupVerdict:
    values = (n, 1, 1, 1.0, 1.0, 0.0, low, high, 1.0, 0.5, 0.4, 0.6)
    return GroupVerdict(name, name, *values, state)  # type: ignore[arg-type]


def test_neighbouring_groups_of_one_state_become_a_range() -> None:
    groups = [
        group("15", "not enough data", None, None, 4),
        group("16", "A better", 4, 6),
        group("17", "equal", -0.5, 0.5),
        group("18", "equal", -1, 1),
        group("19", "not enough data", None, None, 5),
        group("20", "B better", -18, -12, 300),
        group("21", "B better", -22, -16, 100),
    ]
    spans = [(size, size) for size in range(15, 22)]
    found = ranges_of(groups, spans, "atoms")
    assert [(each.words, each.state) for each in found] == [
        ("for 16 atoms", "A better"),
        ("for 17 to 18 atoms", "equal"),
        ("above 19 atoms", "B better"),
        ("for 15, 19 atoms", "not enough data"),
    ]
    assert found[2].groups == ("20", "21") and found[2].n_held_out == 400
    assert (found[2].low, found[2].high) == pytest.approx((-19, -13))  # limits weighted by molecules
    assert found[3].n_held_out == 9
    assert [each.words for each in ranges_of(groups[1:4], [(16, 16), (17, 17), (18, 18)], "atoms")] == [
        "below 17 atoms", "above 16 atoms",
    ]  # fmt: skip
    alike = ranges_of(groups[2:4], [(17, 17), (18, 18)], "atoms")
    assert [each.words for each in alike] == ["for all numbers of atoms"]


def test_groups_without_an_order_are_no_neighbours() -> None:
    found = ranges_of([group("molecules with N", "equal"), group("molecules with F", "equal")])
    assert [each.words for each in found] == ["for molecules with N", "for molecules with F"]
