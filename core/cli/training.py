"""Commands that compute: train, job (what an executor starts), predict."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.options import RunName
from core.cli.output import progress_bar
from core.data.store import open_dataset
from core.errors import MollensError
from core.judge.held_out import split_known
from core.recipes.create import ENGINES, MOST_DEVICES, create_run
from core.recipes.presets import DEFAULT_PRESET, preset
from core.recipes.recipe import Recipe, changed
from core.runs.devices import resolve_device
from core.runs.folder import Run, open_run
from core.runs.jobs import start_job

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a field; may be repeated")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]
Devices = Annotated[
    int,
    typer.Option(
        min=1, max=MOST_DEVICES, help="how many GPUs from that one on, or processes on the CPU, share each batch"
    ),
]
Logs = Annotated[str, typer.Option(help="logs for other programs: csv, tensorboard or csv,tensorboard")]
Engine = Annotated[
    str,
    typer.Option(
        metavar="|".join(ENGINES),
        help="graph takes steps recorded as CUDA graphs; for one NVIDIA GPU, and not yet tried on one",
    ),
]
Background = Annotated[bool, typer.Option(help="start a job of its own instead of training here")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command()(train)
    app.command(hidden=True)(job)
    app.command()(predict)


def train(
    dataset: Annotated[str, typer.Option(help="name of the dataset")],
    recipe: Annotated[str, typer.Option(help="name of a recipe")] = DEFAULT_PRESET,
    split: Annotated[str | None, typer.Option(help="name of a split of the dataset")] = None,
    set_: Settings = None,
    device: Device = "auto",
    devices: Devices = 1,
    logs: Logs = "",
    engine: Engine = "eager",
    name: Annotated[str | None, typer.Option(help="name of the run")] = None,
    background: Background = False,
) -> None:
    """Train a model in the foreground; Ctrl-C saves a checkpoint and ends, `resume` goes on."""
    check_devices(device, devices, engine)  # before a folder is made
    found = open_dataset(dataset)
    begin(create_run(asked_for(recipe, split, set_), found, name, device, devices, logs_of(logs), engine), background)


def asked_for(name: str, split: str | None, settings: list[str] | None) -> Recipe:
    """The recipe of this name with `--split` and every `--set`."""
    return changed(preset(name), [*(settings or []), *([f"split={split}"] if split else [])])


def logs_of(text: str) -> list[str]:
    """The logs that `--logs` names."""
    return [log.strip() for log in text.split(",") if log.strip()]


def check_devices(device: str, devices: int, engine: str = "eager") -> None:
    """Refuse devices that are not on this machine, and CUDA graphs without a GPU.

    Raises:
        MollensError: for the first of them.
    """
    kind, _, number = resolve_device(device).partition(":")
    if engine == "graph" and kind == "cpu":
        raise MollensError("engine graph: it records CUDA graphs, and the device is the CPU; use engine eager")
    if kind == "cuda":
        for k in range(devices):
            resolve_device(f"cuda:{int(number) + k}")


def begin(run: Run, background: bool) -> None:
    """Train a run here, or start a job for it and print its id."""
    if background:
        start_job(run)
        print(run.id)
        return
    from core.train.job import run_job  # torch is imported by the commands that train, not by the others

    with progress_bar(run.name) as update:
        run_job(run.id, progress=update)
    status = run.status()
    print(f"{run.name} ({run.id}): {status.state}" + (f", {status.message}" if status.message else ""))
    if status.state == "failed":
        raise MollensError(f"{run.what}: {status.error}")


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
    device: Device = "auto",
) -> None:
    """Predict every molecule of a dataset with a trained run."""
    from core.train.device import choose_device
    from core.train.predict import predict_dataset

    found = open_run(run)
    with progress_bar("recognising what it has seen") as update:
        predict_dataset(found, open_dataset(dataset), choose_device(device), update)
    print(f"{found.name} ({found.id}): predictions for {dataset} are written")
    if not split_known(found, open_dataset(dataset)):
        print("it is not known which of its molecules the run has seen: errors may be optimistic, and give no verdict")
