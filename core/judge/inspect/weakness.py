"""Is it a weakness of this model? Its seeds agree and another model does better, or it misses what lies near it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.comparing.wording import between
from core.judge.inspect.bench import COMPARABLE, Bench, BenchRun
from core.judge.inspect.causes import Cause, Number, in_unit
from core.judge.inspect.molecule import RecipeError, recipe_error
from core.judge.inspect.seed_noise import reaches_zero, seed_errors

Floats = NDArray[np.float64]

BETTER = 0.5
"""Of the error: another model that misses the molecule by no more does better on it."""
LEANING = 0.8
"""Share of the nearest training molecules whose residuals must be on one side."""
LEAST_NEAREST = 5
TWICE = 2.0


@dataclass(frozen=True)
class Nearby:
    """Residuals of the training molecules nearest to one."""

    n: int
    mean: float
    """signed, in the target's unit"""
    same_side: float
    """share on the side of the molecule's own error"""
    usual: float
    """mean absolute residual of all training molecules"""


def nearby_residuals(run: BenchRun, row: int) -> Nearby | None:
    """What is left of the labels of the nearest training molecules; None where they are not known."""
    rows, _ = run.neighbours(row)
    residuals = run.error[rows]
    residuals = residuals[np.isfinite(residuals)]
    if len(residuals) < LEAST_NEAREST:
        return None
    trained = run.error[run.source.train_rows]
    usual = float(np.nanmean(np.abs(trained)))
    own = np.sign(run.error[row])
    return Nearby(len(residuals), float(residuals.mean()), float((np.sign(residuals) == own).mean()), usual)


def weakness(bench: Bench, row: int, label_confirmed: bool = False) -> Cause:
    """Whether the error belongs to the model: its recipe, not this one training and not the label.

    label_confirmed: whether a second level of theory agrees with the label, see `core.judge.inspect.label`
    """
    errors, name, unit = seed_errors(bench, row), bench.recipes[0], bench.target.unit
    numbers: dict[str, Number] = {"n_seeds": len(errors)}
    for_: list[str] = []
    against: list[str] = []
    unknown: list[str] = []
    agree = _seeds(errors, name, unit, for_, against, unknown)
    better = leaning = False
    if agree or len(errors) < 2:  # else there is no error of the recipe that others could do better than
        mean = float(errors.mean()) if len(errors) else float(bench.first.error[row])
        better = _compared(_others(bench, row), mean, unit, for_, against, unknown, numbers)
        leaning = _near(bench, row, for_, against, numbers)
    if agree and label_confirmed:
        for_.append("A second level of theory agrees with the label, so that it is not the label.")
    if len(errors) >= 2 and not agree:
        opposite = not ((errors > 0).all() or (errors < 0).all())
        grade = "ruled out" if opposite and len(errors) >= LEAST_SEEDS and reaches_zero(errors) else "none found"
    elif len(errors) < 2:
        grade = "some" if better or leaning else "not known"
    elif better or leaning or label_confirmed:
        grade = "strong" if len(errors) >= LEAST_SEEDS else "some"
    else:
        grade = "some"
    return Cause("model", grade, tuple(for_), tuple(against), tuple(unknown), numbers)


def _seeds(errors: Floats, name: str, unit: str, for_: list[str], against: list[str], unknown: list[str]) -> bool:
    """Whether the seeds agree that the recipe misses it: to one side, beyond their spread; a sentence is added."""
    n = len(errors)
    if n < 2:
        unknown.append(f"Only one seed of {name} can be asked, so its own noise is not known.")
        return False
    side = bool((errors > 0).all() or (errors < 0).all())
    clear = not reaches_zero(errors) if n >= LEAST_SEEDS else abs(errors.mean()) >= TWICE * errors.std(ddof=1)
    all_ = f"All {n} seeds" if n > 2 else "Both seeds"
    if side:
        limits = between(float(errors.min()), float(errors.max()), unit)
        (for_ if clear else against).append(
            f"{all_} of {name} err to the same side, {limits}" + ("." if clear else ", but their mean is not sure.")
        )
    else:
        against.append(f"The {n} seeds of {name} do not agree about the side.")
    return side and bool(clear)


def _others(bench: Bench, row: int) -> list[RecipeError]:
    """Other recipes that can be asked about the molecule and are not much worse over all."""
    found = [recipe_error(bench, k, row) for k in range(1, len(bench.recipes))]
    return [each for each in found if each.n and each.mae <= COMPARABLE * bench.first.mae]


def _compared(
    others: Sequence[RecipeError],
    mean: float,
    unit: str,
    for_: list[str],
    against: list[str],
    unknown: list[str],
    numbers: dict[str, Number],
) -> bool:
    """Whether another recipe misses it by half or less; sentences are added."""
    known = [(each, each.mean) for each in others if each.mean is not None]
    numbers |= {"n_other_recipes": len(known)}
    if not known:
        unknown.append("No other model of about this quality can be asked about it.")
        return False
    better = [(each, off) for each, off in known if abs(off) <= BETTER * abs(mean)]
    numbers |= {
        "n_better": len(better),
        "others_lowest": min(o for _, o in known),
        "others_highest": max(o for _, o in known),
    }
    if better:
        best, off = min(better, key=lambda pair: abs(pair[1]))
        seeds = f"mean of {best.n} seeds" if best.n > 1 else "one seed"
        text = f"{best.name} misses it by {in_unit(off, unit)} ({seeds}), half of it or less"
        more = len(better) - 1
        for_.append(
            text + (f"; so {'does' if more == 1 else 'do'} {more} more of {len(known)} other recipes." if more else ".")
        )
    same = [off for _, off in known if np.sign(off) == np.sign(mean)]
    if not better and len(same) == len(known):
        limits = between(min(same), max(same), unit)
        count = f"all {len(known)} other recipes" if len(known) > 1 else "the other recipe"
        verb = "err" if len(known) > 1 else "errs"
        for_.append(
            f"Also {count} of about this quality {verb} to the same side, {limits}: these models share it, or the "
            "label does; this alone cannot tell."
        )
    elif not better:
        against.append(f"{len(known) - len(same)} of {len(known)} other recipes err to the other side.")
    return bool(better)


def _near(bench: Bench, row: int, for_: list[str], against: list[str], numbers: dict[str, Number]) -> bool:
    near = nearby_residuals(bench.first, row)
    if near is None:
        return False
    numbers |= {"nearest_mean_residual": near.mean, "nearest_same_side": near.same_side, "nearest_n": near.n}
    unit = bench.target.unit
    leaning = near.same_side >= LEANING and abs(near.mean) >= near.usual
    count = round(near.same_side * near.n)
    text = f"Of its {near.n} nearest training molecules {count} are left with a residual on the same side"
    if leaning:
        for_.append(f"{text}, {in_unit(near.mean, unit)} on average: the model does not fit this kind.")
    elif abs(near.mean) < near.usual:
        usual = f"{in_unit(near.usual, unit)} is their usual size"
        against.append(f"{text}, {in_unit(near.mean, unit)} on average ({usual}): what lies near it is fitted.")
    return leaning
