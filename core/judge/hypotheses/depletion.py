"""H1 by an experiment: molecules of some sizes are taken out of the training, everything else stays as it is.

The same network is trained with and without them, on as many molecules and with as many steps. What then happens to
their error has one cause. Such a pair is made by a recipe with `min_atoms` or `max_atoms` and its `control`, or by two
splits of which one leaves sizes out (`leave_out_sizes`) and the other has as many training molecules of all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.pairing import pair_up
from core.judge.comparing.recipes_compared import by_recipe, recipe_key
from core.judge.comparing.verdicts import default_margin, state_of
from core.judge.comparing.wording import between, by_how_much, within
from core.judge.held_out import unit_per
from core.judge.hypotheses.by_size import (
    about_recipes,
    difference_within,
    held,
    of_what,
    outside,
    paired_seeds,
    rows_by_size,
    sides_of,
)
from core.judge.hypotheses.controls import controls_of, seeds_of_both, trained_rows
from core.judge.hypotheses.findings import Answer, Finding
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from core.runs.predictions import predictions_folder

LEAVES_OUT = "leave_out_sizes"
_SAME = 0.01
"""Share by which numbers of training molecules and of steps may differ, and still count as equal."""
_CHANGED = ("split", "min_atoms", "max_atoms", "control")
_NEVER = 10
"""Training molecules of a size that the control must have, so that taking them away can matter."""


@dataclass(frozen=True, eq=False)
class Depletion:
    """Runs without the molecules of some sizes, and their controls."""

    runs: tuple[Run, ...]
    controls: tuple[Run, ...]
    sizes: NDArray[np.int64]
    """(n_sizes,) numbers of atoms that the controls were trained on and the runs were not"""


def depletions(runs: Sequence[Run], pool: Sequence[Run], dataset: Dataset) -> list[Depletion]:
    """Experiments among `runs` and `pool` on the recipes of `runs`; each once."""
    everyone = [run for run in {run.id: run for run in [*runs, *pool]}.values() if _usable(run, dataset)]
    asked = {_base(run) for run in runs if run.error is None}
    treated = [run for run in everyone if _base(run) in asked and _depleted(run, dataset)]
    found = []
    for seeds in by_recipe(treated):
        controls = _controls(seeds[0], everyone, dataset)
        if not controls:
            continue
        own, theirs = paired_seeds(seeds, controls)
        trained = [np.bincount(_sizes(some[0], dataset), minlength=_n_sizes(dataset)) for some in (own, theirs)]
        sizes = np.flatnonzero((trained[0] == 0) & (trained[1] >= _NEVER))
        if len(sizes):
            found.append(Depletion(tuple(own), tuple(theirs), sizes))
    return found


def _usable(run: Run, dataset: Dataset) -> bool:
    of_dataset = run.error is None and run.origin == "mollens" and run.dataset_name == dataset.name
    return bool(of_dataset and predictions_folder(run, dataset.name))


def _base(run: Run) -> tuple[Any, ...]:
    """The recipe without what a depletion changes in it."""
    name, sha256, recipe = recipe_key(run)
    return (name, sha256, tuple(field for field in recipe if field[0] not in _CHANGED))


def _depleted(run: Run, dataset: Dataset) -> bool:
    recipe = run.recipe_values
    if recipe.get("control"):
        return False
    return bool(recipe.get("min_atoms") or recipe.get("max_atoms")) or _method(run, dataset) == LEAVES_OUT


def _method(run: Run, dataset: Dataset) -> str:
    try:
        return open_split(dataset, run.split_name).method
    except MollensError:
        return ""


def _controls(run: Run, everyone: Sequence[Run], dataset: Dataset) -> list[Run]:
    if _method(run, dataset) != LEAVES_OUT:
        return controls_of(run, everyone)
    wanted, n, steps = _but_split(run), len(trained_rows(run, dataset)), run.status().step
    found: dict[int, Run] = {}
    for other in everyone:
        if other.id == run.id or _but_split(other) != wanted or _method(other, dataset) == LEAVES_OUT:
            continue
        alike = abs(len(trained_rows(other, dataset)) - n) <= _SAME * n
        if alike and abs(other.status().step - steps) <= _SAME * steps:
            found.setdefault(other.seed, other)
    return [found[seed] for seed in sorted(found)]


def _but_split(run: Run) -> tuple[Any, ...]:
    name, sha256, recipe = recipe_key(run)
    return (name, sha256, tuple(field for field in recipe if field[0] != "split"))


def _sizes(run: Run, dataset: Dataset) -> NDArray[np.int64]:
    return np.asarray(dataset.molecules.sizes[trained_rows(run, dataset)], dtype=np.int64)


def _n_sizes(dataset: Dataset) -> int:
    return int(dataset.molecules.sizes.max()) + 1


def depleted_sizes(found: Depletion, dataset: Dataset, part: str = "test", per: str = "molecule") -> Finding:
    """H1: mean |error| on the sizes that were taken out of the training, minus that of the controls on them.

    Paired by molecule, with the interval of `compare`. Equal within the default margin contradicts that rarity matters.

    Raises:
        MollensError: as `pair_up`.
    """
    runs, controls = found.runs, found.controls
    paired = pair_up([*runs, *controls], dataset, part)
    sides = sides_of(paired, len(runs), per)
    member = np.isin(dataset.molecules.sizes[paired.rows], found.sizes)
    n, words = int(member.sum()), _span(found.sizes)
    recipes = about_recipes(runs, controls)
    common: dict[str, Any] = {
        "evidence": "experiment", "about": "recipes" if recipes else "networks", "controls": controls,
        "n": n, "n_of": "molecules",
    }  # fmt: skip
    if n < N_POINTS_ONLY:
        return Finding(
            "H1", runs, "not enough data",
            f"Not enough data: {n} held-out molecules have {words}, which were left out of the training; at least "
            f"{N_POINTS_ONLY} are needed.", **common,
        )  # fmt: skip
    interval = difference_within(paired, sides, member)
    low, high = float(interval.low[0]), float(interval.high[0])
    mae_control, mae = (float(np.abs(side[:, member]).mean()) for side in sides)
    unit = unit_per(paired.target.unit, per)
    state = state_of(low, high, default_margin(mae_control, mae, paired.target.unit, per))
    answers: dict[str, Answer] = {"A better": "supported", "B better": "contradicted", "equal": "contradicted"}
    said = {
        "A better": f"makes their error larger by {by_how_much(low, high, unit)}",
        "B better": f"makes their error smaller by {by_how_much(low, high, unit)}",
        "equal": f"leaves their error equal within {within(low, high, unit)}",
        "undecided": f"changes their error by {between(low, high, unit)}, which tells nothing",
    }[state]
    n_sizes = _n_sizes(dataset)
    trained = [np.bincount(_sizes(some[0], dataset), minlength=n_sizes) for some in (runs, controls)]
    rows = [
        row | {
            "n_train": int(trained[0][row["size"]]), "n_train_control": int(trained[1][row["size"]]),
            "depleted": bool(row["size"] in found.sizes),
        }
        for row in rows_by_size(paired, sides)
    ]  # fmt: skip
    return Finding(
        "H1", runs, answers.get(state, "undecided"),
        f"Training without molecules of {words}, with as many others and as many steps, {said}, over {n:,} held-out "
        f"molecules{of_what(recipes)}.",
        statistic="mean |error| without these sizes in training minus that of the control",
        effect=mae - mae_control, low=low, high=high, unit=unit,
        confounder="the sizes were left out altogether, and together",
        caution=f"Without any molecule of {words} the network extrapolates; few of them, with their neighbours in size "
        "there, may be enough.",
        action=seeds_of_both(runs, controls) if state == "undecided" or not recipes else None,
        provisional=held(runs, controls),
        details={
            "mae": mae, "mae_control": mae_control, "unit": unit, "sizes": rows, "depleted": found.sizes.tolist(),
            "others": outside(paired, sides, member),
        },
        **common,
    )  # fmt: skip


def _span(sizes: NDArray[np.int64]) -> str:
    """Numbers of atoms in words: "3 to 9 and 12 atoms"."""
    cuts = np.flatnonzero(np.diff(sizes) > 1) + 1
    blocks = [f"{b[0]} to {b[-1]}" if len(b) > 1 else f"{b[0]}" for b in np.split(sizes, cuts)]
    text = blocks[0] if len(blocks) == 1 else f"{', '.join(blocks[:-1])} and {blocks[-1]}"
    return f"{text} atoms"
