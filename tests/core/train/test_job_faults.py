"""Jobs that are stopped or killed go on as if nothing had happened, bit for bit; what goes wrong is told."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.runs.jobs import request_stop, start_job
from core.runs.predictions import read_predictions
from core.runs.status import read_status, write_status
from core.train.job import run_job
from tests.core.train.small_dataset import new_small_run, organic_molecules, save_small
from tests.core.train.whole_runs import assert_same_training, in_state, job_process, wait_for


def test_a_job_stopped_resumed_and_killed_ends_with_the_bits_of_one_that_was_not(
    small: Dataset,
) -> None:
    run, undisturbed = (new_small_run(small, epochs=20, batch_size=4) for _ in range(2))
    with job_process(run):
        wait_for(lambda: run.status().epoch >= 1, "an epoch")
        request_stop(run)
        wait_for(in_state(run, "stopped"), "the job to stop")
    stopped_at = run.status().step
    assert 0 < stopped_at < run.status().steps

    pid = start_job(run)
    wait_for(lambda: run.status().step > stopped_at, "steps after the stop")
    os.kill(pid, signal.SIGKILL)
    wait_for(in_state(run, "lost"), "the run to be lost")
    assert run.status().step < run.status().steps
    assert read_predictions(run) is None

    run_job(run.id)
    assert run.status().state == "finished"
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
