from __future__ import annotations

import numpy as np

from core.data.molecules import Molecules
from core.judge.inspect.distances_seen import BIN, FEW, distances_seen, unseen_distances


def pairs(numbers: tuple[int, int], distances: list[float]) -> Molecules:
    """Molecules of two atoms so far apart."""
    n = len(distances)
    positions = np.zeros((2 * n, 3))
    positions[1::2, 2] = distances
    return Molecules(np.tile(np.array(numbers, dtype=np.uint8), n), positions, 2 * np.arange(n + 1), np.arange(n))


CO = pairs((8, 6), [1.21] * 30 + [1.43] * 30 + [2.61] * 5 + [3.5])


def unseen(distance: float, numbers: tuple[int, int] = (6, 8)) -> list[str]:
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])
    seen = distances_seen(CO, np.arange(CO.n_molecules))
    return [str(each) for each in unseen_distances(np.array(numbers, dtype=np.uint8), positions, seen)]


def test_histogram_of_a_pair() -> None:
    (row,) = distances_seen(CO, np.arange(CO.n_molecules))
    assert row[:2].tolist() == [6, 8]
    assert {round(k * BIN, 2): int(row[2 + k]) for k in np.flatnonzero(row[2:])} == {1.2: 30, 1.42: 30, 2.6: 5}
    assert distances_seen(CO, np.arange(3))[:, 2:].sum() == 3


def test_what_is_told_and_what_is_not() -> None:
    assert unseen(1.20) == unseen(1.44) == unseen(1.225) == []
    assert unseen(1.33) == [
        "C and O (atoms 1 and 2) are 1.33 Å apart; no training molecule has them between 1.22 and 1.42 Å"
    ]
    assert "never nearer than 1.20 Å" in unseen(1.05)[0]
    assert "between 1.44 and 2.60 Å" in unseen(1.8)[0]
    assert unseen(2.3) == []  # beyond any bond there is room for what was not seen
    assert unseen(3.2) == []
    assert unseen(1.0, (6, 6)) == []  # nothing is known of carbon and carbon


def test_rare_pairs_are_not_spoken_of() -> None:
    seen = distances_seen(CO, np.arange(FEW - 1))
    assert unseen_distances(np.array([6, 8], dtype=np.uint8), np.array([[0.0, 0, 0], [0.0, 0, 0.5]]), seen) == []


def test_the_farthest_gaps_come_first_and_absurd_places_do_no_harm() -> None:
    seen = distances_seen(CO, np.arange(CO.n_molecules))
    numbers = np.array([6, 8, 6, 8], dtype=np.uint8)
    positions = np.array([[0.0, 0, 0], [0.0, 0, 1.32], [50.0, 0, 0], [50.0, 0, 0.4]])
    assert [each.distance for each in unseen_distances(numbers, positions, seen)] == [0.4, 1.32]
    assert unseen_distances(numbers, positions * 1e200, seen) == []
