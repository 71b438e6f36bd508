"""How runs learned: validation error against epochs, steps and time, over the seeds of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.convergence import State, convergence_of
from core.runs.folder import Run
from core.runs.metrics import MetricsTail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Validation MAE of one run, or of the seeds of one recipe, epoch by epoch; in the target's unit."""

    runs: tuple[Run, ...]
    """those with epochs"""
    epochs: Ints
    """(n,) that all of them have finished"""
    mean: Floats
    """(n,) over the runs"""
    low: Floats
    """(n,) the least of the runs"""
    high: Floats
    """(n,) the largest of the runs"""
    steps: Floats
    """(n,) optimiser steps at the end of the epoch, mean over the runs"""
    seconds: Floats
    """(n,) time of training and validation up to the end of the epoch, mean over the runs; NaN where a log has none"""
    states: tuple[State, ...]
    """has it stopped falling? of each run"""
    values: Floats
    """(n_runs, n) of each run"""

    @property
    def n_seeds(self) -> int:
        """How many runs the mean is over."""
        return len(self.runs)


def learning_curves(groups_of_seeds: Sequence[Sequence[Run]]) -> list[LearningCurve]:
    """The learning curve of each group of runs that differ in their seed only; empty for runs without epochs.

    A curve ends with the first of its runs, so that its mean is over the same runs everywhere.

    Raises:
        MollensError: for a group without a run.
    """
    return [_curve(list(runs)) for runs in groups_of_seeds]


def _curve(runs: list[Run]) -> LearningCurve:
    if not runs:
        raise MollensError("learning curve: no run was given; name at least one")
    known: list[tuple[Run, State, dict[int, tuple[float, float, float]]]] = []
    states: list[State] = []
    for run in runs:
        tail = MetricsTail(run)
        tail.refresh()
        state = convergence_of(run, tail.epochs).state
        states.append(state)
        seconds, found = 0.0, {}
        for line in tail.epochs:
            # Time is added up, not read from the clock: a run may have been stopped for a night.
            took = line.get("seconds")  # validation included
            seconds += np.nan if took is None else float(took)
            mae, epoch = line.get("validation_mae"), line.get("epoch")
            if mae is not None and epoch is not None and np.isfinite(mae):
                found[int(epoch)] = (float(mae), float(line["step"]), seconds)
        if found:
            known.append((run, state, found))
    if not known:
        nothing = np.zeros(0)
        none = np.zeros((0, 0))
        return LearningCurve(
            (), nothing.astype(np.int64), nothing, nothing, nothing, nothing, nothing, tuple(states), none
        )
    epochs = sorted(set.intersection(*(set(found) for *_, found in known)))
    table = np.array([[found[epoch] for epoch in epochs] for *_, found in known]).reshape(len(known), len(epochs), 3)
    maes = table[:, :, 0]
    return LearningCurve(
        runs=tuple(run for run, *_ in known),
        epochs=np.array(epochs, dtype=np.int64),
        mean=maes.mean(axis=0),
        low=maes.min(axis=0),
        high=maes.max(axis=0),
        steps=table[:, :, 1].mean(axis=0),
        seconds=table[:, :, 2].mean(axis=0),
        states=tuple(state for _, state, _ in known),
        values=maes,
    )
