"""Commands on datasets: datasets, describe, molecules, delete-dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.options import Json, Where
from core.cli.output import four_decimals, print_json, print_table
from core.data.store import delete_dataset, list_datasets, open_dataset
from core.data.summary import describe
from core.data.table import molecule_table, sorted_rows
from core.data.where import parse_where


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("datasets")(show_datasets)
    app.command("describe")(show_description)
    app.command("molecules")(show_molecules)
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


def show_description(name: str, where: Where = None, json: Json = False) -> None:
    """Tell what a dataset holds, or those of its molecules: counts by size and element, balance, properties, splits."""
    dataset = open_dataset(name)
    selection = parse_where(where or [], dataset)
    content = describe(dataset, selection.rows(dataset) if selection else None)
    if selection:
        content["where"] = selection.query()
    if json:
        print_json(content)
        return
    print(
        f"{content['title']} ({content['name']}): {content['n_molecules']:,} molecules, {content['n_atoms']:,} atoms, "
        f"level of theory {content['level_of_theory']}, {content['license'] or 'licence not stated'}"
    )
    print(content["citation"] or "no citation", end="\n\n")
    n = content["n_molecules"]
    print_table(("atoms", "molecules"), [(size, f"{count:,}") for size, count in content["sizes"].items()])
    print()
    print_table(
        ("element", "molecules", "share"),
        [(s, f"{count:,}", f"{100 * count / max(n, 1):.2f} %") for s, count in content["elements"].items()],
    )
    print()
    print_table(("property", "unit", "label"), [(p["key"], p["unit"], p["label"]) for p in content["properties"]])
    print(f"\ndefault target: {content['default_target']}; splits: {', '.join(content['splits'])}")


def show_molecules(
    name: str,
    where: Where = None,
    sort: Annotated[str, typer.Option(help="column to sort by; with - before it the largest come first")] = "",
    limit: Annotated[int, typer.Option(min=1, help="how many to print")] = 20,
    json: Json = False,
) -> None:
    """List the molecules of a dataset, or some of them, with their properties."""
    dataset = open_dataset(name)
    rows = parse_where(where or [], dataset).rows(dataset)
    if sort:
        rows = sorted_rows(dataset, rows, sort.removeprefix("-"), sort.startswith("-"))
    table = molecule_table(dataset, rows[:limit])
    if json:
        print_json({"dataset": name, "n": len(rows), "molecules": table.to_dicts()})
        return
    cells = [[four_decimals(v) if isinstance(v, float) else v for v in row] for row in table.iter_rows()]
    print_table(table.columns, cells)
    print(f"\n{len(table):,} of {len(rows):,} molecules")


def delete(name: str) -> None:
    """Move a dataset to the trash; runs that were trained on it stay, but cannot be judged without it."""
    print(f"{name}: now lies in {delete_dataset(name)}")
