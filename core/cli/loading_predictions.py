"""The command that takes predictions of any other program: load-predictions; and the task that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import Json
from core.cli.output import print_json, print_table
from core.data.predicted import IDS_ARE, KINDS, MOST_UNKNOWN, Choices, Guess, Inspection, inspect_predictions
from core.data.store import open_dataset
from core.data.uploads import remove_upload
from core.errors import MollensError
from core.tasks import Progress


def add_commands(app: typer.Typer) -> None:
    """Put the command of this file into `app`."""
    app.command("load-predictions")(load)


def load(
    file: Annotated[Path, typer.Argument(help="CSV (also .gz, .bz2, .xz) or Parquet with ids and values")],
    dataset: Annotated[str, typer.Option(help="name of the dataset that was predicted")],
    name: Annotated[str | None, typer.Option(help="name of the new run; without one the file is only shown")] = None,
    target: Annotated[str, typer.Option(help="key of the property that was predicted")] = "default",
    id_column: Annotated[str | None, typer.Option(help="column of ids; guessed where not given")] = None,
    value_column: Annotated[str | None, typer.Option(help="column of predictions; guessed where not given")] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="unit in the file: meV, eV, Ha, kcal/mol, ...; else found out from labels"),
    ] = None,
    kind: Annotated[str | None, typer.Option(help=f"what the values are: {', '.join(KINDS)}")] = None,
    ids_are: Annotated[str | None, typer.Option(help="; ".join(f"{k}: {w}" for k, w in IDS_ARE.items()))] = None,
    split: Annotated[
        str | None, typer.Option(help="split of the dataset: the model was trained on its training part")
    ] = None,
    split_column: Annotated[str | None, typer.Option(help="column of train, validation, test; '' for none")] = None,
    most_unknown: Annotated[
        float, typer.Option(min=0, max=1, help="share of ids that may be missing in the dataset")
    ] = MOST_UNKNOWN,
    anyway: Annotated[bool, typer.Option("--anyway", help="load values that do not seem to fit the labels")] = False,
    json: Json = False,
) -> None:
    """Make a run of predictions that any other program has made, to judge them as all others; guesses are shown."""
    choices = Choices(id_column, value_column, split_column, split, unit, kind, ids_are, most_unknown, anyway)
    opened = open_dataset(dataset)
    found = inspect_predictions(file, opened, target, choices)
    if not json:
        _show(found, target)
    if name is None:
        if json:
            print_json(report_of(found))
        return
    if found.problems:
        raise MollensError(f"{file.name}: {found.problems[0]}")
    from core.train.foreign_predictions import load_predictions  # numpy only, but of the room that trains

    run = load_predictions(file, opened, target, name, choices)
    if json:
        print_json({"run": run.id, "name": run.name, **report_of(found)})
        return
    print(f"\n{run.name} ({run.id}): {found.n_matched:,} predictions for {dataset}; judge them with "
          f"`python -m core report {run.id}`")  # fmt: skip


def load_predictions_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `load-predictions`: arguments source, dataset, target, run (its name) and choices."""
    from core.train.foreign_predictions import load_predictions

    path = Path(str(arguments["source"]))
    progress(0, 0, f"reading {path.name}")
    choices = Choices(**arguments["choices"])
    run = load_predictions(
        path, open_dataset(str(arguments["dataset"])), str(arguments["target"]), str(arguments["run"]), choices
    )
    remove_upload(path)
    return {"run": run.id, "name": run.name, "matched": run.recipe_file["source"]["matched"]}


def report_of(found: Inspection) -> dict[str, Any]:
    """An inspection as `load-predictions --json` prints it."""
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in asdict(found).items()}


def _show(found: Inspection, target: str) -> None:
    print(f"{found.format}; {found.n_rows:,} rows, {found.n_matched:,} molecules of the dataset")
    guesses: dict[str, Guess] = {
        "ids": found.id_column,
        "values": found.value_column,
        "parts": found.split_column,
        "ids are": found.ids_are,
        "unit": found.unit,
        "kind": found.kind,
    }
    print_table(
        ("", "taken", "because"),
        [(key, g.value if g.value is not None else "none", g.reason) for key, g in guesses.items()],
    )
    if found.first:
        print()
        print_table(
            ("id", "in the file", "predicted", "label", "part"),
            [(f["id"], f["value"], f["predicted"], f["label"], f["part"]) for f in found.first],
        )
    if found.parts:
        print("\n" + ", ".join(f"{n:,} {part}" for part, n in found.parts.items()) + " molecules with a label")
    if found.errors:
        told = ", ".join(f"{key} {value:.4g}" for key, value in found.errors.items())
        print(f"errors over all of them, seen or not: {told}")
    for sentence in found.warnings:
        print(f"warning: {sentence}")
    for sentence in found.problems:
        print(f"problem: {sentence}")
