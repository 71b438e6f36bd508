"""Who may write into a run's folder: its locks, which never bring a deleted folder back."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.errors import MollensError
from core.files import plain_disk_errors

OWNER_LOCK = ".owner.lock"
"""Held while the owner token is read or changed, and by the owner during each write."""
START_LOCK = ".start.lock"
"""Held while somebody decides whether a job may be started, or the run be thrown away."""
SUSPENDED_AFTER = 1.0  # seconds of waiting after which one looks whether the job that holds the lock is suspended
CLAIM_TIMEOUT = 10.0  # seconds; a write of the owner takes a small part of one


class OwnerLost(MollensError):
    """Another job has taken the run over; this one must end without writing."""


@contextmanager
def run_lock(folder: Path, name: str, timeout: float | None = CLAIM_TIMEOUT, poll: float = 0.02) -> Iterator[None]:
    """Hold an exclusive lock on a file of the run's folder; it is freed when the process ends, however it ends.

    A job of this machine that was suspended within a write would hold it for ever. It is ended: who waits here is about
    to take the run away from it.

    Unlike `core.files.lock` this makes no folder, and a folder that was moved away while one waited is not locked:
    a job that wakes up after its run was deleted must not make the folder anew.

    Raises:
        OwnerLost: if the folder is gone.
        MollensError: if another process still holds the lock after `timeout` seconds.
    """
    path = folder / name
    gone = f"run {folder.name}: its folder is gone; somebody has deleted it, `python -m core trash` lists it"
    try:
        with plain_disk_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OwnerLost(gone) from error
    began, looked = time.monotonic(), False
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - began
                if waited >= SUSPENDED_AFTER and timeout is not None and not looked:
                    looked = True
                    _end_if_suspended(folder, path)
                if timeout is not None and waited >= timeout:
                    raise MollensError(
                        f"run {folder.name}: another process has been writing into it for {timeout:g} s (a slow "
                        "disk, or a suspended process); wake or end that process and try again"
                    ) from None
                time.sleep(poll)
        if not _still_there(handle, path):
            raise OwnerLost(gone)
        yield
    finally:
        os.close(handle)


def _end_if_suspended(folder: Path, path: Path) -> None:
    """Kill the job that status.json names if it is a suspended process of this machine that has this lock open."""
    try:
        status = json.loads((folder / "status.json").read_bytes())
        if status["host"] != socket.gethostname():
            return
        process = psutil.Process(int(status["pid"]))
        opened = {Path(file.path) for file in process.open_files()}
        if process.status() == psutil.STATUS_STOPPED and path.resolve() in opened:
            process.kill()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
