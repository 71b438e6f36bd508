"""Background tasks: with real processes, with killed ones, and with files of a newer Mollens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.data.store import list_datasets
from core.errors import MollensError
from core.files import CHECKOUT
from core.tasks import (
    Progress,
    TaskStopped,
    active_names,
    list_tasks,
    new_task,
    read_task,
    reap_children,
    remove_task,
    start_again,
    start_task,
    stop_task,
    work_on,
)  # fmt: skip
from core.tasks import folder as task_folder
from core.tasks import worker as task_worker
from core.tasks.folder import TaskStatus, read_status, write_status


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll until `condition` holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def state(task_id: str) -> str:
    return read_task(task_id).status.state


def test_a_task_is_carried_out_and_keeps_its_result() -> None:
    task = new_task("count", "Counting to three", {"to": 3})
    assert (task.status.state, task.kind, task.title, task.arguments) == (
        "queued",
        "count",
        "Counting to three",
        {"to": 3},
    )
    seen: list[tuple[int, int, str]] = []

    def count(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        for k in range(arguments["to"]):
            progress(k + 1, arguments["to"], f"step {k}")
            status = read_status(task.path, task.what)
            seen.append((status.done, status.total, status.text))
        return {"sum": 6}

    assert work_on(task.id, {"count": count}).state == "finished"
    assert seen == [(1, 3, "step 0"), (2, 3, "step 1"), (3, 3, "step 2")]
    stored = read_task(task.id).status
    assert (stored.state, stored.result, stored.pid) == ("finished", {"sum": 6}, os.getpid())
    with pytest.raises(MollensError, match="is finished; there is nothing to do"):
        work_on(task.id, {"count": count})
    with pytest.raises(MollensError, match="is finished; start a new one"):
        start_again(task)
    with pytest.raises(MollensError, match="is finished; there is nothing to stop"):
        stop_task(task)
    remove_task(task)
    assert list_tasks() == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (MollensError("file x: is empty; choose another"), "file x: is empty; choose another"),
        (ValueError("odd"), "Work: ValueError: odd; the log of task "),
        (MemoryError(), "Work: the memory of this machine is used up"),
    ],
)
def test_a_fault_is_kept_as_a_sentence(fault: Exception, sentence: str) -> None:
    def fail(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        raise fault

    task = new_task("work", "Work", {})
    assert work_on(task.id, {"work": fail}).state == "failed"
    assert read_task(task.id).status.error.startswith(sentence)


def test_a_kind_that_is_not_known_is_a_sentence() -> None:
    task = new_task("future", "Something new", {})
    assert (
        work_on(task.id, {}).error == f"task {task.id}: its kind 'future' is not known; update Mollens to carry it out"
    )


def test_a_stop_reaches_the_work_by_its_progress_and_it_can_be_started_again() -> None:
    task = new_task("work", "Work", {})
    undone = []

    def work(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        stop_task(read_task(task.id))
        assert state(task.id) == "stopping"
        try:
            for k in range(3):
                progress(k, 3, str(k))
        except TaskStopped:
            undone.append(k)
            raise
        return {}

    assert work_on(task.id, {"work": work}).state == "stopped"
    assert undone == [0]
    again = start_again(read_task(task.id))  # its kind is not one of the command line's
    until(lambda: not read_task(again.id).status.active)
    assert "its kind 'work' is not known" in read_task(again.id).status.error
    reap_children()


def test_work_that_never_asks_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_worker, "PATIENCE", 0.0)
    task = new_task("work", "Work", {})
    undone = threading.Event()

    def deaf(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        stop_task(read_task(task.id))
        try:
            until(lambda: False)
        finally:
            undone.set()
        return {}

    assert work_on(task.id, {"work": deaf}).state == "stopped"
    assert undone.is_set()


def test_only_one_process_works_on_a_task() -> None:
    task = new_task("work", "Work", {})
    refused = []

    def work(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        with pytest.raises(MollensError, match="locked by another process"):
            work_on(task.id, {"work": work})
        refused.append(True)
        return {}

    assert work_on(task.id, {"work": work}).state == "finished"
    assert refused == [True]


def test_the_heart_beats_without_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_worker, "HEARTBEAT", 0.0)
    task = new_task("work", "Work", {})

    def quiet(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        first = (task.path / "status.json").stat().st_mtime_ns
        until(lambda: (task.path / "status.json").stat().st_mtime_ns > first)
        return {}

    assert work_on(task.id, {"work": quiet}).state == "finished"


def test_a_failed_process_of_its_own_says_why() -> None:
    task = start_task("index", "Index of nothing", {"dataset": "nothing"})
    assert os.getpgid(task.status.pid) == task.status.pid != os.getpgrp()
    until(lambda: not read_task(task.id).status.active)
    status = read_task(task.id).status
    assert status.state == "failed" and "nothing" in status.error and "Traceback" not in status.error
    reap_children()


def test_a_process_that_never_begins_is_told_from_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tasks.processes.sys.executable", "/bin/false")
    task = start_task("index", "Index", {"dataset": "x"})
    until(lambda: state(task.id) == "lost")
    reap_children()
    assert "ended before it began (exit status 1)" in read_task(task.id).status.error


def test_a_killed_worker_is_lost_and_can_be_started_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and never answers
        monkeypatch.setenv("MOLLENS_FIGSHARE", f"http://127.0.0.1:{mute.getsockname()[1]}/")
        task = start_task("download", "Download", {"name": "far"})
        until(lambda: state(task.id) == "running")
        assert active_names() == {"far"}
        with pytest.raises(MollensError, match="is running already"):
            start_again(task)
        with pytest.raises(MollensError, match="stop it before removing it"):
            remove_task(read_task(task.id))
        os.kill(read_task(task.id).status.pid, signal.SIGKILL)
        until(lambda: state(task.id) == "lost")
        reap_children()
        assert active_names() == set()
        assert start_again(read_task(task.id)).status.active
        until(lambda: state(task.id) == "running")
        stop_task(read_task(task.id))  # although it waits for an answer
        until(lambda: state(task.id) == "stopped")
        reap_children()
    assert not (home / "data" / "far").exists()


def test_silence_alone_makes_a_worker_on_another_machine_lost() -> None:
    task = new_task("import", "Import", {"name": "far"})
    write_status(task.path, TaskStatus("running", pid=1, host="another machine"))
    path = task.path / "status.json"
    assert state(task.id) == "running" and active_names() == {"far"}
    seen = time.monotonic()
    assert task_folder._silence(path, seen + 100) >= task_folder.LOST_AFTER
    task_folder._seen[path] = (path.stat().st_mtime, time.monotonic() - 61)
    assert state(task.id) == "lost" and active_names() == set()
    write_status(task.path, TaskStatus("running", pid=1, host="another machine"))
    os.utime(path, (1, 1))  # whatever its clock says: a change is a heartbeat
    assert state(task.id) == "running"


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("task.json", {"format": 2}, "has format 2; this Mollens reads up to 1; update Mollens"),
        ("status.json", {"format": 9}, "has format 9"),
        ("status.json", {"state": "dancing"}, "state is 'dancing'"),
        ("status.json", {"done": "many"}, "done is 'many'"),
        ("task.json", {"arguments": [1]}, r"arguments is \[1\]"),
        ("task.json", None, "is damaged"),
    ],
)
def test_a_task_that_cannot_be_read_is_listed_with_its_error(
    file: str, change: dict[str, Any] | None, sentence: str
) -> None:
    sound, task = new_task("index", "Sound", {}), new_task("index", "Broken", {})
    path = task.path / file
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MollensError, match=sentence):
        read_task(task.id)
    listed = {t.id: t.error for t in list_tasks()}
    assert listed[sound.id] is None and listed[task.id] is not None
    remove_task(next(t for t in list_tasks() if t.id == task.id))
    assert [t.id for t in list_tasks()] == [sound.id]


@pytest.mark.parametrize("task_id", ["", "..", "../runs", "a/b", "nobody", ".hidden"])
def test_an_id_names_nothing_else(task_id: str) -> None:
    with pytest.raises(MollensError, match="not found"):
        read_task(task_id)


def test_a_task_whose_folder_is_removed_ends_and_does_not_bring_it_back() -> None:
    task = new_task("work", "Work", {})

    def work(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        shutil.rmtree(task.path)
        progress(1, 2, "on")
        return {}

    assert work_on(task.id, {"work": work}).state == "stopped"
    assert not task.path.exists()


def test_a_removed_folder_stays_away() -> None:
    task = start_task("index", "Index of nothing", {"dataset": "nothing"})
    until(lambda: not read_task(task.id).status.active)
    remove_task(task)
    reap_children()
    with pytest.raises(MollensError, match="not found"):
        start_again(task)
    assert not task.path.exists() and list_tasks() == []


def test_the_work_goes_on_when_the_server_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("MOLLENS_FIGSHARE", f"http://127.0.0.1:{mute.getsockname()[1]}/")
        script = 'from core.tasks import start_task; print(start_task("download", "Download", {"name": "far"}).id)'
        ended = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        task_id = ended.stdout.strip()
        until(lambda: state(task_id) == "running")  # its parent is gone, and another process sees it at work
        stop_task(read_task(task_id))
        until(lambda: state(task_id) == "stopped")
        assert "far" not in {entry.name for entry in list_datasets()}


def test_ended_tasks_go_after_a_week() -> None:
    old, young = new_task("index", "Old", {}), new_task("index", "Young", {})
    past = time.time() - 8 * 24 * 3600
    os.utime(old.path / "status.json", (past, past))
    newest = new_task("index", "Newest", {})
    assert {t.id for t in list_tasks()} == {young.id, newest.id}
