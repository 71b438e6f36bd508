"""Mollens's side of the comparison with SchNetPack: real jobs, bare steps, predictions and batches, on one core."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.peer import Spent, since, spent
from core.data.neighbours import open_neighbours
from core.data.store import Dataset
from core.recipes.create import create_run
from core.recipes.recipe import Recipe, validated
from core.train.batches import FlatMolecules
from core.train.checkpoint import Progress
from core.train.job import network_keywords, run_job
from core.train.record import JobRecord
from models.fast import PairForward
from models.registry import build_network

HAS_GRID = "filters" in Recipe.model_fields


class Own:
    """One network of Mollens with one kind of filters."""

    def __init__(self, dataset: Dataset, kind: str, n_atom_basis: int, batch_size: int, filters: str = "exact") -> None:
        self.dataset = dataset
        fields: dict[str, Any] = {
            "model": kind, "n_atom_basis": n_atom_basis, "batch_size": batch_size, "n_interactions": 3, "n_rbf": 20,
            "cutoff": 5.0, "neighbour_cutoff": 5.0, "learning_rate": 5e-4, "schedule": "constant", "threads": 1,
            "epochs": 1000,
        }  # fmt: skip
        self.recipe = validated(fields | ({"filters": filters} if HAS_GRID else {}))
        self.flat = FlatMolecules.of(dataset.molecules, open_neighbours(dataset, 5.0))
        torch.manual_seed(0)
        self.network = build_network(kind, **network_keywords(self.recipe, "sum"))

    def forward(self) -> nn.Module:
        """The forward of the recipe's filters."""
        if not HAS_GRID:
            return PairForward(self.network)
        return PairForward(self.network, filters=self.recipe.filters, grid_points=self.recipe.grid_points)

    def train(self, n_batches: int) -> Spent:
        """Seconds of CPU and wall per molecule of `n_batches` steps after a first one, in a job as any other.

        Batches, the step, the description of the losses, metrics and status on disk are in it.
        """
        laps: list[Spent] = []

        class Lapped(JobRecord):
            """The record of every job, which also looks at the clock and ends the job."""

            step = 0

            def progress(self, progress: Progress) -> None:
                super().progress(progress)
                self.step = progress.step
                if self.step == 1:
                    laps.append(spent())
                elif self.step == n_batches + 1:
                    laps.append(since(laps[0]))

            def should_stop(self) -> bool:
                return super().should_stop() or self.step > n_batches

        run = create_run(self.recipe, self.dataset, "benchmark", "cpu")
        with patch("core.train.job.JobRecord", Lapped):
            run_job(run.id)
        n = n_batches * self.recipe.batch_size
        return laps[1][0] / n, laps[1][1] / n

    def train_bare(self, batches: list[NDArray[np.int64]], residual: torch.Tensor) -> Spent:
        """Seconds of CPU and wall per molecule of steps alone, after a first one: batch, loss, gradient, AdamW."""
        forward = self.forward().train()
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=5e-4, weight_decay=0.0, fused=True)
        start = spent()
        for number, rows in enumerate(batches):
            if number == 1:
                start = spent()
            on_device = torch.from_numpy(rows)
            loss = (forward(self.flat.pairs(on_device)) - residual[on_device]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return _each(since(start), sum(len(rows) for rows in batches[1:]))

    def predict(self, batches: list[NDArray[np.int64]]) -> Spent:
        """Seconds of CPU and wall per molecule of predictions, after a first batch."""
        forward = self.forward().eval()
        start = spent()
        with torch.no_grad():
            for number, rows in enumerate(batches):
                if number == 1:
                    start = spent()
                forward(self.flat.pairs(torch.from_numpy(rows))).double().numpy()
        return _each(since(start), sum(len(rows) for rows in batches[1:]))

    def feed(self, batches: list[NDArray[np.int64]], method: str = "pairs") -> Spent:
        """Seconds of CPU and wall per batch of `FlatMolecules.pairs` or `.batch`, after a first batch."""
        start = spent()
        for number, rows in enumerate(batches):
            if number == 1:
                start = spent()
            getattr(self.flat, method)(torch.from_numpy(rows))
        return _each(since(start), len(batches) - 1)


def _each(taken: Spent, n: int) -> Spent:
    return taken[0] / n, taken[1] / n
