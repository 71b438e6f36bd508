"""The training molecules nearest to one molecule, with their labels and what the model has left of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.judge.inspect.bench import BenchRun
from core.judge.inspect.nearest import nearest_by_fingerprint
from core.runs.predictions import Predictions, read_predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_SHOWN = 5


@dataclass(frozen=True)
class NearTraining:
    """One training molecule."""

    row: int
    """in the dataset of `NearestTraining`"""
    id: int
    apart: float
    """distance of standardised latents, or Tanimoto similarity"""
    target: float | None
    residual: float | None
    """predicted minus target, "in training": no error"""
    predicted: float | None


@dataclass(frozen=True, eq=False)
class NearestTraining:
    """Training molecules nearest to one molecule, the nearest first."""

    dataset: Dataset
    """where they lie; the one that the run was trained on"""
    molecules: tuple[NearTraining, ...]
    share: float | None
    """of the held-out molecules whose nearest training molecule is nearer; None by fingerprint"""
    farthest: float | None
    """distance of the held-out molecule that lies farthest from its nearest training molecule; None by fingerprint"""
    n_held_out: int
    part: str
    """what the held-out molecules are: test or validation"""


def nearest_by_latents(run: BenchRun, row: int, n: int = N_SHOWN) -> NearestTraining:
    """The nearest by the network's own features.

    Raises:
        MollensError: where they are not known, with the reason; for a training molecule, which has none.
    """
    inside, name = run.inside, run.run.name
    if inside is None:
        raise MollensError(f"{name}: nobody has looked inside its network")
    if inside.nearest is None or inside.nearest_distance is None:
        raise MollensError(f"{name}: {inside.why_no_nearest or 'nearest training molecules are not known'}")
    place = int(run.place[row])
    if place < 0 or int(inside.nearest[place, 0]) < 0:
        raise MollensError(f"{name}: was trained on this molecule, so its nearest training molecule is itself")
    here = inside.nearest_in == run.source.dataset.name
    dataset = run.source.dataset if here else open_dataset(inside.nearest_in)
    stored = read_predictions(run.run, inside.nearest_in)
    if stored is None:
        raise MollensError(f"{name}: its predictions for {inside.nearest_in} are gone; predict again")
    places = np.asarray(inside.nearest[place, :n], dtype=np.int64)
    if int(places.max(initial=-1)) >= len(stored.ids):
        raise MollensError(f"{name}: its predictions for {inside.nearest_in} have changed; look inside again")
    apart = np.asarray(inside.nearest_distance[place, :n], dtype=np.float64)
    rows = dataset.molecules.rows_of(np.asarray(stored.ids)[places])
    at = run.distance(row)
    farthest = float(run.distances[-1]) if len(run.distances) else None
    return NearestTraining(
        dataset, _described(stored, dataset, places, rows, apart), None if at is None else at[1], farthest,
        len(run.distances), run.source.part,
    )  # fmt: skip


def nearest_by_morgan(run: BenchRun, row: int, n: int = N_SHOWN) -> NearestTraining:
    """The most similar by Morgan fingerprint, among the training molecules of the dataset that is looked at.

    Raises:
        MollensError: if the index is not made yet, the molecule has no SMILES, or none was trained on here.
    """
    source = run.source
    if not len(source.train_rows):
        name = source.dataset.name
        raise MollensError(f"{run.run.name}: it is not known which molecules of {name} it was trained on")
    rows, similarity = nearest_by_fingerprint(source.dataset, row, source.train_rows, n)
    stored = read_predictions(run.run, source.dataset.name)
    assert stored is not None  # the run is on the bench because of them
    places = run.place[rows]
    near = _described(stored, source.dataset, places, rows, similarity)
    return NearestTraining(source.dataset, near, None, None, 0, source.part)


def _described(
    stored: Predictions, dataset: Dataset, places: Ints, rows: Ints, apart: Floats
) -> tuple[NearTraining, ...]:
    found = []
    for place, row, distance in zip(places, rows, apart, strict=True):
        target, predicted = _number(stored.target[place]), _number(stored.predicted[place])
        residual = None if target is None or predicted is None else predicted - target
        found.append(
            NearTraining(int(row), int(dataset.molecules.ids[row]), float(distance), target, residual, predicted)
        )
    return tuple(found)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
