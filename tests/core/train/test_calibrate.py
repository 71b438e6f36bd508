"""A calibration counts what it measures, leaves nothing behind, and is the same by command and by task."""

import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from core.cli import calibrating, tasks
from core.data.splits import open_split
from core.data.store import Dataset
from core.files import home
from core.recipes.cost import read_cost
from core.recipes.recipe import Recipe, validated
from core.train import calibrate as module
from core.train.calibrate import calibrate
from core.train.stepping import Stepper
from tests.core.train.small_dataset import TINY


@pytest.mark.parametrize("fields", [{}, {"model": "painn", "weighting": "size", "weight_rate": 1}, {"batch_size": 500}])
def test_speed_is_that_of_the_median_step(
    small: Dataset, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    recipe, sizes, told = validated(TINY | fields), [], []
    original, now = Stepper.step, [0.0]

    def step(self: Stepper, rows: object, learning_rate: float) -> torch.Tensor:
        sizes.append(len(rows))  # type: ignore[arg-type]
        losses = original(self, rows, learning_rate)  # type: ignore[arg-type]
        # the first ones are slow, and now and then another job gets in the way
        now[0] += 9.0 if len(sizes) <= module.WARM_STEPS else 2.0 if len(sizes) % 5 == 0 else 0.5
        return losses

    monkeypatch.setattr(Stepper, "step", step)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    random = torch.get_num_threads()
    cost = calibrate(recipe, small, "cpu", lambda done, total, text="": told.append((done, total, text)))
    batch_size = min(recipe.batch_size, len(open_split(small).train))
    assert set(sizes) == {batch_size}
    assert cost.molecules_per_second == pytest.approx(batch_size / 0.5)
    assert (cost.device, cost.threads, torch.get_num_threads()) == ("cpu", 1, random)
    assert 0 < cost.memory < 10**9 and 10**7 < cost.fixed_memory < 10**11
    assert told[0][2] == "reading" and told[-1] == (module.MEASURED_STEPS, module.MEASURED_STEPS, "validation")


def test_the_composition_model_is_measured_too(small: Dataset) -> None:
    cost = calibrate(Recipe(model="composition"), small, "cpu")
    assert cost.molecules_per_second > 0 and cost.validation_molecules_per_second > 0 and cost.memory == 0


def test_command_and_task_measure_and_keep(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    for room in (calibrating, tasks):
        room.add_commands(app)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    arguments = ["calibrate", "--recipe", "schnet-small", "--dataset", "tiny", "--device", "cpu"]
    result = CliRunner().invoke(app, [*arguments, "--set", "n_atom_basis=8", "--set", "epochs=3", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["n_train"] == 96 and told["n_validation"] == 12 and told["epochs"] == 3
    assert told["seconds"] == pytest.approx(
        3 * (96 / told["molecules_per_second"] + 12 / told["validation_molecules_per_second"])
    )
    recipe = validated({"n_atom_basis": 8, "model": "schnet", "ema_decay": 0.99, "gradient_clip": 10})
    kept = read_cost(recipe, tiny, "cpu")
    assert kept is not None and kept.molecules_per_second == pytest.approx(told["molecules_per_second"])
    assert not (home() / "runs").exists()

    text = CliRunner().invoke(app, [*arguments, "--set", "n_atom_basis=8"])
    assert text.exit_code == 0 and "molecules/s in training" in text.stdout and "40 epochs of 96" in text.stdout

    assert tasks.KINDS["calibrate"] is calibrating.calibrate_task
    other = recipe.model_copy(update={"n_atom_basis": 4})
    found = calibrating.calibrate_task(
        {"recipe": other.model_dump(), "dataset": "tiny", "device": "cpu"}, lambda done, total, text="": None
    )
    kept = read_cost(other, tiny, "cpu")
    assert kept is not None and found["molecules_per_second"] == kept.molecules_per_second
