"""Jobs that are stopped, killed or out of disk space go on as if nothing had happened, bit for bit."""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core import files
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.runs.folder import Run
from core.runs.jobs import reap_children, request_stop, start_job
from core.runs.metrics import read_metrics
from core.runs.predictions import read_predictions
from core.runs.status import read_status, write_status
from core.runs.validation import read_validation
from core.runs.writer import OwnerLost
from core.train.job import run_job
from tests.core.train.small_dataset import new_small_run, organic_molecules, save_small

DEADLINE = 60.0  # seconds for a job to import torch and come as far as wanted


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fail at the deadline."""
    end, pause = time.monotonic() + DEADLINE, threading.Event()
    while not condition():
        reap_children()
        assert time.monotonic() < end, f"waited {DEADLINE:.0f} s for {what}"
        pause.wait(0.02)


def in_state(run: Run, state: str) -> Callable[[], bool]:
    def reached() -> bool:
        status = run.status()
        assert status.state != "failed" or state == "failed", status.error
        return status.state == state

    return reached


def trace(run: Run) -> list[dict[str, object]]:
    """Its metrics without what clocks say."""
    lines, _ = read_metrics(run)
    clocks = {"time", "seconds", "molecules_per_second"}
    return [{key: value for key, value in line.items() if key not in clocks} for line in lines]


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


def test_a_background_job_stopped_and_killed_ends_with_the_bits_of_one_that_was_not(small: Dataset) -> None:
    run, undisturbed = (new_small_run(small, epochs=60, batch_size=4) for _ in range(2))
    start_job(run)
    wait_for(lambda: run.status().epoch >= 1, "an epoch")
    request_stop(run)
    wait_for(in_state(run, "stopped"), "the job to stop")
    stopped_at = run.status().step
    assert 0 < stopped_at < run.status().steps

    pid = start_job(run)
    wait_for(lambda: run.status().step > stopped_at + 30, "steps after the stop")
    os.kill(pid, signal.SIGKILL)
    wait_for(in_state(run, "lost"), "the run to be lost")
    assert run.status().step < run.status().steps
    assert read_predictions(run) is None

    start_job(run)
    wait_for(in_state(run, "finished"), "the run to finish")
    run_job(undisturbed.id)
    assert_same_training(run, undisturbed)


def test_sigterm_saves_and_stops(small: Dataset) -> None:
    run, undisturbed = new_small_run(small), new_small_run(small)

    def terminate(done: int, total: int, text: str) -> None:
        if text.startswith("epoch 2"):
            os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    run_job(run.id, progress=terminate)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert (run.status().state, run.status().epoch) == ("stopped", 2)
    run_job(run.id)
    run_job(undisturbed.id)
    assert_same_training(run, undisturbed)


def test_a_stop_that_was_asked_for_while_the_job_started_counts(small: Dataset) -> None:
    run = new_small_run(small)
    stored = read_status(run.path / "status.json", run.what)
    write_status(run.path / "status.json", replace(stored, state="queued"))
    request_stop(run)
    run_job(run.id)
    assert (run.status().state, run.status().step) == ("stopped", 0)
    run_job(run.id)
    assert run.status().state == "finished"


def test_a_full_disk_is_told_and_nothing_is_lost(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run, undisturbed = new_small_run(small), new_small_run(small)
    real, saved = os.replace, []

    def full(source: Path, target: Path) -> None:
        if Path(target).name == "last.ckpt":
            saved.append(target)
            if len(saved) > 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        with pytest.raises(MollensError, match="no space left on the disk"):
            run_job(run.id)
    assert run.status().state == "failed" and "no space left on the disk" in run.status().error
    assert not list(run.path.glob("*.part"))
    run_job(run.id)
    run_job(undisturbed.id)
    assert run.status().error == ""
    assert_same_training(run, undisturbed)


def test_a_job_that_was_taken_over_ends_without_writing(small: Dataset) -> None:
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


def test_a_trained_run_without_predictions_is_only_predicted(
    small: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, undisturbed = new_small_run(small), new_small_run(small)

    def fail(*_: object) -> None:
        raise RuntimeError("the power went out\nin the whole street")

    with monkeypatch.context() as patch:
        patch.setattr("core.train.job.predictions_of", fail)
        with pytest.raises(MollensError, match="^RuntimeError: the power went out$"):
            run_job(run.id)
    assert "Traceback" in capsys.readouterr().err  # nobody expected this
    before = (run.path / "metrics.jsonl").read_bytes()
    run_job(run.id)
    assert (run.path / "metrics.jsonl").read_bytes() == before
    run_job(undisturbed.id)
    assert_same_training(run, undisturbed)


def test_a_damaged_checkpoint_is_told(small: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_small_run(small)
    (run.path / "last.ckpt").write_bytes(b"PK\x03\x04 half a checkpoint")
    with pytest.raises(MollensError, match=r"last\.ckpt is damaged .* delete it to train from the beginning"):
        run_job(run.id)
    assert run.status().state == "failed"
    assert capsys.readouterr().err == ""  # the sentence is enough


@pytest.mark.parametrize("part", ["train", "validation"])
def test_what_is_no_number_is_told_with_the_molecule(small: Dataset, part: str) -> None:
    bad = int(getattr(open_split(small), part)[3])
    molecules = organic_molecules()
    positions = molecules.positions.copy()
    atoms = molecules.atoms(int(molecules.rows_of(np.array([bad]))[0]))
    positions[atoms.start + 1] = positions[atoms.start]  # two atoms in one place have no direction
    run = new_small_run(save_small(replace(molecules, positions=positions), "broken"), model="painn", batch_size=256)
    place = {"train": "step 1: the loss", "validation": "epoch 1: the validation error"}[part]
    with pytest.raises(MollensError, match=f"^{place} is not a number for molecules {bad}; lower the learning rate"):
        run_job(run.id)
    assert run.status().state == "failed" and f"molecules {bad};" in run.status().error
