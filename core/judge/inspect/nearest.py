"""The training molecules nearest to a molecule, by the network's own latent vectors or by structure.

Latents are standardised by the training molecules: each feature minus its mean, over its standard deviation. A distance
has no unit; it is told as a percentile among the test molecules of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.runs.inside import Inside
from core.runs.predictions import NONE, TEST, TRAIN, VALIDATION

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Tell = Callable[..., None]

N_NEAREST = 10
FAR = 0.99
"""Share of test molecules beyond whose distance a molecule is called far from the training molecules."""
_SPARE = 6  # more than are wanted, because float32 may swap near ones; exact distances decide
_QUERIES, _TRAINING = 256, 4096  # distances at once: 4 MB, which stay in the cache
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class Scale:
    """What latents are standardised by."""

    mean: Floats
    """(n_features,)"""
    spread: Floats
    """(n_features,) positive"""

    def __call__(self, latents: NDArray[np.floating]) -> Singles:
        """(n, n_features) standardised latents."""
        return ((latents - self.mean.astype(np.float32)) / self.spread.astype(np.float32)).astype(np.float32)


def scale_of(latents: NDArray[np.floating]) -> Scale:
    """The scale of training molecules' latents (n, n_features).

    A feature that hardly varies among them counts as if it varied by a thousandth of the typical feature, so that
    rounding in it is not taken for a distance.
    """
    mean = np.asarray(np.mean(latents, axis=0, dtype=np.float64))
    spread = np.asarray(np.std(latents, axis=0, dtype=np.float64))
    typical = float(np.sqrt((spread**2).mean())) or 1.0
    return Scale(mean, np.maximum(spread, _LEAST_SPREAD * typical))


def nearest_of(
    queries: Singles, training: Singles, n: int = N_NEAREST, progress: Tell | None = None
) -> tuple[Ints, Floats]:
    """Places among the training molecules and distances, (n_queries, n) each, of the nearest; ascending.

    queries (n_queries, n_features), training (n_training, n_features), both standardised. Fewer than `n` training
    molecules give as many columns. Candidates come from float32 matrix products, block by block with a running list;
    their distances are then computed anew in float64. Equal distances stand in order of place.
    """
    n = min(n, len(training))
    places, distances = np.zeros((len(queries), n), dtype=np.int64), np.zeros((len(queries), n))
    if n == 0 or len(queries) == 0:
        return places, distances
    # in a random order, so that similar molecules, which stand together in a dataset, do not all come in one block
    order = np.random.default_rng(0).permutation(len(training))
    shuffled = training[order]
    norms = np.einsum("ij,ij->i", shuffled, shuffled)[:, None]
    against = np.ascontiguousarray(np.concatenate([shuffled, norms], axis=1).T)  # (n_features + 1, n_training)
    for start in range(0, len(queries), _QUERIES):
        here = slice(start, start + _QUERIES)
        found = order[_candidates(queries[here], against, min(n + _SPARE, len(training)))]
        found.sort(axis=1)  # so that equal distances keep the order of their places
        exact = _distances(queries[here], training, found)
        best = np.argsort(exact, axis=1, kind="stable")[:, :n]
        places[here] = np.take_along_axis(found, best, axis=1)
        distances[here] = np.take_along_axis(exact, best, axis=1)
        if progress:
            progress(min(start + _QUERIES, len(queries)), len(queries), "looking for nearest training molecules")
    return places, distances


def _candidates(queries: Singles, against: Singles, n: int) -> Ints:
    """(n_queries, n) columns of `against` that are nearest as far as float32 tells, in no order."""
    rows = len(queries)
    ones = np.ones((rows, 1), dtype=np.float32)
    left = np.concatenate([-2.0 * queries, ones], axis=1).astype(np.float32)
    columns, values = np.zeros((rows, 0), dtype=np.int64), np.zeros((rows, 0), dtype=np.float32)
    buffer = np.empty((rows, min(_TRAINING, against.shape[1])), dtype=np.float32)
    for start in range(0, against.shape[1], _TRAINING):
        block = against[:, start : start + _TRAINING]
        squared = np.matmul(left, block, out=buffer[:, : block.shape[1]])  # but for |query|^2, equal in a row
        if columns.shape[1] < n:
            new = np.argpartition(squared, n - 1, axis=1)[:, :n] if squared.shape[1] > n else _all(squared)
            columns = np.concatenate([columns, new + start], axis=1)
            values = np.concatenate([values, np.take_along_axis(squared, new, axis=1)], axis=1)
        else:
            columns, values = _merged(columns, values, squared, start)
        if columns.shape[1] > n:
            keep = np.argpartition(values, n - 1, axis=1)[:, :n]
            columns, values = np.take_along_axis(columns, keep, axis=1), np.take_along_axis(values, keep, axis=1)
    return columns


def _all(squared: Singles) -> Ints:
    return np.broadcast_to(np.arange(squared.shape[1]), squared.shape)


def _merged(columns: Ints, values: Singles, squared: Singles, start: int) -> tuple[Ints, Singles]:
    """The running lists with what a block has nearer than the farthest of them; as wide as the longest needs."""
    hits = np.flatnonzero(squared < values.max(axis=1)[:, None])
    if not len(hits):
        return columns, values
    row, column = np.divmod(hits, squared.shape[1])
    counts = np.bincount(row, minlength=len(squared))
    width = int(counts.max())
    place = np.arange(len(hits)) - np.repeat(np.cumsum(counts) - counts, counts)
    more_columns = np.zeros((len(squared), width), dtype=np.int64)
    more_values = np.full((len(squared), width), np.inf, dtype=np.float32)
    more_columns[row, place], more_values[row, place] = column + start, squared[row, column]
    return np.concatenate([columns, more_columns], axis=1), np.concatenate([values, more_values], axis=1)


def _distances(queries: Singles, training: Singles, places: Ints) -> Floats:
    """(n_queries, n) distances to the training molecules at `places` (n_queries, n), in float64."""
    difference = training[places].astype(np.float64) - queries[:, None].astype(np.float64)
    return np.asarray(np.sqrt(np.einsum("qnf,qnf->qn", difference, difference)))


def neighbours_of(
    latents: NDArray[np.floating],
    codes: NDArray[np.uint8],
    own_latents: NDArray[np.floating],
    own_codes: NDArray[np.uint8],
    n: int = N_NEAREST,
    progress: Tell | None = None,
) -> tuple[NDArray[np.int32], Singles]:
    """The nearest training molecules of every molecule that is none: `nearest` and `nearest_distance` of `Inside`.

    latents (n_molecules, n_features) and split codes (n_molecules,) of a dataset; `own_latents` and `own_codes` of the
    dataset that the run was trained on, whose rows the answer names. Rows of training molecules hold -1 and NaN.
    """
    train = np.flatnonzero(own_codes == TRAIN)
    wanted = np.flatnonzero(codes != TRAIN)
    scale = scale_of(own_latents[train])
    places, distances = nearest_of(scale(latents[wanted]), scale(own_latents[train]), n, progress)
    nearest = np.full((len(codes), places.shape[1]), -1, dtype=np.int32)
    apart = np.full(nearest.shape, np.nan, dtype=np.float32)
    nearest[wanted], apart[wanted] = train[places], distances
    return nearest, apart


def held_out_distances(inside: Inside, codes: NDArray[np.uint8]) -> Floats:
    """(n_test,) ascending distances of the run's test molecules to their nearest training molecule.

    Where a split has no test molecules those of validation, else all that were not trained on; empty where there are
    none.
    """
    if inside.nearest_distance is None or inside.nearest_distance.shape[1] == 0:
        return np.zeros(0)
    first = np.asarray(inside.nearest_distance[:, 0], dtype=np.float64)
    for code in (TEST, VALIDATION, NONE):
        some = first[(codes == code) & np.isfinite(first)]
        if len(some):
            return np.sort(some)
    return np.zeros(0)


def percentile(distances: Floats, among: Floats) -> Floats:
    """(n,) share of the ascending distances `among` that lie below each of `distances` (n,), equal ones by half."""
    if not len(among):
        return np.full(np.shape(distances), np.nan)
    below, upto = np.searchsorted(among, distances, "left"), np.searchsorted(among, distances, "right")
    return np.asarray((below + upto) / (2 * len(among)))


def nearest_by_fingerprint(dataset: Dataset, row: int, train_rows: Ints, n: int = N_NEAREST) -> tuple[Ints, Floats]:
    """Rows and Tanimoto similarities (n,) of the training molecules most like the one at `row`, the best first.

    Morgan fingerprints of the SMILES, radius 2, 2048 bits. The molecule itself is left out.

    Raises:
        MollensError: if the dataset's index is not made yet, or the molecule has no readable SMILES.
    """
    from core.data.search import nearest_rows  # brings RDKit along

    return nearest_rows(dataset, row, n, among=train_rows)
