"""The command that gives a trained run back: export; and the task that does the same for a download."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import Json, RunName
from core.cli.output import print_json, progress_bar
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.judge.reporting.model_card import model_card
from core.runs.folder import Run, open_run
from core.tasks import Progress


def add_commands(app: typer.Typer) -> None:
    """Put the command of this file into `app`."""
    app.command("export")(export_run)


def export_run(
    run: RunName,
    to: Annotated[Path, typer.Option(help="folder to write; it must not be there yet")],
    as_: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="schnetpack|folder|both",
            help="schnetpack: a model file for SchNetPack, a pickle; folder: weights as safetensors with their "
            "configuration; both have a model card with data, split, recipe, errors and limits",
        ),
    ] = "both",
    replace: Annotated[bool, typer.Option("--replace", help="write an earlier export in this folder anew")] = False,
    json: Json = False,
) -> None:
    """Give a trained run back: as a SchNetPack model, and as a folder with weights, configuration and a model card."""
    from core.train.give_back import give_back  # torch is imported by the commands that need it

    found = open_run(run)
    dataset = _dataset_of(found)
    with progress_bar(f"export of {found.name}") as update:
        done = give_back(found, dataset, to, lambda files: model_card(found, dataset, files), as_, replace, update)
    if json:
        print_json({"run": found.id, "folder": str(done.path), "files": list(done.files), "notes": list(done.notes)})
        return
    print(f"{found.name} ({found.id}): {done.path} holds {', '.join(done.files)}")
    for sentence in done.notes:
        print(f"note: {sentence}")


def export_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `export`: a zip file in the home, to be offered for download."""
    from core.train.give_back import give_back_zip

    run = open_run(str(arguments["run"]))
    dataset = _dataset_of(run)

    def card(files: Mapping[str, str]) -> str:
        return model_card(run, dataset, files)

    done = give_back_zip(run, dataset, card, str(arguments["as"]), progress)
    return {"path": str(done.path), "files": list(done.files), "notes": list(done.notes)}


def _dataset_of(run: Run) -> Dataset | None:
    """What a run was trained on, if it is still there."""
    with suppress(MollensError):
        return open_dataset(run.dataset_name)
    return None
