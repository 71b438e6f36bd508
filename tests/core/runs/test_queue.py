"""The queue: places, several devices at once, tickets of the dead and of the suspended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from core.runs.folder import Run, new_run
from core.runs.jobs import request_stop
from core.runs.listing import run_row
from core.runs.queue import jobs_on, let_earlier_draw, place_in_queue, turn_on
from core.runs.status import read_status, write_status
from tests.core.runs.test_jobs import RECIPE, until


@pytest.fixture
def waiting() -> Iterator[ExitStack]:
    """Ends turns that a test holds."""
    with ExitStack() as stack:
        yield stack


def queued_run(name: str, device: str = "cpu") -> Run:
    run = new_run(RECIPE, name)
    status = read_status(run.path / "status.json", run.what)
    queued = replace(status, state="queued", device=device, pid=os.getpid(), host=socket.gethostname())
    write_status(run.path / "status.json", queued)
    return run


class Waiter:
    """A job, as a thread, that waits for devices and holds them until it is told to go on."""

    def __init__(self, run: Run, devices: list[str]) -> None:
        self.run, self.devices = run, devices
        self.has_turn, self.go_on, self.give_up = Event(), Event(), Event()
        self.heard: list[tuple[str, int]] = []
        self.thread = Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        with turn_on(self.devices, self._wait, self.run.id, poll=0.01) as mine:
            if mine:
                self.has_turn.set()
                assert self.go_on.wait(60)

    def _wait(self, device: str, ahead: int) -> bool:
        self.heard.append((device, ahead))
        return not self.give_up.is_set()

    def end(self) -> None:
        self.go_on.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def test_a_run_says_where_it_waits() -> None:
    runs = [queued_run(f"run {k}") for k in range(3)]
    jobs = []
    for k, run in enumerate(runs):
        jobs.append(Waiter(run, ["cpu"]))
        until(lambda k=k: len(jobs_on("cpu")) == k + 1)
    assert jobs_on("cpu") == [run.id for run in runs] and jobs_on("cuda:0") == []
    places = [place_in_queue(run) for run in runs]
    assert [(place.device, place.ahead) for place in places if place] == [
        ("cpu", ()), ("cpu", (runs[0].id,)), ("cpu", (runs[0].id, runs[1].id)),
    ]  # fmt: skip
    assert run_row(runs[2])["queue_ahead"] == 2
    until(lambda: jobs[2].heard and jobs[2].heard[-1] == ("cpu", 2))
    jobs[1].give_up.set()
    jobs[1].thread.join(30)
    until(lambda: jobs[2].heard[-1] == ("cpu", 1))
    place = place_in_queue(runs[2])
    assert place is not None and place.ahead == (runs[0].id,) and place_in_queue(runs[1]) is None
    jobs[0].end()
    assert jobs[2].has_turn.wait(30)
    jobs[2].end()
    assert jobs_on("cpu") == [] and place_in_queue(runs[2]) is None


def test_jobs_on_several_devices_do_not_wait_for_each_other_for_ever() -> None:
    runs = [queued_run(f"run {k}", "cuda:0") for k in range(4)]
    wanted = [["cuda:0", "cuda:1"], ["cuda:1", "cuda:0"], ["cuda:10", "cuda:2", "cuda:0"], ["cuda:2"]]
    jobs = [Waiter(run, devices) for run, devices in zip(runs, wanted, strict=True)]
    left = list(jobs)
    while left:
        until(lambda: any(job.has_turn.is_set() for job in left))
        at_work = [job for job in left if job.has_turn.is_set()]
        held = [device for job in at_work for device in job.devices]
        assert len(held) == len(set(held)), "two jobs on one device"
        for job in at_work:
            job.end()
            left.remove(job)
    assert all(jobs_on(f"cuda:{k}") == [] for k in (0, 1, 2, 10))


def test_a_ticket_is_behind_all_others_although_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch, waiting: ExitStack
) -> None:
    assert waiting.enter_context(turn_on(["cpu"], lambda device, ahead: False))
    monkeypatch.setattr("core.runs.queue.time.time_ns", lambda: 1)
    with turn_on(["cpu"], lambda device, ahead: False) as mine:
        assert not mine


def test_the_old_ticket_of_a_resumed_run_counts_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch, waiting: ExitStack
) -> None:
    run = queued_run("lost, and resumed")
    assert waiting.enter_context(turn_on(["cpu"], lambda device, ahead: False, run.id))  # its suspended first job
    with turn_on(["cpu"], lambda device, ahead: False, run.id) as mine:
        assert not mine
    monkeypatch.setattr("core.runs.queue.PATIENCE", 0.0)
    with turn_on(["cpu"], lambda device, ahead: False, run.id) as mine:
        assert mine
    with turn_on(["cpu"], lambda device, ahead: False, "another run") as mine:
        assert not mine


def test_abandoned_tickets_are_removed(home: Path) -> None:
    folder = home / "queue" / f"{socket.gethostname()}-cpu"
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-abcd.ticket").write_text("")
    with turn_on(["cpu"], lambda device, ahead: False) as mine:
        assert mine
    assert not list(folder.glob("*.ticket"))


def test_a_run_that_was_asked_to_stop_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued_run("asked")
    assert run.status().state == "queued"
    request_stop(run)
    assert run.status().state == "stopping" and run.status().active


def test_a_stop_on_a_full_disk_is_told_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    run, told = queued_run("no room"), []

    def full(path: Path, content: bytes) -> None:
        from core.errors import MollensError

        raise MollensError("no space") from OSError(28, "No space left on device")

    monkeypatch.setattr("core.runs.jobs.write_bytes", full)
    monkeypatch.setattr("core.runs.jobs.psutil.Process.cmdline", lambda self: ["-m", "core", "job", run.id])
    monkeypatch.setattr("core.runs.jobs.os.kill", lambda pid, number: told.append((pid, number)))
    request_stop(run)
    assert told == [(os.getpid(), signal.SIGTERM)]


def test_a_job_lets_those_draw_first_that_were_asked_for_before_it(waiting: ExitStack) -> None:
    earlier, later = (queued_run(name) for name in ("earlier", "later"))
    for asked, run in enumerate((earlier, later), start=1):
        write_status(run.path / "status.json", replace(run.status(), asked=asked))
    assert let_earlier_draw(earlier, patience=0)
    assert not let_earlier_draw(later, patience=0.05, poll=0.01)  # nobody draws: it goes on all the same
    waiting.enter_context(turn_on(["cpu"], lambda device, ahead: True, earlier.id))
    assert let_earlier_draw(later, patience=0)


def test_a_job_waits_for_no_run_that_is_not_coming() -> None:
    ended, later = (queued_run(name) for name in ("ended", "later"))
    write_status(ended.path / "status.json", replace(ended.status(), asked=1, pid=process_that_has_ended()))
    write_status(later.path / "status.json", replace(later.status(), asked=2))
    assert let_earlier_draw(later, patience=0)


def process_that_has_ended() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid
