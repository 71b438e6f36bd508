"""Every recipe trained once on the real molecules: its test error beside the baseline's, and how long it took.

A recipe that would take longer than `MOST_SECONDS` is cut to the epochs that fit, and the figures say so. Finished
recipes stay in the folder that MOLLENS_RECIPES names, so that a measurement that was stopped goes on.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import archive
from core.data.importers import import_file
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.files import write_json
from core.judge.errors import report
from core.recipes.create import create_run
from core.recipes.presets import preset, presets
from core.recipes.recipe import changed
from core.runs.folder import open_run
from core.train.calibrate import calibrate
from core.train.job import run_job

MOST_SECONDS = 60.0


def measure() -> dict[str, Any]:
    """Validation and test MAE in meV (or the target's unit) of every recipe, with epochs, molecules and seconds."""
    folder = Path(os.environ.get("MOLLENS_RECIPES") or Path(tempfile.gettempdir()) / "mollens-recipes")
    os.environ["MOLLENS_HOME"] = str(folder / "home")
    dataset = _molecules()
    figures: dict[str, Any] = {"dataset": f"{dataset.card.title}, {dataset.card.n_molecules:,} molecules"}
    for name in presets():
        stored = folder / f"{name}.json"
        if not stored.exists():
            write_json(stored, _train(name, dataset))
        figures[name] = json.loads(stored.read_text())["result"]
        print(f"  {name}: {figures[name]}", flush=True)
    return figures


def _molecules() -> Dataset:
    try:
        return open_dataset("qm9")
    except MollensError:
        return import_file(archive(), "qm9")


def _train(name: str, dataset: Dataset) -> dict[str, Any]:
    recipe = preset(name)
    epochs = recipe.epochs
    if recipe.model != "composition":
        cost = calibrate(recipe, dataset, "cpu")
        per_epoch = 0.8 * dataset.card.n_molecules / cost.molecules_per_second
        epochs = max(1, min(epochs, int(MOST_SECONDS / per_epoch)))
    warmup = min(recipe.warmup_epochs, epochs / 2)
    run = create_run(changed(recipe, [f"epochs={epochs}", f"warmup_epochs={warmup}"]), dataset, name, "cpu")
    run_job(run.id)
    run = open_run(run.id)
    status, found = run.status(), report(run, dataset, "size")
    energy = found["unit"] == "eV"
    factor, unit = (1000.0, "meV") if energy else (1.0, found["unit"])
    shown = f"test MAE {found['mae'] * factor:.4g} {unit}, baseline {found['baseline_mae'] * factor:.4g}"
    cut = f" of {recipe.epochs}" if epochs < recipe.epochs else ""
    return {"result": f"{shown}; {epochs}{cut} epochs, {run.n_trained:,} molecules, {status.seconds:.0f} s"}
