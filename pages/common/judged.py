"""What the pages of Judge ask core for: runs that can be judged, their tables and curves; kept until a file changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.convergence import Convergence, convergence
from core.judge.curves import GroupCurves, validation_curves
from core.judge.errors import errors_of
from core.judge.groups import Group
from core.judge.held_out import HeldOut, held_out, shared_held_out
from core.judge.recipes_compared import recipe_key
from core.runs.folder import Run
from core.runs.predictions import predictions_folder
from pages.common.loaders import load_runs


@dataclass(frozen=True)
class Candidates:
    """The runs on one dataset, sorted by what a judge can do with them."""

    ready: list[Run]
    """with predictions for the dataset, the newest first"""
    waiting: list[Run]
    """without predictions: queued, running, stopped, failed"""
    damaged: list[Run]
    """of any dataset; only their error can be told"""
    elsewhere: dict[str, int]
    """other dataset -> number of runs with predictions for it"""


def candidates(dataset: str) -> Candidates:
    """All runs, sorted for a page that judges runs on `dataset`."""
    ready, waiting, damaged = [], [], []
    elsewhere: Counter[str] = Counter()
    for run in load_runs():
        if run.error is not None:
            damaged.append(run)
        elif run.dataset_name != dataset:
            if predictions_folder(run, run.dataset_name):
                elsewhere[run.dataset_name] += 1
        elif predictions_folder(run, dataset):
            ready.append(run)
        else:
            waiting.append(run)
    return Candidates(ready, waiting, damaged, dict(elsewhere))


def display_names(runs: list[Run]) -> dict[str, str]:
    """Run id -> name, with the end of the id where several runs have the same name."""
    counts = Counter(run.name for run in runs)
    return {run.id: run.name if counts[run.name] == 1 else f"{run.name} ({run.id[-4:]})" for run in runs}


def first_of_each_recipe(runs: list[Run]) -> list[Run]:
    """The first run of each recipe, whatever its seed."""
    found: dict[tuple[Any, ...], Run] = {}
    for run in runs:
        found.setdefault(recipe_key(run), run)
    return list(found.values())


def part_of(runs: list[Run]) -> str:
    """ "test", or "validation" where a split has no test molecules, as that of the thesis."""
    return "test" if all(run.recipe_file["split"].get("test", 1) for run in runs) else "validation"


@dataclass(frozen=True, eq=False)
class Bench:
    """Some runs on one dataset, judged on the same held-out molecules."""

    dataset: Dataset
    runs: list[Run]
    part: str
    """"test" or "validation" """

    @property
    def same_split(self) -> bool:
        """Whether the runs share their split, so that no molecule has to be left out."""
        return len({run.split_hash for run in self.runs}) == 1

    def held_out(self, run: Run) -> HeldOut:
        """The molecules that this run is judged on."""
        return _held_out(_stamp(run, self.dataset), self._common_stamp(), self.part, run, self)

    def table(self, run: Run, by: str, per: str = "molecule") -> pl.DataFrame:
        """Errors by group, see `core.judge.errors.group_errors`."""
        stamp = (_stamp(run, self.dataset), self._common_stamp(), self.part)
        return _table(stamp, by, per, self.held_out(run))

    def overall(self, run: Run, per: str = "molecule") -> dict[str, Any]:
        """Errors over all molecules that the run is judged on."""
        return self.table(run, "all", per).row(0, named=True)

    def group_row(self, run: Run, group: Group, per: str = "molecule") -> dict[str, Any]:
        """Errors over one group."""
        stamp = (_stamp(run, self.dataset), self._common_stamp(), self.part)
        return _table(stamp, (group,), per, self.held_out(run)).row(0, named=True)

    def curves(self, run: Run, by: str | Group, measure: str = "mae", per: str = "molecule") -> GroupCurves | None:
        """Validation error over epochs by group, or of one group."""
        stamp = (*_stamp(run, self.dataset), _modified(run.path / "validation.json"))
        return _curves(stamp, by, measure, per, run, self.dataset)

    def _common_stamp(self) -> tuple[Any, ...]:
        return () if self.same_split else tuple(_stamp(run, self.dataset) for run in self.runs)

    def common_ids(self) -> NDArray[np.int64] | None:
        """Ids to stay within where the splits differ, else None."""
        return None if self.same_split or not self.runs else _common(self._common_stamp(), self.part, self)


def run_convergence(run: Run) -> Convergence:
    """Has the run's validation error stopped falling?"""
    return _convergence(str(run.path), _modified(run.path / "metrics.jsonl"), run)


def sound(bench: Bench) -> tuple[Bench, list[str]]:
    """The bench without the runs that cannot be judged, and a sentence for each of those."""
    good, faults = [], []
    for run in bench.runs:
        try:
            Bench(bench.dataset, [run], bench.part).held_out(run)
            good.append(run)
        except MollensError as error:
            faults.append(str(error))
    return Bench(bench.dataset, good, bench.part), faults


def nothing_shared(bench: Bench) -> list[str]:
    """A sentence if the runs have no held-out molecule in common, else nothing."""
    try:
        bench.common_ids()
    except MollensError as error:
        return [str(error)]
    return []


def _stamp(run: Run, dataset: Dataset) -> tuple[Any, ...]:
    """Changes whenever the run's predictions or the dataset do."""
    folder = predictions_folder(run, dataset.name)
    when = _modified(folder / "about.json") if folder else 0
    return str(run.path), str(folder), when, dataset.card.sha256


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=24, show_spinner="Reading predictions")
def _held_out(stamp: tuple[Any, ...], common: tuple[Any, ...], part: str, _run: Run, _bench: Bench) -> HeldOut:
    return held_out(_run, _bench.dataset, part, _bench.common_ids())


@st.cache_resource(max_entries=8, show_spinner=False)
def _common(stamp: tuple[Any, ...], part: str, _bench: Bench) -> NDArray[np.int64]:
    return shared_held_out(_bench.runs, _bench.dataset, part)


@st.cache_resource(max_entries=400, show_spinner="Measuring errors")
def _table(stamp: tuple[Any, ...], by: str | tuple[Group, ...], per: str, _source: HeldOut) -> pl.DataFrame:
    return errors_of(_source, by, per)


@st.cache_resource(max_entries=120, show_spinner="Reading validation errors")
def _curves(
    stamp: tuple[Any, ...], by: str | Group, measure: str, per: str, _run: Run, _dataset: Dataset
) -> GroupCurves | None:
    return validation_curves(_run, _dataset, by, measure, per)


@st.cache_resource(max_entries=200, show_spinner=False)
def _convergence(folder: str, modified: int, _run: Run) -> Convergence:
    return convergence(_run)
