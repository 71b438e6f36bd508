"""Commands that bring models in: inspect-model, load-model; and the tasks that a page starts for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import Json
from core.cli.output import four_decimals, print_json, print_table, progress_bar
from core.data.uploads import remove_upload
from core.tasks import Progress

ModelPath = Annotated[
    Path, typer.Argument(metavar="PATH", help="run folder of SchNetPack, a zip of one, its best_model or a .ckpt")
]
Database = Annotated[
    Path | None,
    typer.Option(help="ASE database it was trained on, so that its training molecules are recognised by geometry"),
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("inspect-model")(show_model)
    app.command("load-model")(load)


def show_model(path: ModelPath, database: Database = None, json: Json = False) -> None:
    """Look into a model of SchNetPack before loading it; nothing in it is run."""
    from core.train.foreign import inspect_model  # torch is imported by the commands that compute

    found = inspect_model(path, database)
    if json:
        print_json(found)
        return
    network, split = found["network"], found["split"]
    rows = [
        ("network", f"{network['kind']}, {network['n_parameters']:,} numbers"),
        ("features, interactions", f"{network['n_atom_basis']}, {network['n_interactions']}"),
        ("radial functions, cutoff", f"{network['n_rbf']}, {network['cutoff']:g} Å"),
        ("neighbours within", f"{found['neighbour_cutoff']:g} Å"),
        ("predicts", f"{found['output']} in {found['unit'] or 'a unit that is not stated'}, {network['pooling']}"),
        ("adds", ", ".join(found["adds"]) or "nothing"),
        ("split", f"{split['train']:,} + {split['validation']:,} + {split['test']:,}" if split else "not there"),
        ("database", found["database"]["path"] if found["database"] else "not at hand"),
        ("log", f"{found['log']['epochs']:,} epochs" if found["log"] else "not there"),
    ]
    print_table((found["file"], ""), rows)
    for sentence in (*found["missing"], *found["notes"]):
        print(sentence)


def load(
    path: ModelPath,
    name: Annotated[str, typer.Option(help="name of the new run")],
    dataset: Annotated[str, typer.Option(help="dataset that it is judged on first")],
    database: Database = None,
    target: Annotated[
        str | None, typer.Option(help="property of the dataset that it predicts, if named otherwise")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="unit of what it predicts, where its files do not say it")] = None,
    level_of_theory: Annotated[
        str | None, typer.Option(help="of the labels it has learned; that of the dataset if left out")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    json: Json = False,
) -> None:
    """Make a run of a model of SchNetPack, with its predictions for a dataset."""
    from core.train.foreign_load import Choice, load_foreign

    choice = Choice(name, dataset, target, unit, database, level_of_theory, device)
    with progress_bar(f"loading {path.name}") as update:
        told = load_foreign(path, choice, update)
    if json:
        print_json(told)
        return
    held = "held-out" if told["part"] == "test" else "labelled (which of them it was trained on is not known)"
    print(
        f"{told['name']} ({told['run']}): MAE {four_decimals(told['mae'])} {told['unit']} on {told['n']:,} {held} "
        f"molecules of {dataset}; linear fit {four_decimals(told['baseline_mae'])}"
    )
    if told["seen"] is not None:
        seen = told["seen"]
        print(f"of {dataset} it has seen {seen['train']:,} in training and {seen['validation']:,} in validation")
    for sentence in told["warnings"]:
        print(f"warning: {sentence}")


def inspect_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `inspect-model`: look into a model that somebody has chosen on the page."""
    from core.train.foreign import inspect_model

    path = Path(arguments["path"])
    progress(0, 0, f"looking into {path.name}")
    database = arguments.get("database")
    return inspect_model(path, Path(database) if database else None, only_allowed=True)


def load_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `load-model`: make a run of a model; an upload is removed once it is one."""
    from core.train.foreign_load import Choice, load_foreign

    path = Path(arguments["path"])
    words = {key: str(arguments[key]) if arguments.get(key) else None for key in ("target", "unit", "level_of_theory")}
    choice = Choice(
        str(arguments["run_name"]),
        str(arguments["dataset"]),
        database=Path(arguments["database"]) if arguments.get("database") else None,
        device=str(arguments.get("device") or "auto"),
        only_allowed=True,
        **words,
    )
    told = load_foreign(path, choice, progress)
    remove_upload(path)
    for uploaded in path.iterdir() if path.is_dir() else ():
        remove_upload(uploaded)
    return told
