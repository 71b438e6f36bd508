from __future__ import annotations

import numpy as np
import pytest

from core.data.search import make_index
from core.data.store import Dataset
from core.judge.inspect import nearest
from core.judge.inspect.nearest import nearest_by_fingerprint, nearest_of, neighbours_of, percentile, scale_of


def brute_force(queries: np.ndarray, training: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    squared = ((queries[:, None].astype(float) - training[None].astype(float)) ** 2).sum(axis=2)
    best = np.argsort(squared, axis=1, kind="stable")[:, :n]
    return best, np.sqrt(np.take_along_axis(squared, best, axis=1))


@pytest.mark.parametrize("n_training", [3, 17, 900])
def test_equal_to_brute_force(n_training: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_QUERIES", 32)
    monkeypatch.setattr(nearest, "_TRAINING", 128)
    random = np.random.default_rng(0)
    # in the order of clusters far from the origin, where float32 products lose most
    training = (np.sort(random.normal(size=(n_training, 1)), axis=0) * 30 + random.normal(size=(n_training, 12))) + 5
    queries = (random.normal(size=(70, 1)) * 30 + random.normal(size=(70, 12)) + 5).astype(np.float32)
    queries[0] = training[0]
    places, distances = nearest_of(queries, training.astype(np.float32), 10)
    expected, exact = brute_force(queries, training.astype(np.float32), 10)
    assert np.array_equal(places, expected)
    assert np.allclose(distances, exact, rtol=1e-12)
    assert distances[0, 0] == 0


def test_equal_molecules_stand_in_order_of_place() -> None:
    training = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    places, distances = nearest_of(np.eye(3, dtype=np.float32)[:1], training, 6)
    assert places[0, :4].tolist() == [0, 1, 2, 3] and (distances[0, :4] == 0).all()


def test_neighbours_of_a_dataset_and_of_another_one() -> None:
    random = np.random.default_rng(1)
    own, codes = random.normal(size=(60, 5)) * [1, 10, 100, 1, 0], np.array([0, 0, 1, 2, 0, 255] * 10, dtype=np.uint8)
    places, distances = neighbours_of(own, codes, own, codes, 4)
    train = np.flatnonzero(codes == 0)
    assert (places[train] == -1).all() and np.isnan(distances[train]).all()
    held = np.flatnonzero(codes != 0)
    assert np.isin(places[held], train).all()
    standard = (own - own[train].mean(axis=0))[:, :4] / own[train].std(axis=0)[:4]  # the last feature tells nothing
    expected, exact = brute_force(standard[held].astype(np.float32), standard[train].astype(np.float32), 4)
    assert np.array_equal(places[held], train[expected]) and np.allclose(distances[held], exact, rtol=1e-4)
    other, apart = neighbours_of(own[:1], np.array([255], dtype=np.uint8), own, codes, 4)
    assert other[0, 0] == 0 and apart[0, 0] == 0


def test_a_feature_that_hardly_varies_is_no_distance_by_rounding() -> None:
    latents = np.random.default_rng(2).normal(size=(100, 3)).astype(np.float32)
    latents[:, 2] = 7
    scale = scale_of(latents)
    assert np.allclose(scale.spread[:2], latents[:, :2].std(axis=0)) and scale.spread[2] > 1e-4
    moved = latents[:1] + np.array([[0, 0, 1e-6]], dtype=np.float32)
    assert np.abs(scale(moved) - scale(latents[:1])).max() < 0.01


def test_percentile_counts_equal_ones_by_half() -> None:
    among = np.array([1.0, 2.0, 2.0, 4.0])
    assert percentile(np.array([0.5, 2.0, 3.0, 9.0]), among).tolist() == [0.0, 0.5, 0.75, 1.0]
    assert np.isnan(percentile(np.array([1.0]), np.zeros(0))).all()


def test_nearest_by_fingerprint_are_training_molecules(tiny: Dataset) -> None:
    make_index(tiny)
    train = np.arange(0, 120, 3)
    rows, similarities = nearest_by_fingerprint(tiny, 61, train, 5)
    assert np.isin(rows, train).all() and (np.diff(similarities) <= 0).all() and len(rows) == 5
    everything, best = nearest_by_fingerprint(tiny, 61, np.arange(120), 119)
    among = np.isin(everything, train)
    assert np.allclose(best[among][:5], similarities)
