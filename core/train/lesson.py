"""What a training is given (a lesson) and whom it tells what it has done (a record)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.recipes.streams import stream
from core.train.batches import FlatMolecules, epoch_order
from core.train.checkpoint import Progress
from models.offset import Offset


class Record(Protocol):
    """Where a training writes what it has done; of several processes only the first one writes.

    A call may take minutes, as it does where it waits for space on a full disk.
    """

    def line(self, line: dict[str, Any]) -> None:
        """Take one line of metrics."""

    def validation(self, epoch: int, errors: NDArray[np.float64]) -> None:
        """Take the signed errors (n_validation,) of an epoch, predicted minus target."""

    def best(self, weights: Mapping[str, Tensor], epoch: int, mae: float) -> None:
        """Keep the weights with the least validation MAE."""

    def checkpoint(self, content: bytes) -> None:
        """Keep the checkpoint in place of the last one."""

    def progress(self, progress: Progress) -> None:
        """Take note of how far the training is; called after every step."""

    def should_stop(self) -> bool:
        """Whether the training should save and end; asked before every step."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned: the molecules, which of them are for what, and the target."""

    molecules: FlatMolecules
    ids: NDArray[np.int64]
    """(n_molecules,) of the dataset, for error texts"""
    train: NDArray[np.int64]
    """(n_train,) rows"""
    validation: NDArray[np.int64]
    """(n_validation,) rows"""
    target: NDArray[np.float64]
    """(n_molecules,) in the target's unit; NaN outside the two parts is never read"""
    offset: Offset
    offsets: NDArray[np.float64]
    """(n_molecules,) `offset` of every molecule"""
    weights: NDArray[np.float64] | None = None
    """(n_train,) what the loss of each training molecule is multiplied by; None: all count alike"""
    draw: NDArray[np.float64] | None = None
    """(n_train,) epochs draw molecules with repetition, in proportion to this; None: each comes once"""

    @property
    def residual(self) -> NDArray[np.float64]:
        """(n_molecules,) what the network has to give."""
        return self.offset.residual(self.target, self.offsets)

    def weight_of_rows(self) -> NDArray[np.float32] | None:
        """(n_molecules,) `weights` by row, 1 outside the training part; None where all count alike."""
        if self.weights is None:
            return None
        of_rows = np.ones(len(self.ids), dtype=np.float32)
        of_rows[self.train] = self.weights
        return of_rows

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Rows (n_train,) in the order in which an epoch, counted from 0, sees them."""
        n = len(self.train)
        if self.draw is None:
            return self.train[epoch_order(n, seed, epoch)]
        return self.train[stream(seed, "order", epoch).choice(n, n, p=self.draw / self.draw.sum())]
