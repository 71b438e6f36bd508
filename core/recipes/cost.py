"""What a training costs on this machine: measured once for each network and dataset by a short job, then looked up."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.files import home, read_json, write_json
from core.recipes.create import versions
from core.recipes.recipe import Recipe
from core.runs.devices import resolve_device
from core.tasks import Task, start_task

_FIELDS = (
    "model", "n_atom_basis", "n_interactions", "n_rbf", "cutoff", "neighbour_cutoff", "batch_size", "loss", "filters",
    "grid_points", "threads", "min_atoms", "max_atoms", "most_per_size", "control", "validate_same_sizes",
)  # fmt: skip
_DRAWN_BY = ("weighting", "weight_by", "weight_rate", "weight_beta", "least_weight")


@dataclass(frozen=True)
class Cost:
    """Speed and memory of a training, as they were measured."""

    molecules_per_second: float
    """of training steps"""
    validation_molecules_per_second: float
    memory: int
    """bytes that a step holds at its peak, beside `fixed_memory`; 0 for the composition model"""
    fixed_memory: int
    """bytes that the process holds all the time: program, molecules with their neighbours, network and optimizer"""
    device: str
    """cpu or cuda:N"""
    threads: int
    """CPU threads"""
    measured: str
    """UTC"""


def read_cost(recipe: Recipe, dataset: Dataset, device: str = "auto") -> Cost | None:
    """What was measured for this recipe on this machine and device, or None; fields that cost nothing may differ.

    Raises:
        MollensError: if target, split or device are not there.
    """
    path = cost_file(recipe, dataset, device)
    try:
        content = read_json(path, "measured cost")
        return Cost(**{field.name: content[field.name] for field in fields(Cost)})
    except (MollensError, KeyError):  # none, or one that is damaged: then it is measured anew
        return None


def write_cost(recipe: Recipe, dataset: Dataset, cost: Cost) -> None:
    """Keep what was measured."""
    write_json(cost_file(recipe, dataset, cost.device), asdict(cost))


def cost_file(recipe: Recipe, dataset: Dataset, device: str) -> Path:
    """Where the cost of a recipe is kept: named by a hash of all that decides it."""
    decides: dict[str, Any] = {key: getattr(recipe, key) for key in _FIELDS}
    if recipe.filters == "exact":
        del decides["grid_points"]
    if recipe.weights_in == "sampling" and recipe.weighting != "none":
        decides |= {key: getattr(recipe, key) for key in _DRAWN_BY}
    decides |= {
        "averaged": recipe.ema_decay > 0,
        "clipped": recipe.gradient_clip > 0,
        "seed": recipe.seed if recipe.most_per_size or recipe.control else 0,
        "output": dataset.property(dataset.target_key(recipe.target)).output,
        "dataset": dataset.card.sha256,
        "split": open_split(dataset, recipe.split).hash,
        "device": resolve_device(device),
        "machine": platform.node(),
        "torch": versions().get("torch", ""),
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]
    return home() / "costs" / f"{key}.json"


def start_calibration(recipe: Recipe, dataset: Dataset, device: str = "auto") -> Task:
    """Start a task that measures the cost of a recipe; `read_cost` then has it.

    Raises:
        MollensError: if target, split or device are not there, or the disk is full.
    """
    cost_file(recipe, dataset, device)  # what is not there is told here, not by a task in the background
    arguments = {"recipe": recipe.model_dump(), "dataset": dataset.name, "device": resolve_device(device)}
    return start_task("calibrate", f"Measure the speed on {dataset.name}", arguments)


def expected_seconds(cost: Cost, n_train: int, n_validation: int, epochs: int) -> float:
    """Time of a training with so many molecules, without reading the dataset and the predictions at its end."""
    epoch = n_train / cost.molecules_per_second + n_validation / cost.validation_molecules_per_second
    return epochs * epoch
