from __future__ import annotations

import pytest

from core.judge.comparing.verdicts import RangeVerdict, State
from core.judge.comparing.wording import between, by_how_much, provisional, ranges_sentence, whole_sentence, within
from tests.core.judge.comparing.test_verdicts import group


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0121, 0.0183, "12 to 18 meV"),
        (-0.0004, 0.0013, "−0.4 to 1.3 meV"),
        (0.9, 1.8, "900 to 1,800 meV"),
        (-0.9, 12.0, "−1 to 12 eV"),
        (1.1, 1.8, "1.1 to 1.8 eV"),
        (0.00012, 0.00013, "0.12 to 0.13 meV"),
        (0.0101, 0.0102, "10 meV"),
    ],
)
def test_limits_in_words(low: float, high: float, text: str) -> None:
    assert between(low, high, "eV") == text


def test_sizes_of_differences() -> None:
    assert by_how_much(-0.018, -0.012, "eV") == by_how_much(0.012, 0.018, "eV") == "12 to 18 meV"
    assert by_how_much(-0.018, -0.012, "eV/atom") == "12 to 18 meV/atom"
    assert within(-0.0011, 0.0019, "eV") == "1.9 meV"
    assert within(-0.00191, 0.0, "eV") == "2.0 meV"  # never less than the interval
    assert between(-2.0, 3.0, "D") == "−2.0 to 3.0 D"


def ranged(words: str, state: State, low: float = -0.02, high: float = -0.01) -> RangeVerdict:
    return RangeVerdict(("a",), words, 100, low, high, state)


def test_the_sentence_of_the_plan() -> None:
    told = ranges_sentence(
        [
            ranged("below 17 atoms", "A better", 0.003, 0.009),
            ranged("for 17 to 19 atoms", "equal", -0.0019, 0.001),
            ranged("above 19 atoms", "B better", -0.018, -0.012),
            RangeVerdict(("27",), "for 27 atoms", 4, None, None, "not enough data"),
        ],
        "eV",
    )
    assert told == (
        "B is better above 19 atoms by 12 to 18 meV; worse below 17 atoms by 3.0 to 9.0 meV; equal within 1.9 meV "
        "for 17 to 19 atoms; not enough data for 27 atoms."
    )


def test_what_groups_share_is_said_once() -> None:
    elements = [ranged(f"for molecules with {s}", "undecided") for s in "NOF"]
    assert ranges_sentence(elements, "eV") == "Undecided for molecules with N, O and F."
    four = [*elements, ranged("for molecules with C", "undecided")]
    assert ranges_sentence(four, "eV") == "Undecided for all 4 groups."
    better = [ranged(f"for molecules with {s}", "B better") for s in "NO"]
    assert ranges_sentence(better, "eV") == (
        "B is better for molecules with N by 10 to 20 meV and with O by 10 to 20 meV."
    )
    worse = [ranged("for 12 atoms", "A better", 0.01, 0.02)]
    assert ranges_sentence(worse, "eV") == "A is better for 12 atoms by 10 to 20 meV."


def test_the_whole() -> None:
    assert whole_sentence(group("all", "A better", 0.012, 0.018), "eV") == "Overall, A is better by 12 to 18 meV."
    assert whole_sentence(group("all", "equal", -0.001, 0.002), "eV") == "Overall, A and B are equal within 2.0 meV."
    assert whole_sentence(group("all", "undecided", -0.001, 0.002), "eV") == (
        "Overall undecided: B minus A is −1.0 to 2.0 meV."
    )
    assert "not enough data (7 molecules)" in whole_sentence(group("all", "not enough data", None, None, 7), "eV")


def test_provisional() -> None:
    assert provisional([("A", ["converged"]), ("B", ["no epochs"])]) == []
    assert provisional([("A", ["still falling"]), ("B", ["converged"])]) == ["A had not converged"]
    assert provisional([("A", ["still falling"]), ("B", ["still falling"])]) == ["A and B had not converged"]
    assert provisional([("A", ["rising"]), ("B", ["too short"])]) == [
        "A had a rising validation error",
        "B had too few epochs to tell whether it had converged",
    ]
    assert provisional([("B", ["not recorded"])]) == [
        "B came without a record of its training, so it is not known whether it had converged"
    ]
    assert provisional([("A", ["not recorded"] * 3), ("B", ["still falling", "not recorded"])]) == [
        "A came without a record of its training, so it is not known whether it had converged",
        "1 of 2 seeds of B had not converged",
    ]
    assert provisional([("A", ["still falling", "converged", "rising"])]) == ["2 of 3 seeds of A had not converged"]
    falling = ["still falling"] * 3
    assert provisional([("A", falling), ("B", falling)]) == ["no seed of A or B had converged"]
    some = ["converged", "still falling", "converged"]
    assert provisional([("A", falling), ("B", some)]) == [
        "no seed of A had converged",
        "1 of 3 seeds of B had not converged",
    ]
