"""The loop on a law that is known: it learns, it can stop at every step, and it says what it does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.data.neighbours import find_neighbours
from core.recipes.recipe import Recipe, validated
from core.train.batches import FlatMolecules
from core.train.checkpoint import Progress, unpack
from core.train.composition import fit_composition
from core.train.job import network_keywords
from core.train.loop import Lesson, Training
from core.train.prepare import offsets_of
from models.offset import Offset
from models.registry import build_network
from tests.core.train.small_dataset import TINY, organic_molecules


class Notes:
    """A record that keeps everything in memory and stops at a wanted step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self.errors: dict[int, np.ndarray] = {}
        self.kept: tuple[dict[str, Tensor], int, float] | None = None
        self.saved = b""
        self.stop_at, self.step = stop_at, 0

    def line(self, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def validation(self, epoch: int, errors: np.ndarray) -> None:
        self.errors[epoch] = errors

    def best(self, weights: Mapping[str, Tensor], epoch: int, mae: float) -> None:
        self.kept = dict(weights), epoch, mae

    def checkpoint(self, content: bytes) -> None:
        self.saved = content

    def progress(self, progress: Progress) -> None:
        self.step = progress.step

    def should_stop(self) -> bool:
        return self.step == self.stop_at

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == "epoch"]


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    molecules = organic_molecules()
    energy = molecules.columns["energy"]
    rows = np.random.default_rng(0).permutation(molecules.n_molecules)
    train, validation = np.sort(rows[:60]), np.sort(rows[60:75])
    fit = fit_composition(molecules, train, energy[train], "sum")
    offset = Offset("sum", fit.reference, scale=0.5)
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, 4.0))
    return Lesson(flat, molecules.ids, train, validation, energy, offset, offsets_of(offset, molecules))


def training(recipe: Recipe, lesson: Lesson, notes: Notes) -> Training:
    torch.manual_seed(recipe.seed)
    return Training(recipe, lesson, build_network(recipe.model, **network_keywords(recipe, "sum")), notes)


def train(lesson: Lesson, notes: Notes | None = None, **fields: object) -> tuple[Training, Notes]:
    notes = notes or Notes()
    started = training(validated(TINY | fields), lesson, notes)
    started.run()
    return started, notes


def bits(trained: Training) -> list[bytes]:
    return [value.numpy().tobytes() for value in trained.network.state_dict().values()]


def test_it_learns_the_law(lesson: Lesson) -> None:
    fields = {"epochs": 60, "n_atom_basis": 32, "learning_rate": 5e-3, "ema_decay": 0.9}
    _, notes = train(lesson, **fields)
    rows = lesson.validation
    baseline = np.abs(lesson.offsets[rows] - lesson.target[rows]).mean()
    assert notes.epochs[-1]["validation_mae"] < 0.35 * baseline
    assert notes.epochs[-1]["train_loss"] < 0.05 * notes.epochs[0]["train_loss"]


@pytest.mark.parametrize("model", ["schnet", "painn"])
@pytest.mark.parametrize("stop_at", [0, 1, 8, 13, 16])
def test_stopped_at_any_step_it_ends_with_the_same_bits(lesson: Lesson, model: str, stop_at: int) -> None:
    assert_same_bits_when_stopped(lesson, stop_at, model=model, schedule="plateau", early_stopping_patience=5)


@pytest.mark.parametrize("use", ["weights", "draw"])
@pytest.mark.parametrize("stop_at", [4, 19])
def test_weights_drawing_and_plateaus_go_on_in_the_middle_of_an_epoch(lesson: Lesson, use: str, stop_at: int) -> None:
    weights = np.linspace(0.2, 1.8, len(lesson.train))
    plateau = {"schedule": "plateau", "plateau_patience": 1, "plateau_threshold": 0.9, "plateau_cooldown": 1}
    fields = plateau | {"epochs": 5, "warmup_epochs": 0}
    whole = assert_same_bits_when_stopped(replace(lesson, **{use: weights}), stop_at, **fields)
    assert whole.schedule.lowered > 0  # it did step down
    assert bits(whole) != bits(train(lesson, **fields)[0])  # and the weights did something


def assert_same_bits_when_stopped(lesson: Lesson, stop_at: int, **fields: object) -> Training:
    """Train in one go, and stopped and resumed by another process's objects; give the first."""
    fields = {"epochs": 3} | fields
    whole, notes = train(lesson, **fields)
    first, before = train(lesson, Notes(stop_at=stop_at), **fields)
    assert first.progress.step == stop_at and not first.progress.finished

    after = Notes()
    second = training(validated(TINY | fields | {"seed": 9}), lesson, after)  # other first weights, to be replaced
    second = training(validated(TINY | fields), lesson, after)
    torch.nn.init.zeros_(second.network.representation.embedding.weight)
    state, progress = unpack(before.saved, "run x")
    second.restore(state, progress)
    assert second.run()
    assert bits(second) == bits(whole)
    assert after.kept is not None and notes.kept is not None and after.kept[1:] == notes.kept[1:]
    assert all(torch.equal(value, notes.kept[0][name]) for name, value in after.kept[0].items())
    losses = [line["loss_mean"] for line in [*before.lines, *after.lines] if line["kind"] == "step"]
    assert losses == [line["loss_mean"] for line in notes.lines if line["kind"] == "step"]
    assert all(np.array_equal(after.errors[epoch], notes.errors[epoch]) for epoch in after.errors)
    return whole


def test_the_seed_decides_the_weights(lesson: Lesson) -> None:
    assert bits(train(lesson)[0]) == bits(train(lesson)[0])
    assert bits(train(lesson)[0]) != bits(train(lesson, seed=1)[0])


def test_the_kept_weights_are_those_of_the_best_epoch_and_are_averaged(lesson: Lesson) -> None:
    trained, notes = train(lesson, epochs=6, learning_rate=0.03, schedule="constant")
    maes = [line["validation_mae"] for line in notes.epochs]
    assert notes.kept is not None and notes.kept[1] == int(np.argmin(maes)) + 1 and notes.kept[2] == min(maes)
    assert [line["best"] for line in notes.epochs] == [mae == min(maes[: k + 1]) for k, mae in enumerate(maes)]
    name = next(name for name, value in notes.kept[0].items() if value.is_floating_point() and value.dim() == 2)
    assert not torch.equal(notes.kept[0][name], trained.network.state_dict()[name])


def test_an_epoch_tells_errors_in_the_targets_unit(lesson: Lesson) -> None:
    _, notes = train(lesson, epochs=2)
    for line in notes.epochs:
        errors = notes.errors[line["epoch"]]
        assert errors.dtype == np.float64 and errors.shape == (15,)
        assert line["validation_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-12)
        assert line["validation_rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-12)
        assert line["validation_loss"] == pytest.approx((errors**2).mean(), rel=1e-9)
    assert [line["step"] for line in notes.epochs] == [8, 16]
    assert notes.epochs[-1]["molecules_per_second"] > 0


def test_steps_tell_losses_in_the_targets_unit(lesson: Lesson) -> None:
    _, notes = train(lesson, epochs=1, batch_size=60, learning_rate=1e-9, warmup_epochs=0, ema_decay=0)
    step, epoch = notes.lines
    assert step["loss_mean"] == pytest.approx(epoch["train_loss"], rel=1e-6)
    assert step["loss_min"] <= step["loss_low5"] <= step["loss_quantiles"][2] <= step["loss_high5"] <= step["loss_max"]
    assert (step["step"], step["epoch"], step["learning_rate"]) == (1, 1.0, 1e-9)


def test_early_stopping_ends_after_its_patience(lesson: Lesson) -> None:
    recipe = {
        "epochs": 50,
        "schedule": "constant",
        "learning_rate": 1e-12,
        "ema_decay": 0,
        "early_stopping_patience": 3,
    }
    trained, notes = train(lesson, **recipe)
    assert trained.progress.finished and notes.kept is not None
    assert len(notes.epochs) == notes.kept[1] + 3 < 50


def test_clipping_bounds_the_gradient(lesson: Lesson) -> None:
    clipped, _ = train(lesson, epochs=1, batch_size=60, gradient_clip=1e-3)
    norm = torch.stack([p.grad.norm() for p in clipped.network.parameters() if p.grad is not None]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_deterministic_mode_is_put_back(lesson: Lesson) -> None:
    train(lesson, epochs=1)
    assert not torch.are_deterministic_algorithms_enabled()


def test_checkpoints_are_written_within_long_epochs(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.train.loop.SAVE_EVERY", 0.0)
    positions = []

    class Watching(Notes):
        def checkpoint(self, content: bytes) -> None:
            positions.append(unpack(content, "run x")[1].position)

    train(lesson, Watching(), epochs=1)
    assert positions == [0, 1, 2, 3, 4, 5, 6, 7, 0]


@pytest.mark.parametrize("model", ["schnet", "painn"])
def test_steps_of_a_fixed_shape_train_the_same(lesson: Lesson, model: str) -> None:
    recipe = validated(TINY | {"model": model, "epochs": 2})
    told = []
    for engine in ("eager", "graph"):
        torch.manual_seed(0)
        network = build_network(model, **network_keywords(recipe, "sum"))
        notes = Notes()
        started = Training(recipe, lesson, network, notes, engine=engine)
        assert (started.stepper.graphed is not None) == (engine == "graph")
        assert started.run()
        told.append([line["loss_mean"] for line in notes.lines if line["kind"] == "step"])
    assert told[1] == pytest.approx(told[0], rel=1e-3)
