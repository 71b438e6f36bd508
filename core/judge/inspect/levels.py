"""Second levels of theory of a dataset: other datasets with the same geometries, set beside it once and kept."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.data.pairs import Progress
from core.data.reference_levels import TOTAL_ENERGIES
from core.data.store import Dataset, DatasetEntry, list_datasets, open_dataset
from core.errors import MollensError
from core.files import home, plain_disk_errors, write_bytes
from core.judge.held_out import NOT_STATED
from core.judge.inspect.label_suspicion import SecondLevel, second_level
from core.tasks import Task, list_tasks, start_task

KIND = "second-levels"
_MADE = 1
"""changes whenever another residual comes out of the same datasets"""
ENERGIES = (*TOTAL_ENERGIES, "atomization_energy")
"""Energies of molecules; between two levels they differ by little more than a sum over atoms."""


@dataclass(frozen=True)
class LevelPair:
    """A dataset that may hold a second level of theory for another."""

    name: str
    level_of_theory: str
    key: str
    """of its property"""
    sha256: str
    """checksum of that dataset"""


def possible_levels(dataset: Dataset, key: str) -> list[LevelPair]:
    """Datasets of the home with an energy at another, stated level of theory; only their cards are read."""
    prop = dataset.property(key)
    if key not in ENERGIES or not prop.is_energy or dataset.card.level_of_theory in ("", NOT_STATED):
        return []
    return [pair for entry in list_datasets() if (pair := _pair(entry, dataset, key)) is not None]


def _pair(entry: DatasetEntry, dataset: Dataset, key: str) -> LevelPair | None:
    card = entry.card
    if card is None or entry.name == dataset.name:
        return None
    if card.level_of_theory in ("", NOT_STATED, dataset.card.level_of_theory):
        return None
    keys = [each.key for each in card.properties if each.key in ENERGIES and each.unit == "eV"]
    wanted = [each for each in (key, "atomization_energy", card.default_target or "", *keys) if each in keys]
    return LevelPair(entry.name, card.level_of_theory, wanted[0], card.sha256) if wanted else None


def read_levels(dataset: Dataset, key: str) -> tuple[list[SecondLevel], list[str]]:
    """The second levels that have been set beside a dataset, and names of datasets that nobody has tried yet.

    Fast: nothing is computed; `make_levels` does that.
    """
    found, waiting = [], []
    for pair in possible_levels(dataset, key):
        state = _read(dataset, key, pair)
        if state == "none":
            waiting.append(pair.name)
        elif isinstance(state, SecondLevel):
            found.append(state)
    return found, waiting


def start_levels(dataset: Dataset, key: str) -> Task:
    """Start the task that sets second levels beside a dataset; one that is at work on the same is given back instead.

    Raises:
        MollensError: if the disk is full or may not be written.
    """
    present = levels_task(dataset, key)
    if present is not None and present.status.active:
        return present
    return start_task(KIND, f"Second levels of {dataset.name}", {"dataset": dataset.name, "target": key})


def levels_task(dataset: Dataset, key: str) -> Task | None:
    """The task that sets second levels beside a dataset now, or did last."""
    wanted = {"dataset": dataset.name, "target": key}
    tasks = (task for task in list_tasks() if task.error is None and task.kind == KIND)
    return next((task for task in tasks if task.arguments == wanted), None)


def work_on_levels(arguments: dict[str, Any], progress: Callable[..., None]) -> dict[str, Any]:
    """The task `second-levels`: set every dataset of another level of theory beside one.

    Returns:
        Names of those that fit.
    """
    dataset, key = open_dataset(str(arguments["dataset"])), str(arguments["target"])

    def tell(done: int, total: int) -> None:
        progress(done, total, "recognising geometries")

    return {"dataset": dataset.name, "levels": [level.name for level in make_levels(dataset, key, tell)]}


def make_levels(dataset: Dataset, key: str, progress: Progress | None = None) -> list[SecondLevel]:
    """Set every dataset of another level of theory beside this one where that is not done yet; all that fit.

    Takes about 8 s for 16,882 molecules against 128,744. A dataset with fewer than 200 molecules in common is none.

    Raises:
        MollensError: if the disk is full.
    """
    for pair in possible_levels(dataset, key):
        if _read(dataset, key, pair) == "none":
            try:
                level = second_level(dataset, key, open_dataset(pair.name), pair.key, progress)
                values = (level.residual, level.z)
                about = {"n_common": level.n_common, "spread": level.spread, "why": ""}
            except MollensError as error:
                values = (np.zeros(0), np.zeros(0))
                about = {"n_common": 0, "spread": 0.0, "why": str(error)}
            _save(dataset, key, pair, values, about)
    return read_levels(dataset, key)[0]


def _path(dataset: Dataset, key: str, pair: LevelPair) -> Path:
    text = json.dumps([_MADE, dataset.name, dataset.card.sha256, key, pair.name, pair.sha256, pair.key])
    return home() / "judged" / "levels" / f"{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}.npz"


def _read(dataset: Dataset, key: str, pair: LevelPair) -> SecondLevel | str:
    """The level, "none" where nobody has looked, "nothing" where too little is in common."""
    path = _path(dataset, key, pair)
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return "none"
    return _load(path, stamp, pair, dataset.molecules.n_molecules)


@lru_cache(maxsize=16)
def _load(path: Path, stamp: int, pair: LevelPair, n: int) -> SecondLevel | str:
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(stored["about"].tobytes())
            residual, z = stored["residual"], stored["z"]
            if about["why"]:
                return "nothing"
            if residual.shape != (n,) or z.shape != (n,):
                return "none"
            return SecondLevel(
                pair.name, pair.level_of_theory, residual, z, int(about["n_common"]), float(about["spread"])
            )
    except (OSError, ValueError, EOFError, KeyError, TypeError, BadZipFile):
        return "none"  # damaged: made again, nothing is lost


def _save(
    dataset: Dataset, key: str, pair: LevelPair, values: tuple[NDArray[np.float64], ...], about: dict[str, object]
) -> None:
    path = _path(dataset, key, pair)
    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, about=text, residual=values[0], z=values[1])
    with plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
