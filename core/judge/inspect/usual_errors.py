"""What error to expect of a molecule without a label, from the held-out molecules that are like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.judge.inspect.nearest import percentile
from core.judge.statistics.intervals import N_PERCENTILE, N_POINTS_ONLY, interval_of_mean
from core.runs.inside import Inside
from core.runs.predictions import TEST, VALIDATION, Predictions

Ints = NDArray[np.int64]

SIMILAR_SIZE = 2
"""Atoms more or less that still count as a similar size."""
SIMILAR_DISTANCE = 0.15
"""Difference of percentiles up to which a distance counts as similar."""
SHARE_STEP = 0.05
"""To which percentiles are rounded before similar distances are looked for, so that many molecules share an answer."""


class UsualErrors:
    """What error to expect of a molecule: that of the held-out molecules as large and as far from the training ones.

    It tells what to expect of a molecule like those of the dataset, and is no bound.
    """

    def __init__(self, inside: Inside, stored: Predictions, sizes: Ints) -> None:
        """`sizes` (n,) atoms of every molecule of the predictions."""
        codes, first = np.asarray(stored.split), inside.nearest_distance
        self.part = "test" if (codes == TEST).any() else "validation"
        error = np.abs(np.asarray(stored.predicted) - np.asarray(stored.target))
        near = np.full(len(codes), np.nan) if first is None else np.asarray(first[:, 0], dtype=np.float64)
        code = TEST if self.part == "test" else VALIDATION
        held = np.flatnonzero((codes == code) & np.isfinite(near) & np.isfinite(error))
        self._error, self._sizes = error[held], sizes[held]
        self._share = percentile(near[held], np.sort(near[held]))
        self._known: dict[tuple[int, float], dict[str, Any] | None] = {}

    def like(self, size: int, share: float | None) -> dict[str, Any] | None:
        """Mean absolute error with its interval, n and what was taken together.

        Sizes within SIMILAR_SIZE atoms and distances within SIMILAR_DISTANCE percentiles of `share`, which is rounded
        to SHARE_STEP; all sizes where these are fewer than 10. None where not even so many are left, or the molecule
        lies farther than all of them (`share` 1).
        """
        if share is None or share >= 1:
            return None
        middle = min(max(SHARE_STEP * round(share / SHARE_STEP), SIMILAR_DISTANCE), 1 - SIMILAR_DISTANCE)
        if (size, middle) not in self._known:
            self._known[size, middle] = self._measured(size, middle)
        return self._known[size, middle]

    def _measured(self, size: int, middle: float) -> dict[str, Any] | None:
        alike = np.abs(self._share - middle) <= SIMILAR_DISTANCE
        similar = alike & (np.abs(self._sizes - size) <= SIMILAR_SIZE)
        within = int(similar.sum()) >= N_POINTS_ONLY
        error = self._error[similar if within else alike]
        if len(error) < N_POINTS_ONLY:
            return None
        low, high, kind = interval_of_mean(error)
        return {
            "mae": float(error.mean()),
            "low": float(low),
            "high": float(high),
            "interval": kind,
            "n": len(error),
            "sizes": [size - SIMILAR_SIZE, size + SIMILAR_SIZE] if within else None,
            "p95": float(np.quantile(error, 0.95)) if len(error) >= N_PERCENTILE else None,
            "part": self.part,
        }
