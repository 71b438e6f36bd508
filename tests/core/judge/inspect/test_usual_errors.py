from __future__ import annotations

import numpy as np

from core.judge.inspect.usual_errors import UsualErrors
from core.runs.inside import Inside
from core.runs.predictions import TEST, Predictions

N = 1000


def usual(error: np.ndarray, distance: np.ndarray, sizes: np.ndarray) -> UsualErrors:
    ids, zeros = np.arange(N), np.zeros(N)
    stored = Predictions(ids, np.full(N, TEST, dtype=np.uint8), zeros, error, zeros)
    inside = Inside(
        ids, np.zeros((N, 1), np.float32), ids, None, "", None, distance[:, None].astype(np.float32), "own", "", None
    )  # fmt: skip
    return UsualErrors(inside, stored, sizes)


def test_errors_of_molecules_as_large_and_as_far() -> None:
    distance, sizes = np.arange(N) / N, np.where(np.arange(N) % 2, 10, 20)
    error = np.where(sizes == 10, 1.0, 3.0) * np.where(distance > 0.5, 2.0, 1.0) * np.where(np.arange(N) % 4 < 2, 1, -1)
    told = usual(error, distance, sizes)
    near, far = told.like(11, 0.2), told.like(19, 0.81)
    assert near is not None and near["mae"] == 1.0 and near["sizes"] == [9, 13] and near["n"] == 150
    assert far is not None and far["mae"] == 6.0 and far["part"] == "test" and far["low"] == far["high"] == 6.0
    assert far["p95"] == 6.0
    edge = told.like(10, 0.999)
    assert edge is not None and edge["mae"] == 2.0  # of the farthest three tenths
    other = told.like(50, 0.2)
    assert other is not None and other["sizes"] is None and other["n"] == 300 and other["mae"] == 2.0
    assert told.like(10, 1.0) is None and told.like(10, None) is None
    assert told.like(11, 0.21) is near  # percentiles are rounded


def test_a_few_held_out_molecules_tell_nothing() -> None:
    distance = np.full(N, np.nan)
    distance[:9] = np.arange(9)
    assert usual(np.ones(N), distance, np.full(N, 10)).like(10, 0.5) is None
