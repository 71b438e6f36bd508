"""Training of each recipe: wall time per molecule and epoch, from the run's own metrics."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.timing import ARCHIVE
from core.data.importers import import_file
from core.data.store import open_dataset
from core.recipes.create import create_run
from core.recipes.presets import preset
from core.recipes.recipe import changed
from core.runs.metrics import read_metrics
from core.train.job import run_job

EPOCHS = 4


def measure() -> dict[str, Any]:
    """Milliseconds per molecule of a training step, median over epochs after the first."""
    dataset = import_file(ARCHIVE, "qm9") if ARCHIVE.exists() else open_dataset("demo")
    figures: dict[str, Any] = {"dataset": f"{dataset.card.title}, {dataset.card.n_molecules:,} molecules"}
    for name in ("schnet-small", "painn-small", "thesis-default"):
        run = create_run(changed(preset(name), [f"epochs={EPOCHS}"]), dataset, name, "cpu")
        run_job(run.id)
        epochs = [line for line in read_metrics(run)[0] if line["kind"] == "epoch"][1:]
        speed = statistics.median(line["molecules_per_second"] for line in epochs)
        figures[f"{name}, ms per molecule"] = round(1000 / speed, 3)
    return figures
