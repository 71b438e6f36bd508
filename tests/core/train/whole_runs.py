"""Whole runs in tests: jobs as processes, waiting for them, and what makes two trainings the same."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from threading import Event

import numpy as np
import torch

from core.runs.folder import Run
from core.runs.jobs import reap_children
from core.runs.metrics import read_metrics
from core.runs.predictions import read_predictions
from core.runs.validation import read_validation

DEADLINE = 90.0  # seconds for a job to import torch and come as far as wanted
OF_THE_MACHINE = {"time", "seconds", "validation_seconds", "molecules_per_second", "memory", "gpu_load"}


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Poll until the condition holds; fail at the deadline."""
    end, pause = time.monotonic() + DEADLINE, Event()
    while not condition():
        reap_children()
        assert time.monotonic() < end, f"waited {DEADLINE:.0f} s for {what}"
        pause.wait(0.01)


def in_state(run: Run, *states: str) -> Callable[[], bool]:
    """Whether the run is in one of these states; one that has failed against the wish ends the test with its words."""

    def reached() -> bool:
        status = run.status()
        assert status.state != "failed" or "failed" in states, status.error
        return status.state in states

    return reached


def trace(run: Run) -> list[dict[str, object]]:
    """Its metrics without what the machine has to do with."""
    lines, _ = read_metrics(run)
    return [{key: value for key, value in line.items() if key not in OF_THE_MACHINE} for line in lines]


def assert_same_training(run: Run, other: Run) -> None:
    """Weights, metrics, validation errors and predictions of two runs are equal in every bit."""
    assert (run.path / "model.safetensors").read_bytes() == (other.path / "model.safetensors").read_bytes()
    last, last_other = (torch.load(r.path / "last.ckpt", weights_only=True) for r in (run, other))
    assert all(torch.equal(value, last_other["network"][key]) for key, value in last["network"].items())
    assert trace(run) == trace(other)
    errors, errors_other = read_validation(run), read_validation(other)
    assert errors is not None and errors_other is not None
    assert np.array_equal(errors.epochs, errors_other.epochs) and np.array_equal(errors.errors, errors_other.errors)
    predicted, predicted_other = read_predictions(run), read_predictions(other)
    assert predicted is not None and predicted_other is not None
    assert np.array_equal(predicted.predicted, predicted_other.predicted)


def contents(run: Run, without: tuple[str, ...] = ("log.txt",)) -> dict[str, bytes]:
    """Every file of a run's folder with what it holds."""
    files = (path for path in run.path.rglob("*") if path.is_file() and path.name not in without)
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def _work(home: str, run_id: str) -> None:
    os.environ["MOLLENS_HOME"] = home
    from core.train.job import run_job

    run_job(run_id)


# Forked from a process that has imported torch already: a job of its own in a tenth of a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["core.train.job"])


@contextmanager
def job_process(run: Run) -> Iterator[BaseProcess]:
    """A process that works on the run, as `python -m core job` does; killed at the end if it is still there."""
    process = FORKS.Process(target=_work, args=(os.environ["MOLLENS_HOME"], run.id))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)
