"""Memory is counted as it is, and a batch that does not fit is told with one that does."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.recipe import validated
from core.train import memory, stepping
from core.train.job import run_job
from core.train.loop import Lesson
from core.train.memory import HEAP, does_not_fit, free_bytes, is_out_of_memory, peak_bytes
from core.train.predict import network_outputs
from models.fast import PairForward
from tests.core.train.small_dataset import TINY, new_small_run
from tests.core.train.test_loop import Notes, lesson, train, training  # noqa: F401  the fixture

CPU = torch.device("cpu")
FULL = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


def test_the_most_bytes_at_once_are_counted() -> None:
    before = torch.zeros(1000)

    def work() -> None:
        first = torch.zeros(250)  # 1,000 bytes
        second = torch.ones(500)  # 2,000 bytes
        second.add_(1.0)  # in place
        del first
        third = before.view(10, 100)  # what was there before
        third.sum(0)  # 400 bytes
        torch.zeros(100)  # 400 bytes, after the sum is gone

    assert peak_bytes(work, CPU) == 3000 * HEAP


def test_what_the_backward_pass_needs_is_counted() -> None:
    x = torch.ones(1000, requires_grad=True)

    def work() -> None:
        kept = [x.exp()]  # 4,000 bytes, kept for the gradient
        for _ in range(9):
            kept = [kept[-1].exp()]
        kept[-1].sum().backward()

    assert 40_000 <= peak_bytes(work, CPU) / HEAP <= 56_000


@pytest.mark.parametrize("model", ["schnet", "painn"])
def test_a_step_takes_memory_in_proportion_to_its_molecules(lesson: Lesson, model: str) -> None:  # noqa: F811
    stepper = training(validated(TINY | {"model": model, "n_atom_basis": 16}), lesson, Notes()).stepper
    before = [p.clone() for p in stepper.network.parameters()]
    rows = lesson.train[:30]
    per_molecule = stepper.bytes_per_molecule(rows)
    thrice = np.tile(rows, 3)
    measured = stepper._measure(thrice)
    assert measured == pytest.approx(per_molecule * 90, rel=0.25)
    assert all(torch.equal(a, b) for a, b in zip(before, stepper.network.parameters(), strict=True))
    assert all(p.grad is None for p in stepper.network.parameters())


def test_the_sentence_names_what_would_fit() -> None:
    assert does_not_fit(512, 9.1e9 / 512, 4_000_000_000) == (
        "batch size 512 needs about 9.1 GB of memory and 4.0 GB are free; batch size 190 would fit, or use fewer "
        "features"
    )
    assert does_not_fit(512, 9.1e9 / 512, 4_000_000_000, share=2).startswith("batch size 512 needs about 4.5 GB")
    assert does_not_fit(8, 3e6, 2_000_000) == (
        "batch size 8 needs about 24 MB of memory and 2.0 MB are free, which is not enough for one molecule; use fewer "
        "features or interactions"
    )
    assert "batch size 7 would fit" in does_not_fit(8, 1e6, 100_000_000)  # never the size that did not


def test_a_batch_too_large_is_refused_before_the_system_ends_the_process(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "free_bytes", lambda device: 400_000)
    with pytest.raises(MollensError, match=r"^batch size \d+ needs about .* and 400 kB are free; batch size \d+ would"):
        run_job((run := new_small_run(small, batch_size=256, n_atom_basis=32)).id)
    assert run.status().state == "failed"
    proposed = int(re.findall(r"batch size (\d+) would fit", run.status().error)[0])
    assert proposed > 1
    run_job((run := new_small_run(small, batch_size=proposed, n_atom_basis=32)).id)
    assert run.status().state == "finished"


@pytest.mark.parametrize("error", [RuntimeError(FULL), MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_memory_that_is_used_up_in_a_step_is_told_with_what_would_fit(
    small: Dataset, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    limit_forwards(monkeypatch, 20, error)
    monkeypatch.setattr(memory, "USABLE", 1e-6)
    run = new_small_run(small, batch_size=40)
    with pytest.raises(MollensError, match=r"^step 1: batch size 40 needs about .*batch size \d+ would fit"):
        run_job(run.id)
    assert run.status().error.startswith("step 1: batch size 40 needs about")


def limit_forwards(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Let forwards of more than `most` molecules use up the memory; gives the sizes of those that did not."""
    original: Callable[..., Any] = PairForward.forward
    done: list[int] = []

    def limited(self: PairForward, batch: Any) -> Any:
        if len(batch.n_atoms) > most:
            raise error
        done.append(len(batch.n_atoms))
        return original(self, batch)

    monkeypatch.setattr(PairForward, "forward", limited)
    return done


def test_predictions_halve_what_does_not_fit(
    lesson: Lesson,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = train(lesson, epochs=1)[0].network
    whole = network_outputs(network, lesson.molecules, lesson.train)
    done = limit_forwards(monkeypatch, 8, RuntimeError(FULL))
    assert network_outputs(network, lesson.molecules, lesson.train) == pytest.approx(whole, abs=2e-6)
    assert sum(done) == len(lesson.train) and max(done) <= 8
    limit_forwards(monkeypatch, 0, MemoryError())
    with pytest.raises(MollensError, match=r"not enough memory to predict one molecule of \d+ atoms: .* are free"):
        network_outputs(network, lesson.molecules, lesson.train)
    limit_forwards(monkeypatch, 0, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        network_outputs(network, lesson.molecules, lesson.train)


def test_which_errors_mean_used_up_memory() -> None:
    for error in (MemoryError(), torch.OutOfMemoryError("x"), RuntimeError(FULL), RuntimeError("CUDA out of memory")):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("index out of range"))


def test_the_limit_of_a_container_counts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    unlimited = free_bytes(CPU)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    (tmp_path / "memory.stat").write_text("anon 3000000\ninactive_file 500000\n")
    assert free_bytes(CPU) == 1_500_000 < unlimited
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(CPU) > 1_500_000
