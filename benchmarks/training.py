"""Training: recipes by the metrics of their own runs; SchNetPack beside Mollens, its speed and outputs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.timing import ARCHIVE
from core.data.importers import import_file
from core.data.store import open_dataset
from core.files import CHECKOUT
from core.recipes.create import create_run
from core.recipes.presets import preset
from core.recipes.recipe import changed
from core.runs.metrics import read_metrics
from core.train.job import run_job

EPOCHS = 4
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure() -> dict[str, Any]:
    """Milliseconds per molecule of a training step and of a prediction, and how many times SchNetPack's speed."""
    peer = beside_schnetpack()
    return recipes() | peer


def recipes() -> dict[str, Any]:
    """Milliseconds per molecule of a training step, wall, median over epochs after the first."""
    dataset = import_file(ARCHIVE, "qm9-recipes") if ARCHIVE.exists() else open_dataset("demo")
    figures: dict[str, Any] = {"dataset": f"{dataset.card.title}, {dataset.card.n_molecules:,} molecules"}
    for name in ("schnet-small", "painn-small", "thesis-default"):
        run = create_run(changed(preset(name), [f"epochs={EPOCHS}"]), dataset, name, "cpu")
        run_job(run.id)
        epochs = [line for line in read_metrics(run)[0] if line["kind"] == "epoch"][1:]
        speed = statistics.median(line["molecules_per_second"] for line in epochs)
        figures[f"{name}, ms per molecule"] = round(1000 / speed, 3)
    return figures


def beside_schnetpack() -> dict[str, Any]:
    """What `benchmarks.side_by_side` finds, in a process of its own with one thread for every library."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.side_by_side"],
        cwd=CHECKOUT,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])
