"""Commands on datasets: datasets, describe, import, split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import Json
from core.cli.output import print_json, print_table, progress_bar
from core.data.importers import import_file
from core.data.splits import make_split
from core.data.store import delete_dataset, list_datasets, open_dataset
from core.data.summary import describe


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("datasets")(show_datasets)
    app.command("describe")(show_description)
    app.command("import")(import_source)
    app.command("split")(split)
    app.command("delete-dataset")(delete)


def show_datasets(json: Json = False) -> None:
    """List the datasets that are there."""
    entries = list_datasets()
    if json:
        rows = [
            {
                "name": e.name,
                "embedded": e.embedded,
                "error": e.error,
                **(
                    {
                        "title": e.card.title,
                        "n_molecules": e.card.n_molecules,
                        "n_atoms": e.card.n_atoms,
                        "level_of_theory": e.card.level_of_theory,
                        "default_target": e.card.default_target,
                    }
                    if e.card
                    else {}
                ),
            }
            for e in entries
        ]
        print_json({"datasets": rows})
        return
    print_table(
        ("name", "molecules", "atoms", "level of theory", "title"),
        [
            (e.name, f"{e.card.n_molecules:,}", f"{e.card.n_atoms:,}", e.card.level_of_theory, e.card.title)
            if e.card
            else (e.name, None, None, "damaged", e.error)
            for e in entries
        ],
    )


def show_description(name: str, json: Json = False) -> None:
    """Tell what a dataset holds: counts by size and element, properties, splits."""
    content = describe(open_dataset(name))
    if json:
        print_json(content)
        return
    print(
        f"{content['title']} ({content['name']}): {content['n_molecules']:,} molecules, {content['n_atoms']:,} atoms, "
        f"{content['level_of_theory']}, {content['license']}"
    )
    print(content["citation"], end="\n\n")
    n = content["n_molecules"]
    print_table(("atoms", "molecules"), [(size, f"{count:,}") for size, count in content["sizes"].items()])
    print()
    print_table(
        ("element", "molecules", "share"),
        [(s, f"{count:,}", f"{100 * count / n:.2f} %") for s, count in content["elements"].items()],
    )
    print()
    print_table(("property", "unit", "label"), [(p["key"], p["unit"], p["label"]) for p in content["properties"]])
    print(f"\ndefault target: {content['default_target']}; splits: {', '.join(content['splits'])}")


def import_source(
    source: Annotated[Path, typer.Argument(help="file to import")],
    name: Annotated[str, typer.Option(help="name of the new dataset")],
    format: Annotated[str | None, typer.Option(help="format of the file; detected where not given")] = None,
    exclude: Annotated[Path | None, typer.Option(help="list of ids to leave out, e.g. uncharacterized.txt")] = None,
) -> None:
    """Make a dataset of a file."""
    with progress_bar(f"reading {source.name}") as update:
        dataset = import_file(source, name, format, exclude, update)
    left_out = dataset.card.known_defects.get("left_out", {})
    note = f"; {left_out['dropped']:,} left out by {left_out['list']}" if left_out else ""
    print(f"{name}: {dataset.card.n_molecules:,} molecules, {dataset.card.n_atoms:,} atoms{note}")


def delete(name: str) -> None:
    """Move a dataset to the trash; runs that were trained on it stay, but cannot be judged without it."""
    print(f"{name}: now lies in {delete_dataset(name)}")


def split(
    dataset: Annotated[str, typer.Argument(help="name of the dataset")],
    name: Annotated[str, typer.Option(help="name of the new split")],
    method: Annotated[str, typer.Option(help="random")] = "random",
    seed: Annotated[int, typer.Option(min=0, help="seed of the division")] = 0,
    train: Annotated[float | None, typer.Option(help="share up to 1, or number of training molecules")] = None,
    validation: Annotated[float | None, typer.Option(help="share up to 1, or number of validation molecules")] = None,
) -> None:
    """Make a named split; the thesis's is --train 0.8 --validation 0.2."""
    made = make_split(open_dataset(dataset), name, method, seed, train, validation)
    print(
        f"{dataset}, split {name}: {len(made.train):,} training, {len(made.validation):,} validation, "
        f"{len(made.test):,} test molecules; hash {made.hash[:12]}"
    )
