"""The seeds of one recipe judged as one: errors of each on the same held-out molecules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import open_dataset
from core.errors import MollensError
from core.judge.comparing.runs_table import common_name
from core.judge.held_out import HeldOut
from core.runs.folder import Run
from core.runs.predictions import TRAIN, read_predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEARLY = 0.99
"""Share of the training molecules of a model from elsewhere that must have been recognised for counts of them."""


@dataclass(frozen=True, eq=False)
class Together:
    """Errors of one run, or of several seeds, on the molecules that all of them hold out."""

    sources: tuple[HeldOut, ...]
    ids: Ints
    """(n,) ascending"""
    rows: Ints
    """(n,) rows in the dataset"""
    errors: Floats
    """(n_seeds, n) predicted minus target"""

    @property
    def runs(self) -> tuple[Run, ...]:
        """The run of each source."""
        return tuple(source.run for source in self.sources)

    @property
    def name(self) -> str:
        """What a sentence calls them: the run's name, or what the names of all seeds begin with."""
        return common_name([run.name for run in self.runs])

    def counts_by_size(self, n_sizes: int) -> Floats | None:
        """(n_seeds, n_sizes) training molecules of each number of atoms below n_sizes; None where it is not known."""
        trained = [trained_molecules(source) for source in self.sources]
        if any(found is None for found in trained):
            return None
        counts = [np.bincount(m.sizes[rows], minlength=n_sizes)[:n_sizes] for m, rows in (t for t in trained if t)]
        return np.stack(counts).astype(np.float64)


def trained_molecules(source: HeldOut) -> tuple[Molecules, Ints] | None:
    """The molecules that a run was trained on: a set, and their rows in it; None where not all of them are at hand.

    Of a run that was trained on another dataset they are looked up there.
    """
    run = source.run
    if not source.elsewhere:
        complete = run.origin == "mollens" or len(source.train_rows) >= _NEARLY * run.n_trained > 0
        return (source.dataset.molecules, source.train_rows) if complete else None
    stored = read_predictions(run, run.dataset_name)
    if stored is None:
        return None
    try:
        own = open_dataset(run.dataset_name)
    except MollensError:
        return None
    if own.card.sha256 != run.dataset_sha256:
        return None
    rows = own.molecules.rows_of(np.asarray(stored.ids)[np.asarray(stored.split) == TRAIN])
    return (own.molecules, rows) if run.origin == "mollens" or len(rows) >= _NEARLY * run.n_trained > 0 else None


def together(sources: HeldOut | Sequence[HeldOut]) -> Together:
    """Put the seeds of one recipe together.

    Raises:
        MollensError: if they have no held-out molecule in common.
    """
    given = (sources,) if isinstance(sources, HeldOut) else tuple(sources)
    ids = given[0].ids
    for source in given[1:]:
        ids = np.intersect1d(ids, source.ids, assume_unique=True)
    if len(ids) == 0:
        raise MollensError(f"runs {', '.join(each.run.name for each in given)}: have no held-out molecule in common")
    errors = np.stack([source.error[np.searchsorted(source.ids, ids)] for source in given])
    return Together(given, ids, given[0].dataset.molecules.rows_of(ids), errors)
