"""Commands on runs that are there: runs, stop, resume, rename, note, clone, delete, trash, restore, logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.options import Json, RunName
from core.cli.output import print_json, print_table
from core.cli.training import Background, Settings, begin, check_devices, logs_of
from core.data.store import open_dataset
from core.errors import MollensError
from core.recipes.create import ENGINES, MOST_DEVICES, create_run
from core.recipes.recipe import changed, validated
from core.runs.folder import clone_recipe, delete_run, list_runs, open_run, rename_run, set_note
from core.runs.jobs import check_resumable, request_stop, start_job
from core.runs.listing import run_row
from core.runs.logs import KINDS, write_logs
from core.runs.trash import Trashed, empty_trash, list_trash, restore_run


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("runs")(show_runs)
    app.command()(stop)
    app.command()(resume)
    app.command()(rename)
    app.command()(note)
    app.command()(clone)
    app.command()(delete)
    app.command()(trash)
    app.command()(restore)
    app.command()(logs)


def show_runs(json: Json = False) -> None:
    """List all runs with their state and error."""
    rows = [run_row(run) for run in list_runs()]
    if json:
        print_json({"runs": rows})
        return
    print_table(
        ("id", "name", "state", "dataset", "epoch", "validation MAE", "unit", ""),
        [
            (
                r["id"],
                r.get("name"),
                r["state"],
                r.get("dataset"),
                _epoch(r),
                _rounded(r.get("validation_mae")),
                r.get("unit"),
                r["error"] or r.get("phase"),
            )
            for r in rows
        ],
    )


def _epoch(row: dict[str, Any]) -> str | None:
    return f"{row['epoch']}/{row['epochs']}" if row.get("epochs") else None


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def stop(run: RunName) -> None:
    """Ask a run to save its checkpoint and end, or to leave the queue."""
    found = open_run(run)
    request_stop(found)
    print(f"{found.name} ({found.id}): asked to stop; it saves its checkpoint first")


def resume(run: RunName, background: Background = False) -> None:
    """Go on with a stopped, failed or lost run from its last checkpoint."""
    found = open_run(run)
    if background:
        print(f"{found.name} ({found.id}): job {start_job(found)} started")
        return
    check_resumable(found)
    begin(found, background=False)


def rename(run: RunName, name: str) -> None:
    """Give a run another name; its id stays."""
    renamed = rename_run(open_run(run), name)
    print(f"{renamed.name} ({renamed.id}): renamed")


def note(run: RunName, text: Annotated[str | None, typer.Argument(help='the note; "" takes it away')] = None) -> None:
    """Print the note of a run, or write another one."""
    found = open_run(run)
    if text is not None:
        found = set_note(found, text)
    print(found.note or f"{found.name} ({found.id}): no note")


def clone(
    run: RunName,
    set_: Settings = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N; that of the run if left out")] = None,
    devices: Annotated[int | None, typer.Option(min=1, max=MOST_DEVICES, help="how many share each batch")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="|".join(ENGINES), help="that of the run if left out; see train")
    ] = None,
    logs: Annotated[
        str | None, typer.Option(help='csv, tensorboard or csv,tensorboard; "" for none; those of the run if left out')
    ] = None,
    name: Annotated[str | None, typer.Option(help="name of the new run")] = None,
    background: Background = False,
) -> None:
    """Train the recipe of a run once more, with changes, as a new run from first weights."""
    found = open_run(run)
    given = clone_recipe(found)
    recipe = changed(validated(given["recipe"], found.what), set_ or [])
    dataset = open_dataset(given["dataset"])
    place = device or given["device"], devices or given["devices"]
    engine = engine or given["engine"]
    kept = given["logs"] if logs is None else logs_of(logs)
    check_devices(*place, engine)
    name = name or f"{', '.join([found.name, *(set_ or [])])}"[:80]
    begin(create_run(recipe, dataset, name, *place, kept, engine), background)


def delete(run: RunName) -> None:
    """Move a run to the trash; `restore` brings it back."""
    found = open_run(run)
    print(f"{found.name} ({found.id}): now lies in {delete_run(found)}")


def trash(
    empty: Annotated[bool, typer.Option("--empty", help="remove the runs in it for good")] = False,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="with --empty: only those deleted more than so many days ago")
    ] = None,
    json: Json = False,
) -> None:
    """List the deleted runs, or remove them for good."""
    if older_than is not None and not empty:
        raise MollensError("trash: --older-than goes with --empty; nothing was removed")
    rows = empty_trash(older_than or 0.0) if empty else list_trash()
    if json:
        print_json({"removed" if empty else "trash": [_trashed(row) for row in rows]})
    elif empty:
        print(f"{len(rows)} runs were removed for good")
    else:
        print_table(
            ("id", "name", "deleted"), [(row.id, row.name, f"{row.deleted:%Y-%m-%d %H:%M} UTC") for row in rows]
        )


def _trashed(row: Trashed) -> dict[str, Any]:
    return {"id": row.id, "run": row.run_id, "name": row.name, "deleted": f"{row.deleted:%Y-%m-%dT%H:%M:%SZ}"}


def restore(
    trashed: Annotated[str, typer.Argument(metavar="ID", help="id in the trash, or id or name of the deleted run")],
) -> None:
    """Bring a deleted run back from the trash."""
    restored = restore_run(trashed)
    print(f"run {restored.id}: restored")


def logs(
    run: RunName,
    to: Annotated[Path, typer.Option(help="folder; csv/ and tensorboard/ are made in it")],
    csv: Annotated[bool, typer.Option("--csv", help="steps.csv and epochs.csv")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="an event file")] = False,
) -> None:
    """Write the metrics of a run for other programs; both kinds if none is named."""
    found = open_run(run)
    kinds = [kind for kind, wanted in zip(KINDS, (csv, tensorboard), strict=True) if wanted] or list(KINDS)
    for folder in write_logs(found, to.expanduser().absolute(), kinds):
        print(folder)
