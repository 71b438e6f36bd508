"""SchNetPack as its users run it: its database, neighbour list and loader, its Lightning task, on one core.

It gets what makes it fast: no validation, no logger, no checkpoints, no progress bar, no metrics, a fused optimizer.
"""

from __future__ import annotations

import logging
import resource
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from ase import Atoms
from numpy.typing import NDArray

from core.data.molecules import Molecules
from models.registry import REPRESENTATIONS
from models.schnetpack_compat import Atomwise, NeuralNetworkPotential, PairwiseDistances

from schnetpack.data import ASEAtomsData, AtomsLoader  # isort: skip
from schnetpack.task import AtomisticTask, ModelOutput  # isort: skip
from schnetpack.transform import (  # isort: skip
    AddOffsets, ASENeighborList, CastTo32, CastTo64, MatScipyNeighborList, RemoveOffsets,
)  # fmt: skip

ENERGY = "energy_U0"
LISTS = {"ASE": ASENeighborList, "MatScipy": MatScipyNeighborList}
"""Neighbour lists of SchNetPack: the one its documentation shows first, and the one of its QM9 configuration."""

Spent = tuple[float, float]


def spent() -> Spent:
    """CPU seconds of all threads of this process and of the children it has waited for, and wall seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime, time.perf_counter()


def since(start: Spent) -> Spent:
    """CPU and wall seconds since `start`."""
    now = spent()
    return now[0] - start[0], now[1] - start[1]


def make_database(
    path: Path, molecules: Molecules, rows: NDArray[np.int64], energies: NDArray[np.float64], atomrefs: dict[int, float]
) -> None:
    """Write the molecules at `rows` with their `energies` (n,) in eV as SchNetPack's database."""
    data = ASEAtomsData.create(
        str(path),
        distance_unit="Ang",
        property_unit_dict={ENERGY: "eV"},
        atomrefs={ENERGY: [atomrefs.get(number, 0.0) for number in range(100)]},
    )
    pieces = [molecules.atoms(row) for row in rows.tolist()]
    systems = [Atoms(molecules.numbers[piece], molecules.positions[piece]) for piece in pieces]
    data.add_systems([{ENERGY: np.array([energy])} for energy in energies], systems)


class Peer:
    """A SchNetPack network of its own words with everything that trains it and predicts with it."""

    def __init__(self, database: Path, kind: str, n_atom_basis: int, batch_size: int, neighbours: str = "ASE") -> None:
        self.database, self.batch_size, self.neighbours = database, batch_size, neighbours
        torch.manual_seed(0)
        add = AddOffsets(ENERGY, add_mean=True, add_atomrefs=True)
        self.model = NeuralNetworkPotential(
            representation=REPRESENTATIONS[kind](n_atom_basis, 3, 20, 5.0),
            input_modules=[PairwiseDistances()],
            output_modules=[Atomwise(n_in=n_atom_basis, output_key=ENERGY)],
            postprocessors=[CastTo64(), add],
        )
        self.remove = RemoveOffsets(ENERGY, remove_mean=True, remove_atomrefs=True)
        opened = ASEAtomsData(str(database))
        atomrefs = opened.atomrefs[ENERGY]
        bare = [float(atomrefs[one["_atomic_numbers"]].sum()) for one in map(opened.__getitem__, range(500))]
        mean = np.mean([(float(opened[k][ENERGY]) - bare[k]) / float(opened[k]["_n_atoms"]) for k in range(500)])
        for module in (add, self.remove):  # what its data module would fill in from the training molecules
            module.atomref, module.mean = atomrefs, torch.tensor([mean])
            module._atomrefs_initialized = module._mean_initialized = True
        output = ModelOutput(ENERGY, torch.nn.MSELoss(), metrics={})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that modules are kept among hyperparameters
            self.task = AtomisticTask(
                self.model, [output], torch.optim.AdamW, {"lr": 5e-4, "weight_decay": 0.0, "fused": True}
            )

    def loader(self, n_batches: int, shuffle: bool) -> Any:
        """Its loader over the first molecules of the database, as many as these batches take."""
        transforms = [self.remove, LISTS[self.neighbours](cutoff=5.0), CastTo32()]
        rows = list(range(n_batches * self.batch_size))
        data = ASEAtomsData(str(self.database), load_properties=[ENERGY], transforms=transforms, subset_idx=rows)
        return AtomsLoader(data, batch_size=self.batch_size, shuffle=shuffle, num_workers=0)

    def train(self, n_batches: int) -> Spent:
        """Seconds of CPU and wall per molecule of `n_batches` steps after a first one, in the Trainer's fit."""
        laps = Laps(n_batches)
        trainer(laps).fit(self.task, train_dataloaders=self.loader(n_batches + 1, shuffle=True))
        return laps.per_molecule(self.batch_size)

    def predict(self, n_batches: int) -> Spent:
        """Seconds of CPU and wall per molecule of predicting `n_batches` batches after a first one."""
        laps = Laps(n_batches)
        loader = self.loader(n_batches + 1, shuffle=False)
        trainer(laps).predict(Prediction(self.model), dataloaders=loader, return_predictions=False)
        return laps.per_molecule(self.batch_size)

    def feed(self, n_batches: int) -> Spent:
        """Seconds of CPU and wall per batch of making `n_batches` batches after a first one."""
        batches = iter(self.loader(n_batches + 1, shuffle=True))
        next(batches)
        start = spent()
        for _ in batches:
            pass
        cpu, wall = since(start)
        return cpu / n_batches, wall / n_batches


def trainer(callback: pl.Callback) -> pl.Trainer:
    """A Trainer that does nothing but one epoch."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    return pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, limit_val_batches=0, callbacks=[callback],
    )  # fmt: skip


class Prediction(pl.LightningModule):
    """What SchNetPack's command spkpredict wraps a model in."""

    def __init__(self, model: NeuralNetworkPotential) -> None:
        super().__init__()
        self.model = model

    def predict_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> dict[str, torch.Tensor]:
        """Energies of a batch."""
        return {key: value.detach().cpu() for key, value in self.model(batch).items()}


class Laps(pl.Callback):
    """Time from the end of the first batch to the end of the last, so that nothing of the start is counted."""

    def __init__(self, n_batches: int) -> None:
        self.n_batches = n_batches
        self.start: Spent | None = None
        self.taken: Spent | None = None

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Note the time."""
        self._lap(batch_idx)

    def on_predict_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Note the time."""
        self._lap(batch_idx)

    def _lap(self, number: int) -> None:
        if number == 0:
            self.start = spent()
        elif number == self.n_batches:
            assert self.start is not None
            self.taken = since(self.start)

    def per_molecule(self, batch_size: int) -> Spent:
        """CPU and wall seconds per molecule."""
        assert self.taken is not None, "the trainer ended before the last batch"
        n = self.n_batches * batch_size
        return self.taken[0] / n, self.taken[1] / n


def medians(taken: Sequence[Spent]) -> Spent:
    """Medians of CPU and of wall seconds."""
    cpu, wall = np.median(np.array(taken), axis=0)
    return float(cpu), float(wall)
