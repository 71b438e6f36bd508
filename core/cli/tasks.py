"""Commands on background work: task (what a worker runs), tasks, stop-task; and what each kind of task does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import typer

from core.cli.calibrating import calibrate_task
from core.cli.giving_back import export_task
from core.cli.loading import inspect_task, load_task
from core.cli.loading_predictions import load_predictions_task
from core.cli.options import Json
from core.cli.output import print_json, print_table, progress_bar
from core.cli.own import inside_task, predict_molecules_task
from core.data.indexing import build_index, start_index
from core.data.store import Dataset, check_free, open_dataset
from core.errors import MollensError
from core.files import home, lock
from core.judge.inspect.levels import work_on_levels
from core.judge.slicing.slice_cache import work_on_slices
from core.tasks import Progress, Task, list_tasks, read_task, stop_task, work_on


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("task", hidden=True)(run_task)
    app.command("tasks")(show_tasks)
    app.command("stop-task")(stop)
    app.command("index")(make_index)


def run_task(id: str) -> None:
    """Carry out a task; what the page and --background start."""
    status = work_on(id, KINDS)
    if status.state != "finished":
        raise MollensError(f"task {id}: {status.error or status.state}")


def show_tasks(json: Json = False) -> None:
    """List downloads, imports and indexes of the last week, the newest first."""
    tasks = list_tasks()
    if json:
        print_json({"tasks": [_row(task) for task in tasks]})
        return
    rows = [
        (t.id, t.status.state, _share(t), t.title, t.status.error or t.status.text)
        if t.error is None
        else (t.id, "damaged", "", "", t.error)
        for t in tasks
    ]
    print_table(("id", "state", "done", "title", ""), rows)


def stop(id: str) -> None:
    """Ask a task to end; it leaves nothing half done, and a download can be resumed."""
    stop_task(read_task(id))
    print(f"task {id}: asked to stop")


def make_index(name: str) -> None:
    """Make the index of a dataset: prepare its search by structure and look for its defects."""
    with progress_bar(f"index of {name}") as update:
        found = build_index(open_dataset(name), update)["defects"]
    print(f"{name}: indexed; {', '.join(f'{n:,} {kind.replace(chr(95), chr(32))}' for kind, n in found.items())}")


def _row(task: Task) -> dict[str, Any]:
    if task.error is not None:
        return {"id": task.id, "error": task.error}
    s = task.status
    return {
        "id": task.id, "kind": task.kind, "title": task.title, "created": task.created, "state": s.state,
        "done": s.done, "total": s.total, "text": s.text, "error": s.error or None, "result": s.result,
    }  # fmt: skip


def _share(task: Task) -> str:
    status = task.status
    if status.state == "finished" or not status.total:
        return ""
    return f"{100 * status.done / status.total:.0f} %"


def announce_index(name: str) -> None:
    """Start the task that makes the index of a dataset, and say so on standard error."""
    print(f"task {start_index(name).id} prepares searching and looks for defects", file=sys.stderr)


def _import(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Make a dataset of a file; an upload is removed once it is one."""
    from core.data.importers import About, ColumnMap, import_file
    from core.data.uploads import remove_upload

    source, name = Path(arguments["source"]), str(arguments["name"])
    exclude, flag = (Path(arguments[key]) if arguments.get(key) else None for key in ("exclude", "flag"))
    columns, about = arguments.get("columns"), arguments.get("about")
    with _claimed(name):
        dataset = import_file(
            source,
            name,
            arguments.get("format"),
            exclude,
            lambda done, total: progress(done, total, f"reading {source.name}"),
            columns=ColumnMap.model_validate(columns) if columns is not None else None,
            flag=flag,
            about=About.model_validate(about) if about is not None else None,
        )
    for path in (source, exclude, flag):
        if path is not None:
            remove_upload(path)
    return _made(dataset, arguments)


def _download(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Download QM9 and make a dataset of it."""
    from core.data.download import download_qm9

    name = str(arguments["name"])
    with _claimed(name):
        return _made(download_qm9(name, bool(arguments.get("exclude_uncharacterized")), progress), arguments)


@contextmanager
def _claimed(name: str) -> Iterator[None]:
    """Hold a name, so that of two tasks that make one dataset the second is told before it has read its file."""
    check_free(name)
    with ExitStack() as held:
        try:
            held.enter_context(lock(home() / "tasks" / f".name-{name}.lock", timeout=0))
        except MollensError as error:
            if error.__cause__ is not None:  # a fault of the disk, not another holder
                raise
            raise MollensError(
                f"dataset {name}: another task is making it; wait for it or choose another name"
            ) from None
        yield


def _made(dataset: Dataset, arguments: dict[str, Any]) -> dict[str, Any]:
    card = dataset.card
    result: dict[str, Any] = {"dataset": dataset.name, "n_molecules": card.n_molecules, "n_atoms": card.n_atoms}
    if warnings := card.known_defects.get("warnings"):
        result["warnings"] = list(warnings)
    return result | ({"index": start_index(dataset.name).id} if arguments.get("index", True) else {})


def _index(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Prepare searching in a dataset and look for its defects."""
    return build_index(open_dataset(str(arguments["dataset"])), progress)


KINDS = {
    "import": _import,
    "download": _download,
    "index": _index,
    "calibrate": calibrate_task,
    "slices": work_on_slices,
    "second-levels": work_on_levels,
    "export": export_task,
    "load-predictions": load_predictions_task,
    "inspect-model": inspect_task,
    "load-model": load_task,
    "inside": inside_task,
    "predict-molecules": predict_molecules_task,
}
