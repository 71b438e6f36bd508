"""Filters on a grid of distances: the filter network is evaluated at its points, and interpolated for every pair.

A filter is a smooth function of one distance, a network of Gaussians, times a cutoff. The network is tabulated, the
cutoff is not: it goes, exact, into the weights of the four neighbouring grid points (cubic Lagrange interpolation).
Its derivative has steps at the grid points: energies only, no forces.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.schnetpack_compat import CosineCutoff

STENCIL = 4
"""Grid points that a pair's filter is made of."""

FEWEST_POINTS = 8


class Stencil(NamedTuple):
    """Where on the grid the pairs of a batch lie."""

    rows: Tensor
    """(n_pairs,) int32, first of the four grid points"""
    weights: Tensor
    """(n_pairs, 4) float32, interpolation times cutoff"""


def grid_distances(n_points: int, cutoff: Tensor) -> Tensor:
    """Distances (n_points,) of the grid, evenly from 0 to the cutoff."""
    return torch.linspace(0, 1, n_points, dtype=torch.float64, device=cutoff.device).mul(cutoff).to(cutoff.dtype)


def stencil(distances: Tensor, n_points: int, cutoff_function: CosineCutoff) -> Stencil:
    """Grid points and weights of these distances (n_pairs,); those beyond the cutoff weigh nothing.

    Weights are Lagrange's cubics through the points -1, 0, 1, 2 at s, of the interval from 0 to 1 that s lies in; in
    the first and the last interval those of the neighbouring one are used. s is found in float64: float32 leaves it
    four decimals on a fine grid.
    """
    place = distances.double() * ((n_points - 1) / cutoff_function.cutoff.double())
    interval = place.floor().clamp_(1, n_points - 3)
    s = place.sub_(interval).to(distances.dtype)
    left, right, beyond = s + 1, s - 1, s - 2
    inner, outer = right * beyond, left * s
    weights = torch.stack([inner * s / -6, inner * left / 2, outer * beyond / -2, outer * right / 6], dim=1)
    weights *= cutoff_function(distances)[:, None]
    return Stencil((interval - 1).to(torch.int32), weights)


def interpolate(table: Tensor, places: Stencil) -> Tensor:
    """Filters (n_pairs, n_filters) from a table (n_points, n_filters), in plain torch."""
    rows, weights = places
    filters = table.index_select(0, rows) * weights[:, :1]
    for k in range(1, STENCIL):
        filters = filters + table.index_select(0, rows + k) * weights[:, k : k + 1]
    return filters
