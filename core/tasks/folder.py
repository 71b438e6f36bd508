"""The folder of a task: what is to be done (task.json), how it stands (status.json), and who is silent for too long."""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from core.errors import MollensError
from core.files import home, new_folder, read_json, utc_now, write_json

LOST_AFTER = 60.0  # seconds without a heartbeat, as the reader saw it
KEPT_FOR = 7 * 24 * 3600.0  # seconds that an ended task stays in the list
ACTIVE = ("queued", "running", "stopping")
STATES = ("queued", "running", "finished", "failed", "stopped")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,120}")


@dataclass(frozen=True)
class TaskStatus:
    """The last word of a task's worker."""

    state: str
    """queued, running, finished, failed, stopped; a reader may derive stopping and lost"""
    done: int = 0
    total: int = 0
    """in the unit of the work, mostly bytes; 0 while it is not known"""
    text: str = ""
    """what is done just now, in words"""
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    pid: int = 0
    host: str = ""
    started: str = ""
    updated: str = ""

    @property
    def active(self) -> bool:
        """Whether a worker claims to be at work on it."""
        return self.state in ACTIVE


@dataclass(frozen=True)
class Task:
    """One piece of background work; `error` is a sentence for one whose files cannot be read."""

    path: Path
    kind: str = ""
    title: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    status: TaskStatus = TaskStatus("failed")
    error: str | None = None

    @property
    def id(self) -> str:
        """The folder's name: UTC stamp, kind and four random characters."""
        return self.path.name

    @property
    def what(self) -> str:
        """How an error text names it."""
        return f"task {self.id}"


def tasks_folder() -> Path:
    """Where the home keeps tasks."""
    return home() / "tasks"


def new_task(kind: str, title: str, arguments: dict[str, Any]) -> Task:
    """Make the folder of a queued task; nothing works on it yet.

    Raises:
        MollensError: if the disk is full or may not be written.
    """
    remove_old_tasks()
    task_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"
    with new_folder(tasks_folder() / task_id) as draft:
        write_json(draft / "task.json", {"kind": kind, "title": title, "arguments": arguments, "created": utc_now()})
        write_status(draft, TaskStatus("queued"))
    return read_task(task_id)


def read_task(task_id: str) -> Task:
    """A task with its present status.

    Raises:
        MollensError: if there is none of this id, its files are damaged, or a newer Mollens wrote them.
    """
    path = tasks_folder() / task_id
    if not _ID.fullmatch(task_id) or not path.is_dir():
        raise MollensError(f"task {task_id!r}: not found; `python -m core tasks` lists what is there")
    what = f"task {task_id}"
    content = _checked(path / "task.json", what, {"kind": str, "title": str, "arguments": dict, "created": str})
    return Task(path, content["kind"], content["title"], content["arguments"], content["created"], _derived(path, what))


def list_tasks() -> list[Task]:
    """All tasks, the newest first; one that cannot be read carries its error."""
    root = tasks_folder()
    if not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir(), reverse=True):
        if path.is_dir() and _ID.fullmatch(path.name):
            try:
                found.append(read_task(path.name))
            except MollensError as error:
                if path.is_dir():  # not one that was removed just now
                    found.append(Task(path, title=path.name, error=str(error)))
    return found


def active_names() -> set[str]:
    """Names of datasets that tasks are making at the moment."""
    return {str(task.arguments["name"]) for task in list_tasks() if task.status.active and "name" in task.arguments}


def _checked(path: Path, what: str, kinds: dict[str, Any]) -> dict[str, Any]:
    content = read_json(path, what)
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind):
            raise MollensError(f"{what}: {path}: {key} is {content.get(key)!r}; the file is damaged, remove the task")
    return content


def read_status(path: Path, what: str) -> TaskStatus:
    """status.json of the task's folder, as its worker wrote it.

    Raises:
        MollensError: if it is missing or damaged.
    """
    content = read_json(path / "status.json", what)
    kinds: dict[str, type] = {"str": str, "int": int, "dict[str, Any]": dict}
    values = {f.name: content[f.name] for f in fields(TaskStatus) if f.name in content}
    for f in fields(TaskStatus):
        if f.name in values and not isinstance(values[f.name], kinds[str(f.type)]):
            raise MollensError(f"{what}: {path / 'status.json'}: {f.name} is {values[f.name]!r}; the file is damaged")
    if values.get("state") not in STATES:
        raise MollensError(f"{what}: {path / 'status.json'}: state is {values.get('state')!r}; the file is damaged")
    return TaskStatus(**values)


def write_status(path: Path, status: TaskStatus) -> None:
    """Replace status.json of the task's folder, with the moment of writing."""
    write_json(path / "status.json", asdict(status) | {"updated": utc_now()})


def _derived(path: Path, what: str) -> TaskStatus:
    status = read_status(path, what)
    if not status.active:
        return status
    # a process that ended on this very machine is known at once; anywhere else only silence tells
    gone = bool(status.pid) and status.host == socket.gethostname() and not _runs(status.pid)
    if gone:
        status = read_status(path, what)  # its last word may have come just before its end
        return replace(status, state="lost") if status.active else status
    if _silence(path / "status.json") > LOST_AFTER:
        return replace(status, state="lost")
    return replace(status, state="stopping") if (path / "stop").exists() else status


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


_seen: dict[Path, tuple[float, float]] = {}
_seen_lock = threading.Lock()


def _silence(path: Path, now: float | None = None) -> float:
    """Seconds on this reader's clock since it first saw the file's present modification time; 0 for a new one.

    Clocks of two machines are so never compared, and a suspended laptop comes back unharmed.
    """
    now = time.monotonic() if now is None else now
    try:
        beat = path.stat().st_mtime
    except OSError:
        return 0.0
    with _seen_lock:
        last = _seen.get(path)
        if last is None or last[0] != beat:
            _seen[path] = (beat, now)
            return 0.0
        return now - last[1]


def remove_old_tasks(now: float | None = None) -> None:
    """Remove folders of tasks that ended, or fell silent, more than a week ago."""
    now = time.time() if now is None else now
    root = tasks_folder()
    for path in list(root.iterdir()) if root.is_dir() else []:
        with suppress(OSError):
            beat = path / "status.json"
            last = (beat if beat.exists() else path).stat().st_mtime
            if _ID.fullmatch(path.name) and now - last > KEPT_FOR:
                shutil.rmtree(path, ignore_errors=True)
                with _seen_lock:
                    _seen.pop(beat, None)
