"""The command that writes a dataset, or some of its molecules, as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import Where
from core.cli.output import progress_bar
from core.data.exporters import EXPORTERS, export, format_of, left_out
from core.data.store import open_dataset
from core.data.where import parse_where
from core.errors import MollensError


def add_commands(app: typer.Typer) -> None:
    """Put the command of this file into `app`."""
    app.command("export-dataset")(export_dataset)


def export_dataset(
    name: Annotated[str, typer.Argument(help="name of the dataset")],
    to: Annotated[Path, typer.Option(help="file to write; its ending names the format, e.g. .extxyz.gz .csv .npz .db")],
    where: Where = None,
    property: Annotated[
        list[str] | None, typer.Option(help="only this property; may be repeated; all where not given")
    ] = None,
    format: Annotated[str | None, typer.Option(help=f"{', '.join(EXPORTERS)}; by default from the ending")] = None,
) -> None:
    """Write a dataset or a selection of it as extended xyz, CSV, npz or ASE database; an existing file is replaced."""
    exporter = format_of(to, format)
    dataset = open_dataset(name)
    rows = parse_where(where or [], dataset).rows(dataset)
    if len(rows) == 0:
        raise MollensError(f"dataset {name}: no molecule is {' and '.join(where or [])}; nothing was written")
    with progress_bar(f"writing {to.name}") as update:
        export(dataset, rows, to, exporter.key, properties=property, progress=update)
    print(f"{to}: {len(rows):,} of {dataset.molecules.n_molecules:,} molecules of {name}, {exporter.title}")
    for sentence in left_out(dataset, rows, exporter.key, property):
        print(f"left out: {sentence}")
