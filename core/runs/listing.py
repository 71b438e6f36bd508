"""One line per run, for the list on the page and for `runs --json`."""

from __future__ import annotations

from typing import Any

from core.runs.folder import Run
from core.runs.metrics import read_metrics
from core.runs.queue import place_in_queue


def run_row(run: Run) -> dict[str, Any]:
    """State, progress and validation error of a run.

    `validation_mae` is the least of all epochs, in `unit`; `queue_ahead` the count of jobs before a waiting one, null
    where it waits for none; `seconds` of training so far; `molecules_per_second` that of the last epoch.
    """
    if run.error is not None:
        return {"id": run.id, "state": "damaged", "error": run.error, "shipped": run.shipped}
    status = run.status()
    epochs = [line for line in read_metrics(run)[0] if line.get("kind") == "epoch"]
    place = place_in_queue(run) if status.state == "queued" else None
    maes = [line["validation_mae"] for line in epochs if line.get("validation_mae") is not None]
    return {
        "id": run.id,
        "name": run.name,
        "state": status.state,
        "shipped": run.shipped,
        "origin": run.about.get("origin"),
        "created": run.created,
        "dataset": run.dataset_name,
        "split": run.split_name,
        "target": run.target,
        "unit": run.recipe_file.get("unit"),
        "model": run.recipe_values.get("model"),
        "preset": run.recipe_values.get("preset"),
        "seed": run.seed,
        "epoch": status.epoch,
        "epochs": status.epochs,
        "step": status.step,
        "steps": status.steps,
        "device": status.device,
        "devices": run.devices,
        "engine": run.engine,
        "phase": status.phase,
        "message": status.message,
        "queue_ahead": len(place.ahead) if place is not None else None,
        "n_trained": run.n_trained,
        "note": run.note,
        "started": status.started,
        "seconds": status.seconds,
        "molecules_per_second": epochs[-1].get("molecules_per_second") if epochs else None,
        "logs": run.logs,
        "validation_mae": min(maes) if maes else None,
        "validation_curve": maes,
        "error": status.error,
    }
