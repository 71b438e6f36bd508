"""Jobs and the queue, with real processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import MollensError
from core.runs.devices import list_devices, resolve_device
from core.runs.folder import new_run
from core.runs.jobs import reap_children, request_stop, start_job
from core.runs.queue import turn_on

RECIPE = {
    "recipe": {"epochs": 1}, "dataset": {"name": "gone", "sha256": "x"}, "split": {"name": "default", "hash": "y"},
    "target": "energy", "unit": "eV", "seed": 0,
}  # fmt: skip


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll until `condition` holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_a_job_that_fails_says_why_in_the_status() -> None:
    run = new_run(RECIPE, "no dataset")
    start_job(run)
    until(lambda: run.status().state not in ("queued", "starting"))
    status = run.status()
    assert status.state == "failed"
    assert "dataset gone: not found" in status.error
    assert "Traceback" not in status.error


def test_a_job_that_never_claims_its_run_is_lost_then_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(RECIPE, "crashes")
    monkeypatch.setattr("core.runs.jobs.sys.executable", "/bin/false")
    start_job(run)
    until(lambda: run.status().state == "lost")
    reap_children()
    assert run.status().state == "failed"
    assert "ended before it began (exit status 1)" in run.status().error


def test_there_is_nothing_to_stop_in_an_idle_run() -> None:
    run = new_run(RECIPE, "idle")
    with pytest.raises(MollensError, match="is created; there is nothing to stop"):
        request_stop(run)


def _take_turn(home: str, order: list[str], name: str, go_on: multiprocessing.synchronize.Event) -> None:
    os.environ["MOLLENS_HOME"] = home
    with turn_on(["cpu"], lambda device, ahead: True, poll=0.02):
        order.append(name)
        go_on.wait(30)


def test_jobs_wait_in_the_order_of_their_tickets_and_a_killed_one_frees_its_place(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        order = manager.list()
        go_on = [context.Event() for _ in range(3)]
        jobs = []
        for k in range(3):
            jobs.append(context.Process(target=_take_turn, args=(str(home), order, f"job {k}", go_on[k])))
            jobs[k].start()
            until(lambda k=k: len(list(home.glob("queue/*/*.ticket"))) == k + 1)
        until(lambda: list(order) == ["job 0"])
        jobs[0].kill()
        until(lambda: list(order) == ["job 0", "job 1"])
        go_on[1].set()
        until(lambda: list(order) == ["job 0", "job 1", "job 2"])
        go_on[2].set()
        for job in jobs:
            job.join(30)
    assert not list(home.glob("queue/*/*.ticket"))


def test_a_waiting_job_can_give_up(home: Path) -> None:
    with turn_on(["cpu"], lambda device, ahead: True) as first:
        asked = []
        with turn_on(["cpu"], lambda device, ahead: asked.append((device, ahead)) or False) as second:
            assert first and not second
        assert asked == [("cpu", 1)]
        with turn_on(["cuda:0"], lambda device, ahead: False) as other:
            assert other


def test_devices() -> None:
    devices = list_devices()
    assert devices[0].key == "cpu" and devices[0].memory > 0
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in [d.key for d in devices]
    with pytest.raises(MollensError, match="device 'cuda:99': not on this machine; there are cpu"):
        resolve_device("cuda:99")
