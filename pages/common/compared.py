"""What the Compare page asks core for: comparisons, errors, curves, hypotheses; kept until a file changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.compare import Comparison, compare_runs
from core.judge.comparing.pairing import Paired, pair_up
from core.judge.comparing.runs_table import RunsTable, runs_table
from core.judge.comparing.side_by_side import SideBySide, side_by_side
from core.judge.grouping.groupings import Grouping, groupings_of, open_grouping
from core.judge.hypotheses.asking import ask_hypotheses
from core.judge.hypotheses.findings import Finding
from core.judge.learning import LearningCurve, learning_curves
from core.runs.folder import Run
from core.runs.predictions import predictions_folder

Stamp = tuple[Any, ...]
Runs = tuple[Run, ...]


def compared(
    a: Runs,
    b: Runs,
    dataset: Dataset,
    by: str = "size",
    measure: str = "mae",
    per: str = "molecule",
    margin: float | None = None,
    part: str = "test",
) -> Comparison:
    """A against B, see `core.judge.comparing.compare.compare_runs`.

    Raises:
        MollensError: where they cannot be compared.
    """
    stamp = (_predicted(a, dataset), _predicted(b, dataset))
    return _compared(stamp, by, measure, per, margin, part, a, b, dataset)


def errors_of_sides(found: Comparison) -> SideBySide:
    """The error of every run of a comparison over all molecules that are compared, A's runs first."""
    stamp = _predicted((*found.a, *found.b), found.paired.dataset)
    return _errors(stamp, found.measure, found.per, found.paired.part, found)


def grouping_of(dataset: Dataset, by: str) -> Grouping:
    """A grouping of the dataset; core keeps it."""
    return open_grouping(dataset, by)


def groupings(dataset: Dataset) -> list[str]:
    """Names of all groupings that can be compared by."""
    return _groupings((dataset.name, dataset.card.sha256), dataset)


def curves_of(groups: Sequence[Runs]) -> list[LearningCurve]:
    """Learning curves, each over the seeds of one group."""
    stamp = tuple(tuple((str(run.path), _modified(run.path / "metrics.jsonl")) for run in runs) for runs in groups)
    return list(_curves(stamp, [list(runs) for runs in groups]))


def table_of(runs: Runs, dataset: Dataset, part: str, measure: str, per: str) -> RunsTable:
    """All runs as a table, a row a recipe, see `core.judge.comparing.runs_table`."""
    return _table(_learned(runs, dataset), part, measure, per, runs, dataset)


def findings_of(names: Sequence[str], runs: Runs, dataset: Dataset, among: Runs, part: str, per: str) -> list[Finding]:
    """What runs say about some of H1 to H4; where they cannot be asked, the sentence that says why."""
    stamp = (_learned(runs, dataset), _predicted(among, dataset))
    return _findings(stamp, tuple(names), part, per, runs, among, dataset)


def _predicted(runs: Runs, dataset: Dataset) -> Stamp:
    """Changes whenever predictions of one of the runs or the dataset do."""
    found = []
    for run in runs:
        folder = predictions_folder(run, dataset.name)
        found.append((str(run.path), _modified(folder / "about.json") if folder else 0))
    return (dataset.name, dataset.card.sha256, *found)


def _learned(runs: Runs, dataset: Dataset) -> Stamp:
    """Changes also whenever one of the runs goes on or takes another name."""
    files = ("metrics.jsonl", "status.json", "about.json")
    return (_predicted(runs, dataset), *(_modified(run.path / file) for run in runs for file in files))


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=120, show_spinner="Comparing molecule by molecule")
def _compared(
    stamp: Stamp,
    by: str,
    measure: str,
    per: str,
    margin: float | None,
    part: str,
    _a: Runs,
    _b: Runs,
    _dataset: Dataset,
) -> Comparison:
    paired = _paired(stamp, part, _a, _b, _dataset)
    one, other = ((paired.runs[: len(_a)]), (paired.runs[len(_a) :]))
    sides = [runs if len(runs) > 1 else runs[0] for runs in (one, other)]
    return compare_runs(sides[0], sides[1], _dataset, by, measure, per, margin, part, paired)


@st.cache_resource(max_entries=20, show_spinner="Pairing the molecules up")
def _paired(stamp: Stamp, part: str, _a: Runs, _b: Runs, _dataset: Dataset) -> Paired:
    by_seed = [sorted(runs, key=lambda run: run.seed) for runs in (_a, _b)]  # the order of `compare_runs`
    return pair_up([*by_seed[0], *by_seed[1]], _dataset, part)


@st.cache_resource(max_entries=60, show_spinner="Measuring both")
def _errors(stamp: Stamp, measure: str, per: str, part: str, _found: Comparison) -> SideBySide:
    return side_by_side(_found.paired, open_grouping(_found.paired.dataset, "all"), measure, per)


@st.cache_resource(max_entries=8, show_spinner=False)
def _groupings(stamp: Stamp, _dataset: Dataset) -> list[str]:
    return groupings_of(_dataset)


@st.cache_resource(max_entries=40, show_spinner="Reading learning curves")
def _curves(stamp: Stamp, _groups: list[list[Run]]) -> list[LearningCurve]:
    return learning_curves(_groups)


@st.cache_resource(max_entries=20, show_spinner="Measuring all runs on the same molecules")
def _table(stamp: Stamp, part: str, measure: str, per: str, _runs: Runs, _dataset: Dataset) -> RunsTable:
    return runs_table(_runs, _dataset, part, measure, per)


@st.cache_resource(max_entries=60, show_spinner="Putting the hypotheses to the runs")
def _findings(
    stamp: Stamp, names: tuple[str, ...], part: str, per: str, _runs: Runs, _among: Runs, _dataset: Dataset
) -> list[Finding]:
    found: list[Finding] = []
    for name in names:
        try:
            found += ask_hypotheses(list(_runs), _dataset, list(_among), [name], part, per)
        except MollensError as error:
            found.append(Finding(name, _runs[:1], "not enough data", f"Not enough data: {error}."))
    return found
