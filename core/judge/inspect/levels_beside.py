"""A second level of theory looked at twice: against the composition, and beside the nearest training molecules.

The differences that the nearest training molecules have between the levels are taken off. So a difference that a whole
kind of molecules has is not taken for a wrong label, and a smaller one is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.judge.inspect.bench import Bench, BenchRun
from core.judge.inspect.label_suspicion import SecondLevel
from core.judge.inspect.levels import read_levels
from core.judge.inspect.paired_orders import robust_spread

Floats = NDArray[np.float64]

LEAST_NEAREST = 5
LEAST_LOCAL = 100
"""Held-out molecules that a second level must have neighbours for, before it is looked at beside them."""


@dataclass(frozen=True, eq=False)
class LevelsBeside:
    """A second level of theory, by composition alone and beside the nearest training molecules."""

    plain: SecondLevel
    local: SecondLevel | None
    """its residual minus the median of those of the nearest training molecules; held-out molecules only"""
    expected: Floats
    """(n_molecules,) that median; NaN where it is not known"""

    def best(self, row: int) -> SecondLevel | None:
        """What sees the molecule most sharply; None where it has no value at the second level."""
        if self.local is not None and np.isfinite(self.local.z[row]):
            return self.local
        return self.plain if np.isfinite(self.plain.z[row]) else None


def label_evidence_levels(levels: list[LevelsBeside]) -> list[SecondLevel]:
    """The levels as `core.judge.inspect.label_suspicion` takes them: each molecule by what sees it most sharply."""
    found = []
    for level in levels:
        if level.local is None:
            found.append(level.plain)
            continue
        sharp = np.isfinite(level.local.z)
        plain = level.plain
        found += [
            SecondLevel(
                plain.name, plain.level_of_theory, np.where(sharp, np.nan, plain.residual),
                np.where(sharp, np.nan, plain.z), plain.n_common, plain.spread,
            ),
            level.local,
        ]  # fmt: skip
    return found


def levels_beside(bench: Bench) -> tuple[list[LevelsBeside], list[str]]:
    """Second levels that have been set beside the dataset, and names of datasets that nobody has tried; kept."""
    found, waiting = read_levels(bench.dataset, bench.target.key)
    first = next((run for run in bench.of_recipe(0) if run.inside is not None), bench.first)
    return [_beside(level, first) for level in found], waiting


@lru_cache(maxsize=16)
def _beside(level: SecondLevel, run: BenchRun) -> LevelsBeside:
    inside, dataset = run.inside, run.source.dataset
    n = dataset.molecules.n_molecules
    nothing = LevelsBeside(level, None, np.full(n, np.nan))
    if inside is None or inside.nearest is None or inside.nearest_in != dataset.name:
        return nothing
    rows = dataset.molecules.rows_of(np.asarray(inside.ids))
    nearest = np.asarray(inside.nearest, dtype=np.int64)
    places = np.flatnonzero((nearest[:, :1] >= 0).all(axis=1) & np.isfinite(level.residual[rows]))
    if len(places) < LEAST_LOCAL:
        return nothing
    around = level.residual[rows[nearest[places]]]
    enough = np.isfinite(around).sum(axis=1) >= LEAST_NEAREST
    places, around = places[enough], around[enough]
    if len(places) < LEAST_LOCAL:
        return nothing
    expected = np.full(n, np.nan)
    expected[rows[places]] = np.nanmedian(around, axis=1)
    residual = level.residual - expected
    known = residual[np.isfinite(residual)]
    spread = robust_spread(known) or 1e-12
    name = f"the nearest training molecules in {level.name}"
    local = SecondLevel(
        name, level.level_of_theory, residual, (residual - np.median(known)) / spread, len(known), spread
    )
    return LevelsBeside(level, local, expected)


@lru_cache(maxsize=16)
def levels_for_evidence(levels: tuple[LevelsBeside, ...]) -> tuple[SecondLevel, ...]:
    """As `label_evidence_levels`, kept, so that what rests on them can be kept too."""
    return tuple(label_evidence_levels(list(levels)))
