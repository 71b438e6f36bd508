"""The runs that a page of Judge can choose from, and their names there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from core.runs.folder import Run
from core.runs.predictions import predictions_folder
from pages.common.loaders import load_runs


@dataclass(frozen=True)
class Candidates:
    """The runs, sorted by what a judge of one dataset can do with them."""

    ready: list[Run]
    """with predictions for the dataset, whatever they were trained on, the newest first"""
    waiting: list[Run]
    """trained on it, without predictions: queued, running, stopped, failed"""
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
        elif predictions_folder(run, dataset):
            ready.append(run)
        elif run.dataset_name == dataset:
            waiting.append(run)
        elif predictions_folder(run, run.dataset_name):
            elsewhere[run.dataset_name] += 1
    return Candidates(ready, waiting, damaged, dict(elsewhere))


def display_names(runs: list[Run]) -> dict[str, str]:
    """Run id -> name, with the end of the id where several runs have the same name."""
    counts = Counter(run.name for run in runs)
    return {run.id: run.name if counts[run.name] == 1 else f"{run.name} ({run.id[-4:]})" for run in runs}
