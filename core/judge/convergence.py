"""Has the validation error of a run stopped falling?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.runs.folder import Run
from core.runs.metrics import MetricsTail

State = Literal["converged", "still falling", "rising", "too short", "no epochs", "not recorded"]

SMALLEST_DROP = 0.01
"""A change of the validation error below this share of it is not called a change."""
LARGEST_NOISE = 0.1
"""Where the noise is a larger share of the error, no change seen does not mean that there is none."""
_WINDOW_SHARE = 5  # the window is a fifth of all epochs,
_WINDOW = (3, 20)  # within these limits
_NOISES = 2.0


@dataclass(frozen=True)
class Convergence:
    """The last window of the validation MAE against the window before it."""

    state: State
    epochs: int = 0
    """finished epochs"""
    window: int = 0
    """epochs in each of the two windows"""
    before: float = float("nan")
    """mean of the window before, in the target's unit"""
    now: float = float("nan")
    """mean of the last window"""
    noise: float = float("nan")
    """twice the standard error of `before - now`, from the scatter between neighbouring epochs"""
    learning_rate_share: float = float("nan")
    """last learning rate as a share of the largest: a schedule near 0 flattens any curve"""

    @property
    def drop(self) -> float:
        """How far the validation MAE fell, in the target's unit; negative when it rose."""
        return self.before - self.now


def convergence(run: Run) -> Convergence:
    """Judge the recorded epochs of a run, see `judge_curve`; kept until its metrics change."""
    try:
        found = (run.path / "metrics.jsonl").stat()
    except OSError:
        return convergence_of(run, [])
    return _recorded(run.path, run.shipped, found.st_mtime_ns, found.st_size, found.st_ino)


NOT_RECORDED: State = "not recorded"


def training_state(run: Run) -> State:
    """The state of `convergence`, or "not recorded" for a model from elsewhere that came without its epochs.

    The linear fit in composition has none and needs none; of a network without them nobody knows.
    """
    state = convergence(run).state
    return NOT_RECORDED if state == "no epochs" and run.origin != "mollens" else state


@lru_cache(maxsize=512)
def _recorded(path: Path, shipped: bool, *stamp: int) -> Convergence:
    run = Run(path, shipped)
    tail = MetricsTail(run)
    tail.refresh()
    return convergence_of(run, tail.epochs)


def convergence_of(run: Run, epochs: Sequence[dict[str, Any]]) -> Convergence:
    """The same from the epoch lines of its metrics, for those who have read them."""
    if run.recipe_values.get("model") == "composition":
        return Convergence("no epochs")  # fitted in one step
    scored = [line for line in epochs if line.get("validation_mae") is not None]
    rates = np.array([line.get("learning_rate") or np.nan for line in scored], dtype=np.float64)
    share = float(rates[-1] / np.nanmax(rates)) if np.isfinite(rates).any() else float("nan")
    return judge_curve(np.array([line["validation_mae"] for line in scored], dtype=np.float64), share)


def judge_curve(validation_mae: NDArray[np.float64], learning_rate_share: float = float("nan")) -> Convergence:
    """Compare the mean of the last window of a curve (n_epochs,) with the mean of the window before.

    The window is a fifth of the epochs, 3 to 20. The noise of one epoch is estimated from second differences, which a
    steady trend leaves at zero: var(y[i-1] - 2 y[i] + y[i+1]) = 6 sigma^2 (T. Gasser, L. Sroka and C. Jennen-Steinmetz,
    Biometrika 73, 625 (1986)); the means of two windows of w epochs differ by noise with variance 2 sigma^2 / w. A
    change counts if it is beyond twice that and at least 1 % of the error; none is denied where noise could hide 10 %.
    """
    curve = validation_mae[np.isfinite(validation_mae)]
    n = len(curve)
    if n == 0:
        return Convergence("no epochs")
    window = int(np.clip(n // _WINDOW_SHARE, *_WINDOW))
    if n < 2 * window + 1:
        return Convergence(
            "too short", epochs=n, window=window, now=float(curve[-1]), learning_rate_share=learning_rate_share
        )
    before, now = float(curve[-2 * window : -window].mean()), float(curve[-window:].mean())
    tail = curve[-(2 * window + 1) :]
    variance = float(np.mean(np.diff(tail, n=2) ** 2)) / 6
    noise = _NOISES * float(np.sqrt(2 * variance / window))
    change = before - now
    state: State = "converged"
    if abs(change) > noise and abs(change) >= SMALLEST_DROP * before:
        state = "still falling" if change > 0 else "rising"
    elif noise > LARGEST_NOISE * before:
        state = "too short"
    return Convergence(state, n, window, before, now, noise, learning_rate_share)
