from __future__ import annotations

import numpy as np
import pytest

from core.judge.inspect import latent_map as module
from core.judge.inspect.latent_map import N_CELLS, latent_map
from core.runs.inside import Inside


def inside_of(latents: np.ndarray) -> Inside:
    n = len(latents)
    return Inside(
        np.arange(n), latents.astype(np.float32), np.arange(n + 1), None, "", None, None, "", "", None
    )  # fmt: skip


def test_components_shares_and_density() -> None:
    random = np.random.default_rng(0)
    n = 4000
    one, other, codes = random.normal(size=n), random.normal(size=n), (np.arange(n) % 4).astype(np.uint8)
    # three features follow one quantity, two follow another, one is on its own
    latents = np.stack([one, 3 * one, -one + 7, other, 100 * other, random.normal(size=n)], axis=1)
    found = latent_map(inside_of(latents), codes)
    assert found.explained == pytest.approx((3 / 6, 2 / 6), abs=0.02)
    assert abs(np.corrcoef(found.x, one)[0, 1]) > 0.99 and abs(np.corrcoef(found.y, other)[0, 1]) > 0.99
    assert np.array_equal(found.shown, np.flatnonzero(codes != 0))
    assert found.density().sum() == n and found.density(codes == 1).sum() == n // 4
    middle = found.mean(one)
    filled = np.isfinite(middle)
    assert np.array_equal(filled, found.density() > 0) and np.nansum(middle * found.density()) == pytest.approx(
        one.sum()
    )
    chosen = found.within((0.0, 1.0), (-1.0, 0.0))
    assert len(chosen) and ((found.x[chosen] >= 0) & (found.y[chosen] <= 0)).all()
    assert found.edges_x.shape == (N_CELLS + 1,)


def test_many_points_are_drawn_by_lot_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 50)
    inside, codes = inside_of(np.random.default_rng(1).normal(size=(400, 4))), np.full(400, 255, dtype=np.uint8)
    one, other = latent_map(inside, codes), latent_map(inside, codes)  # no training molecules: the components of all
    assert len(one.shown) == 50 and np.array_equal(one.shown, other.shown) and np.array_equal(one.x, other.x)


def test_another_dataset_is_laid_over_the_training_molecules() -> None:
    random = np.random.default_rng(2)
    own, codes = random.normal(size=(500, 3)) * [3, 1, 1], np.zeros(500, dtype=np.uint8)
    there = latent_map(inside_of(own), codes)
    here = latent_map(inside_of(own[:40]), np.full(40, 2, dtype=np.uint8), inside_of(own), codes)
    assert np.allclose(here.x, there.x[:40]) and here.explained == there.explained
