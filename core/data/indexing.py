"""The index of a dataset: what is prepared once, in the background, so that searches and filters answer at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.data.defects import find_defects
from core.data.store import Dataset
from core.tasks import Task, list_tasks, start_task

Progress = Callable[..., None]
"""called with what is done, the whole, and what is being done in words"""


def build_index(dataset: Dataset, progress: Progress) -> dict[str, Any]:
    """Prepare searching in a dataset and look for its defects.

    Returns:
        Name of the dataset and how many molecules have which defect.

    Raises:
        MollensError: if the dataset has been deleted, or the disk is full.
    """
    from core.data.search import make_index  # brings RDKit along

    def searches(done: int, total: int) -> None:
        progress(done, total, "preparing searches")

    def defects(done: int, total: int) -> None:
        progress(done, total, "looking for defects")

    smiles = dataset.molecules.smiles
    if smiles is not None and (smiles != b"").any():
        make_index(dataset, searches)
    found = find_defects(dataset, defects)
    return {"dataset": dataset.name, "defects": {kind: int(flags.sum()) for kind, flags in found.flags.items()}}


def start_index(name: str) -> Task:
    """Start the task that makes the index of the dataset `name`."""
    return start_task("index", f"Index of {name}", {"dataset": name})


def index_task(name: str) -> Task | None:
    """The task that makes the index of the dataset `name` now, or made it last."""
    tasks = (task for task in list_tasks() if task.error is None and task.kind == "index")
    return next((task for task in tasks if task.arguments.get("dataset") == name), None)
