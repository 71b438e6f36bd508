"""Recipes: limits, presets, `--set`, and the run folder that a recipe becomes."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from core.data.card import Card
from core.data.split_making import make_split
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.recipes.create import changes, command, count_steps, create_run, options, usable_counts
from core.recipes.presets import DEFAULT_PRESET, preset, presets
from core.recipes.recipe import Recipe, changed, validated
from core.runs.folder import list_runs, open_run

OLDER = (
    "preset", "target", "split", "model", "n_atom_basis", "n_interactions", "n_rbf", "cutoff", "neighbour_cutoff",
    "reference", "epochs", "batch_size", "learning_rate", "loss", "seed", "schedule", "warmup_epochs", "weight_decay",
    "ema_decay", "gradient_clip", "early_stopping_patience", "threads",
)  # fmt: skip


def test_the_small_presets_are_there() -> None:
    assert next(iter(presets())) == DEFAULT_PRESET == "schnet-small"
    assert list(presets())[:3] == ["schnet-small", "composition", "painn-small"]
    assert preset("painn-small").model == "painn"
    assert preset("painn-small").n_atom_basis <= 64


def test_the_thesis_default_is_as_the_thesis_gives_it() -> None:
    recipe = preset("thesis-default")
    found = (recipe.model, recipe.n_interactions, recipe.epochs, recipe.batch_size, recipe.learning_rate)
    assert found == ("schnet", 3, 22, 512, 0.001)
    assert (recipe.n_atom_basis, recipe.neighbour_cutoff, recipe.cutoff, recipe.loss) == (38, 4.0, 5.0, "mse")
    assert recipe.target == "default"


def test_every_field_has_a_title_and_a_line_of_help() -> None:
    for key, field in Recipe.model_fields.items():
        assert field.title and field.description, key
        assert isinstance(field.json_schema_extra, dict) and field.json_schema_extra["group"], key


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs=0", "epochs is '0'; it must be greater than or equal to 1"),
        ("cutoff=-1", "cutoff is '-1'; it must be greater than 0.5"),
        ("learning_rate=nan", "learning_rate is 'nan'; it must be a finite number"),
        ("learning_rate=fast", "learning_rate is 'fast'; it must be a valid number"),
        ("model=mace", "model is 'mace'; it must be 'composition', 'schnet' or 'painn'"),
        ("colour=red", "field 'colour' is not known; fields are"),
        ("epochs", "expected key=value"),
        ("warmup_epochs=500", "warmup_epochs is 500; it may not exceed epochs"),
        ("weighting=log", "weighting is 'log'; it must be 'none', 'size', 'size_frequency', 'inverse_frequency' or"),
        ("weight_rate=21", "weight_rate is '21'; it must be less than or equal to 20"),
        ("weight_beta=1", "weight_beta is '1'; it must be less than 1"),
        ("control=maybe", "control is 'maybe'; it must be a valid boolean"),
        ("control=true", "control is on, but min_atoms, max_atoms and most_per_size leave no molecule out"),
        ("most_per_size=-1", "most_per_size is '-1'; it must be greater than or equal to 0"),
    ],
)
def test_a_field_out_of_range_is_named(setting: str, message: str) -> None:
    with pytest.raises(MollensError, match=message):
        changed(preset("schnet-small"), [setting])


def test_settings_are_applied() -> None:
    recipe = changed(preset("schnet-small"), ["epochs=5", "learning_rate=2e-4", "loss=mae"])
    assert (recipe.epochs, recipe.learning_rate, recipe.loss) == (5, 2e-4, "mae")
    assert changes(recipe, preset("schnet-small")) == {"epochs": 5, "learning_rate": 2e-4, "loss": "mae"}
    assert validated(recipe.model_dump()) == recipe


def test_the_command_repeats_the_recipe() -> None:
    recipe = changed(preset("thesis-default"), ["epochs=5", "split=thesis"])
    assert command(recipe, preset("thesis-default"), "qm9", "my run") == (
        "python -m core train --recipe thesis-default --dataset qm9 --split thesis --set epochs=5 --name 'my run'"
    )


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(MollensError, match=r"min_atoms is 18; it may not exceed max_atoms \(17\)"):
        changed(Recipe(), ["min_atoms=18", "max_atoms=17"])
    assert changed(Recipe(), ["min_atoms=18"]).max_atoms == 0  # no limit
    with pytest.raises(MollensError, match=r"min_learning_rate is 0.1; it may not exceed learning_rate \(0.01\)"):
        changed(Recipe(), ["schedule=plateau", "min_learning_rate=0.1", "learning_rate=0.01"])


def test_a_field_without_effect_is_no_error() -> None:
    left = changed(preset("thesis-size-weights"), ["weighting=none", "weights_in=sampling"])
    assert left.weight_rate == 10 and not left.draws_by_weight


def test_a_recipe_of_an_older_mollens_trains_as_it_did() -> None:
    """Fields that did not exist then have the values that change nothing."""
    older = {name: value for name, value in Recipe().model_dump().items() if name in OLDER}
    assert len(older) == len(OLDER)
    recipe = validated(older)
    assert (recipe.min_atoms, recipe.max_atoms, recipe.most_per_size, recipe.control) == (0, 0, 0, False)
    assert (recipe.weighting, recipe.weights_in, recipe.filters) == ("none", "loss", "exact")
    assert (recipe.plateau_factor, recipe.plateau_patience) == (0.8, 25)
    assert (recipe.plateau_threshold, recipe.plateau_cooldown, recipe.min_learning_rate) == (0, 0, 0)


def test_the_command_prints_every_field_that_was_changed() -> None:
    settings = [
        "control=True", "most_per_size=3000", "weighting=effective_number", "weight_by=element", "weight_beta=0.99",
        "normalise_weights=False", "least_weight=1e-05", "plateau_patience=3",
    ]  # fmt: skip
    recipe = changed(preset("thesis-default"), settings)
    words = shlex.split(command(recipe, preset("thesis-default"), "qm9"))
    set_ = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert sorted(set_) == sorted(settings)
    assert changed(preset("thesis-default"), set_) == recipe


def test_the_command_survives_a_shell() -> None:
    default = preset("schnet-small")
    recipe = default.model_copy(update={"split": "my split", "target": "a;b $HOME"})
    words = shlex.split(command(recipe, default, "it's (new)", "x"))
    assert words[:3] == ["python", "-m", "core"]
    assert words[3:] == [
        "train", "--recipe", "schnet-small", "--dataset", "it's (new)", "--split", "my split",
        "--set", "target=a;b $HOME", "--name", "x",
    ]  # fmt: skip


def test_atomic_energies_that_the_card_lacks_are_refused_before_a_run_is_made(tiny: Dataset) -> None:
    def run(*settings: str) -> None:
        create_run(changed(preset("schnet-small"), ["reference=atomic_energies", *settings]), tiny)

    words = "tiny: its card has no atomic energy of H, C, N, O for atomization_energy; use reference=composition"
    with pytest.raises(MollensError, match=words):
        run("target=atomization_energy")
    assert [run for run in list_runs() if not run.shipped] == []
    run("target=energy")  # on the card
    run("target=gap")  # intensive: no reference is taken
    run("target=atomization_energy", "model=composition")  # no network that learns the rest


def test_steps_are_counted() -> None:
    recipe = changed(preset("thesis-default"), ["epochs=3", "batch_size=50"])
    assert count_steps(recipe, 101) == 9
    assert count_steps(preset("composition"), 101) == 0


def test_a_run_folder_says_what_will_be_trained(tiny: Dataset) -> None:
    run = create_run(changed(preset("schnet-small"), ["seed=3"]), tiny)
    assert run.name == "schnet-small seed 3"
    assert open_run(run.id).recipe_values == changed(preset("schnet-small"), ["seed=3"]).model_dump()
    stored = run.recipe_file
    assert stored["split"] == {
        "name": "default", "hash": stored["split"]["hash"], "train": 96, "validation": 12, "test": 12, "left_out": 0
    }  # fmt: skip
    assert stored["dataset"] == {"name": "tiny", "sha256": tiny.card.sha256}
    assert (stored["target"], stored["unit"], stored["seed"]) == ("energy", "eV", 3)
    assert stored["versions"]["torch"].startswith("2.")
    assert stored["trained_on"]["n"] == 96 and stored["trained_on"]["validation"] == 12
    assert (stored["devices"], stored["logs"], stored["engine"], stored["weights"]) == (1, [], "eager", None)
    assert run.status().state == "created"


def test_devices_and_logs_stand_beside_the_recipe(tiny: Dataset) -> None:
    run = create_run(preset("schnet-small"), tiny, devices=2, logs=("tensorboard", "csv"))
    assert (run.recipe_file["devices"], run.recipe_file["logs"]) == (2, ["csv", "tensorboard"])
    with pytest.raises(MollensError, match="devices is 0; it must be from 1 to 64"):
        create_run(preset("schnet-small"), tiny, devices=0)
    with pytest.raises(MollensError, match="logs are wandb; possible are csv, tensorboard"):
        create_run(preset("schnet-small"), tiny, logs=["wandb"])


def test_cuda_graphs_are_for_one_gpu_and_for_sums_and_means(tiny: Dataset, demo: Dataset) -> None:
    assert create_run(preset("schnet-small"), tiny, engine="graph").engine == "graph"
    assert create_run(preset("schnet-small"), tiny, device="cuda:1", engine="graph").engine == "graph"
    refused = (
        ("schnet-small", {"engine": "lazy"}, "engine 'lazy': not known; choose one of eager, graph"),
        ("schnet-small", {"device": "cpu"}, "engine graph: it records CUDA graphs, and a CPU has none; use engine"),
        ("schnet-small", {"devices": 2}, "engine graph: it works on one GPU, not on 2 devices; use engine eager"),
        ("composition", {}, "engine graph: the composition model takes no steps"),
        ("painn-dipole", {}, "engine graph: a dipole moment has no step of a fixed shape"),
    )
    made = len(list_runs())
    for name, how, message in refused:
        with pytest.raises(MollensError, match=message):
            create_run(preset(name), demo, **{"engine": "graph", **how})
    assert len(list_runs()) == made


def test_a_command_names_only_what_is_not_usual() -> None:
    assert options("auto") == []
    words = ["--device", "cuda:1", "--devices", "2", "--logs", "csv,tensorboard"]
    assert options("cuda:1", 2, ["csv", "tensorboard"]) == words
    assert options("auto", engine="graph") == ["--engine", "graph"]


def test_molecules_without_the_target_are_counted(demo: Dataset) -> None:
    some = demo.molecules.take(np.arange(100))
    values = some.columns["energy"].copy()
    values[:10] = np.nan
    object.__setattr__(some, "columns", {**some.columns, "energy": values})
    dataset = save_dataset(some, Card.model_validate(demo.card.model_dump() | {"name": "holes"}))
    counts = usable_counts(preset("schnet-small"), dataset)
    assert counts["left_out"] == 10
    assert counts["train"] + counts["validation"] + counts["test"] == 90


def test_a_run_that_cannot_be_trained_is_refused(tiny: Dataset) -> None:
    make_split(tiny, "no-validation", train=1.0, validation=0.0)
    with pytest.raises(MollensError, match="no validation molecule"):
        create_run(changed(preset("schnet-small"), ["split=no-validation"]), tiny)
    with pytest.raises(MollensError, match="'partial_charges' cannot be a target"):
        create_run(changed(preset("schnet-small"), ["target=partial_charges"]), tiny)
    with pytest.raises(MollensError, match="does not have it"):
        create_run(changed(preset("schnet-small"), ["split=missing"]), tiny)
    for name in ("a/b", "..", " ", "x" * 81, "a\nb"):
        with pytest.raises(MollensError, match="run name .* not allowed"):
            create_run(preset("schnet-small"), tiny, name)
    assert [run for run in list_runs() if not run.shipped] == []


def test_the_presets_file_names_its_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.recipes import presets as room

    (tmp_path / "bad.json").write_text(
        '{"format": 1, "title": "Bad", "description": "x", "section": "y", "fields": {"cutoff": -1}}'
    )
    monkeypatch.setattr(room, "FOLDER", tmp_path)
    presets.cache_clear()
    try:
        with pytest.raises(MollensError, match="preset bad: cutoff is -1; it must be greater than 0.5"):
            presets()
    finally:
        presets.cache_clear()
