"""The recipes that ship: all of them make a run, and those of the thesis are as the thesis gives them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes import presets as room
from core.recipes.create import changes, create_run
from core.recipes.presets import DEFAULT_PRESET, SECTIONS, preset, presets

THESIS = [
    "thesis-default",
    "thesis-balanced-2000", "thesis-balanced-2000-control",
    "thesis-balanced-4000", "thesis-balanced-4000-control",
    "thesis-balanced-6000", "thesis-balanced-6000-control",
    "thesis-size-weights", "thesis-size-frequency-weights", "thesis-rate-search", "thesis-rate-search-frequency",
    "thesis-above-17", "thesis-above-17-control", "thesis-custom",
]  # fmt: skip
BEYOND = [
    "inverse-frequency-size", "inverse-frequency-element", "effective-number-size", "effective-number-element",
    "weighted-sampling-size", "weighted-sampling-element",
]  # fmt: skip


def test_the_list_goes_from_section_to_section() -> None:
    names = list(presets())
    assert names[0] == DEFAULT_PRESET
    assert names[3:7] == ["schnet-qm9", "painn-qm9", "schnet-dipole", "painn-dipole"]
    assert names[7:] == THESIS + BEYOND
    assert list(dict.fromkeys(each.section for each in presets().values())) == list(SECTIONS)


def test_titles_and_descriptions_fit_into_a_list() -> None:
    titles = [each.title for each in presets().values()]
    assert len(set(titles)) == len(titles)
    for each in presets().values():
        assert len(each.title) <= 32 and 10 < len(each.description) <= 62, each.name
        assert not each.description.endswith("."), each.name
        assert not each.note or each.note.endswith("."), each.name


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_makes_a_run_on_demo(name: str, demo: Dataset) -> None:
    run = create_run(preset(name), demo)
    assert run.recipe_values == preset(name).model_dump()
    assert run.name == f"{name} seed 0"
    assert 0 < run.recipe_file["trained_on"]["n"] <= run.recipe_file["split"]["train"]


def configuration(name: str) -> dict[str, Any]:
    """A file of the installed SchNetPack's own configuration; the package is not imported for it."""
    spec = importlib.util.find_spec("schnetpack")
    assert spec is not None and spec.origin is not None
    found = yaml.safe_load((Path(spec.origin).parent / "configs" / f"{name}.yaml").read_text())
    assert isinstance(found, dict)
    return found


def number(value: Any) -> float:
    """YAML reads 5e-4 as a text."""
    return float(value)


@pytest.mark.parametrize("model", ["schnet", "painn"])
def test_schnetpacks_settings_are_those_of_its_own_configuration(model: str) -> None:
    recipe = preset(f"{model}-qm9")
    network = configuration(f"model/representation/{model}")
    basis = configuration("model/representation/radial_basis/gaussian")
    assert (recipe.n_atom_basis, recipe.n_interactions) == (network["n_atom_basis"], network["n_interactions"])
    assert (recipe.model, recipe.n_rbf) == (model, basis["n_rbf"])
    data, experiment = configuration("data/qm9"), configuration("experiment/qm9_atomwise")
    assert recipe.batch_size == data["batch_size"]
    assert recipe.cutoff == recipe.neighbour_cutoff == experiment["globals"]["cutoff"]
    assert recipe.learning_rate == number(experiment["globals"]["lr"])
    assert (recipe.loss, recipe.reference) == ("mse", "atomic_energies")
    scheduler = configuration("task/scheduler/reduce_on_plateau")["scheduler_args"]
    assert recipe.schedule == "plateau"
    assert (recipe.plateau_factor, recipe.plateau_patience) == (scheduler["factor"], scheduler["patience"])
    assert (recipe.plateau_threshold, recipe.plateau_cooldown) == (scheduler["threshold"], scheduler["cooldown"])
    assert (recipe.min_learning_rate, scheduler["smoothing_factor"]) == (scheduler["min_lr"], 0)
    assert recipe.ema_decay == configuration("callbacks/ema")["ema"]["decay"]
    stopping = configuration("callbacks/earlystopping")["early_stopping"]
    assert (recipe.early_stopping_patience, stopping["min_delta"]) == (stopping["patience"], 0)
    optimizer, trainer = configuration("task/optimizer/adam"), configuration("trainer/default_trainer")
    assert recipe.weight_decay == optimizer["optimizer_args"]["weight_decay"]
    assert recipe.gradient_clip == trainer["gradient_clip_val"]
    assert recipe.warmup_epochs == configuration("task/default_task")["warmup_steps"] == 0


def test_dipole_moments_are_learned_with_the_same_settings() -> None:
    assert changes(preset("schnet-dipole"), preset("schnet-qm9")) == {
        "target": "dipole_moment", "reference": "composition",
    }  # fmt: skip
    assert preset("painn-dipole").model == "painn"


def test_the_experiments_of_the_thesis_differ_from_its_default_in_what_they_are_about() -> None:
    default = preset("thesis-default")
    found = {name: changes(preset(name), default) for name in THESIS}
    size = {"weighting": "size", "weight_rate": 10.0}
    search = {"min_atoms": 13, "max_atoms": 23, "validate_same_sizes": True}
    assert found == {
        "thesis-default": {},
        "thesis-balanced-2000": {"most_per_size": 2000},
        "thesis-balanced-2000-control": {"most_per_size": 2000, "control": True},
        "thesis-balanced-4000": {"most_per_size": 4000},
        "thesis-balanced-4000-control": {"most_per_size": 4000, "control": True},
        "thesis-balanced-6000": {"most_per_size": 6000},
        "thesis-balanced-6000-control": {"most_per_size": 6000, "control": True},
        "thesis-size-weights": size,
        "thesis-size-frequency-weights": {"weighting": "size_frequency", "weight_rate": 10.0, "least_weight": 0.1},
        "thesis-rate-search": {**search, **size},
        "thesis-rate-search-frequency": {
            **search, "weighting": "size_frequency", "weight_rate": 10.0, "least_weight": 0.1,
        },
        "thesis-above-17": {"min_atoms": 18},
        "thesis-above-17-control": {"min_atoms": 18, "control": True},
        "thesis-custom": {"min_atoms": 18, **size, "epochs": 30, "batch_size": 128, "learning_rate": 1e-4},
    }  # fmt: skip


def test_what_is_not_in_the_thesis_is_trained_as_its_default() -> None:
    found = {name: changes(preset(name), preset("thesis-default")) for name in BEYOND}
    inverse = {"weighting": "inverse_frequency", "weight_rate": 0.5}
    assert found == {
        "inverse-frequency-size": inverse,
        "inverse-frequency-element": {**inverse, "weight_by": "element"},
        "effective-number-size": {"weighting": "effective_number", "weight_beta": 0.99},
        "effective-number-element": {
            "weighting": "effective_number", "weight_beta": 0.9999, "weight_by": "element",
        },
        "weighted-sampling-size": {**inverse, "weights_in": "sampling"},
        "weighted-sampling-element": {**inverse, "weight_by": "element", "weights_in": "sampling"},
    }  # fmt: skip
    assert preset("weighted-sampling-size").draws_by_weight
    assert not preset("inverse-frequency-size").draws_by_weight


@pytest.mark.parametrize("base", ["nothing", "bad"])
def test_a_preset_based_on_nothing_or_on_itself_is_refused(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"format": 1, "title": "Bad", "description": "x", "section": "y", "based_on": base, "fields": {}}
    (tmp_path / "bad.json").write_text(json.dumps(content))
    monkeypatch.setattr(room, "FOLDER", tmp_path)
    presets.cache_clear()
    try:
        with pytest.raises(MollensError, match=f"preset bad: based_on is '{base}'"):
            presets()
    finally:
        presets.cache_clear()
