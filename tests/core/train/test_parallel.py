"""One training in two processes: the same loss as in one, the same end, no process left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import numpy as np
import psutil
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import create_run
from core.recipes.recipe import validated
from core.runs.folder import Run
from core.runs.jobs import request_stop
from core.runs.predictions import read_predictions
from core.runs.validation import read_validation
from core.train.job import run_job
from core.train.parallel import Place, choose_devices, fabric_of
from tests.core.train.small_dataset import TINY, new_small_run
from tests.core.train.whole_runs import in_state, job_process, trace, wait_for


def new_shared_run(dataset: Dataset, **fields: object) -> Run:
    """A run of the tiny recipe in two processes."""
    return create_run(validated(TINY | fields), dataset, device="cpu", devices=2)


def ranks_of(pid: int) -> list[psutil.Process]:
    """Processes that a job has started."""
    return [child for child in psutil.Process(pid).children(recursive=True) if "core" in child.cmdline()]


def no_longer(processes: list[psutil.Process]) -> bool:
    return all(not p.is_running() or p.status() == psutil.STATUS_ZOMBIE for p in processes)


@contextmanager
def training_in_two(run: Run) -> Iterator[tuple[BaseProcess, list[psutil.Process]]]:
    """A job that trains, and its other rank."""
    with job_process(run) as job:
        before = run.status().step

        def training() -> bool:
            assert run.status().state != "failed", run.status().error
            return run.status().step > before

        wait_for(training, "both ranks to train")
        assert job.pid is not None
        ranks = ranks_of(job.pid)
        assert len(ranks) == 1
        yield job, ranks


def test_two_processes_have_the_loss_of_one_with_the_same_batch(small: Dataset) -> None:
    shared, alone = new_shared_run(small), new_small_run(small)
    run_job(shared.id)
    run_job(alone.id)
    assert shared.status().state == "finished" and (shared.devices, alone.devices) == (2, 1)
    ours, theirs = trace(shared), trace(alone)
    assert [(line["kind"], line["step"]) for line in ours] == [(line["kind"], line["step"]) for line in theirs]
    for kind, key in (("step", "loss_mean"), ("epoch", "train_loss"), ("epoch", "validation_mae")):
        found, expected = ([line[key] for line in lines if line["kind"] == kind] for lines in (ours, theirs))
        assert found == pytest.approx(expected, rel=2e-3), (kind, key)  # sums in another order, over 36 steps
    # before any step only rounding may differ
    assert ours[0]["loss_mean"] == pytest.approx(theirs[0]["loss_mean"], rel=1e-6)
    errors, errors_alone = read_validation(shared), read_validation(alone)
    assert errors is not None and errors_alone is not None
    assert np.array_equal(errors.ids, errors_alone.ids)
    assert errors.errors == pytest.approx(errors_alone.errors, rel=0.02, abs=0.02)
    assert read_predictions(shared) is not None


def test_two_processes_stop_and_go_on_together_and_none_outlives_a_killed_job(small: Dataset) -> None:
    run = new_shared_run(small, epochs=5000)
    with training_in_two(run) as (_, ranks):
        request_stop(run)
        wait_for(in_state(run, "stopped"), "the run to stop")
        wait_for(lambda: no_longer(ranks), "its ranks to end")
    stopped_at = run.status().step
    with training_in_two(run) as (job, ranks):
        job.kill()
        wait_for(lambda: no_longer(ranks), "its ranks to end")
        wait_for(in_state(run, "lost"), "the run to be lost")
    assert 0 < stopped_at < run.status().step
    steps = [line["step"] for line in trace(run) if line["kind"] == "step"]
    assert steps == list(range(steps[0], steps[-1] + 1))  # one wrote, and went on where it had stopped


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSEGV, marks=pytest.mark.slow)])
def test_a_rank_that_ends_takes_the_job_with_it(small: Dataset, number: signal.Signals) -> None:
    run = new_shared_run(small, epochs=5000)
    with training_in_two(run) as (job, ranks):
        ranks[0].send_signal(number)
        wait_for(in_state(run, "failed"), "the run to fail")
        assert run.status().error == f"the process of rank 1 ended (signal {number.name}); the log may say why"
        wait_for(lambda: not job.is_alive(), "the job to end")


@pytest.mark.slow
def test_what_goes_wrong_in_every_rank_is_told_once(small: Dataset) -> None:
    run = new_shared_run(small)
    (run.path / "last.ckpt").write_bytes(b"PK\x03\x04 half a checkpoint")
    with pytest.raises(MollensError, match=r"last\.ckpt is damaged .* delete it to train from the beginning"):
        run_job(run.id)
    assert run.status().state == "failed" and "last.ckpt is damaged" in run.status().error


def test_devices_of_several_ranks() -> None:
    assert choose_devices("cpu", 3) == ("cpu", "cpu", "cpu")
    with pytest.raises(MollensError, match="devices is 0; it must be from 1 to 64"):
        choose_devices("cpu", 0)
    with fabric_of(Place()) as fabric:
        assert (fabric.world_size, fabric.global_rank, fabric.device.type) == (1, 0, "cpu")


def test_gpus_are_taken_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert choose_devices("auto", 2) == ("cuda:0", "cuda:1")
    assert choose_devices("cuda:1", 3) == ("cuda:1", "cuda:2", "cuda:3")
    with pytest.raises(MollensError, match="device cuda:4: not there; this machine has 4 CUDA devices"):
        choose_devices("cuda:3", 2)
