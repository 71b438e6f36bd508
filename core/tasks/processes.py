"""Start, stop and remove: the process that works on a task outlives the browser's tab and the server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.errors import MollensError
from core.files import CHECKOUT, home, lock, plain_disk_errors, write_bytes
from core.tasks.folder import Task, TaskStatus, new_task, read_status, read_task, write_status

_children: list[tuple[subprocess.Popen[bytes], Task]] = []


def start_task(kind: str, title: str, arguments: dict[str, Any]) -> Task:
    """Make a task and start `python -m core task <id>` on it, as a process group of its own.

    Args:
        arguments: JSON values; what the function for this kind is given.

    Raises:
        MollensError: if the disk is full or may not be written.
    """
    return _start(new_task(kind, title, arguments))


def start_again(task: Task) -> Task:
    """Start a stopped, failed or lost task once more; a download goes on where it stopped.

    Raises:
        MollensError: if it is at work or finished.
    """
    read_task(task.id)  # a lock in a folder that is not there would make it
    with lock(task.path / ".start.lock", timeout=10):
        present = read_task(task.id)
        if present.status.active:
            raise MollensError(f"{task.what}: is {present.status.state} already; stop it first")
        if present.status.state == "finished":
            raise MollensError(f"{task.what}: is finished; start a new one instead")
        (task.path / "stop").unlink(missing_ok=True)
        return _start(present)


def _start(task: Task) -> Task:
    reap_children()
    # the worker claims the task under the same lock, so it finds its own process id written
    with lock(task.path / ".claim.lock", timeout=10):
        with plain_disk_errors(task.path), open(task.path / "log.txt", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "core", "task", task.id],
                cwd=CHECKOUT,
                env={**os.environ, "MOLLENS_HOME": str(home())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        write_status(task.path, TaskStatus("queued", pid=process.pid, host=socket.gethostname()))
    _children.append((process, task))
    return read_task(task.id)


def stop_task(task: Task) -> None:
    """Ask a task's worker to end; it leaves nothing half done.

    Raises:
        MollensError: if nothing is at work on it.
    """
    present = read_task(task.id)
    if not present.status.active:
        raise MollensError(f"{task.what}: is {present.status.state}; there is nothing to stop")
    write_bytes(task.path / "stop", b"")


def remove_task(task: Task) -> None:
    """Remove the folder of a task that is not at work; what it has made stays.

    Raises:
        MollensError: if it is at work.
    """
    if task.error is None and read_task(task.id).status.active:
        raise MollensError(f"{task.what}: is {task.status.state}; stop it before removing it")
    with plain_disk_errors(task.path):
        shutil.rmtree(task.path, ignore_errors=True)


def reap_children() -> None:
    """Collect ended workers that this process started, so that none stays a zombie and looks alive.

    One that ended before it claimed its task (no memory, a broken environment) is marked failed.
    """
    for process, task in list(_children):
        if process.poll() is None:
            continue
        with suppress(ValueError):  # another thread was faster
            _children.remove((process, task))
        if not task.path.is_dir():  # removed meanwhile; a lock in it would bring it back
            continue
        with suppress(MollensError, OSError), lock(task.path / ".claim.lock", timeout=10):
            status = read_status(task.path, task.what)
            if status.state == "queued" and status.pid == process.pid:
                error = f"the worker ended before it began (exit status {process.returncode}); its log says why"
                write_status(task.path, replace(status, state="failed", error=error))
