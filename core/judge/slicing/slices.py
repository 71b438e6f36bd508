"""The worst groups, found automatically: conjunctions of up to two predicates with a high error.

They are looked for among validation molecules only, and confirmed on test molecules, where nothing has been searched:
the intervals there are corrected for the number of slices that are confirmed, not for the thousands that were looked
at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.data.selection import Selection
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.wording import amount, between, provisional, unit_of
from core.judge.convergence import training_state
from core.judge.grouping.filters import both
from core.judge.held_out import HeldOut, held_out, unit_per
from core.judge.slicing.predicates import Predicates, open_predicates
from core.judge.statistics.intervals import LEVEL, N_LARGE
from core.judge.statistics.resampling import seed_of
from core.judge.statistics.simultaneous import Estimates, group_sums, simultaneous
from core.runs.folder import Run

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[int, int], None]
State = Literal["confirmed", "not confirmed", "not enough data"]

MOST_SLICES = 10
LEAST_RATIO = 1.1
"""Error of a slice over that of all others from which on it is called high."""
_ALIKE = 0.6
"""Slices that share more of their molecules than this (Jaccard index) are the same finding."""
_SURE = 2.0  # standard errors that the error of a slice lies above the rest on validation molecules


@dataclass(frozen=True)
class Slice:
    """A conjunction of predicates with a high error."""

    predicates: tuple[str, ...]
    label: str
    where: tuple[str, ...] | None
    """arguments of --where that mean the same molecules, with what the search stayed within; None where none does"""
    n_validation: int
    mae_validation: float
    ratio_validation: float
    """MAE over that of all other molecules"""
    n_test: int
    mae: float | None
    """on test molecules, as all below"""
    rest_mae: float | None
    """of all other test molecules"""
    difference: float | None
    """mae minus rest_mae"""
    low: float | None
    """of an interval that holds for all slices at once"""
    high: float | None
    state: State


@dataclass(frozen=True, eq=False)
class SliceSearch:
    """What a search has found for one run."""

    run: Run
    slices: list[Slice]
    looked_at: int
    """conjunctions with enough validation molecules"""
    mae_validation: float
    mae: float
    unit: str
    left_out: str
    """what could not be looked at, a sentence"""
    dataset: str = ""
    """where it was searched"""
    within: tuple[str, ...] = ()
    """filters, as after --where, that the search stayed within"""

    @property
    def provisional(self) -> list[str]:
        """Why other groups may be the worst after more training, a clause each."""
        return provisional([("the run", [training_state(self.run)])])

    @property
    def sentence(self) -> str:
        """The worst confirmed slice in words."""
        return " ".join([self._worst, *(f"Provisional: {why}." for why in self.provisional)])

    @property
    def _worst(self) -> str:
        confirmed = [each for each in self.slices if each.state == "confirmed"]
        if not confirmed:
            return (
                f"No group with a higher error is confirmed: of {self.looked_at:,} looked at on validation molecules, "
                f"{len(self.slices)} stood out, none of them on test molecules."
            )
        worst = max(confirmed, key=lambda each: each.mae or 0.0)
        assert worst.mae is not None and worst.rest_mae is not None
        assert worst.low is not None and worst.high is not None
        return (
            f"Worst confirmed group: {worst.label}, MAE {amount(worst.mae, self.unit)} "
            f"{unit_of(self.unit, worst.mae)} against {amount(worst.rest_mae, self.unit)} "
            f"{unit_of(self.unit, worst.rest_mae)} of the others, {between(worst.low, worst.high, self.unit)} more "
            f"(n = {worst.n_test}). {len(confirmed)} of {len(self.slices)} groups found on validation molecules are "
            "confirmed on test molecules."
        )


def find_slices(
    runs: Sequence[Run],
    dataset: Dataset,
    per: str = "molecule",
    most: int = MOST_SLICES,
    predicates: Predicates | None = None,
    progress: Progress | None = None,
    within: Selection | None = None,
) -> list[SliceSearch]:
    """The slices of each run with the highest error, at most `most`, the highest on validation molecules first.

    A slice has at least 50 validation molecules, an error at least 1.1 times that of all others and 2 standard errors
    above it, is worse than each of its predicates alone, and shares no more than 60 % of its molecules with one before
    it. It is confirmed if it has 50 test molecules and its interval there, corrected for all slices found, lies above
    0.

    progress: called with runs done and their number
    within: stay within such molecules; "all others" are then only those

    Raises:
        MollensError: as `held_out`, or where no molecule is within.
    """
    predicates = predicates or open_predicates(dataset)
    inside = within.mask(dataset) if within else None
    found = []
    for k, run in enumerate(runs):
        if progress is not None:
            progress(k, len(runs))
        parts = [_inside(held_out(run, dataset, part), inside) for part in ("validation", "test")]
        found.append(search_slices(parts[0], parts[1], predicates, per, most, within))
    if progress is not None:
        progress(len(runs), len(runs))
    return found


def _inside(source: HeldOut, inside: Mask | None) -> HeldOut:
    """Its molecules that are inside (n_molecules,) of the dataset."""
    if inside is None:
        return source
    kept = inside[source.rows]
    if not kept.any():
        raise MollensError(
            f"run {source.run.name}: no {source.part} molecule passes these filters; choose wider ones to search in"
        )
    names = ("rows", "ids", "target_values", "predicted", "baseline")
    return replace(source, **{name: getattr(source, name)[kept] for name in names})


def search_slices(
    validation: HeldOut,
    test: HeldOut,
    predicates: Predicates,
    per: str = "molecule",
    most: int = MOST_SLICES,
    within: Selection | None = None,
) -> SliceSearch:
    """The search of `find_slices` in molecules that are already at hand, all of them `within`."""
    table = predicates.table[:, validation.rows]
    kept = np.flatnonzero((table.sum(axis=1) >= N_LARGE) & (table.sum(axis=1) <= table.shape[1] - N_LARGE))
    error, test_error = (_size_of(source, per) for source in (validation, test))
    candidates, looked_at = _candidates(table[kept], error)
    chosen: list[tuple[tuple[int, ...], Mask, float]] = []
    for pair, ratio in candidates:
        inside = np.logical_and.reduce(table[kept][list(pair)])
        if all((inside & other).sum() <= _ALIKE * (inside | other).sum() for _, other, _ in chosen):
            chosen.append((tuple(int(kept[k]) for k in pair), inside, ratio))
        if len(chosen) == most:
            break
    of_test = predicates.table[:, test.rows]
    member = [np.logical_and.reduce(of_test[list(places)]) for places, _, _ in chosen]
    told = _confirmed(test_error, np.array(member).reshape(len(chosen), len(test_error)), seed_of(test.ids))
    slices = [
        _slice(predicates, places, within, error[inside], ratio, result)
        for (places, inside, ratio), result in zip(chosen, told, strict=True)
    ]
    return SliceSearch(
        run=test.run,
        slices=slices,
        looked_at=looked_at,
        mae_validation=float(error.mean()),
        mae=float(test_error.mean()),
        unit=unit_per(test.target.unit, per),
        left_out=predicates.left_out,
        dataset=test.dataset.name,
        within=tuple(within.where()) if within else (),
    )


def _size_of(source: HeldOut, per: str) -> Floats:
    size = np.abs(source.error)
    return size / source.sizes if per == "atom" and source.target.extensive else size


def _candidates(table: Mask, error: Floats) -> tuple[list[tuple[tuple[int, ...], float]], int]:
    """Single predicates and pairs that stand out, the highest ratio of errors first; and how many were looked at.

    table (n_predicates, n). The score is a lower limit of the ratio, so that small slices do not come first by chance.
    """
    if len(table) == 0:
        return [], 0
    member = table.astype(np.float32)
    n_all, total, total_square = len(error), error.sum(), (error**2).sum()
    counts, sums, squares = (((member * w.astype(np.float32)) @ member.T).astype(np.float64) for w in (
        np.ones(n_all), error, error**2,
    ))  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rest = sums / counts, (total - sums) / (n_all - counts)
        variance = np.maximum(squares / counts - mean**2, 0) / np.maximum(counts - 1, 1)
        of_rest = np.maximum((total_square - squares) / (n_all - counts) - rest**2, 0)
        sure = (mean - rest) / np.sqrt(variance + of_rest / np.maximum(n_all - counts - 1, 1))
        ratio = mean / rest
        lower = (mean - _SURE * np.sqrt(variance)) / rest
    enough = (counts >= N_LARGE) & (counts <= n_all - N_LARGE)
    enough &= np.triu(np.ones_like(enough))
    looked_at = int(enough.sum())
    alone = np.diag(mean)
    single = np.eye(len(table), dtype=bool)
    # A pair must be smaller than either predicate, and worse than it.
    size = np.diag(counts)
    real = single | ((counts < 0.95 * size[:, None]) & (counts < 0.95 * size[None, :]))
    real &= single | ((mean > 1.05 * alone[:, None]) & (mean > 1.05 * alone[None, :]))
    good = enough & real & (ratio >= LEAST_RATIO) & (sure >= _SURE)
    first, second = np.nonzero(good)
    order = np.argsort(-lower[first, second], kind="stable")
    pairs = [(int(a), int(b)) for a, b in zip(first[order], second[order], strict=True)]
    return [((a,) if a == b else (a, b), float(ratio[a, b])) for a, b in pairs], looked_at


def _confirmed(error: Floats, member: Mask, seed: int) -> list[dict[str, Any]]:
    """MAE of every slice (n_slices, n) on test molecules, of all others, and the interval of their difference."""
    if len(member) == 0:
        return []
    both = np.concatenate([member, np.ones((1, len(error)), dtype=bool)])
    sums, drawn = group_sums(np.stack([error, error**2]), both, seed)
    value, own_error, mae, rest = _against_rest(sums)
    values, errors, _, _ = _against_rest(drawn)
    n = np.rint(sums[-1, :-1]).astype(np.int64)
    found = simultaneous(Estimates(np.where(n >= N_LARGE, n, 0), value, own_error, values, errors), LEVEL)
    told: list[dict[str, Any]] = []
    for k in range(len(member)):
        state: State = "not enough data" if n[k] < N_LARGE else "confirmed" if found.low[k] > 0 else "not confirmed"
        known = n[k] >= N_LARGE
        told.append(
            {
                "n_test": int(n[k]),
                "mae": float(mae[k]) if n[k] else None,
                "rest_mae": float(rest[k]),
                "difference": float(value[k]) if n[k] else None,
                "low": float(found.low[k]) if known else None,
                "high": float(found.high[k]) if known else None,
                "state": state,
            }
        )
    return told


def _against_rest(sums: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean of a slice minus that of all others, its standard error, and both means; the last group is everything."""
    with np.errstate(invalid="ignore", divide="ignore"):
        inside, outside = sums[:, :-1], sums[:, -1:] - sums[:, :-1]
        means, variances = [], []
        for part in (inside, outside):
            mean = part[0] / part[2]
            means.append(mean)
            variances.append(np.maximum(part[1] / part[2] - mean**2, 0) / np.maximum(part[2] - 1, 1))
        return means[0] - means[1], np.sqrt(variances[0] + variances[1]), means[0], means[1]


def _slice(
    predicates: Predicates,
    places: Sequence[int],
    within: Selection | None,
    error: Floats,
    ratio: float,
    told: dict[str, Any],
) -> Slice:
    names = tuple(predicates.names[k] for k in places)
    return Slice(
        predicates=names,
        label=_joined(names),
        where=_where([within or Selection(), *(predicates.selections[k] for k in places)]),
        n_validation=len(error),
        mae_validation=float(error.mean()),
        ratio_validation=ratio,
        **told,
    )


def _joined(names: Sequence[str]) -> str:
    """ "19 to 20 atoms, without N": what is contained comes after what is counted."""
    ordered = sorted(names, key=lambda name: name.startswith("molecules "))
    return ", ".join([ordered[0], *(name.removeprefix("molecules ") for name in ordered[1:])])


def _where(selections: Sequence[Selection | None]) -> tuple[str, ...] | None:
    """The filters of all predicates as arguments; None where one has none, or no filter means what all of them do."""
    found: Selection | None = Selection()
    for selection in selections:
        found = both(found, selection) if found is not None and selection is not None else None
    return None if found is None else tuple(found.where())
