"""Weights and sampling in the loop: what is minimised, what is drawn, and what a run says it was trained on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.data.splits import open_split
from core.data.store import Dataset
from core.judge.errors import report
from core.recipes.recipe import validated
from core.runs.predictions import TRAIN, UNUSED, VALIDATION, read_predictions
from core.runs.validation import read_validation
from core.train.composition import fit_composition
from core.train.job import run_job
from core.train.loop import Lesson
from core.train.losses import molecule_losses
from core.train.predict import open_model
from core.train.prepare import material_of, prepare
from models.offset import Offset
from tests.core.train.small_dataset import TINY, new_small_run
from tests.core.train.test_loop import Notes, lesson, train, training  # noqa: F401  the fixture

PLAIN = {"epochs": 1, "warmup_epochs": 0, "ema_decay": 0, "gradient_clip": 0, "weight_decay": 0, "schedule": "constant"}


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_the_gradient_is_that_of_the_weighted_mean(lesson: Lesson, loss: str) -> None:  # noqa: F811
    weights = np.linspace(0.0, 2.0, len(lesson.train))
    recipe = validated(TINY | PLAIN | {"loss": loss})
    started = training(recipe, replace(lesson, weights=weights), Notes())
    forward = started.stepper.bare_forward
    places = np.array([3, 50, 17, 8])
    rows = lesson.train[places]
    losses = molecule_losses(
        loss, forward(lesson.molecules.pairs(torch.from_numpy(rows))), torch.from_numpy(lesson.residual[rows]).float()
    )
    parameters = list(started.network.parameters())
    expected = torch.autograd.grad((losses * torch.from_numpy(weights[places]).float()).mean(), parameters)
    found = started.stepper.step(rows, 1e-9)
    assert torch.equal(found, losses.detach())
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-7)


def test_a_step_tells_what_is_minimised_and_beside_it_what_can_be_compared(lesson: Lesson) -> None:  # noqa: F811
    fields: dict[str, Any] = PLAIN | {"batch_size": 60, "learning_rate": 1e-9}
    _, plain = train(lesson, **fields)
    weights = np.where(np.arange(len(lesson.train)) < 30, 0.5, 1.5)
    _, weighted = train(replace(lesson, weights=weights), **fields)
    (bare, epoch), (step, told) = plain.lines, weighted.lines
    assert bare["loss_unweighted"] == bare["loss_mean"] == pytest.approx(epoch["train_loss"], rel=1e-6)
    assert step["loss_unweighted"] == pytest.approx(bare["loss_mean"], rel=1e-6)
    assert step["loss_quantiles"] == pytest.approx(bare["loss_quantiles"], rel=1e-6)
    assert step["loss_mean"] == pytest.approx(told["train_loss"], rel=1e-6)
    assert abs(step["loss_mean"] / bare["loss_mean"] - 1) > 0.02
    assert told["validation_loss"] == pytest.approx(epoch["validation_loss"], rel=1e-5)  # validation has no weights


def test_drawing_follows_the_weights_and_the_epoch(lesson: Lesson) -> None:  # noqa: F811
    n = len(lesson.train)
    weights = np.zeros(n)
    weights[[4, 7]] = 1.0, 3.0
    drawing = replace(lesson, draw=weights)
    drawn = np.concatenate([drawing.order(0, epoch) for epoch in range(50)])
    assert len(drawing.order(0, 0)) == n and set(drawn) == set(lesson.train[[4, 7]])
    assert (drawn == lesson.train[7]).mean() == pytest.approx(0.75, abs=0.03)  # 3,000 draws: spread 0.008
    assert np.array_equal(drawing.order(0, 3), drawing.order(0, 3))
    assert not np.array_equal(drawing.order(0, 3), drawing.order(0, 4))
    assert not np.array_equal(drawing.order(0, 3), drawing.order(1, 3))
    assert sorted(lesson.order(0, 3)) == sorted(lesson.train)


def test_weights_go_into_the_loss_or_into_drawing(small: Dataset) -> None:
    fields = TINY | {"weighting": "size", "weight_rate": 2, "weights_in": "loss"}
    flat, offset = object(), Offset("sum")
    in_loss = material_of(validated(fields), small).lesson(flat, offset)  # type: ignore[arg-type]
    drawn = material_of(validated(fields | {"weights_in": "sampling"}), small).lesson(flat, offset)  # type: ignore[arg-type]
    assert in_loss.draw is None and drawn.weights is None
    assert in_loss.weights is not None and np.array_equal(in_loss.weights, drawn.draw)
    sizes = small.molecules.sizes[in_loss.train]
    expected = (sizes - 7.0) ** 2 / 1000 + 1
    assert in_loss.weights == pytest.approx(expected / expected.mean(), rel=1e-12)
    of_rows = in_loss.weight_of_rows()
    assert of_rows is not None and of_rows[in_loss.validation].tolist() == [1.0] * len(in_loss.validation)
    plain = material_of(validated(TINY), small).lesson(flat, offset)  # type: ignore[arg-type]
    assert plain.weights is None and plain.draw is None and plain.weight_of_rows() is None


@pytest.mark.parametrize("fields", [{}, {"weighting": "size", "weight_rate": 1, "weights_in": "sampling"}])
def test_only_what_is_trained_on_counts_as_training(small: Dataset, fields: dict[str, Any]) -> None:
    run = new_small_run(small, epochs=2, min_atoms=6, validate_same_sizes=True, **fields)
    run_job(run.id)
    material, split = prepare(run), open_split(small)
    sizes = small.molecules.sizes
    train = small.molecules.rows_of(split.train)
    assert material.train.tolist() == sorted(train[sizes[train] >= 6])
    assert (sizes[material.validation] >= 6).all() and 0 < len(material.validation) < len(split.validation)
    energy = small.molecules.columns["energy"]
    own_fit = fit_composition(small.molecules, material.train, energy[material.train], "sum", {})
    counts = small.molecules.element_counts[material.train]
    assert material.baseline.of(counts, small.molecules.elements) == pytest.approx(
        own_fit.of(counts, small.molecules.elements), abs=1e-6
    )

    found, validation = read_predictions(run), read_validation(run)
    assert found is not None and validation is not None
    rows = small.molecules.rows_of(found.ids)
    assert sorted(rows[found.split == TRAIN]) == material.train.tolist()
    assert sorted(rows[found.split == UNUSED]) == sorted(set(train) - set(material.train))
    assert sorted(found.ids[found.split == VALIDATION]) == sorted(split.validation)  # held out all the same
    assert np.isfinite(found.predicted).all()
    assert sorted(validation.ids) == sorted(small.molecules.ids[material.validation])
    assert set(open_model(run).description["elements"]) == set(material.trained_elements)


def test_what_was_not_used_is_neither_held_out_nor_trained_on(small: Dataset) -> None:
    run = new_small_run(small, epochs=1, max_atoms=5)
    run_job(run.id)
    split, sizes = open_split(small), small.molecules.sizes
    told = report(run, small, "size", split="validation")
    validation, train = (small.molecules.rows_of(ids) for ids in (split.validation, split.train))
    assert told["n"] == len(validation)
    for group in told["groups"]:
        size = int(group["group"])
        assert group["n_held_out"] == (sizes[validation] == size).sum()
        assert group["n_train"] == ((sizes[train] == size).sum() if size <= 5 else 0)
