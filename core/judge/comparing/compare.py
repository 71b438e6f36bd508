"""Model A against model B on the molecules that neither has seen: differences, what they allow to say, a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.pairing import Paired, notes_on, pair_up
from core.judge.comparing.recipes_compared import LEAST_SEEDS, recipe_differences, recipe_key, same_start
from core.judge.comparing.verdicts import (
    GroupVerdict,
    RangeVerdict,
    State,
    default_margin,
    ranges_of,
    state_of,
)
from core.judge.comparing.wording import provisional, ranges_sentence, whole_sentence
from core.judge.convergence import training_state
from core.judge.grouping.filters import filter_text
from core.judge.grouping.groupings import Grouping, open_grouping
from core.judge.held_out import unit_per
from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY, wilson
from core.judge.statistics.resampling import seed_of
from core.judge.statistics.simultaneous import (
    Simultaneous,
    group_sums,
    mean_estimates,
    rmse_difference_estimates,
    simultaneous,
)
from core.runs.folder import Run

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

COMPARED = ("mae", "rmse")
"""Measures whose difference has an interval."""
HALVED = 1 - (1 - LEVEL) / 2
"""Half of the 5 % for the whole, half for the groups: then both hold together with 95 %."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A verdict on A and B with everything that it rests on."""

    a: tuple[Run, ...]
    """one run, or the seeds of one recipe"""
    b: tuple[Run, ...]
    paired: Paired
    by: str
    measure: str
    per: str
    margin: float | None
    """as it was asked for; None: by `default_margin`, group by group"""
    whole: GroupVerdict
    """over all molecules that are compared"""
    groups: list[GroupVerdict]
    """in order; those without a molecule that is compared are left out"""
    ranges: list[RangeVerdict]
    """neighbouring groups of one state"""
    convergence_a: tuple[str, ...]
    """of each run, its `training_state`"""
    convergence_b: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] | None = None
    """lowest and highest of what orders the groups; None where nothing does"""
    noun: str = ""
    """what the spans count: "atoms" """

    @property
    def about(self) -> str:
        """What the verdict is about: "networks", these two only, or "recipes", whatever the seed."""
        return "recipes" if len(self.a) >= LEAST_SEEDS and len(self.b) >= LEAST_SEEDS else "networks"

    @property
    def unit(self) -> str:
        """Unit of all differences."""
        return unit_per(self.paired.target.unit, self.per)

    @property
    def verdict(self) -> State | None:
        """The state over all molecules; None where there may be no verdict."""
        return None if self.warnings else self.whole.state

    @property
    def warnings(self) -> list[str]:
        """Why there is no verdict, a sentence each; empty if there is one."""
        return [
            f"It is not known which molecules {name} was trained on, so its errors may be optimistic: no verdict."
            for name in self.paired.unknown
        ]

    @property
    def notes(self) -> list[str]:
        """What has to be read with the verdict, a sentence each."""
        return notes_on(self.paired)

    @property
    def provisional(self) -> list[str]:
        """Why the verdict may change with more training, a clause each."""
        return provisional([("A", self.convergence_a), ("B", self.convergence_b)])

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.warnings:
            return " ".join(self.warnings)
        parts = [whole_sentence(self.whole, self.unit)]
        if self.by != "all":
            parts.append(ranges_sentence(self.ranges, self.unit))
        if self.provisional:
            parts.append(f"Provisional: {'; '.join(self.provisional)}.")
        return " ".join(part for part in parts if part)


def compare_runs(
    a: Run | Sequence[Run],
    b: Run | Sequence[Run],
    dataset: Dataset,
    by: str | Grouping = "size",
    measure: str = "mae",
    per: str = "molecule",
    margin: float | None = None,
    part: str = "test",
    paired: Paired | None = None,
) -> Comparison:
    """Compare two runs, or the seeds of two recipes, molecule by molecule.

    Half of the 5 % that a false verdict may take is for the whole, half for all groups together.

    a, b: a run, or at least 3 seeds of one recipe; then the verdict is about recipes
    by: a grouping of `groupings_of`, or one made elsewhere
    margin: in the unit of the target; by default 1 meV or 5 % of the smaller error
    paired: that of another comparison of the same runs, which saves the time to pair them up again

    Raises:
        MollensError: as `pair_up`; for an unknown grouping or measure, a negative margin, or several runs that are not
            enough seeds of one recipe.
    """
    runs_a, runs_b = ((one,) if isinstance(one, Run) else tuple(sorted(one, key=_seed)) for one in (a, b))
    if measure not in COMPARED:
        raise MollensError(f"measure {measure!r} cannot be compared; choose from {', '.join(COMPARED)}")
    if margin is not None and not margin >= 0:
        raise MollensError(f"margin is {margin:g}; it must be 0 or more, in the unit of the target")
    if len(runs_a) > 1 or len(runs_b) > 1:
        check_recipes(runs_a, runs_b)
    grouping = open_grouping(dataset, by) if isinstance(by, str) else by
    runs = [*runs_a, *runs_b]
    if paired is None or (paired.runs, paired.part, paired.dataset) != (tuple(runs), part, dataset):
        paired = pair_up(runs, dataset, part)
    errors = paired.scaled(per)
    sides = errors[: len(runs_a)], errors[len(runs_a) :]
    occurs = grouping.member(paired.rows).any(axis=1)
    grouping = grouping.keep(occurs)
    member = grouping.member(paired.rows)
    level = HALVED if grouping.by != "all" else LEVEL
    matched = same_start(runs_a, runs_b)
    whole_interval, intervals = differences(*sides, member, measure, seed_of(paired.ids), level, matched)
    everyone = np.ones((1, len(paired.ids)), dtype=bool)
    trained = [grouping.member(paired.train_rows[k]).sum(axis=1) for k in (0, len(runs_a))]
    n_trained = [np.array([len(paired.train_rows[k])]) for k in (0, len(runs_a))]
    unit = paired.target.unit
    told = (measure, margin, unit, per)
    whole = _verdicts(whole_interval, sides, everyone, n_trained, ("all",), ("all molecules",), *told)[0]
    groups = _verdicts(intervals, sides, member, trained, grouping.names, grouping.labels, *told)
    groups = [replace(group, where=filter_text(each)) for group, each in zip(groups, grouping.selections, strict=True)]
    return Comparison(
        a=runs_a,
        b=runs_b,
        paired=paired,
        by=grouping.by,
        measure=measure,
        per=per,
        margin=margin,
        whole=whole,
        groups=groups,
        ranges=ranges_of(groups, grouping.spans, grouping.noun),
        convergence_a=tuple(training_state(run) for run in runs_a),
        convergence_b=tuple(training_state(run) for run in runs_b),
        spans=grouping.spans,
        noun=grouping.noun,
    )


def differences(
    errors_a: Floats,
    errors_b: Floats,
    member: Mask,
    measure: str = "mae",
    seed: int = 0,
    level: float = HALVED,
    matched: bool = False,
) -> tuple[Simultaneous, Simultaneous]:
    """Error of B minus error of A over all molecules, and over groups (n_groups, n) at once.

    Args:
        errors_a, errors_b: (n_seeds, n) signed errors; with one seed each about these two networks, else about recipes.
        level: with which the interval of the whole holds, and with which those of all groups hold at once.
        matched: whether seeds of A and B belong together, see `core.judge.comparing.recipes_compared.same_start`.
    """
    both = np.concatenate([np.ones((1, errors_a.shape[1]), dtype=bool), member])
    if len(errors_a) > 1 or len(errors_b) > 1:
        return (
            recipe_differences(errors_a, errors_b, both[:1], measure, level, matched),
            recipe_differences(errors_a, errors_b, member, measure, level, matched),
        )
    a, b = errors_a[0], errors_b[0]
    if measure == "mae":
        difference = np.abs(b) - np.abs(a)
        estimates = mean_estimates(*group_sums(np.stack([difference, difference**2]), both, seed))
    else:
        squares = np.stack([a**2, b**2, a**4, b**4, a**2 * b**2])
        estimates = rmse_difference_estimates(*group_sums(squares, both, seed))
    return simultaneous(estimates.part(slice(0, 1)), level), simultaneous(estimates.part(slice(1, None)), level)


def _seed(run: Run) -> int:
    return run.seed


def check_recipes(runs_a: Sequence[Run], runs_b: Sequence[Run]) -> None:
    """Refuse runs that allow no statement about two recipes.

    Raises:
        MollensError: for a run on both sides, fewer than 3 seeds, runs that differ in more than their seed, or a seed
            that is there twice.
    """
    if {run.id for run in runs_a} & {run.id for run in runs_b}:
        raise MollensError(
            f"runs {runs_a[0].name} and {runs_b[0].name}: are seeds of one recipe, which cannot be compared with "
            "itself; compare them as two networks, or choose a run of another recipe"
        )
    for name, runs in (("A", runs_a), ("B", runs_b)):
        if len(runs) < LEAST_SEEDS:
            raise MollensError(
                f"{name} has {len(runs)} run{'s' * (len(runs) != 1)}; a statement about recipes needs at least "
                f"{LEAST_SEEDS} seeds of each, one about two networks one run of each"
            )
        if len({recipe_key(run) for run in runs}) > 1:
            raise MollensError(
                f"{name}: {', '.join(run.name for run in runs)} differ in more than their seed; seeds of one recipe "
                "have the same recipe, dataset and split"
            )
        if len({run.seed for run in runs}) < len(runs):
            raise MollensError(f"{name}: two of its runs have the same seed; give each seed once")


def _verdicts(
    intervals: Simultaneous,
    sides: tuple[Floats, Floats],
    member: Mask,
    trained: Sequence[NDArray[np.int64]],
    names: Sequence[str],
    labels: Sequence[str],
    measure: str,
    margin: float | None,
    unit: str,
    per: str,
) -> list[GroupVerdict]:
    sizes = [np.abs(side).mean(axis=0) for side in sides]
    better = (sizes[1] < sizes[0]) + 0.5 * (sizes[1] == sizes[0])
    found = []
    for k, inside in enumerate(member):
        n = int(inside.sum())
        error_a, error_b = (_error(side[:, inside], measure) for side in sides)
        allowed = default_margin(error_a, error_b, unit, per) if margin is None else margin
        known = n >= N_POINTS_ONLY
        share = float(better[inside].mean())
        # of recipes the share would vary with the seeds too, of which this interval knows nothing
        of_networks = known and len(sides[0]) == len(sides[1]) == 1
        share_low, share_high = wilson(share, n, intervals.critical) if of_networks else (None, None)
        found.append(
            GroupVerdict(
                group=names[k],
                label=labels[k],
                n_held_out=n,
                n_train_a=int(trained[0][k]),
                n_train_b=int(trained[1][k]),
                error_a=error_a,
                error_b=error_b,
                difference=error_b - error_a,
                low=float(intervals.low[k]) if known else None,
                high=float(intervals.high[k]) if known else None,
                margin=allowed,
                improved=share,
                improved_low=share_low,
                improved_high=share_high,
                state=state_of(float(intervals.low[k]), float(intervals.high[k]), allowed),
            )
        )
    return found


def _error(errors: Floats, measure: str) -> float:
    """Error of several seeds (n_seeds, n): the mean of theirs."""
    if measure == "mae":
        return float(np.abs(errors).mean())
    return float(np.sqrt((errors**2).mean(axis=1)).mean())
