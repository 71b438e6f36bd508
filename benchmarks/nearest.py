"""The ten nearest of 110,000 training molecules for 27,000 test molecules; synthetic latents of 64 and 128 features."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from core.judge.inspect.nearest import N_NEAREST, nearest_of

TEST, TRAINING = 27_000, 110_000
FEATURES = (64, 128)
CHECKED = 200


def measure() -> dict[str, Any]:
    """Wall and CPU seconds, and the share of exact answers among some that are checked against float64."""
    told: dict[str, Any] = {"test molecules": TEST, "training molecules": TRAINING, "nearest": N_NEAREST}
    for n_features in FEATURES:
        queries, training = _latents(n_features)
        wall, cpu = time.perf_counter(), time.process_time()
        places, _ = nearest_of(queries, training)
        told[f"{n_features} features, wall s"] = round(time.perf_counter() - wall, 1)
        told[f"{n_features} features, CPU s"] = round(time.process_time() - cpu, 1)
        told[f"{n_features} features, right of {CHECKED} checked"] = _right(queries, training, places)
    return told


def _latents(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardised latents that depend on each other, in clusters and in the order of these, as molecules are."""
    random = np.random.default_rng(n_features)
    mixing = random.normal(size=(n_features // 4, n_features)) / np.sqrt(n_features / 4)
    centres = random.normal(size=(300, n_features // 4))

    def draw(n: int) -> np.ndarray:
        of = np.sort(random.integers(0, len(centres), n))
        z = (centres[of] + 0.4 * random.standard_t(5, (n, n_features // 4))) @ mixing
        return (z + 0.05 * random.normal(size=z.shape)).astype(np.float32)

    training, queries = draw(TRAINING), draw(TEST)
    mean, spread = training.mean(axis=0), training.std(axis=0)
    return (queries - mean) / spread, (training - mean) / spread


def _right(queries: np.ndarray, training: np.ndarray, places: np.ndarray) -> int:
    some = np.random.default_rng(1).choice(len(queries), CHECKED, replace=False)
    wide = training.astype(np.float64)
    right = 0
    for k in some:
        squared = ((wide - queries[k]) ** 2).sum(axis=1)
        best = np.argsort(squared, kind="stable")[:N_NEAREST]
        right += int(np.array_equal(best, places[k]))
    return right
