from __future__ import annotations

import numpy as np
import pytest

from core.judge.statistics import resampling
from core.judge.statistics.resampling import (
    cells_of_groups,
    group_totals,
    resample,
    seed_of,
    sums_by_cell,
    weight_chunks,
)


def all_weights(n: int, seed: int = 0, n_resamples: int = 300) -> np.ndarray:
    return np.concatenate([weights for _, weights in weight_chunks(n, seed, n_resamples)])


def test_weights_are_poisson_with_mean_one_in_one_byte() -> None:
    weights = all_weights(3000)
    assert weights.shape == (3000, 300) and weights.dtype == np.uint8
    counts = np.bincount(weights.ravel(), minlength=5)[:5] / weights.size
    assert counts == pytest.approx(np.exp(-1) / np.array([1, 1, 2, 6, 24]), abs=0.002)
    assert abs(np.corrcoef(weights[:2].astype(float))[0, 1]) < 0.2


def test_weights_belong_to_the_molecules() -> None:
    ids = np.arange(50)
    assert seed_of(ids) == seed_of(ids.copy()) != seed_of(ids + 1)
    assert np.array_equal(all_weights(50, 7), all_weights(50, 7))
    assert not np.array_equal(all_weights(50, 7), all_weights(50, 8))


def test_a_set_that_is_too_large_to_be_kept_has_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = all_weights(20_000, 3, 50)
    monkeypatch.setattr(resampling, "MOST_BYTES", 1000)
    assert np.array_equal(all_weights(20_000, 3, 50), kept)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "MOST_BYTES", 250_000)
    monkeypatch.setattr(resampling, "_KEPT", resampling._Kept())
    for seed in range(5):
        all_weights(1000, seed, 100)
    weights = resampling._KEPT._weights.values()
    assert len(weights) == 2 and sum(each.nbytes for each in weights) <= 250_000


def test_sums_are_weighted_sums() -> None:
    random = np.random.default_rng(0)
    values, cell = random.normal(size=(2, 9000)), random.integers(0, 5, 9000)
    found = resample(values, cell, seed=4, n_resamples=60)
    weights = all_weights(9000, 4, 60).astype(float)
    for k in range(5):
        inside = cell == k
        expected = np.concatenate([values, np.ones((1, 9000))])[:, inside] @ weights[inside]
        assert np.allclose(found.sums[:, k], expected, atol=1e-2)
    member = np.stack([cell < 2, cell == 4])
    means = found.means(member)
    for g, inside in enumerate(member):
        assert np.allclose(means[:, g], values[:, inside] @ weights[inside] / weights[inside].sum(axis=0), atol=1e-4)


def test_totals_of_groups_are_those_of_their_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    values, cell = random.normal(size=(3, 9000)), random.integers(0, 40, 9000)
    of_group = random.random((7, 40)) < 0.3
    of_group[6] = False  # a group without molecules
    known = resample(values, cell, 4, 60).totals(of_group[:, cell])
    monkeypatch.setattr(resampling, "_CELLS_BYTES", 5 * 4 * 4 * 60)  # five cells at a time
    assert np.allclose(group_totals(values, cell, of_group, 4, n_resamples=60), known, atol=2e-2)
    monkeypatch.setattr(resampling, "MOST_BYTES", 1000)  # weights drawn chunk by chunk
    assert np.allclose(group_totals(values, cell, of_group, 4, n_resamples=60), known, atol=2e-2)


def test_some_molecules_of_a_set_keep_their_weights() -> None:
    random = np.random.default_rng(2)
    values, places = random.normal(size=(1, 9000)), np.flatnonzero(random.random(9000) < 0.2)
    cell = np.zeros(len(places), dtype=np.int64)
    some = group_totals(values[:, places], cell, np.ones((1, 1), dtype=bool), 4, places, 9000, n_resamples=60)
    weights = all_weights(9000, 4, 60)[places].astype(float)
    assert np.allclose(some[0, 0], values[0, places] @ weights, atol=1e-2)
    assert np.allclose(some[1, 0], weights.sum(axis=0))


def test_a_group_may_not_cut_through_a_cell() -> None:
    found = resample(np.ones((1, 4)), np.array([0, 0, 1, 1]), n_resamples=3)
    with pytest.raises(ValueError, match="cuts through a cell"):
        found.means(np.array([[True, False, False, False]]))


def test_cells_are_molecules_of_the_same_groups() -> None:
    member = np.array([[1, 1, 0, 0, 1], [0, 1, 0, 0, 1]], dtype=bool)
    cell = cells_of_groups(member)
    assert cell[1] == cell[4] and cell[2] == cell[3] and len(set(cell.tolist())) == 3
    assert cells_of_groups(np.zeros((0, 3), dtype=bool)).tolist() == [0, 0, 0]
    wide = np.random.default_rng(0).random((130, 500)) < 0.01
    found = cells_of_groups(wide)
    assert found.max() + 1 == len(np.unique(wide, axis=1).T)
    first = np.unique(found, return_index=True)[1]
    assert np.array_equal(wide[:, first][:, found], wide)
    assert sums_by_cell(np.ones((1, 5)), cell, 3).sum() == 5
