"""Losses, learning rates and averages with values worked out by hand."""

import numpy as np
import pytest
import torch

from core.train.averages import RunningAverage
from core.train.losses import describe_losses, loss_unit, losses_of_nothing, molecule_losses
from core.train.schedule import Plateau, Schedule
from models import schnetpack_compat


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


def test_the_band_is_of_weighted_losses_and_the_quantiles_are_not() -> None:
    weights = torch.full((21,), 0.5)
    weights[20] = 4.0  # of the smallest loss, 1
    told = describe_losses(torch.arange(1.0, 22.0).flip(0), factor=2.0, weights=weights)
    assert (told["loss_min"], told["loss_max"]) == (2.0, 21.0)  # 2 / 2 and 21 / 2 times the factor
    assert told["loss_mean"] == pytest.approx((231 - 1 + 8) / 21)
    assert (told["loss_unweighted"], told["loss_quantiles"]) == (22.0, [4.0, 12.0, 22.0, 32.0, 40.0])


def test_a_network_that_says_nothing_has_the_loss_of_the_residual() -> None:
    residual = np.array([2.0, -0.5, np.nan])
    assert losses_of_nothing("mse", residual)[:2].tolist() == [4.0, 0.25]
    assert losses_of_nothing("mae", residual)[:2].tolist() == [2.0, 0.5]


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


@pytest.fixture
def schnetpacks_scheduler(monkeypatch: pytest.MonkeyPatch) -> type:
    """SchNetPack's own class; it passes on a `verbose` that torch takes no more."""
    assert schnetpack_compat  # the shim that lets SchNetPack be imported
    from schnetpack.train import ReduceLROnPlateau

    original = torch.optim.lr_scheduler.ReduceLROnPlateau.__init__

    def without_verbose(self: object, *arguments: object, **keywords: object) -> None:
        keywords.pop("verbose", None)
        original(self, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim.lr_scheduler.ReduceLROnPlateau, "__init__", without_verbose)
    return ReduceLROnPlateau


@pytest.mark.parametrize(
    "plateau",
    [
        Plateau(),
        Plateau(factor=0.5, patience=3, threshold=0.0, cooldown=4),
        Plateau(factor=0.5, patience=2, threshold=0.05, cooldown=1, min_learning_rate=1e-3),
        Plateau(factor=0.1, patience=1),  # down to where a step is too small to be taken
    ],
)
def test_a_plateau_is_schnetpacks(plateau: Plateau, schnetpacks_scheduler: type) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    theirs = schnetpacks_scheduler(
        optimizer, factor=plateau.factor, patience=plateau.patience, threshold=plateau.threshold,
        cooldown=plateau.cooldown, min_lr=plateau.min_learning_rate,
    )  # fmt: skip
    ours = Schedule("plateau", 0.01, warmup_steps=0, total_steps=10, plateau=plateau)
    generator = np.random.default_rng(0)
    seen = set()
    for epoch in range(300):
        error = float(1 / (1 + min(epoch, 80)) + 0.02 * generator.random())
        theirs.step(error)
        ours.end_epoch(error)
        again = Schedule("plateau", 0.01, warmup_steps=0, total_steps=10, plateau=plateau)
        again.restore(ours.state())
        assert ours.at(epoch) == again.at(epoch) == optimizer.param_groups[0]["lr"]
        ours = again
        seen.add(ours.at(epoch))
    assert len(seen) > 3 and min(seen) >= plateau.min_learning_rate


def test_a_plateau_lets_its_patience_pass_and_takes_a_fifth_in_the_next_epoch() -> None:
    schedule = Schedule("plateau", 1.0, warmup_steps=0, total_steps=10)
    for error in [0.1] + [0.2] * 25:
        schedule.end_epoch(error)
    assert schedule.at(0) == 1.0
    schedule.end_epoch(0.2)
    assert schedule.at(0) == 0.8


def test_a_plateau_goes_on_from_the_state_of_an_older_version() -> None:
    schedule = Schedule("plateau", 0.5, warmup_steps=0, total_steps=10)
    schedule.restore({"factor": 0.64, "best": 0.1, "stale": 3})
    assert (schedule.at(0), schedule.best, schedule.stale) == (0.32, 0.1, 3)
    schedule.restore({"factor": 1.0, "best": 0.1, "stale": 3})
    assert schedule.at(0) == 0.5


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
