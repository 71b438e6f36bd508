"""Jobs: start, stop and resume the process that trains a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import psutil

from core.errors import MollensError
from core.files import CHECKOUT, home, plain_disk_errors, write_bytes
from core.runs.folder import Run
from core.runs.full_disk import disk_is_full
from core.runs.ownership import OWNER_LOCK, START_LOCK, run_lock
from core.runs.status import read_status, write_status

_children: list[tuple[subprocess.Popen[bytes], Run]] = []


def start_job(run: Run) -> int:
    """Start `python -m core job <run>` as a process group of its own and return its process id.

    A new run is trained; a stopped, failed or lost one goes on from its last checkpoint.

    It outlives the browser tab and the server; its output goes to log.txt.

    Raises:
        MollensError: if the run is at work already or finished, or ships with Mollens.
    """
    reap_children()
    asked = time.time_ns()
    with run_lock(run.path, START_LOCK):
        check_resumable(run)
        (run.path / "stop").unlink(missing_ok=True)
        # the new job claims the run under the same lock, so it finds its own process id written
        with run_lock(run.path, OWNER_LOCK):
            process = _spawn(run)
            stored = read_status(run.path / "status.json", run.what)
            queued = replace(
                stored, state="queued", phase="", error="", owner="", pid=process.pid, host=socket.gethostname(),
                asked=asked,
            )  # fmt: skip
            write_status(run.path / "status.json", queued)
        _children.append((process, run))
    return process.pid


def _spawn(run: Run) -> subprocess.Popen[bytes]:
    with plain_disk_errors(run.path), open(run.path / "log.txt", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "core", "job", run.id],
            cwd=CHECKOUT,
            # numbered as NVML numbers them, so that cuda:1 is the card that the page names
            env={"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ, "MOLLENS_HOME": str(home())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def check_resumable(run: Run) -> None:
    """Refuse a run that no job may start on.

    Raises:
        MollensError: if it is at work already, is finished, or ships with Mollens.
    """
    if run.shipped:
        raise MollensError(f"{run.what}: ships with Mollens and is not trained again; start a new run with its recipe")
    status = run.status()
    if status.active:
        raise MollensError(f"{run.what}: is {status.state} already; stop it first")
    if status.state == "finished":
        raise MollensError(f"{run.what}: is finished; start a new run with its recipe instead")


def request_stop(run: Run) -> None:
    """Ask a run's job to save its checkpoint and end, or to leave the queue.

    Raises:
        MollensError: if nothing is at work on it.
    """
    status = run.status()
    if run.shipped or not status.active:
        raise MollensError(f"{run.what}: is {status.state}; there is nothing to stop")
    try:
        write_bytes(run.path / "stop", b"")
    except MollensError as error:  # a job that waits for room on a full disk can be told by a signal
        if not disk_is_full(error) or status.host != socket.gethostname() or not _is_job(status.pid, run):
            raise
        os.kill(status.pid, signal.SIGTERM)


def _is_job(pid: int, run: Run) -> bool:
    """Whether this process is a job of the run, not another one that was given its number."""
    try:
        return run.id in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def reap_children() -> None:
    """Collect ended jobs that this process started, so that none stays a zombie and looks alive.

    One that ended before it claimed its run (no memory, a broken environment) is marked failed.
    """
    for process, run in list(_children):
        if process.poll() is None:
            continue
        _children.remove((process, run))
        with suppress(MollensError, OSError), run_lock(run.path, OWNER_LOCK):
            status = read_status(run.path / "status.json", run.what)
            if status.state == "queued" and not status.owner and status.pid == process.pid:
                error = f"the job ended before it began (exit status {process.returncode}); its log says why"
                write_status(run.path / "status.json", replace(status, state="failed", error=error))
