"""Found slices, kept in the home until the run's predictions change, and the task that looks for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from core.data.search import index_ready
from core.data.selection import Selection
from core.data.store import Dataset, open_dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.files import home, read_json, write_json
from core.judge.slicing.predicates import make_predicates
from core.judge.slicing.slices import Slice, SliceSearch, find_slices
from core.runs.folder import Run, open_run
from core.runs.predictions import predictions_folder
from core.tasks import Task, list_tasks, start_task

KIND = "slices"
_SEARCH = 1
"""changes whenever the search finds something else in the same predictions"""

Progress = Callable[..., None]
"""called with what is done, the whole, and what is being done in words"""


def slices_of(run: Run, dataset: Dataset, per: str = "molecule", within: Selection | None = None) -> SliceSearch | None:
    """The slices that were found for a run, or None where nobody has looked since it was predicted.

    They are looked for again too when functional groups were left out and can be searched now.
    """
    path = _path(run, dataset, per, within)
    stamp = _stamp(run, dataset)
    if stamp is None or not path.exists():
        return None
    try:
        content = read_json(path, f"slices of {run.what}")
        if content["stamp"] != stamp:
            return None
        found = _read(content["search"], run)
    except (MollensError, KeyError, TypeError, AttributeError):
        return None  # damaged, or of another Mollens: looked for again, nothing is lost
    return None if found.left_out and index_ready(dataset) else found


def save_slices(found: SliceSearch, dataset: Dataset, per: str, within: Selection | None = None) -> None:
    """Keep what a search has found.

    Raises:
        MollensError: if the disk is full or may not be written.
    """
    names = [field.name for field in fields(SliceSearch) if field.name not in ("run", "slices")]
    search = {name: getattr(found, name) for name in names} | {"slices": [asdict(each) for each in found.slices]}
    write_json(_path(found.run, dataset, per, within), {"stamp": _stamp(found.run, dataset), "search": search})


def search_and_save(
    run: Run, dataset: Dataset, per: str = "molecule", within: Selection | None = None, progress: Progress | None = None
) -> SliceSearch:
    """Look for the slices of a run and keep them; the dataset's search index is made first where it is missing.

    Raises:
        MollensError: as `find_slices` and `make_predicates`.
    """
    predicates = make_predicates(dataset, progress)
    if progress is not None:
        progress(0, 1, "looking for the worst groups")
    found = find_slices([run], dataset, per, predicates=predicates, within=within)[0]
    save_slices(found, dataset, per, within)
    if progress is not None:
        progress(1, 1, "looking for the worst groups")
    return found


def start_slices(run: Run, dataset: Dataset, per: str = "molecule", within: Selection | None = None) -> Task:
    """Start the task that looks for the slices of a run; one that is at work on the same is given back instead.

    Raises:
        MollensError: if the disk is full or may not be written.
    """
    present = slices_task(run, dataset, per, within)
    if present is not None and present.status.active:
        return present
    return start_task(KIND, f"Worst groups of {run.name}", _arguments(run, dataset, per, within))


def slices_task(run: Run, dataset: Dataset, per: str = "molecule", within: Selection | None = None) -> Task | None:
    """The task that looks for the slices of a run now, or did last."""
    wanted = _arguments(run, dataset, per, within)
    tasks = (task for task in list_tasks() if task.error is None and task.kind == KIND)
    return next((task for task in tasks if task.arguments == wanted), None)


def work_on_slices(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `slices`: look for the slices of a run in the background.

    Returns:
        How many were found and how many of them are confirmed.
    """
    run, dataset = open_run(str(arguments["run"])), open_dataset(str(arguments["dataset"]))
    within = parse_where([str(each) for each in arguments["where"]], dataset)
    found = search_and_save(run, dataset, str(arguments["per"]), within or None, progress)
    confirmed = sum(each.state == "confirmed" for each in found.slices)
    return {"run": run.id, "found": len(found.slices), "confirmed": confirmed}


def _arguments(run: Run, dataset: Dataset, per: str, within: Selection | None) -> dict[str, Any]:
    return {"run": run.id, "dataset": dataset.name, "per": per, "where": within.where() if within else []}


def _path(run: Run, dataset: Dataset, per: str, within: Selection | None) -> Path:
    text = json.dumps(_arguments(run, dataset, per, within), sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return home() / "judged" / run.id / f"slices-{name}.json"


def _stamp(run: Run, dataset: Dataset) -> dict[str, Any] | None:
    """Changes whenever the predictions, the dataset or the search do; None without predictions."""
    folder = predictions_folder(run, dataset.name)
    if folder is None:
        return None
    try:
        when = (folder / "about.json").stat().st_mtime_ns
    except OSError:
        return None
    return {"predictions": when, "dataset": dataset.card.sha256, "search": _SEARCH}


def _read(content: dict[str, Any], run: Run) -> SliceSearch:
    slices = [
        Slice(**{**each, "predicates": tuple(each["predicates"]), "where": _tuple(each["where"])})
        for each in content["slices"]
    ]
    return SliceSearch(**{**content, "run": run, "slices": slices, "within": tuple(content["within"])})


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
