from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.data.card import Card
from core.data.store import Dataset, save_dataset
from core.figures.training_way import Station, way_of
from core.recipes.create import create_run
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from tests.fake_runs import fake_dataset, fake_molecules, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("learned", fake_molecules(qm9_like(400)))


def stations(run: Run, dataset: Dataset | None) -> dict[str, Station]:
    return {station.label: station for station in way_of(run, dataset, 62_314)}


def made(dataset: Dataset, **changes: Any) -> Run:
    return create_run(Recipe(preset="schnet-small", **changes), dataset, "a run")


def test_the_usual_way(dataset: Dataset) -> None:
    way = stations(made(dataset), dataset)
    assert list(way) == [
        "Dataset", "Defects left out", "Target", "Split", "Sampling", "Weights", "Network", "Training", "Groups",
    ]  # fmt: skip
    assert way["Dataset"].lines[0] == "400 molecules" and way["Defects left out"].lines == ("400 go on",)
    assert way["Split"].lines[:2] == ("random, seed 0", "320 / 40 / 40")
    assert way["Sampling"] == Station("Sampling", "all 320", ("none left out",))
    assert way["Weights"].value == "none" and way["Network"].lines[-1] == "62,314 numbers"
    assert way["Groups"].value == f"{len(np.unique(dataset.molecules.sizes))} sizes"
    assert not [station.label for station in way.values() if station.on]


def test_what_is_unusual_is_marked_and_counted(dataset: Dataset) -> None:
    run = made(
        dataset, min_atoms=13, max_atoms=23, validate_same_sizes=True, weighting="size_frequency", weight_rate=10.0,
        least_weight=0.05, normalise_weights=False,
    )  # fmt: skip
    way = stations(run, dataset)
    n = run.n_trained
    assert 0 < n < 320 and way["Sampling"].value == "13 to 23 atoms" and way["Sampling"].on
    assert way["Sampling"].lines[0] == f"{320 - n} left out" and way["Sampling"].lines[-1] == f"{n} trained on"
    assert any(line.startswith("validated on ") for line in way["Sampling"].lines)
    told = run.recipe_file["weights"]
    weights = way["Weights"]
    assert weights.value == "by size and frequency, r 10" and weights.on
    assert f"effective {round(told['effective_sample_size'])} of {n}" in weights.lines
    assert f"{told['clipped']['n']} clipped to 0.05" in weights.lines and told["clipped"]["n"] > 0
    assert "as printed, mean not 1" in weights.lines


def test_a_control_says_what_it_controls(dataset: Dataset) -> None:
    balanced = stations(made(dataset, most_per_size=10), dataset)["Sampling"]
    control = stations(made(dataset, most_per_size=10, control=True), dataset)["Sampling"]
    assert balanced.value == "at most 10 a size" and control.value == "control, by lot"
    assert control.lines[0] == "as many as at most 10 a size leaves" and balanced.lines[-1] == control.lines[-1]


def test_molecules_on_a_list_of_defects_and_without_the_target_are_counted(dataset: Dataset) -> None:
    energies = np.where(np.arange(400) < 7, np.nan, -10.0)
    molecules = fake_molecules(qm9_like(400), energies)
    defects = {"left_out": {"list": "uncharacterized.txt", "listed": 30, "dropped": 25}}
    card = dataset.card.model_dump() | {"name": "cleaned", "known_defects": defects}
    cleaned = save_dataset(molecules, Card.model_validate(card))
    way = stations(made(cleaned), cleaned)
    assert way["Dataset"].lines[0] == "425 molecules"
    assert way["Defects left out"].value == "−25"
    assert way["Defects left out"].lines == ("on uncharacterized.txt", "400 go on")
    assert "7 without it leave" in way["Target"].lines


def test_a_run_of_an_older_version_is_whole(dataset: Dataset) -> None:
    run = made(dataset)
    known = run.recipe_file
    for key in ("trained_on", "weights", "devices", "logs"):
        known.pop(key, None)
    for key in ("min_atoms", "max_atoms", "most_per_size", "control", "weighting", "weight_rate", "weights_in"):
        known["recipe"].pop(key, None)
    way = stations(run, dataset)
    assert way["Sampling"].value == "all 320" and way["Weights"].value == "none"


def test_without_its_dataset_and_as_a_linear_fit(dataset: Dataset) -> None:
    way = stations(made(dataset, model="composition"), None)
    assert list(way)[-2:] == ["Model", "Groups"] and way["Dataset"].lines == ("no longer there as it was",)
