"""Several runs on one dataset, opened once, so that any molecule can be asked for its numbers in all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from core.data.identity import open_identities
from core.data.properties import Property
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.recipes_compared import recipe_key
from core.judge.comparing.runs_table import common_name
from core.judge.held_out import HeldOut, held_out, split_known
from core.judge.inspect.nearest import held_out_distances, percentile
from core.runs.folder import Run
from core.runs.inside import ABOUT, Inside, read_inside
from core.runs.predictions import NONE, TEST, TRAIN, UNUSED, VALIDATION, predictions_folder, read_predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]
Column = TypeVar("Column", Floats, Ints, Codes)

CODES = {TRAIN: "training", VALIDATION: "validation", TEST: "test", UNUSED: "not trained on", NONE: "not known"}
"""What a molecule was to a run; "not known" where nobody knows what the run has seen."""
COMPARABLE = 2.0
"""Times the mean absolute error of the run that is looked at, up to which another one has a say about a molecule."""
HELD = ("test", "validation")
"""What a molecule must have been to a run for its residual to be called an error."""
OUTSIDE = "in no part"
"""Of a molecule without a label, or in no part of the run's split."""


@dataclass(frozen=True, eq=False)
class BenchRun:
    """One run of the bench; arrays (n_molecules,) follow the rows of the dataset, NaN where it says nothing."""

    run: Run
    source: HeldOut
    """of the part that it is judged on: test, or validation where there is no test"""
    group: int
    """number of its recipe; runs of one recipe differ in their seed only"""
    codes: Codes
    """(n_molecules,) as in the predictions; NONE where it predicted nothing"""
    target: Floats
    predicted: Floats
    baseline: Floats
    place: Ints
    """(n_molecules,) row in the predictions, -1 where there is none"""
    known: bool
    """whether it is known what the run has seen"""

    @property
    def error(self) -> Floats:
        """(n_molecules,) predicted minus target; made anew each time, which is fast, and not kept."""
        return self.predicted - self.target

    @cached_property
    def mae(self) -> float:
        """Mean absolute error of all held-out molecules of the part that is judged."""
        return float(np.abs(self.source.error).mean())

    def code(self, row: int) -> str:
        """What the molecule was to the run, of `CODES`, or `OUTSIDE`."""
        code = int(self.codes[row])
        return OUTSIDE if code == NONE and self.known else CODES.get(code, OUTSIDE)

    def holds_out(self, row: int) -> bool:
        """Whether the molecule was held out and has an error."""
        return self.code(row) in HELD and bool(np.isfinite(self.error[row]))

    @cached_property
    def inside(self) -> Inside | None:
        """What is known of the molecules inside the network; None where no job has looked, or the files do not fit."""
        try:
            return read_inside(self.run, self.source.dataset.name)
        except MollensError:
            return None

    @cached_property
    def distances(self) -> Floats:
        """(n,) ascending distances of the held-out molecules to their nearest training molecule; empty if unknown."""
        if self.inside is None:
            return np.zeros(0)
        codes = self.codes[self.source.dataset.molecules.rows_of(np.asarray(self.inside.ids))]
        return held_out_distances(self.inside, codes)

    def distance(self, row: int) -> tuple[float, float] | None:
        """Distance to the nearest training molecule, and the share of held-out molecules that lie nearer; or None."""
        place = int(self.place[row])
        if self.inside is None or self.inside.nearest_distance is None or place < 0 or not len(self.distances):
            return None
        apart = float(self.inside.nearest_distance[place, 0])
        return (apart, float(percentile(np.array([apart]), self.distances)[0])) if np.isfinite(apart) else None

    def neighbours(self, row: int) -> tuple[Ints, Floats]:
        """Rows of the nearest training molecules of this dataset and their distances (n,), ascending; maybe none."""
        place, inside = int(self.place[row]), self.inside
        nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        if inside is None or inside.nearest is None or inside.nearest_distance is None or place < 0:
            return nothing
        if inside.nearest_in != self.source.dataset.name or int(inside.nearest[place, 0]) < 0:
            return nothing
        ids = np.asarray(inside.ids)[np.asarray(inside.nearest[place], dtype=np.int64)]
        apart = np.asarray(inside.nearest_distance[place], dtype=np.float64)
        return self.source.dataset.molecules.rows_of(ids), apart


@dataclass(frozen=True, eq=False)
class Bench:
    """Runs that predict one target of one dataset."""

    dataset: Dataset
    target: Property
    runs: tuple[BenchRun, ...]
    """the run that is looked at first"""
    recipes: tuple[str, ...]
    """name of each recipe, by its number; that of the first run is 0"""
    left_out: tuple[str, ...]
    """sentences about runs that could not be opened here"""

    @property
    def first(self) -> BenchRun:
        """The run that is looked at."""
        return self.runs[0]

    def of_recipe(self, group: int) -> tuple[BenchRun, ...]:
        """The runs of one recipe, one of each seed, the lowest first; of equal ones that which was named first."""
        found: dict[int, BenchRun] = {}
        for run in self.runs:
            if run.group == group:
                found.setdefault(run.run.seed, run)
        return tuple(found[seed] for seed in sorted(found))

    def row_of(self, molecule: int) -> int:
        """Row of the molecule with this id.

        Raises:
            MollensError: if the dataset has none.
        """
        found = np.flatnonzero(np.asarray(self.dataset.molecules.ids) == molecule)
        if not len(found):
            raise MollensError(
                f"molecule {molecule}: dataset {self.dataset.name} has none of this id; "
                f"`molecules {self.dataset.name}` lists them"
            )
        return int(found[0])

    def alike(self, row: int, group: int | None = None) -> tuple[BenchRun, ...]:
        """Runs (of one recipe) that stand to a molecule as the first one does: that hold it out, or trained on it."""
        runs = self.runs if group is None else self.of_recipe(group)
        if self.first.holds_out(row):
            return tuple(run for run in runs if run.holds_out(row))
        code = self.first.code(row)
        return tuple(run for run in runs if run.code(row) == code and np.isfinite(run.error[row]))

    def comparable(self, row: int) -> tuple[BenchRun, ...]:
        """Those of `alike`, one of each seed, that are no worse over all than twice the first one's mean error."""
        runs = [run for group in range(len(self.recipes)) for run in self.alike(row, group)]
        return tuple(run for run in runs if run.mae <= COMPARABLE * self.first.mae)

    def copy_seen(self, row: int) -> int | None:
        """Id of a molecule with the same atoms in the same geometry that the first run was trained on, or None."""
        seen = [int(r) for r in self.copies(row) if self.first.codes[r] == TRAIN]
        return int(self.dataset.molecules.ids[seen[0]]) if seen else None

    def copies(self, row: int) -> Ints:
        """(n,) rows of other molecules with the same atoms in the same geometry."""
        same = np.flatnonzero(self._groups == self._groups[row])
        return same[same != row]

    @cached_property
    def _groups(self) -> Ints:
        return np.asarray(open_identities(self.dataset))

    def part_rows(self) -> Ints:
        """(n,) rows of the first run's held-out molecules."""
        return self.first.source.rows


def open_bench(runs: Sequence[Run], dataset: Dataset) -> Bench:
    """Open runs together; kept until the predictions of one change or its network is looked into.

    The first run decides the target. Others that have no predictions here, or of another target, are left out and told.

    Raises:
        MollensError: for no runs, or as `held_out` for the first.
    """
    if not runs:
        raise MollensError("no run is named; name at least one")
    distinct = tuple({run.id: run for run in runs}.values())
    names = tuple((run.id, run.name) for run in distinct)
    return _open(names, tuple(_stamp(run, dataset) for run in distinct), _Runs(distinct), dataset)


@dataclass(frozen=True)
class _Runs:
    """Runs as an argument that is told apart by their ids and names only."""

    runs: tuple[Run, ...]

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Runs)


def _stamp(run: Run, dataset: Dataset) -> tuple[int, ...]:
    """Changes when the predictions, the weights or what is inside the network do."""
    folder = predictions_folder(run, dataset.name)
    times = []
    inside = run.results / "predictions" / dataset.name / ABOUT
    for path in [] if folder is None else (folder / "about.json", run.path / "model.json", inside):
        try:
            times.append(path.stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return tuple(times)


@lru_cache(maxsize=16)
def _open(
    names: tuple[tuple[str, str], ...], stamps: tuple[tuple[int, ...], ...], held: _Runs, dataset: Dataset
) -> Bench:
    sources, left_out = [_judged(held.runs[0], dataset)], []
    for run in held.runs[1:]:
        try:
            source = _judged(run, dataset)
        except MollensError as error:
            left_out.append(str(error))
            continue
        if source.target.key != sources[0].target.key:
            left_out.append(
                f"run {run.name}: predicts {source.target.key}, and {held.runs[0].name} {sources[0].target.key}"
            )
        else:
            sources.append(source)
    keys = list(dict.fromkeys(recipe_key(source.run) for source in sources))
    opened = tuple(_bench_run(source, keys.index(recipe_key(source.run))) for source in sources)
    recipes = [common_name([r.run.name for r in opened if r.group == k]) for k in range(len(keys))]
    return Bench(dataset, sources[0].target, opened, tuple(recipes), tuple(left_out))


def _judged(run: Run, dataset: Dataset) -> HeldOut:
    """The run's errors on its test molecules, or on those of validation where it has no test."""
    try:
        return held_out(run, dataset, "test")
    except MollensError as error:
        try:
            return held_out(run, dataset, "validation")
        except MollensError:
            raise error from None


def _bench_run(source: HeldOut, group: int) -> BenchRun:
    molecules = source.dataset.molecules
    stored = read_predictions(source.run, source.dataset.name)
    assert stored is not None  # `held_out` has read it
    rows, n = molecules.rows_of(np.asarray(stored.ids)), molecules.n_molecules
    place, codes = np.full(n, -1, dtype=np.int64), np.full(n, NONE, dtype=np.uint8)
    place[rows], codes[rows] = np.arange(len(rows)), stored.split
    columns: list[Floats] = []
    for values in (stored.target, stored.predicted, stored.baseline):
        column = np.full(n, np.nan)
        column[rows] = values
        columns.append(_shared(column))
    target, predicted, baseline = columns
    known = split_known(source.run, source.dataset)
    return BenchRun(source.run, source, group, _shared(codes), target, predicted, baseline, _shared(place), known)


_columns: WeakValueDictionary[tuple[str, bytes], NDArray[np.generic]] = WeakValueDictionary()


def _shared(column: Column) -> Column:
    """An equal column that another run or bench holds already, or this one, which can no longer be written.

    Runs on one dataset have targets, places, codes and baselines in common: of 130,000 molecules each run then keeps
    about 1 MB of its own, its predictions, on however many benches it stands.
    """
    key = (column.dtype.str, hashlib.blake2b(column.tobytes(), digest_size=16).digest())
    column.flags.writeable = False
    found = _columns.setdefault(key, column)
    assert found.dtype == column.dtype
    return found  # type: ignore[return-value]
