"""Commands on runs: train, runs, stop, resume, delete, job, predict."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.options import Json, RunName
from core.cli.output import print_json, print_table, progress_bar
from core.data.store import open_dataset
from core.errors import MollensError
from core.recipes.create import create_run
from core.recipes.presets import DEFAULT_PRESET, preset
from core.recipes.recipe import changed
from core.runs.devices import resolve_device
from core.runs.folder import Run, delete_run, list_runs, open_run
from core.runs.jobs import check_resumable, request_stop, start_job
from core.runs.listing import run_row


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command()(train)
    app.command("runs")(show_runs)
    app.command()(stop)
    app.command()(resume)
    app.command()(delete)
    app.command(hidden=True)(job)
    app.command()(predict)


def train(
    dataset: Annotated[str, typer.Option(help="name of the dataset")],
    recipe: Annotated[str, typer.Option(help="name of a recipe")] = DEFAULT_PRESET,
    split: Annotated[str | None, typer.Option(help="name of a split of the dataset")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a field; may be repeated")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    name: Annotated[str | None, typer.Option(help="name of the run")] = None,
) -> None:
    """Train a model in the foreground; Ctrl-C saves a checkpoint and ends, `resume` goes on."""
    resolve_device(device)  # before a folder is made
    settings = [*(set_ or []), *([f"split={split}"] if split else [])]
    run = create_run(changed(preset(recipe), settings), open_dataset(dataset), name, device)
    _train(run)


def _train(run: Run) -> None:
    from core.train.job import run_job  # torch is imported by the commands that train, not by the others

    with progress_bar(run.name) as update:
        run_job(run.id, progress=update)
    status = run.status()
    print(f"{run.name} ({run.id}): {status.state}" + (f", {status.message}" if status.message else ""))
    if status.state == "failed":
        raise MollensError(f"{run.what}: {status.error}")


def show_runs(json: Json = False) -> None:
    """List all runs with their state and error."""
    rows = [run_row(run) for run in list_runs()]
    if json:
        print_json({"runs": rows})
        return
    print_table(
        ("id", "name", "state", "dataset", "epoch", "validation MAE", "unit"),
        [
            (
                r["id"],
                r.get("name"),
                r["state"],
                r.get("dataset"),
                _epoch(r),
                _rounded(r.get("validation_mae")),
                r.get("unit"),
            )
            for r in rows
        ],
    )


def _epoch(row: dict[str, Any]) -> str | None:
    return f"{row['epoch']}/{row['epochs']}" if row.get("epochs") else None


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def stop(run: RunName) -> None:
    """Ask a run to save its checkpoint and end."""
    found = open_run(run)
    request_stop(found)
    print(f"{found.name} ({found.id}): asked to stop; it saves its checkpoint first")


def resume(
    run: RunName,
    background: Annotated[bool, typer.Option(help="start a job of its own instead of training here")] = False,
) -> None:
    """Go on with a stopped, failed or lost run from its last checkpoint."""
    found = open_run(run)
    if background:
        print(f"{found.name} ({found.id}): job {start_job(found)} started")
        return
    check_resumable(found)
    _train(found)


def delete(run: RunName) -> None:
    """Move a run to the trash."""
    found = open_run(run)
    print(f"{found.name} ({found.id}): now lies in {delete_run(found)}")


def job(run: RunName) -> None:
    """Train a run that was made before: what a background job and a cluster's scheduler start."""
    from core.train.job import run_job

    run_job(run)
    status = open_run(run).status()
    if status.state == "failed":
        raise MollensError(f"run {run}: {status.error}")


def predict(
    run: RunName,
    dataset: Annotated[str, typer.Option(help="name of the dataset to predict")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Predict every molecule of a dataset with a trained run."""
    from core.train.device import choose_device
    from core.train.predict import predict_dataset

    found = open_run(run)
    predict_dataset(found, open_dataset(dataset), choose_device(device))
    print(f"{found.name} ({found.id}): predictions for {dataset} are written")
