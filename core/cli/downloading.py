"""Command that fetches a published dataset: download."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.output import progress_bar
from core.cli.tasks import announce_index
from core.data.download import download_qm9
from core.data.store import check_free
from core.errors import MollensError
from core.tasks import start_task


def add_commands(app: typer.Typer) -> None:
    """Put the command of this file into `app`."""
    app.command("download")(download)


def download(
    dataset: Annotated[str, typer.Argument(help="qm9, the only one so far")],
    name: Annotated[str, typer.Option(help="name of the new dataset")] = "qm9",
    exclude_uncharacterized: Annotated[
        bool,
        typer.Option(
            "--exclude-uncharacterized", help="leave the 3,054 uncharacterized molecules out instead of marking them"
        ),
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="start it and return; `tasks` tells how it stands")
    ] = False,
    index: Annotated[bool, typer.Option(help="prepare searching and look for defects afterwards")] = True,
) -> None:
    """Download QM9 and make a dataset of it; a broken download goes on where it stopped."""
    if dataset != "qm9":
        raise MollensError(f"download {dataset!r}: not known; known is qm9; use `import` for a file of your own")
    check_free(name)
    if background:
        arguments = {"name": name, "exclude_uncharacterized": exclude_uncharacterized, "index": index}
        task = start_task("download", f"Download of QM9 as {name}", arguments)
        print(f"task {task.id}: started; `python -m core tasks` tells how it stands")
        return
    with progress_bar("QM9") as update:
        made = download_qm9(name, exclude_uncharacterized, update)
    print(f"{name}: {made.card.n_molecules:,} molecules, {made.card.n_atoms:,} atoms")
    if index:
        announce_index(name)
