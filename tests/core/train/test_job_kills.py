"""kill -9 at any moment loses at most the work since the last checkpoint, never the run."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from core.data.store import Dataset
from core.runs.folder import Run
from core.runs.writer import RunWriter
from core.train.checkpoint import Progress, unpack
from core.train.job import run_job
from core.train.predict import open_model
from tests.core.train.small_dataset import new_small_run
from tests.core.train.whole_runs import assert_same_training, in_state, job_process, wait_for

STEPS_BETWEEN = 100  # five checkpoints: a kill falls between two, and sometimes into the write of one


def kept(run: Run) -> Progress:
    """How far the last checkpoint is."""
    path = run.path / "last.ckpt"
    return unpack(path.read_bytes(), run.what)[1] if path.exists() else Progress()


def kill_and_resume(run: Run, times: int, seed: int) -> list[int]:
    """Kill the run's job so many times at random moments of the training, then let it end; steps lost by each kill."""
    random, lost, before = np.random.default_rng(seed), [], 0
    total = run.recipe_values["epochs"] * -(-run.n_trained // run.recipe_values["batch_size"])
    for k in range(times):
        wanted = (k + random.random()) * total / (times + 1)
        with job_process(run) as job:
            wait_for(lambda: run.status().step >= wanted or run.status().state == "finished", f"step {wanted:.0f}")  # noqa: B023
            Event().wait(random.random() / 20)  # anywhere between two words of the status
            job.kill()
            job.join()
            at = run.status()
        assert at.state == "lost", at.error
        at_checkpoint = kept(run)
        assert at_checkpoint.step >= before, "work behind a checkpoint was lost"
        lost.append(at.step - at_checkpoint.step)
        before = at_checkpoint.step
    with job_process(run) as job:
        job.join(60)
    assert in_state(run, "finished")()
    return lost


def check_kills(small: Dataset, times: int, seed: int) -> None:
    """A run that is killed so often ends with the bits of one that never was."""
    fields = {"batch_size": 4, "epochs": (times + 1) * STEPS_BETWEEN // 19 + 1}
    run, undisturbed = new_small_run(small, **fields), new_small_run(small, **fields)
    per_epoch = -(-run.n_trained // 4)
    lost = kill_and_resume(run, times, seed)
    assert len(lost) == times and max(lost) <= 2 * per_epoch  # a checkpoint ends each epoch
    run_job(undisturbed.id)
    assert_same_training(run, undisturbed)
    assert not list(run.path.glob(".*.part"))  # what a kill left half written is gone


@pytest.mark.parametrize("killed_at", ["model.next.json", "model.safetensors", "model.json", "never"])
def test_weights_and_their_description_fit_whenever_the_job_is_killed(
    small: Dataset, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    weights = load(run.path.joinpath("model.safetensors").read_bytes())
    description = json.loads((run.path / "model.json").read_text())
    other = save({name: value + 1 for name, value in weights.items()})
    replace = os.replace

    def killed(source: Any, target: Any) -> None:
        if Path(target).name == killed_at:
            raise KeyboardInterrupt
        replace(source, target)

    first = open_model(run).description["epoch"]
    with RunWriter(run) as writer, monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        writer.save_model(other, description | {"epoch": 77, "weights_sha256": hashlib.sha256(other).hexdigest()})
    model = open_model(run)
    new = killed_at in ("model.json", "never")
    assert model.description["epoch"] == (77 if new else first)
    assert model.network is not None
    name, value = next(iter(model.network.state_dict().items()))
    assert torch.equal(value, weights[name] + 1 if new else weights[name])
    with RunWriter(run) as writer:  # the resumed job writes them again
        writer.save_model(other, description | {"epoch": 78, "weights_sha256": hashlib.sha256(other).hexdigest()})
    assert open_model(run).description["epoch"] == 78
    assert not list(run.path.glob("*.next.json")) and not list(run.path.glob(".*.part"))


def test_three_kills(small: Dataset) -> None:
    check_kills(small, times=3, seed=1)


@pytest.mark.slow
def test_twenty_kills(small: Dataset) -> None:
    check_kills(small, times=20, seed=2)
