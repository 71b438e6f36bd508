"""H3 and H4: a choice of training molecules against a control, a random choice of as many and as many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.data.store import Dataset
from core.judge.comparing.compare import HALVED
from core.judge.comparing.pairing import Paired, pair_up
from core.judge.comparing.recipes_compared import LEAST_SEEDS, recipe_key, same_start, scatter_of_seeds
from core.judge.comparing.verdicts import default_margin, state_of
from core.judge.comparing.wording import MINUS, between, by_how_much, within
from core.judge.grouping.groups import Group
from core.judge.held_out import unit_per
from core.judge.hypotheses.by_size import (
    about_recipes,
    difference_within,
    held,
    of_what,
    outside,
    rows_by_size,
    sides_of,
)
from core.judge.hypotheses.findings import Action, Answer, Finding, answer
from core.judge.hypotheses.rare_sizes import LEAST_SIZES
from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY
from core.judge.statistics.resampling import seed_of
from core.judge.statistics.simultaneous import group_sums
from core.runs.folder import Run
from core.runs.predictions import TRAIN, predictions_folder, read_predictions

Floats = NDArray[np.float64]


def controls_of(run: Run, runs: Sequence[Run]) -> list[Run]:
    """Runs that differ from `run` in nothing but `control` and the seed, saw as many molecules and took as many steps.

    One of each seed, ascending.
    """
    wanted, n, epochs = _as_control(run), len(_trained_ids(run)), run.status().epoch
    found: dict[int, Run] = {}
    for other in runs:
        if other.error is None and other.id != run.id and predictions_folder(other, other.dataset_name):
            is_control = bool(other.recipe_values.get("control"))
            same = is_control and recipe_key(other) == wanted
            if same and len(_trained_ids(other)) == n and other.status().epoch == epochs:
                found.setdefault(other.seed, other)
    return [found[seed] for seed in sorted(found)]


def _as_control(run: Run) -> tuple[object, ...]:
    name, sha256, recipe = recipe_key(run)
    return (name, sha256, tuple((key, "True" if key == "control" else value) for key, value in recipe))


def _trained_ids(run: Run) -> NDArray[np.int64]:
    stored = read_predictions(run, run.dataset_name)
    return np.zeros(0, np.int64) if stored is None else np.asarray(stored.ids)[np.asarray(stored.split) == TRAIN]


def trained_rows(run: Run, dataset: Dataset) -> NDArray[np.int64]:
    """(n_train,) rows of the molecules of its own dataset that a run was trained on; none before it has predictions."""
    return dataset.molecules.rows_of(_trained_ids(run))


def balanced_sizes(
    runs: Sequence[Run], controls: Sequence[Run], dataset: Dataset, per: str = "molecule", part: str = "test"
) -> Finding:
    """H3: spread of the MAE over sizes of runs with balanced sizes minus that of their controls.

    The spread is the standard deviation over sizes relative to the mean over sizes. What the finite number of molecules
    of each size adds to its square is taken off. Sizes have at least 10 held-out molecules, the same for both. The
    interval is a basic bootstrap over molecules; with 3 or more seeds each it holds for other seeds too.

    runs, controls: one run, or the seeds of one recipe.

    Raises:
        MollensError: as `pair_up`.
    """
    paired = pair_up([*runs, *controls], dataset, part)
    all_sizes = dataset.molecules.sizes[paired.rows]
    counts = np.bincount(all_sizes)
    sizes = np.flatnonzero(counts >= N_POINTS_ONLY)
    names = {"runs": tuple(runs), "controls": tuple(controls)}
    if len(sizes) < LEAST_SIZES:
        return Finding(
            "H3", names["runs"], "not enough data",
            f"Not enough data: {len(sizes)} sizes have {N_POINTS_ONLY} or more held-out molecules; at least "
            f"{LEAST_SIZES} are needed.",
            n=len(sizes), n_of="sizes", controls=names["controls"], evidence="experiment",
        )  # fmt: skip
    found = _compare_spreads(paired, all_sizes == sizes[:, None], len(runs), per)
    state = answer(found.low, found.high, "below")
    recipes = about_recipes(runs, controls)
    return Finding(
        "H3", names["runs"], state,
        f"{_H3[state]}: over {len(sizes)} sizes the MAE varies by {_percent(found.ours.value)} % of its mean with "
        f"balancing and by {_percent(found.theirs.value)} % with the control; the difference is {_percent(found.low)} "
        f"to {_percent(found.high)} percentage points{of_what(recipes)}.",
        statistic="spread of the MAE over sizes, relative to its mean, minus that of the control",
        effect=found.ours.value - found.theirs.value, low=found.low, high=found.high, unit="points",
        n=len(sizes), n_of="sizes",
        confounder="accuracy as a whole; the mean over sizes is in the details",
        caution="More even is not more accurate: errors can be even because all sizes are predicted worse.",
        action=seeds_of_both(runs, controls) if state == "undecided" or not recipes else None,
        evidence="experiment", about="recipes" if recipes else "networks",
        controls=names["controls"], provisional=held(runs, controls),
        details={
            **found.ours.told("spread"), **found.theirs.told("spread_control"),
            "spreads": found.ours.of_runs, "spreads_control": found.theirs.of_runs,
            "mean": float(found.mae[: len(runs)].mean()), "mean_control": float(found.mae[len(runs) :].mean()),
            "unit": unit_per(paired.target.unit, per),
            "sizes": [
                {
                    "size": int(size), "n_held_out": int(counts[size]), "mae": float(line[: len(runs)].mean()),
                    "mae_control": float(line[len(runs) :].mean()),
                }
                for size, line in zip(sizes, found.mae.T, strict=True)
            ],
        },
    )  # fmt: skip


_CHOICES = ("min_atoms", "max_atoms", "most_per_size")
"""Fields that choose training molecules, and that a control needs."""


def seeds_of_both(runs: Sequence[Run], controls: Sequence[Run]) -> Action | None:
    """The seeds that are missing for a statement about recipes, or as many again, each with its control."""
    first = runs[0]
    if first.origin != "mollens" or not any(first.recipe_values.get(key) for key in _CHOICES):
        return None
    both = {run.seed for run in runs} & {run.seed for run in controls}
    missing = LEAST_SEEDS - len(both) if len(both) < LEAST_SEEDS else LEAST_SEEDS
    start = max(run.seed for run in [*runs, *controls]) + 1
    return Action(
        f"Train {missing} more seeds of each" if missing > 1 else "Train another seed of each", run=first.id,
        overrides={} if missing > 1 else {"seed": start}, seeds=missing, first_seed=start, with_control=True,
        dataset=first.dataset_name,
    )  # fmt: skip


_H3: dict[Answer, str] = {
    "supported": "Balanced sizes give more even errors",
    "contradicted": "Balanced sizes give less even errors",
    "undecided": "Undecided whether balanced sizes give more even errors",
    "not enough data": "Not enough data",
}


_H3["cause undecided"] = _H3["undecided"]  # never said of an experiment


@dataclass(frozen=True, eq=False)
class _Side:
    """Relative spread over sizes of one side, a mean over its runs."""

    value: float
    low: float
    high: float
    of_runs: list[float]

    def told(self, name: str) -> dict[str, float]:
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True, eq=False)
class _Spreads:
    ours: _Side
    theirs: _Side
    """of the controls"""
    low: float
    """of the interval of the difference, `ours - theirs`"""
    high: float
    mae: Floats
    """(n_runs, n_sizes) of runs, then of controls"""


def _compare_spreads(paired: Paired, member: NDArray[np.bool_], n_runs: int, per: str) -> _Spreads:
    size_of_error = np.abs(paired.scaled(per))
    moments = np.concatenate([size_of_error, size_of_error**2])
    sums, drawn = group_sums(moments, member, seed_of(paired.ids))
    spreads, plain = _spreads(sums[..., None])
    in_resamples, _ = _spreads(drawn)
    ours, theirs = spreads[:n_runs, 0], spreads[n_runs:, 0]
    # In a resample the observed errors are the truth: their spread, with its noise, is what its estimate is off from.
    off = in_resamples - plain
    shifts = off[:n_runs].mean(axis=0), off[n_runs:].mean(axis=0)
    enough = min(len(ours), len(theirs)) >= LEAST_SEEDS
    sides = []
    for each, shift in zip((ours, theirs), shifts, strict=True):
        scatter = (each.var(ddof=1) / len(each), len(each) - 1.0) if enough else None
        low, high = _basic(float(each.mean()), shift, scatter)
        sides.append(_Side(float(each.mean()), max(low, 0.0), high, each.tolist()))
    value, shift = float(ours.mean() - theirs.mean()), shifts[0] - shifts[1]
    low, high = _basic(value, shift, scatter_of_seeds(ours, theirs) if enough else None)
    if enough and same_start(paired.runs[:n_runs], paired.runs[n_runs:]):
        # either scatter may be the smaller one: half of the error probability for each, see recipes_compared
        of_pairs = ((ours - theirs).var(ddof=1) / len(ours), len(ours) - 1.0)
        both = [_basic(value, shift, each, HALVED) for each in (scatter_of_seeds(ours, theirs), of_pairs)]
        low, high = min(both, key=lambda ends: ends[1] - ends[0])
    mae = sums[: len(size_of_error)] / sums[-1]
    return _Spreads(sides[0], sides[1], low, high, mae)


def _basic(
    value: float, shift: Floats, scatter: tuple[float, float] | None, level: float = LEVEL
) -> tuple[float, float]:
    """Basic bootstrap interval from what resamples (n_resamples,) are off; widened by the scatter of seeds.

    scatter: variance and degrees of freedom
    """
    above, below = np.maximum(np.quantile(shift, [(1 + level) / 2, (1 - level) / 2]) * [1, -1], 0.0)
    if scatter is not None:
        of_seeds = -stdtrit(scatter[1], (1 - level) / 2) * np.sqrt(scatter[0])
        above, below = np.hypot(above, of_seeds), np.hypot(below, of_seeds)
    return value - float(above), value + float(below)


def _spreads(sums: Floats) -> tuple[Floats, Floats]:
    """Relative spread over sizes without and with what noise adds; both (n_runs, n_resamples).

    sums (2 n_runs + 1, n_sizes, n_resamples) of |error|, of its square, and of the weights.
    """
    n_runs, n = len(sums) // 2, np.maximum(sums[-1], 1.0)
    means, squares = sums[:n_runs] / n, sums[n_runs:-1] / n
    noise = np.maximum(squares - means**2, 0.0) / np.maximum(n - 1, 1.0)
    middle = means.mean(axis=1)
    variance = means.var(axis=1, ddof=1)
    return np.sqrt(np.maximum(variance - noise.mean(axis=1), 0.0)) / middle, np.sqrt(variance) / middle


def directed_training(
    runs: Sequence[Run], controls: Sequence[Run], dataset: Dataset, per: str = "molecule", part: str = "test"
) -> Finding:
    """H4: mean |error| of runs that were trained on some sizes only minus that of their controls, on these sizes.

    Paired by molecule, with the interval of `compare`. Equal within the default margin contradicts that it is better.

    runs, controls: one run, or the seeds of one recipe.

    Raises:
        MollensError: as `pair_up`.
    """
    paired = pair_up([*runs, *controls], dataset, part)
    recipe = runs[0].recipe_values
    lowest, highest = (int(recipe.get(key) or 0) or None for key in ("min_atoms", "max_atoms"))
    group = Group("trained on", lowest, highest)
    member = group.members(dataset.molecules, paired.rows)
    n = int(member.sum())
    recipes = about_recipes(runs, controls)
    common: dict[str, Any] = {
        "evidence": "experiment", "about": "recipes" if recipes else "networks", "controls": tuple(controls),
        "n": n, "n_of": "molecules",
    }  # fmt: skip
    if n < N_POINTS_ONLY:
        return Finding(
            "H4", tuple(runs), "not enough data",
            f"Not enough data: {n} held-out molecules have {group.label}; at least {N_POINTS_ONLY} are needed.",
            **common,
        )  # fmt: skip
    sides = sides_of(paired, len(runs), per)
    interval = difference_within(paired, sides, member)
    low, high = float(interval.low[0]), float(interval.high[0])
    mae_control, mae = (float(np.abs(side[:, member]).mean()) for side in sides)
    unit = unit_per(paired.target.unit, per)
    margin = default_margin(mae_control, mae, paired.target.unit, per)
    found = state_of(low, high, margin)
    answers: dict[str, Answer] = {"B better": "supported", "A better": "contradicted", "equal": "contradicted"}
    said = {
        "B better": f"is better there by {by_how_much(low, high, unit)}",
        "A better": f"is worse there by {by_how_much(low, high, unit)}",
        "equal": f"is equal there within {within(low, high, unit)}",
        "undecided": f"is not told apart there: {between(low, high, unit)} against the control",
    }[found]
    others = outside(paired, sides, member)
    elsewhere = ""
    if others is not None:
        elsewhere = f" On all other sizes it is {_other(others['low'], others['high'], unit)} (n = {others['n']:,})."
    rows = [
        row | {"trained": row["size"] >= (lowest or 0) and row["size"] <= (highest or row["size"])}
        for row in rows_by_size(paired, sides)
    ]
    return Finding(
        "H4", tuple(runs), answers.get(found, "undecided"),
        f"Training only on molecules of {group.label} {said}, over {n:,} held-out molecules{of_what(recipes)}."
        f"{elsewhere}",
        statistic="mean |error| minus that of the control, on the sizes that were trained on",
        effect=mae - mae_control, low=low, high=high, unit=unit,
        confounder="the control has fewer molecules of these sizes, and as many in all",
        caution="The control has as many molecules and steps, but fewer of these sizes: more data of all sizes might "
        "do better than either.",
        action=seeds_of_both(runs, controls) if found == "undecided" or not recipes else None,
        provisional=held(runs, controls),
        details={
            "mae": mae, "mae_control": mae_control, "unit": unit, "margin": margin, "lowest": lowest,
            "highest": highest, "sizes": rows, "others": others,
        },
        **common,
    )  # fmt: skip


def _other(low: float, high: float, unit: str) -> str:
    if low > 0:
        return f"worse by {by_how_much(low, high, unit)}"
    return f"better by {by_how_much(low, high, unit)}" if high < 0 else f"not told apart ({between(low, high, unit)})"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f}" if 0.0005 <= abs(share) < 0.0995 else f"{100 * share:.0f}".replace("-0", "0")
    return text.replace("-", MINUS)
