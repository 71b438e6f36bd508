"""Where on the map of latents a run is wrong: the places of all molecules with the errors of those it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.selection import Selection, Span
from core.data.where import LONGEST, MOST_SPANS
from core.errors import MollensError
from core.judge.held_out import HeldOut
from core.judge.inspect.latent_map import MOST_POINTS, LatentMap, latent_map
from core.judge.statistics.intervals import interval_of_mean
from core.runs.inside import Inside, read_inside
from core.runs.predictions import NONE, TEST, TRAIN, UNUSED, VALIDATION, read_predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_WORST = 500
"""Worst molecules that are always among the points, however many there are."""
FEWEST_IN_CELL = 3
PARTS = {TRAIN: "training", VALIDATION: "validation", TEST: "test", UNUSED: "not trained on", NONE: "not known"}


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """All molecules that a run has predicted, on the map of its latents; rows as in the predictions."""

    source: HeldOut
    places: LatentMap
    ids: Ints
    """(n,)"""
    rows: Ints
    """(n,) of the dataset"""
    codes: NDArray[np.uint8]
    """(n,) part of the split"""
    error: Floats
    """(n,) predicted minus target in the target's unit; NaN of molecules that are not judged on"""

    @property
    def trained(self) -> Mask:
        """(n,) which molecules were trained on."""
        return self.codes == TRAIN

    @property
    def sizes(self) -> Ints:
        """(n,) atoms of each molecule, hydrogens included."""
        return self.source.dataset.molecules.sizes[self.rows]

    def value(self, by: str) -> Floats:
        """(n,) what the map is coloured by: "error" (absolute), "size", "trained" (1 or 0), or a symbol (1 or 0).

        Raises:
            MollensError: for anything else.
        """
        if by == "error":
            return np.abs(self.error)
        if by == "size":
            return self.sizes.astype(np.float64)
        if by == "trained":
            return self.trained.astype(np.float64)
        if by not in NUMBERS:
            raise MollensError(f"map by {by[:20]!r}: expected error, size, trained or a symbol such as F")
        return self.source.dataset.molecules.contains(NUMBERS[by])[self.rows].astype(np.float64)

    def points(self, within: Mask | None = None) -> Ints:
        """(n_points,) places of at most `MOST_POINTS` judged molecules, the worst ones last.

        within (n_molecules,): only those of the dataset. Of more the MOST_WORST worst are taken, others by lot.
        """
        judged = np.isfinite(self.error) if within is None else np.isfinite(self.error) & within[self.rows]
        order = np.flatnonzero(judged)
        order = order[np.argsort(np.abs(self.error[order]), kind="stable")]
        if len(order) <= MOST_POINTS:
            return order
        rest = len(order) - MOST_WORST
        some = np.sort(np.random.default_rng(0).choice(rest, MOST_POINTS - MOST_WORST, replace=False))
        return np.concatenate([order[some], order[rest:]])

    def place_of(self, molecule: int) -> int | None:
        """Place of the molecule with this id, None where it was not predicted."""
        found = np.flatnonzero(self.ids == molecule)
        return int(found[0]) if len(found) else None

    def table(self, within: Mask | None = None) -> pl.DataFrame:
        """id, size, part, x, y and error (null where it was not judged on) of each molecule, or of those inside."""
        chosen = np.arange(len(self.ids)) if within is None else np.flatnonzero(within[self.rows])
        return pl.DataFrame(
            {
                "id": self.ids[chosen], "size": self.sizes[chosen],
                "part": [PARTS.get(int(code), "none") for code in self.codes[chosen]],
                "x": self.places.x[chosen], "y": self.places.y[chosen],
                "error": pl.Series(self.error[chosen]).fill_nan(None),
            }
        )  # fmt: skip

    def mean_error(self, within: Mask | None) -> MeanError:
        """Mean absolute error of the judged molecules inside (n_molecules,), and how many were trained on there."""
        inside = np.ones(len(self.ids), dtype=bool) if within is None else within[self.rows]
        judged = np.abs(self.error[inside & np.isfinite(self.error)])
        low, high, _ = interval_of_mean(judged)
        mean = float(judged.mean()) if len(judged) else float("nan")
        return MeanError(len(judged), int((self.trained & inside).sum()), mean, low, high)


@dataclass(frozen=True)
class MeanError:
    """What a run does with some molecules."""

    n_held_out: int
    n_train: int
    mae: float
    """NaN without a held-out molecule"""
    low: float
    high: float
    """95 % interval, NaN below 10"""


def error_map(source: HeldOut, inside: Inside) -> ErrorMap:
    """The map of the molecules that the run of `source` has predicted, all of that dataset."""
    run, dataset = source.run, source.dataset
    stored = read_predictions(run, dataset.name)
    if stored is None:
        raise MollensError(f"run {run.name}: has no predictions for dataset {dataset.name}")
    codes = np.asarray(stored.split)
    own = read_inside(run) if source.elsewhere else None
    of_own = read_predictions(run) if own is not None else None
    places = latent_map(inside, codes, own, None if of_own is None else np.asarray(of_own.split))
    ids = np.asarray(inside.ids)
    rows = dataset.molecules.rows_of(ids)
    off = np.full(dataset.molecules.n_molecules, np.nan)
    off[source.rows] = source.error
    return ErrorMap(source, places, ids, rows, codes, off[rows])


@dataclass(frozen=True)
class Region:
    """A rectangle of the map as a filter."""

    selection: Selection
    n: int
    """molecules in the rectangle"""
    remark: str
    """a sentence where the filter does not hold all of them, else empty"""


def region(found: ErrorMap, x: tuple[float, float], y: tuple[float, float]) -> Region:
    """The molecules in a rectangle of the map as a filter by ids, so that every page and address understands it.

    An address holds `MOST_SPANS` numbers. Of more molecules the filter holds those held out, or some of these by lot.
    """
    places = found.places.within(x, y)
    ids, n = np.sort(found.ids[places]), len(places)
    spans = spans_of(ids)
    if fits(spans):
        return Region(Selection(id=spans), n, "")
    held = np.sort(found.ids[places[np.isfinite(found.error[places])]])
    spans = spans_of(held)
    if fits(spans):
        text = f"{n:,} molecules are too many for a filter; it holds the {len(held):,} held-out ones among them."
        return Region(Selection(id=spans), n, text)
    some = np.sort(np.random.default_rng(0).choice(held, MOST_SPANS, replace=False))
    text = f"{n:,} molecules are too many for a filter; it holds {len(some):,} held-out ones among them, drawn by lot."
    return Region(Selection(id=spans_of(some)), n, text)


def spans_of(ids: Ints) -> tuple[Span, ...]:
    """Ascending ids (n,) in the fewest spans."""
    if not len(ids):
        return ()
    begins = np.concatenate([[0], np.flatnonzero(np.diff(ids) > 1) + 1])
    ends = np.concatenate([begins[1:] - 1, [len(ids) - 1]])
    return tuple(Span(int(ids[a]), int(ids[b])) for a, b in zip(begins, ends, strict=True))


def fits(spans: tuple[Span, ...]) -> bool:
    """Whether a filter and an address can hold these spans."""
    return len(spans) <= MOST_SPANS and sum(len(str(span)) + 1 for span in spans) <= LONGEST
