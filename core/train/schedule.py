"""The learning rate over a training."""

import math
from dataclasses import dataclass, field

LEAST_CHANGE = 1e-8
"""A step down of less than this is left out, as torch's and SchNetPack's schedulers do."""


@dataclass(frozen=True)
class Plateau:
    """When a plateau is one, and what is left of the learning rate then; SchNetPack's ReduceLROnPlateau.

    Its `smoothing_factor` has no counterpart: SchNetPack 2.0.4 and 2.2.0 compute the smoothed error and then decide by
    the bare one.
    """

    factor: float = 0.8
    patience: int = 25
    """epochs without gain that are let pass; the next one takes the learning rate down"""
    threshold: float = 0.0
    """share of the least error by which an epoch must be lower to be a gain"""
    cooldown: int = 0
    """epochs after a step down that are not counted"""
    min_learning_rate: float = 0.0


@dataclass
class Schedule:
    """Learning rate of every step: linear warm-up, then constant, a cosine to zero, or steps down at plateaus."""

    kind: str
    learning_rate: float
    """its highest value"""
    warmup_steps: int
    total_steps: int
    plateau: Plateau = field(default_factory=Plateau)
    lowered: float = 0.0
    """what plateaus have made of it; 0 before the first step down"""
    best: float = math.inf
    """least validation error so far, of those that were gains"""
    stale: int = 0
    """epochs since then, or since the last step down or cooldown"""
    cooling: int = 0
    """epochs of the cooldown that are left"""

    def at(self, step: int) -> float:
        """Learning rate of the step with this number, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        if self.kind == "cosine":
            done = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
        return self.lowered or self.learning_rate

    def end_epoch(self, validation_error: float) -> None:
        """Note an epoch's validation error; of a plateau, take the learning rate down where it is one."""
        plateau = self.plateau
        if validation_error < self.best * (1.0 - plateau.threshold):
            self.best, self.stale = validation_error, 0
        else:
            self.stale += 1
        if self.kind != "plateau":
            return
        if self.cooling:
            self.cooling, self.stale = self.cooling - 1, 0
        if self.stale > plateau.patience:
            now = self.lowered or self.learning_rate
            lower = max(now * plateau.factor, plateau.min_learning_rate)
            if now - lower > LEAST_CHANGE:
                self.lowered = lower
            self.cooling, self.stale = plateau.cooldown, 0

    def state(self) -> dict[str, float]:
        """What changes during a training, as plain values."""
        return {"lowered": self.lowered, "best": self.best, "stale": self.stale, "cooling": self.cooling}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from `state()`, or from that of a version that kept the `factor` that plateaus had left."""
        factor = float(state.get("factor", 1.0))
        self.lowered = float(state.get("lowered", self.learning_rate * factor if factor < 1 else 0.0))
        self.best, self.stale = float(state["best"]), int(state["stale"])
        self.cooling = int(state.get("cooling", 0))
