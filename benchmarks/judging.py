"""Judging the shipped runs: the time from predictions to errors by group with intervals."""

from __future__ import annotations

from typing import Any

from benchmarks.timing import median_seconds
from core.data.store import open_dataset
from core.judge.errors import report
from core.runs.folder import list_runs


def measure() -> dict[str, Any]:
    """Milliseconds of a report by size and by element of one shipped run."""
    dataset = open_dataset("demo")
    run = next(run for run in list_runs() if run.shipped)
    return {
        "by size, ms": round(1000 * median_seconds(lambda: report(run, dataset, "size")), 1),
        "by element, ms": round(1000 * median_seconds(lambda: report(run, dataset, "element")), 1),
    }
