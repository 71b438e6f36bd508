"""Do the seeds of a recipe agree about a molecule? If not, its error is noise; if they do, it is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.judge.comparing.recipes_compared import LEAST_SEEDS
from core.judge.comparing.wording import between
from core.judge.inspect.bench import Bench
from core.judge.inspect.causes import Cause, Number, in_unit
from core.judge.statistics.intervals import LEVEL

Floats = NDArray[np.float64]

HALF, QUARTER = 0.5, 0.25
"""Of the error: a spread from which seeds are some of the reason, and up to which they are none."""


def seed_errors(bench: Bench, row: int) -> Floats:
    """(n,) errors of the molecule in the first run's recipe, of the seeds that stand to it as the first run does."""
    return np.array([run.error[row] for run in bench.alike(row, 0)])


def reaches_zero(errors: Floats) -> bool:
    """Whether another seed could as well err to the other side: the 95 % interval of the mean of errors (n,) holds 0.

    By Student's t with n - 1 degrees of freedom; n of 2 or more.
    """
    reach = -float(stdtrit(len(errors) - 1, (1 - LEVEL) / 2)) * float(errors.std(ddof=1)) / np.sqrt(len(errors))
    return bool(abs(errors.mean()) <= reach)


def seed_noise(bench: Bench, row: int) -> Cause:
    """Whether the error is noise between seeds."""
    errors, unit, name = seed_errors(bench, row), bench.target.unit, bench.recipes[0]
    own = float(bench.first.error[row])
    n = len(errors)
    if n < 2:
        text = (
            f"Only one seed of {name} can be asked; {LEAST_SEEDS} tell its noise: "
            f"`clone {bench.first.run.id} --set seed=1`."
        )
        return Cause("noise", "not known", (), (), (text,), {"n_seeds": n})
    mean, spread = float(errors.mean()), float(errors.std(ddof=1))
    same_side = bool((errors > 0).all() or (errors < 0).all())
    numbers: dict[str, Number] = {
        "n_seeds": n, "mean": mean, "spread": spread, "lowest": float(errors.min()), "highest": float(errors.max()),
        "same_side": same_side,
    }  # fmt: skip
    what = f"the {n} seeds" if n > 2 else "both seeds"
    spread_text = (
        f"Predictions of {what} of {name} spread by {in_unit(spread, unit)} (standard deviation), their mean error is "
        f"{in_unit(mean, unit)}."
    )
    own_part = abs(own - mean)
    if not same_side:
        side = f"They err to both sides, {between(float(errors.min()), float(errors.max()), unit)}."
        strong = n >= LEAST_SEEDS and reaches_zero(errors) and spread >= abs(mean)
        return Cause("noise", "strong" if strong else "some", (spread_text, side), (), (), numbers)
    if spread >= HALF * abs(mean) or own_part >= HALF * abs(own):
        told = [spread_text]
        if own_part >= HALF * abs(own):
            told.append(
                f"{in_unit(own - mean, unit)} of this run's {in_unit(own, unit)} are its own, beyond that mean."
            )
        return Cause("noise", "some", tuple(told), ("All of them err to the same side.",), (), numbers)
    enough = n >= LEAST_SEEDS and spread <= QUARTER * abs(mean) and own_part <= QUARTER * abs(own)
    few = () if n >= LEAST_SEEDS else (f"{n} seeds are too few to rule it out; {LEAST_SEEDS} are needed.",)
    return Cause("noise", "ruled out" if enough else "none found", (), (spread_text,), few, numbers)
