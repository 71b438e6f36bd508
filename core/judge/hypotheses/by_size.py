"""Two trainings side by side, size by size: what hypotheses that ask for a control rest on.

A third of the 5 % that a false answer may take is for the molecules that the question is about, one for all others, one
for all sizes of the figure at once: so everything that is said of one question holds together with 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.judge.comparing.compare import differences
from core.judge.comparing.pairing import Paired
from core.judge.comparing.recipes_compared import LEAST_SEEDS, same_start
from core.judge.comparing.wording import provisional
from core.judge.convergence import training_state
from core.judge.statistics.intervals import LEVEL, N_POINTS_ONLY
from core.judge.statistics.resampling import seed_of
from core.judge.statistics.simultaneous import Simultaneous
from core.runs.folder import Run

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

THIRD = 1 - (1 - LEVEL) / 3


def sides_of(paired: Paired, n_runs: int, per: str) -> tuple[Floats, Floats]:
    """Signed errors of controls and of runs, (n_seeds, n) each; of the first of each where seeds are too few.

    n_runs: how many of the paired runs come first that are not controls
    """
    errors = paired.scaled(per)
    ours, theirs = errors[:n_runs], errors[n_runs:]
    enough = min(len(ours), len(theirs)) >= LEAST_SEEDS
    return (theirs, ours) if enough else (theirs[:1], ours[:1])


def matched(paired: Paired, sides: tuple[Floats, Floats]) -> bool:
    """Whether runs and controls have the same seeds, which give both the same weights to start from."""
    n_runs = len(sides[1])
    return n_runs > 1 and same_start(paired.runs[:n_runs], paired.runs[n_runs:])


def difference_within(paired: Paired, sides: tuple[Floats, Floats], member: Mask) -> Simultaneous:
    """MAE of the runs minus that of their controls over some of the molecules (n,), with an interval."""
    everyone = np.ones((1, int(member.sum())), dtype=bool)
    seed = seed_of(paired.ids[member])
    found, _ = differences(
        sides[0][:, member], sides[1][:, member], everyone, "mae", seed, THIRD, matched(paired, sides)
    )
    return found


def outside(paired: Paired, sides: tuple[Floats, Floats], member: Mask) -> dict[str, Any] | None:
    """The same over all other molecules, ready for JSON; None for fewer than 10."""
    n = int((~member).sum())
    if n < N_POINTS_ONLY:
        return None
    found = difference_within(paired, sides, ~member)
    return {
        "n": n, "difference": float(found.value[0]), "low": float(found.low[0]), "high": float(found.high[0]),
    }  # fmt: skip


def rows_by_size(paired: Paired, sides: tuple[Floats, Floats]) -> list[dict[str, Any]]:
    """Both MAEs and their difference for every size with 10 or more molecules; intervals hold for all sizes at once."""
    sizes_of = paired.dataset.molecules.sizes[paired.rows]
    counts = np.bincount(sizes_of)
    sizes = np.flatnonzero(counts >= N_POINTS_ONLY)
    if not len(sizes):
        return []
    member = sizes_of == sizes[:, None]
    theirs, ours = (np.abs(side).mean(axis=0) @ member.T / counts[sizes] for side in sides)
    _, found = differences(*sides, member, "mae", seed_of(paired.ids), THIRD, matched(paired, sides))
    return [
        {
            "size": int(size), "n_held_out": int(counts[size]), "mae": float(ours[k]), "mae_control": float(theirs[k]),
            "difference": float(found.value[k]), "low": float(found.low[k]), "high": float(found.high[k]),
        }
        for k, size in enumerate(sizes)
    ]  # fmt: skip


def paired_seeds(runs: Sequence[Run], controls: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """One of each seed; all of both where there are 3 or more, else one pair, of the same seed if that is possible."""
    own = [run for _, run in sorted({run.seed: run for run in reversed(runs)}.items())]
    theirs = [run for _, run in sorted({run.seed: run for run in reversed(controls)}.items())]
    if min(len(own), len(theirs)) >= LEAST_SEEDS:
        return own, theirs
    shared = [run for run in own if run.seed in {control.seed for control in theirs}]
    first = (shared or own)[0]
    return [first], [next((control for control in theirs if control.seed == first.seed), theirs[0])]


def about_recipes(runs: Sequence[Run], controls: Sequence[Run]) -> bool:
    """Whether there are enough seeds for a statement about recipes."""
    return min(len(runs), len(controls)) >= LEAST_SEEDS


def of_what(recipes: bool) -> str:
    """The end of a sentence: what it is about."""
    return ", for these recipes" if recipes else ", for these two networks"


def held(runs: Sequence[Run], controls: Sequence[Run]) -> tuple[str, ...]:
    """Why an answer may change with more training, a clause each."""
    sides = [("the run", runs), ("its control", controls)]
    return tuple(provisional([(name, [training_state(run) for run in some]) for name, some in sides]))
