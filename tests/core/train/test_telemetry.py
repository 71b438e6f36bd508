"""How often a training tells of itself, and what it says about the machine."""

from collections.abc import Callable
from itertools import pairwise

import psutil
import pytest
import torch

from core.runs.devices import Device
from core.train import telemetry
from core.train.loop import Lesson
from core.train.telemetry import LINES, Telemetry, is_logged
from tests.core.train.test_loop import lesson, train  # noqa: F401  the fixture


def logged(steps_per_epoch: int, total: int) -> list[int]:
    return [step for step in range(1, total + 1) if is_logged(step, steps_per_epoch, total)]


def test_twenty_lines_an_epoch() -> None:
    assert logged(1100, 5 * 1100) == list(range(55, 5501, 55))
    assert logged(8, 80) == list(range(1, 81))


@pytest.mark.parametrize("total", [10_001, 40_000, 2_000_000])
def test_a_long_run_has_a_bounded_number_of_lines_and_is_seen_from_its_beginning(total: int) -> None:
    steps = logged(20, total)
    assert 1500 < len(steps) <= LINES
    assert steps[:1000] == list(range(1, 1001))
    gaps = [after - before for before, after in pairwise(steps)]
    assert gaps == sorted(gaps) and steps[-1] > 0.99 * total
    assert all(gap <= max(1, step / 700) for step, gap in zip(steps, gaps, strict=False))  # fine at every scale


def test_steps_and_epochs_tell_memory_and_speed(lesson: Lesson) -> None:  # noqa: F811
    _, notes = train(lesson, epochs=2)
    assert len([line for line in notes.lines if line["kind"] == "step"]) == 16
    resident = psutil.Process().memory_info().rss
    for line in notes.lines:
        assert line["memory"] == pytest.approx(resident, rel=0.5) and line["gpu_load"] is None
        assert line["molecules_per_second"] > 0
    for epoch in notes.epochs:
        assert 0 < epoch["validation_seconds"] < epoch["seconds"]


def test_the_load_is_asked_of_the_driver_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def devices() -> list[Device]:
        asked.append(1)
        return [Device("cpu", "", 1, 1, None), Device("cuda:0", "", 1, 1, 0.1), Device("cuda:1", "", 1, 1, 0.75)]

    now = [100.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    monkeypatch.setattr(telemetry, "list_devices", devices)
    monkeypatch.setattr(telemetry.time, "monotonic", clock)
    told = Telemetry(torch.device("cuda:1"))
    assert [told.gpu_load() for _ in range(5)] == [0.75] * 5 and len(asked) == 1
    now[0] += 1.5
    assert told.gpu_load() == 0.75 and len(asked) == 2
