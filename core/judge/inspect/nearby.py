"""How many training molecules lie near chosen ones, as the network sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.judge.inspect.bench import BenchRun
from core.judge.inspect.nearest import Scale, nearest_of, scale_of
from core.runs.predictions import TRAIN

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_ASKED = 300
"""Chosen molecules, and training molecules for the radius, that are looked at; of more as many by lot."""
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class NearbyTraining:
    """Training molecules within a radius of chosen molecules."""

    radius: float
    """median distance of a training molecule to the nearest other one, between standardised latents"""
    counts: Ints
    """(n_asked,) training molecules within it of each chosen one that was looked at"""
    rows: Ints
    """(n_near,) rows of the training molecules within it of any of these, ascending"""
    n_asked: int
    n_chosen: int
    n_train: int


@dataclass(frozen=True, eq=False)
class _Trained:
    scale: Scale
    latents: Singles
    """(n_train, n_features) standardised"""
    rows: Ints
    radius: float


@lru_cache(maxsize=2)
def _trained(run: BenchRun) -> _Trained | None:
    inside = run.inside
    if inside is None or run.source.elsewhere:
        return None
    rows = run.source.dataset.molecules.rows_of(np.asarray(inside.ids))
    places = np.flatnonzero(run.codes[rows] == TRAIN)
    if len(places) < 2:
        return None
    raw = np.asarray(inside.latents)[places]
    scale = scale_of(raw)
    latents = scale(raw)
    some = np.sort(np.random.default_rng(0).permutation(len(latents))[:MOST_ASKED])
    _, apart = nearest_of(latents[some], latents, 2)
    return _Trained(scale, latents, rows[places], float(np.median(apart[:, 1])))


def nearby_training(run: BenchRun, rows: Ints) -> NearbyTraining | None:
    """Training molecules near the molecules at `rows` (n,); None where the network has not been looked into.

    A chosen molecule that was itself trained on does not count as near itself.
    """
    trained, inside = _trained(run), run.inside
    if trained is None or inside is None:
        return None
    known = rows[run.place[rows] >= 0]
    if not len(known):
        return None
    asked = known
    if len(known) > MOST_ASKED:
        asked = np.sort(np.random.default_rng(0).choice(known, MOST_ASKED, replace=False))
    queries = trained.scale(np.asarray(inside.latents)[run.place[asked]])
    near_any = np.zeros(len(trained.rows), dtype=bool)
    counts = np.zeros(len(asked), dtype=np.int64)
    norms = np.einsum("ij,ij->i", trained.latents, trained.latents)
    for start in range(0, len(asked), _AT_ONCE):
        here = queries[start : start + _AT_ONCE]
        squared = norms - 2 * here @ trained.latents.T + np.einsum("ij,ij->i", here, here)[:, None]
        near = squared <= trained.radius**2
        near &= trained.rows[None] != asked[start : start + _AT_ONCE, None]
        counts[start : start + _AT_ONCE] = near.sum(axis=1)
        near_any |= near.any(axis=0)
    return NearbyTraining(
        trained.radius, counts, np.sort(trained.rows[near_any]), len(asked), len(rows), len(trained.rows)
    )
