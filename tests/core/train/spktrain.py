"""A training of SchNetPack itself: its own `spktrain` in a process of its own, on molecules of demo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.exporters import export
from core.data.store import Dataset

_SCRIPT = """
import typing
from torch.utils.data import dataloader
if not hasattr(dataloader, "T_co"):  # SchNetPack 2.0.4 on torch >= 2.5
    dataloader.T_co = typing.TypeVar("T_co", covariant=True)
import schnetpack.cli
schnetpack.cli.train()
"""
_PLATEAU = ("threshold", "threshold_mode", "cooldown", "min_lr", "smoothing_factor")


def chosen_rows(demo: Dataset, n: int) -> NDArray[np.int64]:
    """`n` rows of demo, of 9 to 14 atoms and without fluorine, spread evenly."""
    molecules = demo.molecules
    small = np.flatnonzero((molecules.sizes >= 9) & (molecules.sizes <= 14) & ~molecules.contains(9))
    return small[np.linspace(0, len(small) - 1, n).astype(int)]


def write_database(demo: Dataset, path: Path, n: int) -> Path:
    """An ASE database with SchNetPack's metadata, of `chosen_rows` in their order."""
    return export(demo, chosen_rows(demo, n), path)


def spktrain(
    folder: Path,
    database: Path,
    network: str,
    *,
    target: str = "energy",
    train: int = 60,
    validation: int = 20,
    epochs: int = 2,
    more: tuple[str, ...] = (),
) -> Path:
    """Train in `folder`, with SchNetPack's own recipe for QM9 (averaged weights, offsets), and give the run's folder.

    Its run tests the best checkpoint at its end, which torch >= 2.6 refuses to unpickle unless told that the file is
    to be trusted; this one is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        "experiment=qm9_atomwise", "data=custom", f"model/representation={network}", f"globals.property={target}",
        f"++data.datapath={database}", f"++data.property_units.{target}=eV", "++data.distance_unit=Ang",
        f"data.num_train={train}", f"data.num_val={validation}", "data.batch_size=10", "data.num_workers=0",
        "run.id=trained", "globals.cutoff=4.0", "model.representation.n_atom_basis=16",
        "model.representation.n_interactions=2", f"trainer.max_epochs={epochs}", "trainer.accelerator=cpu",
        "+trainer.log_every_n_steps=3", "+trainer.enable_progress_bar=False", "logger=csv", "print_config=False",
        "+seed=1", "task.scheduler_cls=torch.optim.lr_scheduler.ReduceLROnPlateau",
        *(f"~task.scheduler_args.{name}" for name in _PLATEAU), *more,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    run = folder / "runs" / "trained"
    assert done.returncode == 0 and (run / "best_model").is_file(), done.stdout[-2000:] + done.stderr[-4000:]
    return run
