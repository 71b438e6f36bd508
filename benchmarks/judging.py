"""Judging: the shipped runs as they are, and ten runs on 27,000 held-out molecules, as many as 20 % of QM9."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import errors_page
from benchmarks.timing import median_seconds
from core.data.search import make_index
from core.data.store import Dataset, open_dataset
from core.judge.comparing.compare import compare_runs, differences
from core.judge.comparing.pairing import Paired
from core.judge.comparing.side_by_side import side_by_side
from core.judge.errors import errors_of_all, report
from core.judge.grouping.groupings import open_grouping
from core.judge.held_out import HeldOut, held_out
from core.judge.slicing.predicates import open_predicates
from core.judge.slicing.slices import search_slices
from core.judge.statistics import cell_sums
from core.judge.statistics.resampling import seed_of, weight_chunks
from core.runs.folder import Run, list_runs

MOLECULES = 27_000
RUNS = 10
_GROUPS = ("size", "element", "functional_group", "gap")
_TABLES = (
    "size", "element", "size_element", "functional_group", "gap", "heavy", "rings", "where:size=17-19;element=F",
    "rare:100",
)  # fmt: skip


def measure() -> dict[str, Any]:
    """Milliseconds of reports and comparisons of shipped runs, and of ten runs on many molecules."""
    dataset = open_dataset("demo")
    make_index(dataset)
    shipped = [run for run in list_runs() if run.shipped]
    one, other = shipped[1], shipped[-1]
    return {
        "by size, ms": _milliseconds(lambda: report(one, dataset, "size")),
        "by element, ms": _milliseconds(lambda: report(one, dataset, "element")),
        "compare two by size, ms": _milliseconds(lambda: compare_runs(one, other, dataset, "size")),
        **_many(dataset, one),
        **errors_page.page(),
    }


def _many(dataset: Dataset, run: Run) -> dict[str, Any]:
    """The same for ten runs on 27,000 molecules: demo's, some of them several times, with errors by lot."""
    random = np.random.default_rng(0)
    rows = np.sort(random.integers(0, dataset.molecules.n_molecules, MOLECULES))
    ids = np.arange(MOLECULES)
    errors = 0.05 * random.standard_t(4, (RUNS, MOLECULES))
    target = dataset.property(run.target)
    trained = (rows,) * RUNS
    paired = Paired(dataset, (run,) * RUNS, target, "test", ids, rows, errors, trained, (MOLECULES,) * RUNS, False, ())
    told: dict[str, Any] = {"molecules": MOLECULES, "runs": RUNS}
    told["weights of a new test set, ms"] = _milliseconds(lambda: list(weight_chunks(MOLECULES, random.integers(1e9))))
    list(weight_chunks(MOLECULES, seed_of(ids)))
    for by in _GROUPS:
        grouping = open_grouping(dataset, by)
        name = f"{RUNS} runs, {len(grouping.names)} groups by {by}"
        told[f"{name}, MAE, ms"] = _milliseconds(lambda g=grouping: side_by_side(paired, g))
        told[f"{name}, MAE together, ms"] = _milliseconds(lambda g=grouping: side_by_side(paired, g, together=True))
    sizes = open_grouping(dataset, "size")
    told["10 runs by size, RMSE, ms"] = _milliseconds(lambda: side_by_side(paired, sizes, "rmse"))
    told["10 runs by size, median, ms"] = _milliseconds(lambda: side_by_side(paired, sizes, "median"))
    member, seed = sizes.member(rows), seed_of(ids)
    told["two networks by size, ms"] = _milliseconds(lambda: differences(errors[:1], errors[1:2], member, "mae", seed))
    told["two recipes of 5 seeds by size, ms"] = _milliseconds(lambda: differences(errors[:5], errors[5:], member))
    sources = [_source(run, dataset, rows, ids, line) for line in errors]
    told |= _tables(dataset, run, rows, ids, errors)
    predicates = open_predicates(dataset)
    told["predicates"] = len(predicates.names)

    def search() -> None:
        for source in sources:
            search_slices(source, source, predicates)

    told["slices of 10 runs, s"] = round(median_seconds(search, 3), 2)
    return told


def _tables(dataset: Dataset, run: Run, rows: np.ndarray, ids: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    """All measures of ten runs in every grouping: wall and processor time of what a page asks for at a change."""
    fit = np.random.default_rng(1).normal(0, 0.5, len(rows))
    sources = [replace(_source(run, dataset, rows, ids, line), baseline=fit) for line in errors]
    inside = dataset.molecules.contains(7)
    told: dict[str, Any] = {}

    def tell(words: str, by: str, first: bool = False, **options: Any) -> None:
        def ask() -> list[Any]:
            if first:
                cell_sums.KEPT.clear()
            return errors_of_all(sources, by, **options)

        wall, processor, groups = _cost(ask)
        told[f"tables by {by}{words}, {groups} groups, ms wall / CPU"] = f"{wall:.0f} / {processor:.0f}"

    for by in _TABLES:
        tell("", by)
        tell(", only with N", by, within=inside)
    for by in ("size", "size_element"):
        tell(", other models than before", by, first=True)
    for by in ("size", "size_element", "functional_group"):
        tell(", per atom", by, per="atom")
        tell(", relative", by, relative="baseline")
        tell(", simultaneous", by, simultaneous=True)
    return told


def _cost(call: Callable[[], list[Any]], times: int = 5) -> tuple[float, float, int]:
    """Median milliseconds of wall and of processor time, and rows of the first table."""
    taken = []
    for _ in range(times):
        wall, processor = time.perf_counter(), time.process_time()
        found = call()
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = (1000 * statistics.median(column) for column in zip(*taken, strict=True))
    return wall, processor, len(found[0])


def _source(run: Run, dataset: Dataset, rows: np.ndarray, ids: np.ndarray, errors: np.ndarray) -> HeldOut:
    some = held_out(run, dataset)
    zeros = np.zeros(len(rows))
    return replace(some, rows=rows, ids=ids, target_values=zeros, predicted=errors, baseline=zeros)


def _milliseconds(call: Any) -> float:
    return round(1000 * median_seconds(call), 1)
