from __future__ import annotations

import numpy as np
import pytest

from core.errors import MollensError
from core.judge.inspect.contributions import contribution_difference, contributions_of_elements, relative_contributions
from core.runs.inside import Inside
from tests.fake_runs import fake_molecules

MOLECULES = fake_molecules([[6, 1, 1], [8, 1], [6, 6, 1, 1], [8, 8]])
VALUES = np.array([-10, -1, -3, -20, -2, -12, -14, -2, -2, -30, -30], dtype=np.float64)


def inside(contributions: np.ndarray | None, why: str = "") -> Inside:
    return Inside(
        MOLECULES.ids, np.zeros((4, 2), np.float32), MOLECULES.first_atom, contributions, why, None, None, "", "", None
    )  # fmt: skip


def test_minus_the_mean_of_the_element() -> None:
    found = contributions_of_elements(inside(VALUES), MOLECULES)
    assert found.mean == {1: -2.0, 6: -12.0, 8: pytest.approx(-80 / 3)} and found.n_atoms == {1: 5, 6: 3, 8: 3}
    assert found.spread[1] == pytest.approx(np.std([-1, -3, -2, -2, -2]))
    relative = relative_contributions(inside(VALUES), 2, np.array([6, 6, 1, 1], dtype=np.uint8), found)
    assert relative.tolist() == [0, -2, 0, 0]
    of_training = contributions_of_elements(inside(VALUES), MOLECULES, np.array([0, 0, 2, 2], dtype=np.uint8))
    assert of_training.mean == {1: -2.0, 6: -10.0, 8: -20.0}
    without_oxygen = contributions_of_elements(inside(VALUES), MOLECULES, np.array([0, 2, 0, 2], dtype=np.uint8))
    assert without_oxygen.n_atoms[8] == 3  # else nothing could be said of oxygen


def test_no_sum_no_contributions() -> None:
    with pytest.raises(MollensError, match="it is a mean"):
        contributions_of_elements(inside(None, "it is a mean"), MOLECULES)


def test_differences_beyond_the_seeds() -> None:
    random = np.random.default_rng(0)
    first = list(random.normal(0, 0.1, (3, 4)))
    second = list(random.normal([0, 0, 0, 2.0], 0.1, (3, 4)))
    found = contribution_difference(first, second)
    assert found.beyond[3] and found.difference[3] == pytest.approx(2, abs=0.3) and found.spread.mean() < 0.2
    alone = contribution_difference(first[:1], second[:1])
    assert not alone.beyond.any() and np.isnan(alone.spread).all()
