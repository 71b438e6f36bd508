"""Two jobs on one run, a suspended one, a lost one that wakes up: only the owner of the token ever writes."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Event as Pause

import psutil
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.files import home
from core.runs import folder
from core.runs.folder import Run, delete_run, open_run
from core.runs.jobs import start_job
from core.runs.ownership import OWNER_LOCK, run_lock
from core.runs.predictions import read_predictions
from core.runs.status import read_status, write_status
from core.runs.trash import restore_run
from core.runs.writer import OwnerLost, RunWriter
from core.train.job import run_job
from tests.core.train.small_dataset import new_small_run, save_small
from tests.core.train.whole_runs import FORKS, assert_same_training, contents, in_state, job_process, wait_for

SHORT = {"epochs": 8, "batch_size": 4}
LONG = {"epochs": 2000, "batch_size": 4}  # goes on until it is ended


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short run that nobody has disturbed, in a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        run = new_small_run(save_small(), **SHORT)
        run_job(run.id)
    return run


def at_work(run: Run, after: int = 0) -> bool:
    status = run.status()
    assert status.state != "failed", status.error
    return status.state == "running" and status.step > after


def suspend(run: Run, pid: int) -> None:
    """Stop a job as a laptop's lid does, between two writes."""

    def suspended() -> bool:
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the process to be suspended")
        try:
            with run_lock(run.path, OWNER_LOCK, timeout=0):
                return True
        except MollensError:
            os.kill(pid, signal.SIGCONT)
            return False

    wait_for(suspended, "a moment between two writes")


def test_the_second_of_two_jobs_takes_over_and_the_first_ends_without_another_write(
    small: Dataset, undisturbed: Run
) -> None:
    run = new_small_run(small, **SHORT)
    with job_process(run) as first:
        wait_for(lambda: at_work(run), "the first job to train")
        with pytest.raises(MollensError, match="is running already; stop it first"):
            start_job(run)
        owner = read_status(run.path / "status.json", run.what).owner
        with job_process(run) as second:
            wait_for(lambda: read_status(run.path / "status.json", run.what).owner != owner, "the second job's token")
            wait_for(lambda: not first.is_alive(), "the first job to end")
            assert first.exitcode == 1
            wait_for(in_state(run, "finished"), "the second job to finish")
            second.join(30)
            assert second.exitcode == 0
    assert_same_training(run, undisturbed)


def test_a_suspended_job_is_lost_and_comes_back_unharmed(
    small: Dataset, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOST_AFTER", 2.0)  # as the reader counts it; a training job speaks twice a second
    run = new_small_run(small, **SHORT)
    with job_process(run) as job:
        assert job.pid is not None
        wait_for(lambda: at_work(run), "the job to train")
        suspend(run, job.pid)
        wait_for(in_state(run, "lost"), "the run to be lost")
        os.kill(job.pid, signal.SIGCONT)
        wait_for(in_state(run, "running", "finished"), "the job to be back")
        job.join(60)
    assert in_state(run, "finished")()
    assert_same_training(run, undisturbed)


def test_a_job_that_wakes_up_after_its_run_was_resumed_writes_nothing(
    small: Dataset, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOST_AFTER", 2.0)
    monkeypatch.setattr("core.runs.queue.PATIENCE", 0.0)
    run = new_small_run(small, **SHORT)
    with job_process(run) as old:
        assert old.pid is not None
        wait_for(lambda: at_work(run), "the job to train")
        suspend(run, old.pid)
        wait_for(in_state(run, "lost"), "the run to be lost")
        run_job(run.id)  # here: resumed, past the ticket of the one that sleeps
        assert run.status().state == "finished"
        before = contents(run)
        os.kill(old.pid, signal.SIGCONT)
        old.join(60)
        assert old.exitcode == 1
        assert contents(run) == before
    assert_same_training(run, undisturbed)


def test_a_job_that_wakes_up_after_its_run_was_deleted_does_not_bring_the_folder_back(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOST_AFTER", 2.0)
    run = new_small_run(small, **LONG)
    with job_process(run) as old:
        assert old.pid is not None
        wait_for(lambda: at_work(run), "the job to train")
        suspend(run, old.pid)
        wait_for(in_state(run, "lost"), "the run to be lost")
        grave = delete_run(run)
        before = contents(Run(grave))
        os.kill(old.pid, signal.SIGCONT)
        old.join(60)
        assert old.exitcode == 1
        assert not run.path.exists() and contents(Run(grave)) == before
    assert restore_run(grave.name).status().state == "lost"


def test_a_job_that_was_suspended_within_a_write_is_ended_by_who_resumes(small: Dataset) -> None:
    run = new_small_run(small, epochs=2)
    held = FORKS.Event()
    job = FORKS.Process(target=_sleep_within_a_write, args=(str(home()), run.id, held))
    job.start()
    assert held.wait(60) and job.pid is not None
    os.kill(job.pid, signal.SIGSTOP)
    run_job(run.id)
    job.join(10)
    assert job.exitcode == -signal.SIGKILL
    assert run.status().state == "finished"


def _sleep_within_a_write(home: str, run_id: str, held: Event) -> None:
    os.environ["MOLLENS_HOME"] = home
    with RunWriter(open_run(run_id)) as writer:
        writer.carry_out(lambda: (held.set(), Pause().wait(600)))


def test_a_job_that_was_taken_over_in_between_ends_without_writing(small: Dataset) -> None:
    run = new_small_run(small)
    path, content = run.path / "status.json", dict[Path, bytes]()

    def take_over(done: int, total: int, text: str) -> None:
        if text.startswith("epoch 2") and not content:
            write_status(path, replace(read_status(path, run.what), owner="another"))
            content.update({file: file.read_bytes() for file in run.path.iterdir() if file.is_file()})

    with pytest.raises(OwnerLost, match="another job has taken it over"):
        run_job(run.id, progress=take_over)
    assert content and all(file.read_bytes() == before for file, before in content.items())
    assert read_predictions(run) is None
