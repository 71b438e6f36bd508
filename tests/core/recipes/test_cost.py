"""What was measured is found again for every recipe that costs the same, and for no other."""

from dataclasses import replace

import pytest

from core.data.split_making import make_split
from core.data.store import Dataset
from core.errors import MollensError
from core.files import home
from core.recipes.cost import Cost, expected_seconds, read_cost, start_calibration, write_cost
from core.recipes.recipe import Recipe, changed

COST = Cost(1000.0, 4000.0, 10**8, 6 * 10**8, "cpu", 1, "2026-01-01T00:00:00Z")
SAME = ["epochs=7", "learning_rate=0.1", "seed=5", "schedule=plateau", "preset=x", "grid_points=99", "ema_decay=0.5",
        "weighting=size", "weight_rate=3", "early_stopping_patience=4"]  # fmt: skip
OTHER = ["model=painn", "n_atom_basis=65", "n_interactions=2", "n_rbf=21", "cutoff=4", "neighbour_cutoff=4",
         "batch_size=33", "loss=mae", "filters=grid", "threads=2", "min_atoms=5", "max_atoms=15", "most_per_size=10",
         "gradient_clip=1"]  # fmt: skip


def test_fields_that_cost_nothing_may_differ(tiny: Dataset) -> None:
    recipe = Recipe(ema_decay=0.9)
    assert read_cost(recipe, tiny, "cpu") is None
    write_cost(recipe, tiny, COST)
    assert read_cost(recipe, tiny, "cpu") == COST
    for setting in SAME:
        assert read_cost(changed(recipe, [setting]), tiny, "cpu") == COST, setting
    for setting in [*OTHER, "ema_decay=0"]:
        assert read_cost(changed(recipe, [setting]), tiny, "cpu") is None, setting
    write_cost(changed(recipe, ["most_per_size=10"]), tiny, COST)
    assert read_cost(changed(recipe, ["most_per_size=10", "control=true"]), tiny, "cpu") is None
    drawn = changed(recipe, ["weights_in=sampling", "weighting=size", "weight_rate=3"])
    assert read_cost(drawn, tiny, "cpu") is None  # other sizes in a batch


def test_another_split_or_dataset_is_another_cost(tiny: Dataset, demo: Dataset) -> None:
    write_cost(Recipe(), tiny, COST)
    make_split(tiny, "other", "random", seed=3)
    assert read_cost(Recipe(split="other"), tiny, "cpu") is None
    assert read_cost(Recipe(), demo, "cpu") is None


def test_a_damaged_file_is_as_good_as_none(tiny: Dataset) -> None:
    write_cost(Recipe(), tiny, COST)
    (path,) = (home() / "costs").iterdir()
    for content in ("", "{}", '{"format": 1, "memory": 3}'):
        path.write_text(content)
        assert read_cost(Recipe(), tiny, "cpu") is None


def test_time_is_that_of_all_epochs_with_their_validation() -> None:
    assert expected_seconds(COST, n_train=5000, n_validation=800, epochs=10) == pytest.approx(10 * (5.0 + 0.2))
    assert expected_seconds(replace(COST, molecules_per_second=500.0), 5000, 0, 1) == 10.0


def test_what_is_not_there_is_told_before_a_task_is_made(tiny: Dataset) -> None:
    with pytest.raises(MollensError, match="'zeta' cannot be a target"):
        start_calibration(Recipe(target="zeta"), tiny, "cpu")
    with pytest.raises(MollensError, match="device 'cuda:7': not on this machine"):
        start_calibration(Recipe(), tiny, "cuda:7")
    assert not (home() / "tasks").exists()
