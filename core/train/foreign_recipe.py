"""A model of SchNetPack that fits a dataset, and the recipe.json of the run that it becomes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.data.store import Dataset
from core.data.units import factor
from core.recipes.create import versions
from core.runs.seen import Seen
from core.train.foreign import Foreign
from core.train.foreign_split import Learned
from models.offset import Offset


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model that fits a dataset, checked."""

    found: Foreign
    dataset: Dataset
    target: str
    unit: str
    """of the model's own output"""
    offset: Offset
    """in the unit of the target"""
    weights: dict[str, torch.Tensor]
    known: Learned | None
    """what it was trained on, if that is known"""

    @property
    def elements(self) -> list[str]:
        """Symbols of the elements that it has learned, as far as can be told: else those of the dataset."""
        if self.known is not None:
            return list(self.known.elements)
        return list(self.found.elements or self.dataset.molecules.symbols)

    @property
    def factor(self) -> float:
        """What the model's output is multiplied with to be in the target's unit."""
        return factor(self.unit, self.dataset.property(self.target).unit) if self.unit else 1.0


def recipe_file(prepared: Prepared) -> dict[str, Any]:
    """recipe.json of a model from elsewhere: what is known of its training."""
    found, dataset, known = prepared.found, prepared.dataset, prepared.known
    network = found.network
    split: dict[str, Any] = {"name": "not known", "hash": "", "known": False, "train": 0, "validation": 0, "test": 0}
    if found.counts is not None:
        name = "export" if found.seen is not None else found.files.split.name if found.files.split else "split file"
        split |= {"name": f"from {name}", **found.counts}
    if known is not None:
        split |= {"known": True, "hash": _hash(known.seen)}
    settings = dict(found.config.settings) if found.config is not None else {}
    sizes = {key: value for key, value in found.keywords.items() if key != "pooling"}
    return {
        "recipe": {
            "model": network.kind,
            "target": prepared.target,
            **sizes,
            "neighbour_cutoff": found.neighbour_cutoff,
            **settings,
        },
        "dataset": {"name": dataset.name, "sha256": dataset.card.sha256},
        "split": split,
        "target": prepared.target,
        "unit": dataset.property(prepared.target).unit,
        "seed": int(settings.get("seed", 0)),
        "versions": {"schnetpack": network.version} if network.version else {},
        "loaded": {
            "file": found.files.model.name,
            "sha256": _sha256(found.files.model),
            "output": network.output,
            "unit": prepared.unit,
            "adds": list(network.adds),
            "database": found.database.name if found.database is not None and found.seen is None else None,
            "level_of_theory": dataset.card.level_of_theory,
            "with": versions(),
        },
    }


def _hash(seen: Seen) -> str:
    """Equal for models that have seen the same molecules in the same parts."""
    order = np.lexsort((seen.codes, *seen.hashes.T))
    return hashlib.sha256(seen.hashes[order].tobytes() + seen.codes[order].tobytes()).hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
