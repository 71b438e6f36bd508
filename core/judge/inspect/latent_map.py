"""Molecules laid out in two dimensions by the network's own features: principal components of standardised latents.

The plane that holds most of the training molecules' variance; what it does not hold is told as the rest of the share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.judge.inspect.nearest import scale_of
from core.runs.inside import Inside
from core.runs.predictions import TRAIN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POINTS = 5_000
"""Points that are drawn to be clicked; all others are in the density."""
N_CELLS = 80
_EDGE = 0.001  # share of molecules beyond each end of the density


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Where the molecules of a dataset lie; rows as in the predictions."""

    x: Floats
    """(n,) first principal component"""
    y: Floats
    """(n,) second"""
    explained: tuple[float, float]
    """share of the training molecules' variance along each"""
    shown: Ints
    """(n_shown,) at most MOST_POINTS rows to click, ascending: the held-out molecules, or of many as many by lot"""
    edges_x: Floats
    """(N_CELLS + 1,)"""
    edges_y: Floats
    """(N_CELLS + 1,)"""
    cell: Ints
    """(n,) cell of each molecule, row by row from the lowest y; those beyond the edges are in the outermost cells"""

    def density(self, mask: NDArray[np.bool_] | None = None) -> Ints:
        """(N_CELLS, N_CELLS) molecules in each cell, y first; only those of `mask` (n,)."""
        cell = self.cell if mask is None else self.cell[mask]
        return np.bincount(cell, minlength=N_CELLS**2).reshape(N_CELLS, N_CELLS)

    def mean(self, values: Floats, mask: NDArray[np.bool_] | None = None) -> Floats:
        """(N_CELLS, N_CELLS) mean of values (n,) in each cell, NaN where there are none; missing ones are left out."""
        known = np.isfinite(values) if mask is None else np.isfinite(values) & mask
        counts = self.density(known)
        sums = np.bincount(self.cell[known], values[known], N_CELLS**2).reshape(counts.shape)
        with np.errstate(invalid="ignore"):
            return np.where(counts > 0, sums / counts, np.nan)

    def within(self, x: tuple[float, float], y: tuple[float, float]) -> Ints:
        """(n_inside,) rows of the molecules in a rectangle, ascending."""
        inside = (self.x >= x[0]) & (self.x <= x[1]) & (self.y >= y[0]) & (self.y <= y[1])
        return np.flatnonzero(inside)


def latent_map(
    inside: Inside, codes: NDArray[np.uint8], own: Inside | None = None, own_codes: NDArray[np.uint8] | None = None
) -> LatentMap:
    """Lay out the molecules of a dataset.

    codes (n,): of the predictions. `own` and `own_codes`: of the dataset that the run was trained on, where the
    molecules are those of another; without training molecules the components are those of all.
    """
    basis, of_basis = (inside, codes) if own is None or own_codes is None else (own, np.asarray(own_codes))
    train = np.flatnonzero(of_basis == TRAIN)
    latents = np.asarray(basis.latents)[train] if len(train) > 2 else np.asarray(basis.latents)
    scale = scale_of(latents)
    standard = scale(latents).astype(np.float64)
    # the covariance's eigenvectors are the right singular vectors of the standardised latents
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    plane = vectors[:, ::-1][:, :2]
    plane = plane * np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]])  # the same way round each time
    places = scale(np.asarray(inside.latents)).astype(np.float64) @ plane
    x, y = places[:, 0], places[:, 1]
    total = float(values.sum()) or 1.0
    edges_x, edges_y = _edges(x), _edges(y)
    column, row = (
        np.clip(np.searchsorted(edges, coordinate, "right") - 1, 0, N_CELLS - 1)
        for edges, coordinate in ((edges_x, x), (edges_y, y))
    )
    explained = (float(values[-1]) / total, float(values[-2]) / total if len(values) > 1 else 0.0)
    return LatentMap(x, y, explained, _shown(codes), edges_x, edges_y, row * N_CELLS + column)


def _edges(values: Floats) -> Floats:
    low, high = np.quantile(values, [_EDGE, 1 - _EDGE])
    room = 0.05 * (high - low) or 0.5
    return np.linspace(low - room, high + room, N_CELLS + 1)


def _shown(codes: NDArray[np.uint8]) -> Ints:
    held = np.flatnonzero(codes != TRAIN)
    chosen = held if len(held) else np.arange(len(codes))
    if len(chosen) <= MOST_POINTS:
        return chosen
    return np.sort(np.random.default_rng(0).choice(chosen, MOST_POINTS, replace=False))
