"""The learning rate over a training."""

import math
from dataclasses import dataclass

PLATEAU_FACTOR = 0.8
PLATEAU_PATIENCE = 25  # epochs


@dataclass
class Schedule:
    """Learning rate of every step: linear warm-up, then constant, a cosine to zero, or steps down at plateaus."""

    kind: str
    learning_rate: float
    """its highest value"""
    warmup_steps: int
    total_steps: int
    factor: float = 1.0
    """what plateaus have left of it"""
    best: float = math.inf
    """least validation error so far"""
    stale: int = 0
    """epochs since then, or since the last step down"""

    def at(self, step: int) -> float:
        """Learning rate of the step with this number, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        if self.kind == "cosine":
            done = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
        return self.learning_rate * self.factor

    def end_epoch(self, validation_error: float) -> None:
        """Note an epoch's validation error; 25 stale epochs take the learning rate of a plateau down to 0.8 of it."""
        if validation_error < self.best:
            self.best, self.stale = validation_error, 0
            return
        self.stale += 1
        if self.kind == "plateau" and self.stale >= PLATEAU_PATIENCE:
            self.factor, self.stale = self.factor * PLATEAU_FACTOR, 0

    def state(self) -> dict[str, float]:
        """What changes during a training, as plain values."""
        return {"factor": self.factor, "best": self.best, "stale": self.stale}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from `state()`."""
        self.factor, self.best, self.stale = float(state["factor"]), float(state["best"]), int(state["stale"])
