"""Equal quality: test errors after training with SchNetPack's own modules, with exact pairs and with the grid.

Every training is a real job of the same recipe on the same molecules, with the same first weights and order for the
same seed, so that differences are paired. It takes hours; whatever is finished stays in the folder that
MOLLENS_EQUALITY names (a folder of the system's for temporary files by default), and the next call goes on from there.

`python -m benchmarks equality` trains what is missing and compares; `python -m benchmarks.equality stock exact` trains
only these variants; `python -m benchmarks.equality compare` only compares.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

import core.train.job
import core.train.loop
import core.train.predict
from benchmarks.timing import archive
from core.data.importers import import_file
from core.data.store import Dataset, list_datasets, open_dataset
from core.recipes.create import create_run
from core.recipes.recipe import Recipe, validated
from core.runs.folder import Run, list_runs
from core.runs.predictions import TEST, read_predictions
from core.train.batches import FlatMolecules
from core.train.job import run_job
from models.offset import Offset
from models.registry import OUTPUT

SETTINGS: dict[str, dict[str, Any]] = {
    "schnet": {"model": "schnet", "n_atom_basis": 64, "epochs": 20, "batch_size": 32, "learning_rate": 4e-3},
    "painn": {"model": "painn", "n_atom_basis": 32, "epochs": 8, "batch_size": 32, "learning_rate": 2e-3},
}
COMMON: dict[str, Any] = {
    "n_interactions": 3, "n_rbf": 20, "cutoff": 5.0, "neighbour_cutoff": 5.0, "schedule": "cosine", "warmup_epochs": 1,
    "ema_decay": 0.99, "gradient_clip": 10, "threads": 1,
}  # fmt: skip
N_SEEDS = 3
MORE_SEEDS = {("schnet", "exact"): 6, ("schnet", "grid"): 6}
"""Seeds of the two that cost little, since three cannot tell a difference of 2 meV from none."""
VARIANTS = {"stock": "SchNetPack's modules", "exact": "exact pairs", "grid": "grid", "tenth": "scale / 10, exact pairs"}
QUEUE = [("schnet", variant) for variant in VARIANTS] + [("painn", variant) for variant in ("stock", "exact", "grid")]


def measure() -> dict[str, Any]:
    """Train what is missing; test MAE in meV by variant, and paired differences to SchNetPack's own modules."""
    train(list(VARIANTS))
    return compare()


def folder() -> Path:
    """Where finished trainings stay between calls."""
    return Path(os.environ.get("MOLLENS_EQUALITY") or Path(tempfile.gettempdir()) / "mollens-equality")


def train(variants: list[str]) -> None:
    """Train every network and seed of these variants that is not finished, or finish it."""
    os.environ["MOLLENS_HOME"] = str(folder())
    torch.set_num_threads(1)
    dataset = real_molecules()
    for model, variant in QUEUE:
        if variant not in variants or (variant == "grid" and "filters" not in Recipe.model_fields):
            continue
        for seed in seeds_of(model, variant):
            run = find(model, variant, seed) or create_run(
                recipe(model, variant, seed), dataset, name(model, variant, seed), "cpu"
            )
            if run.status().state == "finished":
                continue
            print(f"{run.name}: training", file=sys.stderr, flush=True)
            with changed(variant):
                run_job(run.id)
            if run.status().state != "finished":
                raise SystemExit(f"{run.name}: stopped; call again to go on")


def real_molecules() -> Dataset:
    """The dataset of real molecules in the folder, imported once."""
    there = any(entry.name == "qm9" for entry in list_datasets())
    return open_dataset("qm9") if there else import_file(archive(), "qm9")


def seeds_of(model: str, variant: str) -> range:
    """Seeds that are trained of a network and variant."""
    return range(MORE_SEEDS.get((model, variant), N_SEEDS))


def name(model: str, variant: str, seed: int) -> str:
    """Name of a run."""
    return f"{model} {variant} seed {seed}"


def recipe(model: str, variant: str, seed: int) -> Recipe:
    """The recipe of a run; variants differ in the filters only."""
    filters = {"filters": "grid"} if variant == "grid" else {}
    return validated(COMMON | SETTINGS[model] | filters | {"seed": seed})


def find(model: str, variant: str, seed: int) -> Run | None:
    """The run that was made for this before, with the same settings."""
    wanted = COMMON | SETTINGS[model]
    for run in list_runs():
        if not run.shipped and run.error is None and run.name == name(model, variant, seed):
            values = run.recipe_values
            if all(values[key] == value for key, value in wanted.items()):
                return run
    return None


@contextmanager
def changed(variant: str) -> Iterator[None]:
    """What a variant changes in the job that is otherwise that of every run."""
    with ExitStack() as stack:
        if variant == "stock":
            for module in (core.train.loop, core.train.predict):
                stack.enter_context(patch.object(module, "PairForward", NetworkItself))
            stack.enter_context(patch.object(FlatMolecules, "pairs", FlatMolecules.batch, create=True))
        if variant == "tenth":
            stack.enter_context(patch.object(core.train.job, "network_offset", tenth_of_the_scale))
        yield


class NetworkItself(nn.Module):
    """SchNetPack's network called as its own users call it, in place of the fast forward."""

    def __init__(self, network: nn.Module, *_: Any, **__: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Take SchNetPack's batch, give (n_molecules,) float32."""
        return self.network(dict(batch))[OUTPUT]


def tenth_of_the_scale(*arguments: Any, **named: Any) -> Offset:
    """The offset of the job with a tenth of its scale: the network has to give ten times as much."""
    offset = network_offset(*arguments, **named)
    return replace(offset, scale=offset.scale / 10)


network_offset = core.train.job.network_offset


def compare() -> dict[str, Any]:
    """Mean, spread and paired differences of the test MAE (meV) of what is finished."""
    os.environ["MOLLENS_HOME"] = str(folder())
    dataset = real_molecules()
    figures: dict[str, Any] = {"dataset": f"{dataset.card.title}, {dataset.card.n_molecules:,} molecules"}
    for model, settings in SETTINGS.items():
        maes = {variant: test_maes(model, variant) for variant in VARIANTS}
        label = f"{model}-{settings['n_atom_basis']}, {settings['epochs']} epochs"
        for variant, found in maes.items():
            if found:
                values = np.array(list(found.values()))
                figures[f"{label}, {VARIANTS[variant]}, test MAE of each seed, meV"] = values.round(2).tolist()
                if len(values) > 1:
                    figures[f"{label}, {VARIANTS[variant]}, test MAE, mean and spread, meV"] = [
                        round(float(values.mean()), 2),
                        round(float(values.std(ddof=1)), 2),
                    ]
        for variant, against in (("exact", "stock"), ("grid", "stock"), ("grid", "exact"), ("tenth", "exact")):
            both = sorted(maes[variant].keys() & maes[against].keys())
            if len(both) > 1:
                differences = np.array([maes[variant][seed] - maes[against][seed] for seed in both])
                spread = float(np.std([maes[against][seed] for seed in both], ddof=1))
                key = f"{label}, {VARIANTS[variant]} against {VARIANTS[against]}"
                figures[key] = sentence(differences, spread)
    return figures


def test_maes(model: str, variant: str) -> dict[int, float]:
    """Test MAE in meV of every seed that is finished."""
    found = {}
    for seed in seeds_of(model, variant):
        run = find(model, variant, seed)
        if run is not None and run.status().state == "finished":
            predictions = read_predictions(run)
            assert predictions is not None, "a finished run has predictions"
            found[seed] = 1000 * float(np.abs(predictions.errors[predictions.split == TEST]).mean())
    return found


def sentence(differences: np.ndarray, spread: float) -> str:
    """Paired differences (n,) in meV with their 95 % t interval, beside the spread of the seeds."""
    n, mean = len(differences), float(differences.mean())
    half = float(stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    low, high = mean - half, mean + half
    told = "no difference is told" if low <= 0 <= high else "they differ"
    return (
        f"{mean:+.2f} meV in {n} pairs of seeds, 95 % interval {low:+.2f} to {high:+.2f}; {told}; "
        f"seeds spread by {spread:.2f}"
    )


if __name__ == "__main__":
    if sys.argv[1:] != ["compare"]:
        train(sys.argv[1:] or list(VARIANTS))
    for key, value in compare().items():
        print(f"{key}: {value}")
