"""Commands on recipes: which there are with all their fields, and the search for a rate of the weights."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.options import Json
from core.cli.output import print_json, print_table, progress_bar
from core.cli.training import Device, Devices, Engine, Logs, Settings, asked_for, check_devices, logs_of
from core.data.store import open_dataset
from core.errors import MollensError
from core.recipes.fields import field_rows, limits_text
from core.recipes.presets import presets
from core.recipes.search import create_search, rate_search, rates_of
from core.runs.folder import Run
from core.runs.jobs import start_job


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("recipes")(show_recipes)
    app.command()(search)


def show_recipes(
    fields: Annotated[bool, typer.Option("--fields", help="list the fields that --set can change")] = False,
    json: Json = False,
) -> None:
    """List the recipes, and with --fields what can be changed in them."""
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "section": each.section,
            "description": each.description,
            "note": each.note,
            "values": each.recipe.model_dump(),
        }
        for each in presets().values()
    ]
    if json:
        print_json({"recipes": rows, "fields": field_rows()})
    elif fields:
        print_table(
            ("field", "default", "limits", "unit", "group", "help"),
            [
                (row["name"], str(row["default"]), limits_text(row), row["unit"], row["group"], row["help"])
                for row in field_rows()
            ],
        )
    else:
        print_table(
            ("recipe", "section", "what it is"),
            [(row["name"], row["section"], f"{row['title']}: {row['description']}") for row in rows],
        )


def search(
    dataset: Annotated[str, typer.Option(help="name of the dataset")],
    recipe: Annotated[str, typer.Option(help="name of a recipe with weights that have a rate")] = "thesis-rate-search",
    rates: Annotated[str, typer.Option(help="rates, as 0-10 or 0,0.5,1")] = "0-10",
    split: Annotated[str | None, typer.Option(help="name of a split of the dataset")] = None,
    set_: Settings = None,
    device: Device = "auto",
    devices: Devices = 1,
    logs: Logs = "",
    engine: Engine = "eager",
    name: Annotated[str | None, typer.Option(help="beginning of the runs' names")] = None,
    background: Annotated[
        bool, typer.Option(help="start the jobs, which wait for each other, instead of training here")
    ] = False,
    json: Json = False,
) -> None:
    """Train one ordinary run per rate of the weights, in the foreground or as jobs in the queue."""
    check_devices(device, devices, engine)  # before a folder is made
    recipes = rate_search(asked_for(recipe, split, set_), rates_of(rates))
    runs = create_search(recipes, open_dataset(dataset), name, device, devices, logs_of(logs), engine)
    if background:
        for run in runs:
            start_job(run)
    else:
        for run in runs:
            _train(run)
    found = [
        {"id": run.id, "name": run.name, "rate": each.weight_rate, "state": run.status().state}
        for run, each in zip(runs, recipes, strict=True)
    ]
    if json:
        print_json({"runs": found})
    else:
        print_table(("id", "name", "state"), [(row["id"], row["name"], row["state"]) for row in found])


def _train(run: Run) -> None:
    from core.train.job import run_job  # torch is imported by the commands that train, not by the others

    with progress_bar(run.name) as update:
        run_job(run.id, progress=update)
    if run.status().state == "stopped":
        raise MollensError(f"{run.what}: stopped; the search ends here, its later runs stand ready to be resumed")
