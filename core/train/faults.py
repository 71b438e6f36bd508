"""When a training must end: a loss that is no number, or one that has exploded."""

import sys
from collections import deque
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.train.losses import losses_of_nothing

NAMED_MOLECULES = 5  # molecules that an error text names
FAR = 1e4
"""How many times a squared error grows when it explodes: typical errors a hundred times larger."""
WORSE_THAN_NOTHING = 10.0
"""A jump is no explosion while the squared error stays below this multiple of that of a network that says nothing."""
IN_A_ROW = 5  # steps
REMEMBERED = 100  # steps


class LossWatch:
    """Tells a loss that has exploded from one that only jumps.

    A step is far off if its mean loss, without weights, is FAR times the largest of these: the first step's, and that
    of a network that always gives zero, on these molecules and on all training molecules. It is far off, too, if its
    loss is FAR times the median of the last hundred steps and WORSE_THAN_NOTHING. Five such steps in a row are an
    explosion: one bad molecule or one overshooting step is not. Losses that are linear in the error (mae, huber) take
    the square roots of these factors. First weights, warm-up and a learning rate that is merely too high stay below.
    """

    def __init__(
        self,
        kind: str,
        ids: NDArray[np.int64],
        train: NDArray[np.int64],
        residual: NDArray[np.float64],
    ) -> None:
        """`ids` and `residual`, what is learned, (n_molecules,); `train` (n_train,) rows."""
        self._ids = ids
        self._nothing = losses_of_nothing(kind, residual)
        self._level = float(self._nothing[train].mean())
        power = 1.0 if kind == "mse" else 0.5
        self._far, self._worse = FAR**power, WORSE_THAN_NOTHING**power
        self._first = 0.0
        self._recent: deque[float] = deque(maxlen=REMEMBERED)
        self._in_a_row = 0

    def look(self, step: int, rows: NDArray[np.int64], losses: NDArray[np.float32], learning_rate: float) -> None:
        """Take the losses (n,) of the molecules at `rows` (n,) in the step with this number, counted from 1.

        Raises:
            MollensError: if one is no number, or they have exploded; it names the step, the molecules and the ways out.
        """
        finite = np.isfinite(losses)
        if not finite.all():
            self._tell_batch(step, rows)
            raise no_number(f"step {step}: the loss", self._ids[rows[~finite]], learning_rate)
        mean = float(losses.mean(dtype=np.float64))
        if not self._recent:
            self._first = mean
        nothing = max(float(self._nothing[rows].mean()), self._level)
        self._recent.append(mean)
        far = mean > self._far * max(nothing, self._first)
        far = far or (mean > self._far * median(self._recent) and mean > self._worse * nothing)
        self._in_a_row = self._in_a_row + 1 if far else 0
        if self._in_a_row == IN_A_ROW:
            self._tell_batch(step, rows)
            worst = self._ids[rows[np.argsort(-losses, kind="stable")]]
            raise MollensError(
                f"step {step}: the loss has exploded to {mean / nothing:.2g} times that of a network that says "
                f"nothing; of this batch molecules {_named(worst)} have the largest; {_advice(learning_rate)}"
            )

    def _tell_batch(self, step: int, rows: NDArray[np.int64]) -> None:
        """All molecules of the batch, for the log."""
        print(f"step {step}: molecules of the batch: {', '.join(map(str, self._ids[rows]))}", file=sys.stderr)

    def state(self) -> dict[str, Any]:
        """What changes during a training, as plain values."""
        return {"first": self._first, "recent": list(self._recent), "in_a_row": self._in_a_row}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._first, self._in_a_row = float(state["first"]), int(state["in_a_row"])
        self._recent = deque(map(float, state["recent"]), maxlen=REMEMBERED)


def no_number(what: str, ids: NDArray[np.int64], learning_rate: float) -> MollensError:
    """The sentence about a loss or a prediction that is no number, with the molecules concerned."""
    return MollensError(f"{what} is not a number for molecules {_named(ids)}; {_advice(learning_rate)}")


def _advice(learning_rate: float) -> str:
    return f"lower the learning rate (now {learning_rate:.3g}) or clip the gradient, or look at these molecules"


def _named(ids: NDArray[np.int64]) -> str:
    more = f" and {len(ids) - NAMED_MOLECULES} more" if len(ids) > NAMED_MOLECULES else ""
    return ", ".join(str(number) for number in ids[:NAMED_MOLECULES]) + more
