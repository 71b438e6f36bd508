"""How well does what is known without a label tell the error: the spread between seeds, and the distance of latents?

Both are set against the error of the mean of the seeds, within each size; and as calibration: of the molecules with
so much spread, how large are the errors really?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import common_ids
from core.judge.inspect.bench import Bench, BenchRun, open_bench
from core.judge.inspect.distance_and_error import DistanceAndError, distance_and_error
from core.judge.inspect.look_inside import how_to_look
from core.judge.inspect.nearest import percentile
from core.judge.statistics.intervals import N_POINTS_ONLY, interval_of_mean
from core.runs.folder import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_BINS = 10
COVERED = 2.0
"""Times the spread within which an error is counted as covered; 95 % would be if the spread were the whole error."""
QUANTITIES = {"spread": "spread between seeds", "distance": "distance of latents to the nearest training molecule"}


@dataclass(frozen=True)
class CalibrationBin:
    """About as many molecules as in each other bin, with the quantity between `low` and `high`."""

    low: float
    high: float
    middle: float
    """median of the quantity"""
    n: int
    mae: float
    mae_low: float | None
    mae_high: float | None
    """95 % interval; None below 10 molecules"""
    rmse: float
    covered: float | None
    """share of errors within twice the spread; None for a distance"""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """One quantity, and what it tells of the error."""

    quantity: str
    """a key of QUANTITIES"""
    label: str
    unit: str
    """of the quantity: the target's for a spread, none for a distance"""
    ids: Ints
    """(n,) held-out molecules"""
    rows: Ints
    values: Floats
    """(n,) the quantity; a distance is the mean over seeds of its percentile among held-out molecules"""
    errors: Floats
    """(n,) of the mean of the seeds, in the target's unit"""
    within_sizes: DistanceAndError
    """rank correlation of quantity and |error| within sizes, and errors of tenths by rank"""
    bins: tuple[CalibrationBin, ...]
    covered: float | None
    """share of all errors within twice the spread"""

    @property
    def sentence(self) -> str:
        """What it tells, in words."""
        found = self.within_sizes
        if not np.isfinite(found.value):
            return f"Too few molecules of one size to tell whether the {self.label} goes with the error."
        how = "hardly" if abs(found.value) < 0.1 else "somewhat" if found.value < 0.4 else "well"
        told = f"tells the error {how}" if found.low > 0 else "does not tell the error"
        text = (
            f"Within molecules of equal size the {self.label} {told}: rank correlation {found.value:.2f} "
            f"({found.low:.2f} to {found.high:.2f}, n = {found.n:,})."
        )
        if self.covered is not None:
            text += f" {100 * self.covered:.0f} % of errors lie within twice the spread."
        return text.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, eq=False)
class Uncertainties:
    """All quantities that can be had for a recipe."""

    found: tuple[Uncertainty, ...]
    n_seeds: int
    missing: tuple[str, ...]
    """sentences on quantities that cannot be had, and how they can"""

    def of(self, quantity: str) -> Uncertainty | None:
        """One of QUANTITIES, or None."""
        return next((each for each in self.found if each.quantity == quantity), None)


def uncertainties(runs: Sequence[Run], dataset: Dataset) -> Uncertainties:
    """What spread and distance tell of the errors of the first run's recipe; runs of other recipes are passed over.

    Raises:
        MollensError: as `open_bench`, or where the seeds hold no molecule out together.
    """
    return uncertainties_on(open_bench(runs, dataset))


def uncertainties_on(bench: Bench) -> Uncertainties:
    """As `uncertainties`, on a bench that is open."""
    seeds = bench.of_recipe(0)
    ids = common_ids([run.source for run in seeds])
    if not len(ids):
        raise MollensError(f"recipe {bench.recipes[0]}: its seeds hold no molecule out together")
    rows = bench.dataset.molecules.rows_of(ids)
    errors = np.stack([run.error[rows] for run in seeds])
    found: list[Uncertainty] = []
    missing: list[str] = []
    if len(seeds) > 1:
        found.append(_uncertainty(bench, "spread", ids, rows, errors.std(axis=0, ddof=1), errors.mean(axis=0)))
    else:
        missing.append(f"A spread needs two seeds or more; {bench.recipes[0]} has one here.")
    shares = [share for run in seeds if (share := distance_shares(run, rows)) is not None]
    if shares:
        found.append(_uncertainty(bench, "distance", ids, rows, np.mean(shares, axis=0), errors.mean(axis=0)))
    else:
        missing.append(f"Distances are not computed{how_to_look(bench.first)}.")
    return Uncertainties(tuple(found), len(seeds), tuple(missing))


def distance_shares(run: BenchRun, rows: Ints) -> Floats | None:
    """(n,) percentiles of the molecules' distances to the training molecules of one run; None where not computed."""
    inside = run.inside
    if inside is None or inside.nearest_distance is None or not len(run.distances):
        return None
    place = run.place[rows]
    apart = np.where(place >= 0, np.asarray(inside.nearest_distance[:, 0], dtype=np.float64)[place], np.nan)
    return np.where(np.isfinite(apart), percentile(np.nan_to_num(apart), run.distances), np.nan)


def _uncertainty(bench: Bench, quantity: str, ids: Ints, rows: Ints, values: Floats, errors: Floats) -> Uncertainty:
    is_spread = quantity == "spread"
    sizes = bench.dataset.molecules.sizes[rows]
    known = np.isfinite(values) & np.isfinite(errors)
    covered = float((np.abs(errors[known]) <= COVERED * values[known]).mean()) if is_spread and known.any() else None
    return Uncertainty(
        quantity, QUANTITIES[quantity], bench.target.unit if is_spread else "", ids, rows, values, errors,
        distance_and_error(values, errors, sizes), calibration(values[known], errors[known], is_spread), covered,
    )  # fmt: skip


def calibration(values: Floats, errors: Floats, is_spread: bool = True) -> tuple[CalibrationBin, ...]:
    """Bins of about equal count by a quantity (n,), with the errors (n,) in them; fewer bins below 100 molecules."""
    n_bins = max(1, min(N_BINS, len(values) // N_POINTS_ONLY))
    order = np.argsort(values, kind="stable")
    bins = []
    for some in np.array_split(order, n_bins):
        if not len(some):
            continue
        off, inside = np.abs(errors[some]), values[some]
        low, high, _ = interval_of_mean(off)
        known = np.isfinite(low)
        bins.append(
            CalibrationBin(
                float(inside.min()), float(inside.max()), float(np.median(inside)), len(some), float(off.mean()),
                float(low) if known else None, float(high) if known else None, float(np.sqrt((off**2).mean())),
                float((off <= COVERED * inside).mean()) if is_spread else None,
            )
        )  # fmt: skip
    return tuple(bins)
