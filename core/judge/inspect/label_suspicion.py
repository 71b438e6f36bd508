"""Molecules whose label may be wrong: all models miss them the same way, AND something else speaks against the label.

That all models are wrong in one direction is model bias as often as a wrong label, so it is never enough. The evidence
must not come from the models: a list of failed calculations, a strange geometry, a copy of the molecule with another
value, or a second level of theory that does not follow the composition as it does for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.defects import CONFLICT, Defects, read_defects
from core.data.identity import find_same, open_identities
from core.data.pairs import Progress
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import HeldOut
from core.judge.inspect.distances_seen import distances_seen, unseen_distances
from core.judge.inspect.seed_spread import SeedSpread, spread_of_seeds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIMES_MAE = 3.0
"""Times its own mean absolute error by which every model must miss a molecule."""
FAR_OFF = 4.0
"""Robust standard deviations from which the difference of two levels of theory is called strange."""
FEWEST_COMMON = 200
"""Molecules that two levels of theory must have in common before their difference is looked at."""


@dataclass(frozen=True, eq=False)
class SecondLevel:
    """How far a dataset's values lie from what a second level of theory and the composition let expect."""

    name: str
    """of the second dataset"""
    level_of_theory: str
    residual: Floats
    """(n_molecules,) difference of the levels minus its linear fit in the atom counts; NaN where not in both"""
    z: Floats
    """(n_molecules,) residual over its robust standard deviation"""
    n_common: int
    spread: float
    """robust standard deviation (1.4826 times the median absolute deviation) of the residual, in the target's unit"""


@dataclass(frozen=True)
class Suspicion:
    """One molecule whose label may be wrong."""

    id: int
    row: int
    mean_error: float
    """mean over the runs of predicted minus target, in the target's unit"""
    times_mae: float
    """least, over the runs, of |error| over the run's mean absolute error"""
    evidence: tuple[str, ...]
    """kinds: uncharacterized, geometry, duplicate, second level"""
    reasons: tuple[str, ...]
    """the same in words, strongest first"""


@dataclass(frozen=True, eq=False)
class Suspicions:
    """What was found, and out of what."""

    found: tuple[Suspicion, ...]
    """most kinds of evidence first, then the largest errors"""
    n_same_direction: int
    """held-out molecules that every run misses by TIMES_MAE in one direction, with evidence or without"""
    n_held_out: int
    n_runs: int
    expected_by_chance: float
    """how many of `n_same_direction` would have evidence if it had nothing to do with the errors"""
    looked_at: tuple[str, ...]
    """kinds of evidence that could be looked at in this dataset"""


def second_level(
    dataset: Dataset, key: str, other: Dataset, other_key: str, progress: Progress | None = None
) -> SecondLevel:
    """Set a property beside one of another dataset, for the molecules that have the same geometry in both.

    The difference of two levels of theory is nearly linear in the composition (references, missing correlation); what
    is left of it is compared with its own spread. It judges no model.

    Raises:
        MollensError: if fewer than FEWEST_COMMON molecules with values are in both.
    """
    rows, others = find_same(dataset.molecules, other.molecules, progress)
    rows, first = np.unique(rows, return_index=True)
    others = others[first]
    difference = (
        np.asarray(dataset.molecules.columns[key])[rows] - np.asarray(other.molecules.columns[other_key])[others]
    )
    known = np.isfinite(difference)
    rows, difference = rows[known], difference[known]
    if len(rows) < FEWEST_COMMON:
        raise MollensError(
            f"datasets {dataset.name} and {other.name}: have {len(rows):,} molecules with values in common; "
            f"at least {FEWEST_COMMON} are needed"
        )
    counts = dataset.molecules.element_counts[rows].astype(np.float64)
    left = _robust_residual(counts, difference)
    spread = 1.4826 * float(np.median(np.abs(left - np.median(left)))) or 1e-12
    residual, z = np.full(dataset.molecules.n_molecules, np.nan), np.full(dataset.molecules.n_molecules, np.nan)
    residual[rows], z[rows] = left, (left - np.median(left)) / spread
    return SecondLevel(other.name, other.card.level_of_theory, residual, z, len(rows), spread)


def _robust_residual(counts: Floats, values: Floats) -> Floats:
    """What a linear fit leaves, fitted again without the values that the first fit leaves farthest off."""
    keep = np.ones(len(values), dtype=bool)
    for _ in range(3):
        coefficients, *_ = np.linalg.lstsq(counts[keep], values[keep], rcond=None)
        left = values - counts @ coefficients
        middle = np.median(left[keep])
        limit = FAR_OFF * 1.4826 * np.median(np.abs(left[keep] - middle))
        keep = np.abs(left - middle) <= max(limit, 1e-12)
    return np.asarray(left)


def suspicions(sources: Sequence[HeldOut], levels: Sequence[SecondLevel] = ()) -> Suspicions:
    """Held-out molecules whose label may be wrong.

    sources: one for each run, several models and seeds of one target; levels: of `second_level`, may be none.

    Raises:
        MollensError: as `core.judge.inspect.seed_spread.spread_of_seeds`.
    """
    spread, dataset = spread_of_seeds(sources), sources[0].dataset
    mae = np.abs(spread.errors).mean(axis=1, keepdims=True)
    times = (np.abs(spread.errors) / np.maximum(mae, 1e-300)).min(axis=0)
    chosen = spread.same_sign & (times >= TIMES_MAE)
    evidence = LabelEvidence(sources[0], dataset, levels)
    found, has = [], np.zeros(len(times), dtype=bool)
    for place in np.flatnonzero(chosen):
        kinds = evidence.of(int(spread.rows[place]), float(spread.mean_error[place]))
        if kinds:
            has[place] = True
            found.append(_suspicion(spread, int(place), float(times[place]), kinds))
    found.sort(key=lambda each: (-len(each.evidence), -each.times_mae))
    return Suspicions(
        tuple(found), int(chosen.sum()), len(times), spread.n_runs, evidence.rate(spread) * int(chosen.sum()),
        evidence.kinds,
    )  # fmt: skip


def _suspicion(spread: SeedSpread, place: int, times: float, kinds: dict[str, str]) -> Suspicion:
    return Suspicion(
        int(spread.ids[place]), int(spread.rows[place]), float(spread.mean_error[place]), times, tuple(kinds),
        tuple(kinds.values()),
    )  # fmt: skip


class LabelEvidence:
    """What speaks against labels of a dataset, without any model."""

    def __init__(
        self, source: HeldOut, dataset: Dataset, levels: Sequence[SecondLevel], seen: Ints | None = None
    ) -> None:
        """`seen`: `distances_seen` of the training molecules, where they are at hand; counting takes seconds."""
        self._dataset, self._levels, self._unit = dataset, levels, source.target.unit
        self._values = np.asarray(dataset.molecules.columns[source.target.key])
        self._defects: Defects | None = read_defects(dataset)
        self._groups = open_identities(dataset)
        self._seen = distances_seen(dataset.molecules, source.train_rows) if seen is None else seen
        self._limit = CONFLICT * (1.0 if self._unit == "eV" else float(np.nanstd(self._values)))
        _, self._group, counts = np.unique(self._groups, return_inverse=True, return_counts=True)
        self._copied = counts[self._group] > 1
        listed = self._defects is not None and bool(self._defects.counts["uncharacterized"].get("list"))
        self.kinds = (
            *(("uncharacterized",) if listed else ()), "geometry", "duplicate", *(("second level",) if levels else ()),
        )  # fmt: skip

    def of(self, row: int, error: float) -> dict[str, str]:
        """Kind -> reason in words, for a molecule that the models predict `error` too high."""
        told: dict[str, str] = {}
        for level in self._levels:
            z = float(level.z[row])
            # predicted too high: if the label is to blame it is too low, and so below the second level
            if np.isfinite(z) and abs(z) >= FAR_OFF and np.sign(z) == -np.sign(error):
                told["second level"] = (
                    f"its value is {abs(level.residual[row]):.3g} {self._unit} {'below' if z < 0 else 'above'} what "
                    f"{level.name} ({level.level_of_theory}) and its composition let expect, {abs(z):.1f} times the "
                    "usual difference, as the models say"
                )
        told |= self._duplicate(row)
        if self._defects is not None and self._defects.flags["uncharacterized"][row]:
            told["uncharacterized"] = "it is on the list of molecules that failed the consistency check"
        told |= self._geometry(row)
        return told

    def _duplicate(self, row: int) -> dict[str, str]:
        if not self._copied[row]:
            return {}
        copies = np.flatnonzero((self._group == self._group[row]) & np.isfinite(self._values))
        off = np.abs(self._values[copies] - self._values[row])
        if not len(copies) or not np.nanmax(off) > self._limit:
            return {}
        other = int(copies[np.nanargmax(off)])
        text = (
            f"molecule {self._dataset.molecules.ids[other]} has the same geometry and a value that differs by "
            f"{float(off.max()):.3g} {self._unit}"
        )
        return {"duplicate": text}

    def _geometry(self, row: int) -> dict[str, str]:
        if self._defects is not None and self._defects.flags["close_contact"][row]:
            return {"geometry": "two of its atoms are nearer than any bond"}
        atoms = self._dataset.molecules.atoms(row)
        strange = unseen_distances(
            self._dataset.molecules.numbers[atoms], self._dataset.molecules.positions[atoms], self._seen
        )
        return {"geometry": str(strange[0])} if strange else {}

    def rate(self, spread: SeedSpread) -> float:
        """Share of the held-out molecules that have evidence, whatever their errors; of many, of a thousand by lot."""
        places = np.arange(len(spread.ids))
        if len(places) > 1000:
            places = np.random.default_rng(0).choice(places, 1000, replace=False)
        return float(np.mean([bool(self.of(int(spread.rows[k]), float(spread.mean_error[k]))) for k in places]))
