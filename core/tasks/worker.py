"""The worker's side: carry a task out, with a heartbeat, progress to be read, and an ear for the request to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from core.errors import MollensError
from core.files import lock, utc_now
from core.tasks.folder import Task, TaskStatus, read_status, read_task, write_status

HEARTBEAT = 3.0  # seconds between two when nothing progresses
BETWEEN_WRITES = 0.4  # seconds; progress may be told thousands of times a second
PATIENCE = 3.0  # seconds that work may ignore a request to stop before it is interrupted


class TaskStopped(Exception):
    """Somebody asked the task to stop; raised out of `progress`, so that the work undoes what is half done."""


class Progress(Protocol):
    """What a piece of work tells how far it is by."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total` (0: not known); raises TaskStopped when a stop was asked for."""


Work = Callable[[dict[str, Any], Progress], dict[str, Any]]
"""arguments of the task and `progress` in; its result, JSON values, out"""


def work_on(task_id: str, kinds: Mapping[str, Work]) -> TaskStatus:
    """Carry out a queued task in this process and return its last status.

    Args:
        kinds: the function for every kind of task that there is.

    Raises:
        MollensError: if there is no such task, another process works on it, or it has ended already.
    """
    task = read_task(task_id)
    with lock(task.path / ".work.lock", timeout=0):  # held as long as this process lives
        with lock(task.path / ".claim.lock", timeout=10):
            status = read_status(task.path, task.what)
            if status.state not in ("queued", "running"):
                raise MollensError(f"{task.what}: is {status.state}; there is nothing to do")
            begun = TaskStatus("running", pid=os.getpid(), host=socket.gethostname(), started=utc_now())
            write_status(task.path, begun)
        return _carry_out(task, begun, kinds)


def _carry_out(task: Task, begun: TaskStatus, kinds: Mapping[str, Work]) -> TaskStatus:
    reporter = _Reporter(task, begun)
    former = _end_on_terminate()
    reporter.start()
    try:
        if task.kind not in kinds:
            raise MollensError(f"{task.what}: its kind {task.kind!r} is not known; update Mollens to carry it out")
        result = kinds[task.kind](task.arguments, reporter.progress)
        reporter.end()
        last = replace(reporter.status, state="finished", result=result, text="")
    except (TaskStopped, KeyboardInterrupt):
        reporter.end()
        last = replace(reporter.status, state="stopped", text="")
    except MollensError as error:
        reporter.end()
        last = replace(reporter.status, state="failed", error=str(error))
    except MemoryError:
        reporter.end()
        last = replace(reporter.status, state="failed", error=f"{task.title}: the memory of this machine is used up")
    except Exception as error:
        reporter.end()
        traceback.print_exc()  # into log.txt
        words = f"{task.title}: {type(error).__name__}: {error}; the log of {task.what} says where"
        last = replace(reporter.status, state="failed", error=words)
    finally:
        if former is not None:
            signal.signal(signal.SIGTERM, former)
    if task.path.is_dir():
        write_status(task.path, last)
    return last


def _end_on_terminate() -> Any:
    """Let SIGTERM undo what is half done, as a request to stop does; gives back what handled it before."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)


class _Reporter:
    """Writes status.json: on progress, not too often, and as a heartbeat when there is none."""

    def __init__(self, task: Task, status: TaskStatus) -> None:
        self.status = status
        self._task = task
        self._stop = task.path / "stop"
        self._lock = threading.Lock()
        self._written = time.monotonic()
        self._asked: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._in_main = threading.current_thread() is threading.main_thread()  # else nothing handles the signal

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """End the heartbeat; after this only the caller writes."""
        self._ended.set()
        self._thread.join()

    def progress(self, done: int, total: int, text: str = "") -> None:
        with self._lock:
            changed = text.split(":")[0] != self.status.text.split(":")[0]
            self.status = replace(self.status, done=int(done), total=int(total), text=text)
            due = changed or time.monotonic() - self._written >= BETWEEN_WRITES
            if due:
                self._write()
        if due and self._asked_to_stop():
            raise TaskStopped

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._task.path.is_dir():  # a folder that somebody has removed does not come back
            write_status(self._task.path, self.status)

    def _asked_to_stop(self) -> bool:
        return self._stop.exists() or not self._task.path.is_dir()

    def _beat(self) -> None:
        while not self._ended.wait(0.5):
            try:
                with self._lock:
                    if time.monotonic() - self._written >= HEARTBEAT:
                        self._write()
            except (OSError, MollensError):
                continue  # a full disk is told by the work itself; a missing folder ends with it
            self._listen()

    def _listen(self) -> None:
        """Interrupt work that has not asked for its progress since a stop was requested."""
        if not self._asked_to_stop():
            return
        now = time.monotonic()
        self._asked = self._asked or now
        if self._in_main and now - self._asked >= PATIENCE and not self._ended.is_set():
            self._asked = now + 10 * PATIENCE  # what is half done needs time to be undone
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes a read that waits, too
