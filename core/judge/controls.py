"""H3 and H4: a choice of training molecules against a control, a random choice of as many and as many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.data.store import Dataset
from core.judge.compare import differences
from core.judge.convergence import convergence
from core.judge.findings import Answer, Finding, answer
from core.judge.groups import Group
from core.judge.held_out import unit_per
from core.judge.intervals import LEVEL, N_POINTS_ONLY
from core.judge.pairing import Paired, pair_up
from core.judge.rare_sizes import LEAST_SIZES
from core.judge.recipes_compared import LEAST_SEEDS, recipe_key, scatter_of_seeds
from core.judge.resampling import seed_of
from core.judge.simultaneous import group_sums
from core.judge.verdicts import default_margin, state_of
from core.judge.wording import MINUS, between, by_how_much, provisional, within
from core.runs.folder import Run
from core.runs.predictions import TRAIN, predictions_folder, read_predictions

Floats = NDArray[np.float64]


def controls_of(run: Run, runs: Sequence[Run]) -> list[Run]:
    """Runs that differ from `run` in nothing but `control` and the seed, saw as many molecules and took as many steps.

    One of each seed, ascending.
    """
    wanted, n, epochs = _as_control(run), _n_trained(run), run.status().epoch
    found: dict[int, Run] = {}
    for other in runs:
        if other.error is None and other.id != run.id and predictions_folder(other, other.dataset_name):
            is_control = bool(other.recipe_values.get("control"))
            same = is_control and recipe_key(other) == wanted
            if same and _n_trained(other) == n and other.status().epoch == epochs:
                found.setdefault(other.seed, other)
    return [found[seed] for seed in sorted(found)]


def _as_control(run: Run) -> tuple[object, ...]:
    name, sha256, recipe = recipe_key(run)
    return (name, sha256, tuple((key, "True" if key == "control" else value) for key, value in recipe))


def _n_trained(run: Run) -> int:
    stored = read_predictions(run, run.dataset_name)
    return 0 if stored is None else int((np.asarray(stored.split) == TRAIN).sum())


def balanced_sizes(runs: Sequence[Run], controls: Sequence[Run], dataset: Dataset, per: str = "molecule") -> Finding:
    """H3: spread of the MAE over sizes of runs with balanced sizes minus that of their controls.

    The spread is the standard deviation over sizes relative to the mean over sizes. What the finite number of molecules
    of each size adds to its square is taken off. Sizes have at least 10 held-out molecules, the same for both. The
    interval is a basic bootstrap over molecules; with 3 or more seeds each it holds for other seeds too.

    runs, controls: one run, or the seeds of one recipe.

    Raises:
        MollensError: as `pair_up`.
    """
    paired = pair_up([*runs, *controls], dataset)
    all_sizes = dataset.molecules.sizes[paired.rows]
    counts = np.bincount(all_sizes)
    sizes = np.flatnonzero(counts >= N_POINTS_ONLY)
    names = {"runs": tuple(runs), "controls": tuple(controls)}
    if len(sizes) < LEAST_SIZES:
        return Finding(
            "H3", names["runs"], "not enough data",
            f"Not enough data: {len(sizes)} sizes have {N_POINTS_ONLY} or more held-out molecules; at least "
            f"{LEAST_SIZES} are needed.",
            n=len(sizes), n_of="sizes", controls=names["controls"],
        )  # fmt: skip
    found = _compare_spreads(paired, all_sizes == sizes[:, None], len(runs), per)
    state = answer(found.low, found.high, "below")
    about_recipes = _about_recipes(runs, controls)
    return Finding(
        "H3", names["runs"], state,
        f"{_H3[state]}: over {len(sizes)} sizes the MAE varies by {_percent(found.ours)} % of its mean with balancing "
        f"and by {_percent(found.theirs)} % with the control; the difference is {_percent(found.low)} to "
        f"{_percent(found.high)} percentage points{_of_what(about_recipes)}.",
        statistic="spread of the MAE over sizes, relative to its mean, minus that of the control",
        effect=found.ours - found.theirs, low=found.low, high=found.high, n=len(sizes), n_of="sizes",
        confounder="accuracy as a whole; the mean over sizes is in the details",
        controls=names["controls"], provisional=_provisional(runs, controls),
        details={
            "spread": found.ours, "spread_control": found.theirs,
            "mean": float(found.mae[: len(runs)].mean()), "mean_control": float(found.mae[len(runs) :].mean()),
            "unit": unit_per(paired.target.unit, per),
            "sizes": [
                {
                    "size": int(size), "n_held_out": int(counts[size]), "mae": float(line[: len(runs)].mean()),
                    "mae_control": float(line[len(runs) :].mean()),
                }
                for size, line in zip(sizes, found.mae.T, strict=True)
            ],
            "about": "recipes" if about_recipes else "networks",
        },
    )  # fmt: skip


_H3: dict[Answer, str] = {
    "supported": "Balanced sizes give more even errors",
    "contradicted": "Balanced sizes give less even errors",
    "undecided": "Undecided whether balanced sizes give more even errors",
    "not enough data": "Not enough data",
}


@dataclass(frozen=True, eq=False)
class _Spreads:
    ours: float
    """mean over the runs of the relative spread over sizes"""
    theirs: float
    """of the controls"""
    low: float
    """of the interval of `ours - theirs`"""
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
    value = float(ours.mean() - theirs.mean())
    # In a resample the observed errors are the truth: their spread, with its noise, is what its estimate is off from.
    off = in_resamples - plain
    shift = off[:n_runs].mean(axis=0) - off[n_runs:].mean(axis=0)
    above, below = np.maximum(np.quantile(shift, [(1 + LEVEL) / 2, (1 - LEVEL) / 2]) * [1, -1], 0.0)
    if min(len(ours), len(theirs)) >= LEAST_SEEDS:
        variance, freedom = scatter_of_seeds(ours, theirs)
        of_seeds = -stdtrit(freedom, (1 - LEVEL) / 2) * np.sqrt(variance)
        above, below = np.hypot(above, of_seeds), np.hypot(below, of_seeds)
    mae = sums[: len(size_of_error)] / sums[-1]
    return _Spreads(float(ours.mean()), float(theirs.mean()), value - float(above), value + float(below), mae)


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


def directed_training(runs: Sequence[Run], controls: Sequence[Run], dataset: Dataset, per: str = "molecule") -> Finding:
    """H4: mean |error| of runs that were trained on some sizes only minus that of their controls, on these sizes.

    Paired by molecule, with the interval of `compare`. Equal within the default margin contradicts that it is better.

    runs, controls: one run, or the seeds of one recipe.

    Raises:
        MollensError: as `pair_up`.
    """
    paired = pair_up([*runs, *controls], dataset)
    recipe = runs[0].recipe_values
    lowest, highest = (int(recipe.get(key) or 0) or None for key in ("min_atoms", "max_atoms"))
    group = Group("trained on", lowest, highest)
    member = group.members(dataset.molecules, paired.rows)
    n = int(member.sum())
    if n < N_POINTS_ONLY:
        return Finding(
            "H4", tuple(runs), "not enough data",
            f"Not enough data: {n} held-out molecules have {group.label}; at least {N_POINTS_ONLY} are needed.",
            n=n, n_of="molecules", controls=tuple(controls),
        )  # fmt: skip
    errors = paired.scaled(per)
    theirs, ours = errors[len(runs) :, member], errors[: len(runs), member]
    about_recipes = _about_recipes(runs, controls)
    sides = (theirs, ours) if about_recipes else (theirs[:1], ours[:1])
    everyone = np.ones((1, n), dtype=bool)
    interval, _ = differences(*sides, everyone, "mae", seed_of(paired.ids[member]), split_level=False)
    low, high = float(interval.low[0]), float(interval.high[0])
    mae, mae_control = float(np.abs(sides[1]).mean()), float(np.abs(sides[0]).mean())
    unit = unit_per(paired.target.unit, per)
    margin = default_margin(mae_control, mae, paired.target.unit, per)
    found = state_of(low, high, margin)
    state: Answer = {"B better": "supported", "A better": "contradicted", "equal": "contradicted"}.get(
        found, "undecided"
    )  # type: ignore[assignment]
    said = {
        "B better": f"is better there by {by_how_much(low, high, unit)}",
        "A better": f"is worse there by {by_how_much(low, high, unit)}",
        "equal": f"is equal there within {within(low, high, unit)}",
        "undecided": f"is not told apart there: {between(low, high, unit)} against the control",
    }[found]
    return Finding(
        "H4", tuple(runs), state,
        f"Training only on molecules of {group.label} {said}, over {n:,} held-out molecules{_of_what(about_recipes)}.",
        statistic="mean |error| minus that of the control, on the sizes that were trained on",
        effect=mae - mae_control, low=low, high=high, unit=unit, n=n, n_of="molecules",
        controls=tuple(controls), provisional=_provisional(runs, controls),
        details={
            "mae": mae, "mae_control": mae_control, "margin": margin, "lowest": lowest, "highest": highest,
            "sizes": _by_size(paired, sides, member), "about": "recipes" if about_recipes else "networks",
        },
    )  # fmt: skip


def _by_size(paired: Paired, sides: tuple[Floats, Floats], member: NDArray[np.bool_]) -> list[dict[str, float | int]]:
    sizes = paired.dataset.molecules.sizes[paired.rows[member]]
    maes = [np.bincount(sizes, weights=np.abs(side).mean(axis=0)) for side in sides]
    counts = np.bincount(sizes)
    return [
        {
            "size": int(size), "n_held_out": int(counts[size]), "mae": float(maes[1][size] / counts[size]),
            "mae_control": float(maes[0][size] / counts[size]),
        }
        for size in np.flatnonzero(counts >= N_POINTS_ONLY)
    ]  # fmt: skip


def _provisional(runs: Sequence[Run], controls: Sequence[Run]) -> tuple[str, ...]:
    sides = [("the run", runs), ("its control", controls)]
    return tuple(provisional([(name, [convergence(run).state for run in some]) for name, some in sides]))


def _about_recipes(runs: Sequence[Run], controls: Sequence[Run]) -> bool:
    return min(len(runs), len(controls)) >= LEAST_SEEDS


def _of_what(about_recipes: bool) -> str:
    return ", for these recipes" if about_recipes else ", for these two networks"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f}" if 0.0005 <= abs(share) < 0.0995 else f"{100 * share:.0f}".replace("-0", "0")
    return text.replace("-", MINUS)
