"""The logged steps of a training as columns that grow, and thinned for drawing without losing an extreme."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.runs.folder import Run
from core.runs.metrics import read_metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POINTS = 300
"""Points of a drawn line at most, with twice as many around its band: enough for the eye, and light enough to be sent
every 2 s."""
_NUMBERS = (
    "step", "epoch", "loss_mean", "loss_low5", "loss_high5", "loss_unweighted", "learning_rate",
    "molecules_per_second", "memory", "gpu_load",
)  # fmt: skip
QUANTILES = ("loss_q05", "loss_q25", "loss_q50", "loss_q75", "loss_q95")
"""Columns of the unweighted losses' 5th, 25th, 50th, 75th and 95th percentile in a batch."""
_PLACES = {name: place for place, name in enumerate((*_NUMBERS, *QUANTILES))}


class StepColumns:
    """Step lines of metrics.jsonl as float64 columns that grow."""

    def __init__(self) -> None:
        self._table = np.empty((len(_PLACES), 1024))
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def column(self, name: str) -> Floats:
        """(n_steps,) values of a column, NaN where a line has none; a view, valid until the next lines come."""
        return self._table[_PLACES[name], : self._n]

    def last(self, name: str) -> float | None:
        """The last known value of a column, or None."""
        known = np.flatnonzero(np.isfinite(self.column(name)))
        return float(self.column(name)[known[-1]]) if len(known) else None

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        """Take over further step lines; where a resumed job has gone back, later steps are forgotten."""
        if self._n + len(lines) > self._table.shape[1]:
            wider = np.empty((len(_PLACES), 2 * (self._n + len(lines))))
            wider[:, : self._n] = self._table[:, : self._n]
            self._table = wider
        for line in lines:
            while self._n and self._table[0, self._n - 1] >= line["step"]:
                self._n -= 1
            self._table[:, self._n] = _numbers(line)
            self._n += 1

    def clear(self) -> None:
        """Forget everything."""
        self._n = 0

    def table(self) -> pl.DataFrame:
        """All columns that hold a number anywhere, a row for each logged step."""
        columns = {name: self.column(name) for name in _PLACES}
        known = {name: values.copy() for name, values in columns.items() if np.isfinite(values).any()}
        return pl.DataFrame(known).with_columns(pl.col("step").cast(pl.Int64)) if known else pl.DataFrame()


class StepTail:
    """Follows the logged steps of a run, reading only what is new; several sessions may read at once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._columns = StepColumns()
        self._offset = 0
        self._file = 0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[StepColumns]:
        """The steps up to now; they stay as they are within the block."""
        with self._lock:
            self._read_on()
            yield self._columns

    def _read_on(self) -> None:
        try:
            told = (self._run.path / "metrics.jsonl").stat()
        except FileNotFoundError:
            self._columns.clear()
            self._offset = self._file = 0
            return
        if told.st_ino != self._file or told.st_size < self._offset:
            self._columns.clear()  # a resumed job puts a new file in place of the old one
            self._offset, self._file = 0, told.st_ino
        if told.st_size == self._offset:
            return
        lines, offset = read_metrics(self._run, self._offset)
        if offset < self._offset:
            self._columns.clear()
        self._columns.append([line for line in lines if line.get("kind") != "epoch"])
        self._offset = offset


def _numbers(line: dict[str, Any]) -> list[float]:
    quantiles = line.get("loss_quantiles")
    if not isinstance(quantiles, list) or len(quantiles) != len(QUANTILES):
        quantiles = [None] * len(QUANTILES)
    found = [*(line.get(key) for key in _NUMBERS), *quantiles]
    return [float(value) if isinstance(value, int | float) else np.nan for value in found]


@dataclass(frozen=True, eq=False)
class Envelope:
    """A thinned column: every point stands for neighbouring steps; all arrays (n_points,)."""

    steps: Ints
    """last step of each group"""
    low: Floats
    """least value of the group"""
    mean: Floats
    high: Floats
    """largest value of the group"""
    averaged: int
    """logged steps to a point"""

    def __len__(self) -> int:
        return len(self.steps)


def envelope(steps: Floats, values: Floats, most: int = MOST_POINTS) -> Envelope:
    """Thin a column to at most `most` points: mean, least and largest value of groups of 1, 2, 4, 8, ... steps.

    Groups are doubled, not stretched, so that a growing curve keeps its points until there are too many. Steps without
    a value are left out; no extreme is.

    Args:
        steps, values: (n,) both.
    """
    kept = np.isfinite(values) & np.isfinite(steps)
    steps, values = steps[kept], values[kept]
    group = 1
    while -(-len(values) // group) > most:
        group *= 2
    if group == 1:
        return Envelope(steps.astype(np.int64), values.copy(), values.copy(), values.copy(), 1)
    starts = np.arange(0, len(values), group)
    ends = np.append(starts[1:], len(values))
    return Envelope(
        steps=steps[ends - 1].astype(np.int64),
        low=np.minimum.reduceat(values, starts),
        mean=np.add.reduceat(values, starts) / (ends - starts),
        high=np.maximum.reduceat(values, starts),
        averaged=group,
    )
