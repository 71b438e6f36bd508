"""What the pages of Judge ask core for: runs that can be judged, their tables and curves; kept until a file changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from numpy.typing import NDArray

from core.data.selection import Selection
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.recipes_compared import recipe_key
from core.judge.curves import GroupCurves, validation_curves
from core.judge.errors import errors_of_all
from core.judge.grouping.groupings import Grouping
from core.judge.grouping.groups import Group, make_groups
from core.judge.grouping.rarity import grouping_for
from core.judge.held_out import HeldOut, held_out, shared_held_out, split_known
from core.judge.learning import LearningCurve, learning_curves
from core.judge.residuals import ErrorDistribution, ResidualDensity, error_distribution, residual_density
from core.runs.folder import Run
from core.runs.predictions import predictions_folder

TOGETHER = ("all", "size", "element", "rarity")
"""Groupings whose tables are made in one go."""


def first_of_each_recipe(runs: list[Run]) -> list[Run]:
    """The first run of each recipe, whatever its seed."""
    found: dict[tuple[Any, ...], Run] = {}
    for run in runs:
        found.setdefault(recipe_key(run), run)
    return list(found.values())


def part_of(runs: list[Run], dataset: str | None = None) -> str:
    """ "test", or "validation" where a split has no test molecules, as that of the thesis.

    dataset: judged on; a run that was trained on another one has test molecules there.
    """
    return "test" if all(_has_test(run, dataset) for run in runs) else "validation"


def _has_test(run: Run, dataset: str | None) -> bool:
    split = run.recipe_file["split"]
    there = dataset in (None, run.dataset_name) and bool(run.split_hash) and split.get("known", True)
    return not there or bool(split.get("test", 1))


@dataclass(frozen=True, eq=False)
class Bench:
    """Some runs on one dataset, judged on the same held-out molecules, all of them or those that filters leave."""

    dataset: Dataset
    runs: list[Run]
    part: str
    """"test" or "validation" """
    within: Selection = field(default_factory=Selection)
    """filters that everything is limited to, unless a question names others"""
    asked: dict[Any, Any] = field(default_factory=dict, repr=False)
    """answers for these runs while the page is made, wanted again and again; to look into the caches takes longer"""

    @cached_property
    def stamps(self) -> dict[str, tuple[Any, ...]]:
        """Run id -> what changes whenever its predictions or the dataset do, as they are now."""
        return {run.id: _stamp(run, self.dataset) for run in self.runs}

    @cached_property
    def same_split(self) -> bool:
        """Whether the runs share their split, so that no molecule has to be left out."""
        return len({(run.dataset_name, run.split_hash) for run in self.runs}) == 1

    @property
    def unknown(self) -> list[Run]:
        """Runs of which nobody knows what they have seen: their errors may be optimistic."""
        if "unknown" not in self.asked:
            known = {run.id for run in self.runs if _split_known(self.stamps[run.id], run, self.dataset)}
            self.asked["unknown"] = [run for run in self.runs if run.id not in known]
        return list(self.asked["unknown"])

    def held_out(self, run: Run) -> HeldOut:
        """The molecules that this run is judged on, before the filters."""
        if run.id not in self.asked:
            self.asked[run.id] = _held_out(self.stamps[run.id], self._common_stamp(), self.part, run, self)
        found: HeldOut = self.asked[run.id]
        return found

    def tables(
        self,
        by: str,
        per: str = "molecule",
        within: Selection | None = None,
        relative: str | None = None,
        runs: Sequence[Run] | None = None,
    ) -> list[pl.DataFrame]:
        """Errors by group for every run, see `core.judge.errors.errors_of_all`; `rare:` counts those of the first.

        runs: only those, of which not every view of the page needs the table
        """
        chosen = self.within if within is None else within
        ids = tuple(run.id for run in (self.runs if runs is None or by in TOGETHER else runs))
        key = (by, per, chosen, relative, ids)
        if key not in self.asked:
            stamp = (tuple(self.stamps.values()), self.part)
            self.asked[key] = _tables(stamp, ids, by, per, _key(chosen), relative, self, chosen)
        found: list[pl.DataFrame] = self.asked[key]
        if runs is not None and by in TOGETHER:
            return [found[self.runs.index(run)] for run in runs]
        return found

    def table(
        self, run: Run, by: str, per: str = "molecule", within: Selection | None = None, relative: str | None = None
    ) -> pl.DataFrame:
        """The same for one of the runs."""
        return self.tables(by, per, within, relative)[self.runs.index(run)]

    def overall(
        self, run: Run, per: str = "molecule", within: Selection | None = None, relative: str | None = None
    ) -> dict[str, Any]:
        """Errors over all molecules that the run is judged on and that the filters leave."""
        return self.table(run, "all", per, within, relative).row(0, named=True)

    def grouping(self, by: str) -> Grouping:
        """The groups of a name, over all molecules of the dataset."""
        train_rows = self.held_out(self.runs[0]).train_rows if by.startswith("rare:") else None
        return grouping_for(self.dataset, by, train_rows)

    def curves(
        self,
        run: Run,
        by: str | Group,
        measure: str = "mae",
        per: str = "molecule",
        within: Selection | None = None,
    ) -> GroupCurves | None:
        """Validation error over epochs by group, or of one group; None where the run recorded none on this dataset."""
        if run.dataset_name != self.dataset.name:
            return None
        stamp = (*self.stamps[run.id], _modified(run.path / "validation.json"))
        chosen = self.within if within is None else within
        rare = self.stamps[self.runs[0].id] if isinstance(by, str) and by.startswith("rare:") else ()
        return _curves((stamp, rare), by, measure, per, _key(chosen), run, self, chosen)

    def density(self, run: Run, per: str = "molecule", within: Selection | None = None) -> ResidualDensity:
        """Residuals against the target of one run, see `core.judge.residuals`."""
        chosen = self.within if within is None else within
        stamp = (self.stamps[run.id], self._common_stamp(), self.part)
        return _density(stamp, per, _key(chosen), self.held_out(run), self.mask(chosen))

    def distribution(
        self, signed: bool, log: bool, per: str = "molecule", within: Selection | None = None
    ) -> ErrorDistribution:
        """How the errors of all runs are spread, on the same edges, see `core.judge.residuals`."""
        chosen = self.within if within is None else within
        stamp = (tuple(self.stamps.values()), self.part)
        return _distribution(stamp, signed, log, per, _key(chosen), self, chosen)

    def mask(self, selection: Selection) -> NDArray[np.bool_] | None:
        """(n_molecules,) what filters leave; None for everything."""
        return selection.mask(self.dataset) if selection else None

    def _common_stamp(self) -> tuple[Any, ...]:
        return () if self.same_split else tuple(self.stamps.values())

    def common_ids(self) -> NDArray[np.int64] | None:
        """Ids to stay within where the splits differ, else None."""
        return None if self.same_split or not self.runs else _common(self._common_stamp(), self.part, self)


def _key(selection: Selection) -> tuple[str, ...]:
    return tuple(selection.where())


def learning_of(runs: list[Run]) -> list[LearningCurve]:
    """How each recipe among the runs learned, its seeds together; in the order of the runs."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(recipe_key(run), []).append(run)
    stamp = tuple(tuple((str(r.path), _modified(r.path / "metrics.jsonl")) for r in group) for group in groups.values())
    return _learning(stamp, list(groups.values()))


def sound(bench: Bench) -> tuple[Bench, list[str]]:
    """The bench without the runs that cannot be judged, and a sentence for each of those."""
    good, faults = [], []
    for run in bench.runs:
        try:
            Bench(bench.dataset, [run], bench.part).held_out(run)
            good.append(run)
        except MollensError as error:
            faults.append(str(error))
    return replace(bench, runs=good, asked={}), faults


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


@st.cache_resource(max_entries=40, show_spinner="Reading predictions")
def _held_out(stamp: tuple[Any, ...], common: tuple[Any, ...], part: str, _run: Run, _bench: Bench) -> HeldOut:
    return held_out(_run, _bench.dataset, part, _bench.common_ids())


@st.cache_resource(max_entries=8, show_spinner=False)
def _common(stamp: tuple[Any, ...], part: str, _bench: Bench) -> NDArray[np.int64]:
    return shared_held_out(_bench.runs, _bench.dataset, part)


@st.cache_resource(max_entries=200, show_spinner=False)
def _split_known(stamp: tuple[Any, ...], _run: Run, _dataset: Dataset) -> bool:
    return split_known(_run, _dataset)


@st.cache_resource(max_entries=300, show_spinner="Measuring errors")
def _tables(
    stamp: tuple[Any, ...], ids: tuple[str, ...], by: str, per: str, within: tuple[str, ...], relative: str | None,
    _bench: Bench, _selection: Selection,
) -> list[pl.DataFrame]:  # fmt: skip
    if by in TOGETHER:
        together = _tables_together(stamp, per, within, relative, _bench, _selection)
        return [of_run[by] for of_run in together]
    sources = [_bench.held_out(run) for run in _bench.runs if run.id in ids]
    groups = _bench.grouping(by) if by.startswith("rare:") else by
    return errors_of_all(sources, groups, per, _bench.mask(_selection), relative)


@st.cache_resource(max_entries=100, show_spinner="Measuring errors")
def _tables_together(
    stamp: tuple[Any, ...], per: str, within: tuple[str, ...], relative: str | None, _bench: Bench,
    _selection: Selection,
) -> list[dict[str, pl.DataFrame]]:  # fmt: skip
    """The tables that every view of the page needs, of all runs in one go: one pass over the resamples, not four."""
    sources = [_bench.held_out(run) for run in _bench.runs]
    molecules = _bench.dataset.molecules
    there = np.zeros(molecules.n_molecules, dtype=bool)
    for source in sources:
        there[source.all_rows] = True
    groups = {by: make_groups(molecules, np.flatnonzero(there), by) for by in TOGETHER}
    flat = tuple(group for of_kind in groups.values() for group in of_kind)
    found = []
    for table in errors_of_all(sources, flat, per, _bench.mask(_selection), relative):
        parts, start = {}, 0
        for by, of_kind in groups.items():
            part = table.slice(start, len(of_kind))
            start += len(of_kind)
            parts[by] = part if by == "all" else part.filter(pl.col("share") > 0)
        found.append(parts)
    return found


@st.cache_resource(max_entries=300, show_spinner="Reading validation errors")
def _curves(
    stamp: tuple[Any, ...], by: str | Group, measure: str, per: str, within: tuple[str, ...], _run: Run, _bench: Bench,
    _selection: Selection,
) -> GroupCurves | None:  # fmt: skip
    groups = _bench.grouping(by) if isinstance(by, str) and by.startswith("rare:") else by
    mask = _bench.mask(_selection)
    known = _bench.asked.get(_run.id)
    return validation_curves(
        _run, _bench.dataset, groups, measure, per, mask, None if known is None else known.train_rows
    )


@st.cache_resource(max_entries=60, show_spinner=False)
def _density(
    stamp: tuple[Any, ...], per: str, within: tuple[str, ...], _source: HeldOut, _mask: NDArray[np.bool_] | None
) -> ResidualDensity:
    return residual_density(_source, _mask, per)


@st.cache_resource(max_entries=60, show_spinner=False)
def _distribution(
    stamp: tuple[Any, ...], signed: bool, log: bool, per: str, within: tuple[str, ...], _bench: Bench,
    _selection: Selection,
) -> ErrorDistribution:  # fmt: skip
    sources = [_bench.held_out(run) for run in _bench.runs]
    return error_distribution(sources, _bench.mask(_selection), signed, per, log=log)


@st.cache_resource(max_entries=60, show_spinner=False)
def _learning(stamp: tuple[Any, ...], _groups: list[list[Run]]) -> list[LearningCurve]:
    return learning_curves(_groups)
