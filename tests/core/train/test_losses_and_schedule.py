"""Losses, learning rates and averages with values worked out by hand."""

import math

import pytest
import torch

from core.train.averages import RunningAverage
from core.train.losses import describe_losses, loss_unit, molecule_losses
from core.train.schedule import Schedule


@pytest.mark.parametrize(("kind", "expected"), [("mse", [0.25, 9.0]), ("mae", [0.5, 3.0]), ("huber", [0.125, 2.5])])
def test_losses_of_each_molecule(kind: str, expected: list[float]) -> None:
    found = molecule_losses(kind, torch.tensor([1.5, -1.0]), torch.tensor([1.0, 2.0]))
    assert found.tolist() == expected


def test_losses_are_told_in_the_targets_unit() -> None:
    assert loss_unit("mae", 0.5) == 0.5
    assert loss_unit("mse", 0.5) == loss_unit("huber", 0.5) == 0.25


def test_a_logged_step_has_the_band_and_the_quantiles() -> None:
    told = describe_losses(torch.arange(1.0, 22.0).flip(0), factor=2.0)
    assert (told["loss_min"], told["loss_mean"], told["loss_max"]) == (2.0, 22.0, 42.0)
    assert (told["loss_low5"], told["loss_high5"]) == (6.0, 38.0)
    assert told["loss_quantiles"] == [4.0, 12.0, 22.0, 32.0, 40.0]


def test_a_batch_of_three_has_a_band_of_three() -> None:
    told = describe_losses(torch.tensor([3.0, 1.0, 2.0]), factor=1.0)
    assert (told["loss_low5"], told["loss_high5"]) == (2.0, 2.0)


def test_warm_up_rises_in_equal_steps_then_the_cosine_falls_to_zero() -> None:
    schedule = Schedule("cosine", 1.0, warmup_steps=3, total_steps=13)
    assert [schedule.at(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.at(8) == pytest.approx(0.5)
    assert schedule.at(13) == pytest.approx(0.0, abs=1e-15)
    assert 0 < schedule.at(12) < 0.03


def test_constant_stays() -> None:
    schedule = Schedule("constant", 0.5, warmup_steps=0, total_steps=10)
    assert {schedule.at(step) for step in range(10)} == {0.5}


def test_a_plateau_takes_a_fifth_after_25_stale_epochs_and_goes_on_from_its_state() -> None:
    schedule = Schedule("plateau", 1.0, warmup_steps=0, total_steps=10)
    schedule.end_epoch(0.1)
    for _ in range(24):
        schedule.end_epoch(0.2)
    again = Schedule("plateau", 1.0, warmup_steps=0, total_steps=10)
    again.restore(schedule.state())
    assert again.at(0) == 1.0
    again.end_epoch(0.2)
    assert again.at(0) == 0.8
    for _ in range(25):
        again.end_epoch(0.2)
    assert again.at(0) == pytest.approx(0.64)
    assert math.isclose(again.best, 0.1)


def test_the_average_follows_with_a_decay_that_grows_to_its_limit() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = RunningAverage(network, decay=0.15)
    network.weight.data.fill_(1.0)
    expected = 0.0
    for decay in (0.1, 0.15, 0.15):  # (1 + 0) / (10 + 0), then the limit below (1 + 1) / (10 + 1)
        average.update()
        expected = decay * expected + (1 - decay)
        assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)
    assert network.weight.item() == 1.0
