"""The command on what a training costs: calibrate; and the task that does the same in the background."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core.cli.options import Json
from core.cli.output import print_json, progress_bar
from core.cli.training import Device, Settings, asked_for
from core.data.store import Dataset, open_dataset
from core.recipes.cost import Cost, expected_seconds, write_cost
from core.recipes.parts import parts_of
from core.recipes.presets import DEFAULT_PRESET
from core.recipes.recipe import Recipe, validated
from core.runs.devices import resolve_device
from core.tasks import Progress


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command()(calibrate)


def calibrate(
    dataset: Annotated[str, typer.Option(help="name of the dataset")],
    recipe: Annotated[str, typer.Option(help="name of a recipe")] = DEFAULT_PRESET,
    split: Annotated[str | None, typer.Option(help="name of a split of the dataset")] = None,
    set_: Settings = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure how fast a recipe trains on this machine, and say how long it would take; nothing is trained."""
    wanted, opened = asked_for(recipe, split, set_), open_dataset(dataset)
    with progress_bar(f"calibration of {recipe}") as update:
        cost = measure(wanted, opened, device, update)
    told = _told(wanted, opened, cost)
    if json:
        print_json(told)
        return
    print(
        f"{recipe} on {dataset}, {cost.device}: {cost.molecules_per_second:,.0f} molecules/s in training, "
        f"{cost.validation_molecules_per_second:,.0f} in validation; {_duration(told['seconds'])} for "
        f"{told['epochs']:,} epochs of {told['n_train']:,} molecules; "
        f"memory {(cost.memory + cost.fixed_memory) / 1e9:.2f} GB"
    )


def measure(recipe: Recipe, dataset: Dataset, device: str, progress: Any) -> Cost:
    """Measure a recipe's cost and keep it for `read_cost`."""
    from core.train.calibrate import calibrate as run_steps  # torch is imported by the commands that compute

    cost = run_steps(recipe, dataset, resolve_device(device), progress)
    write_cost(recipe, dataset, cost)
    return cost


def calibrate_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `calibrate`: measure a recipe's cost in the background."""
    recipe, dataset = validated(arguments["recipe"]), open_dataset(str(arguments["dataset"]))
    return _told(recipe, dataset, measure(recipe, dataset, str(arguments["device"]), progress))


def _told(recipe: Recipe, dataset: Dataset, cost: Cost) -> dict[str, Any]:
    parts = parts_of(recipe, dataset)
    n_train, n_validation = len(parts.train), len(parts.validation)
    epochs = 1 if recipe.model == "composition" else recipe.epochs
    seconds = expected_seconds(cost, n_train, n_validation, epochs)
    return {
        "recipe": recipe.preset or recipe.model,
        "dataset": dataset.name,
        "epochs": epochs,
        "n_train": n_train,
        "n_validation": n_validation,
        "seconds": seconds,
        **asdict(cost),
    }


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
