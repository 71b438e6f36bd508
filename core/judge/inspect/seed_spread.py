"""How much the runs of one recipe with different seeds disagree about a molecule, and whether that tells the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.held_out import HeldOut
from core.judge.inspect.distance_and_error import DistanceAndError, distance_and_error

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SeedSpread:
    """Predictions of several runs for the molecules that none of them has seen."""

    ids: Ints
    """(n,) ascending"""
    rows: Ints
    """(n,) of the dataset"""
    n_runs: int
    spread: Floats
    """(n,) standard deviation of the predictions over the runs (n_runs - 1), in the target's unit"""
    mean_error: Floats
    """(n,) mean of the predictions minus target"""
    errors: Floats
    """(n_runs, n) of each run"""

    @property
    def same_sign(self) -> NDArray[np.bool_]:
        """(n,) whether all runs are wrong in the same direction."""
        return np.asarray((self.errors > 0).all(axis=0) | (self.errors < 0).all(axis=0))


def spread_of_seeds(sources: Sequence[HeldOut]) -> SeedSpread:
    """The spread over runs, one `HeldOut` each, on the molecules that all of them hold out.

    Raises:
        MollensError: for fewer than two runs, runs of different targets or datasets, or no molecule in common.
    """
    if len(sources) < 2:
        raise MollensError(f"spread between seeds: {len(sources)} run; at least 2 are needed")
    first = sources[0]
    for other in sources[1:]:
        if other.target.key != first.target.key or other.dataset.card.sha256 != first.dataset.card.sha256:
            raise MollensError(
                f"runs {first.run.name} and {other.run.name}: predict {first.target.key} of {first.dataset.name} and "
                f"{other.target.key} of {other.dataset.name}; a spread needs the same molecules and target"
            )
    ids = first.ids
    for other in sources[1:]:
        ids = np.intersect1d(ids, other.ids, assume_unique=True)
    seen = np.unique(np.concatenate([source.seen_rows for source in sources]))
    ids = ids[~np.isin(first.rows[np.searchsorted(first.ids, ids)], seen)]
    if not len(ids):
        names = ", ".join(source.run.name for source in sources)
        raise MollensError(f"runs {names}: hold no molecule out together; compare runs of the same split")
    errors = np.stack([source.error[np.searchsorted(source.ids, ids)] for source in sources])
    place = np.searchsorted(first.ids, ids)
    return SeedSpread(ids, first.rows[place], len(sources), errors.std(axis=0, ddof=1), errors.mean(axis=0), errors)


def spread_and_error(spread: SeedSpread, source: HeldOut) -> DistanceAndError:
    """Whether the spread between seeds tells the error of their mean, within each size; `source` any of the runs."""
    return distance_and_error(spread.spread, spread.mean_error, source.dataset.molecules.sizes[spread.rows])
