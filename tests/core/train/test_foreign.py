"""Models that SchNetPack's own spktrain has trained: looked into, loaded, judged, and equal to SchNetPack's forward."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data.card import Card
from core.data.identity import identities
from core.data.store import Dataset, open_dataset, save_dataset
from core.errors import MollensError
from core.judge.held_out import held_out, split_known
from core.runs.folder import list_runs, open_run
from core.runs.metrics import read_metrics
from core.runs.predictions import NONE, TRAIN, VALIDATION, read_about, read_predictions
from core.runs.seen import read_seen
from core.train.foreign import inspect_model
from core.train.foreign_load import Choice, load_foreign
from core.train.predict import predict_dataset
from models.schnetpack_compat import Atomwise
from models.schnetpack_files_network import read_network
from tests.core.train.spktrain import chosen_rows, spktrain, write_database
from tests.models.foreign_models import foreign_model, saved
from tests.models.schnetpack_batches import schnetpack_batch

N_MOLECULES, N_TRAIN, N_VALIDATION = 120, 60, 20


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a SchNet that spktrain has trained for two epochs, its database beside it."""
    folder = tmp_path_factory.mktemp("spktrain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder / "home"))
        database = write_database(open_dataset("demo"), folder / "molecules.db", N_MOLECULES)
    yield spktrain(folder, database, "schnet", train=N_TRAIN, validation=N_VALIDATION)


@pytest.fixture
def some(demo: Dataset) -> Dataset:
    """The molecules of that database, and others of demo in between, as a dataset; F occurs among the others."""
    rows = np.union1d(rows_of_database(demo), np.linspace(0, demo.molecules.n_molecules - 1, 150).astype(int))
    card = demo.card.model_dump() | {"name": "some", "title": "Some", "description": "some molecules of demo"}
    return save_dataset(demo.molecules.take(rows), Card.model_validate(card))


def rows_of_database(demo: Dataset) -> np.ndarray:
    """Rows of demo in the order of the database."""
    return chosen_rows(demo, N_MOLECULES)


def silent(done: int, total: int, text: str = "") -> None:
    """Nobody looks."""


def own_energies(path: Path, demo: Dataset, rows: np.ndarray, exact: bool) -> np.ndarray:
    """SchNetPack's forward of its own best_model, which this test trusts; `exact` keeps its offsets in float64."""
    model = torch.load(path, weights_only=False).eval()
    if exact:
        for step in model.postprocessors:
            step.double()
    atoms = [demo.molecules.to_ase(int(row)) for row in rows]
    with torch.no_grad():
        return np.concatenate(
            [model(schnetpack_batch(atoms[k : k + 20]))["energy"].double().numpy() for k in range(0, len(atoms), 20)]
        )


def check_equal(run_folder: Path, run_name: str, demo: Dataset) -> None:
    """The predictions of a loaded run are what SchNetPack's forward gives."""
    stored = read_predictions(open_run(run_name))
    assert stored is not None
    rows = np.arange(0, demo.molecules.n_molecules, 5)
    found = np.asarray(stored.predicted)[rows]
    assert (stored.ids[rows] == demo.molecules.ids[rows]).all()
    np.testing.assert_allclose(
        found, own_energies(run_folder / "best_model", demo, rows, exact=True), rtol=0, atol=2e-5
    )
    rounded = own_energies(run_folder / "best_model", demo, rows, exact=False)
    np.testing.assert_allclose(found, rounded, rtol=3e-7 * 5, atol=2e-5)  # as its own float32 offsets allow


def test_a_trained_schnet_becomes_a_run_with_schnetpacks_energies(trained: Path, some: Dataset) -> None:
    told = load_foreign(trained, Choice("theirs", "some"), silent)
    assert told["split_known"] and told["seen"] == {"train": N_TRAIN, "validation": N_VALIDATION, "test": 40}
    n_test = some.molecules.n_molecules - N_TRAIN - N_VALIDATION
    assert (told["part"], told["unit"], told["n"]) == ("test", "eV", n_test)
    n_fluorine = int(some.molecules.contains(9).sum())
    assert told["warnings"][0].startswith(f"It has never learned F: what it says of {n_fluorine} molecules")
    assert "larger than that of a linear fit" in told["warnings"][1] and len(told["warnings"]) == 2
    run = open_run("theirs")
    assert run.origin == "schnetpack" and run.status().state == "finished" and split_known(run)
    assert run.recipe_file["split"]["name"] == "from split.npz" and run.n_trained == N_TRAIN
    values = run.recipe_values
    assert (values["model"], values["n_atom_basis"], values["batch_size"], values["loss"]) == ("schnet", 16, 10, "mse")
    check_equal(trained, "theirs", some)
    assert len(held_out(run, some).ids) == told["n"]


def test_its_molecules_are_recognised_by_geometry_in_any_dataset(trained: Path, some: Dataset, demo: Dataset) -> None:
    """split.npz counts rows of the database; a dataset with other molecules in another order has none of these rows."""
    load_foreign(trained, Choice("theirs", "some"), silent)
    split = np.load(trained / "split.npz")
    run = open_run("theirs")
    stored = read_predictions(run)
    assert stored is not None
    ids_of = {key: demo.molecules.ids[rows_of_database(demo)[split[key]]] for key in split.files}
    for key, code in (("train_idx", TRAIN), ("val_idx", VALIDATION)):
        assert set(stored.ids[stored.split == code]) == set(ids_of[key])
    turned = demo.molecules.take(rows_of_database(demo)[::-2])  # every other one, backwards, turned and moved
    positions = turned.positions[:, [1, 2, 0]] * [1, 1, -1] + 5.0
    other = save_dataset(
        replace(turned, positions=positions, ids=np.arange(1, turned.n_molecules + 1)),
        Card.model_validate(demo.card.model_dump() | {"name": "other", "title": "Other"}),
    )
    predictions = predict_dataset(run, other)
    expected = np.isin(demo.molecules.ids[rows_of_database(demo)[::-2]], ids_of["train_idx"])
    assert expected.sum() > 20 and ((predictions.split == TRAIN) == expected).all()
    about = read_about(run, "other")
    assert about is not None and about["codes"] == "geometry"


def test_its_log_becomes_curves(trained: Path, some: Dataset) -> None:
    load_foreign(trained, Choice("theirs", "some"), silent)
    lines, _ = read_metrics(open_run("theirs"))
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [(line["epoch"], line["step"]) for line in epochs] == [(1, 6), (2, 12)]
    assert [line["step"] for line in lines if line["kind"] == "step"] == [3, 9]
    rows = (trained / "csv" / "version_0" / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("val_energy_mae")
    told = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
    assert [line["validation_mae"] for line in epochs] == pytest.approx(told)
    status = open_run("theirs").status()
    assert (status.epoch, status.step) == (2, 12)


def test_a_checkpoint_alone_is_loaded_without_a_verdict(trained: Path, tmp_path: Path, some: Dataset) -> None:
    alone = tmp_path / "alone" / "last.ckpt"
    alone.parent.mkdir()
    shutil.copy(trained / "checkpoints" / "last.ckpt", alone)
    found = inspect_model(alone)
    assert (found["epoch"], found["unit"], found["split"], found["split_known"]) == (2, None, None, False)
    assert [sentence.split(":")[0] for sentence in found["missing"]] == [
        "No config.yaml",
        "No split.npz",
        "No log (metrics.csv, or TensorBoard's)",
    ]
    told = load_foreign(alone, Choice("alone", "some"), silent)  # its atomic energies tell that it is eV
    assert not told["split_known"] and told["seen"] is None and told["part"] == "all"
    assert "not known" in told["warnings"][0]
    run = open_run("alone")
    assert not split_known(run) and run.split_hash == "" and read_seen(run) is None
    stored = read_predictions(run)
    assert stored is not None and (stored.split == NONE).all()


def test_what_is_said_before_loading(trained: Path) -> None:
    found = inspect_model(trained)
    assert found["network"]["kind"] == "schnet" and found["network"]["cutoff"] == 4.0
    assert (found["output"], found["unit"], found["neighbour_cutoff"]) == ("energy", "eV", 4.0)
    assert found["split"] == {"train": N_TRAIN, "validation": N_VALIDATION, "test": 40}
    assert found["database"]["n_molecules"] == N_MOLECULES and found["split_known"]
    assert (
        found["log"]["epochs"] == 2 and found["missing"] == [] and found["adds"] == ["mean per atom", "atomic energies"]
    )
    json.dumps(found, allow_nan=False)


def test_labels_of_another_level_or_property_are_refused(trained: Path, some: Dataset) -> None:
    """The labels of the database are compared, molecule by molecule, with those of the dataset."""
    with pytest.raises(MollensError, match="by a constant per element: total and atomisation energy"):
        load_foreign(trained, Choice("x", "some", target="atomization_energy"), silent)
    with pytest.raises(MollensError, match="another level of theory"):
        load_foreign(trained, Choice("x", "some", target="gap"), silent)
    with pytest.raises(MollensError, match="are GFN2-xTB.*, the model has learned B3LYP"):
        load_foreign(trained, Choice("x", "some", level_of_theory="B3LYP"), silent)
    assert not [run for run in list_runs() if not run.shipped]


def test_a_split_over_another_database_is_refused(trained: Path, tmp_path: Path, some: Dataset, demo: Dataset) -> None:
    shorter = write_database(demo, tmp_path / "shorter.db", N_MOLECULES - 30)
    with pytest.raises(MollensError, match=r"90 molecules, without 30 of the 120 that the split names"):
        load_foreign(trained, Choice("x", "some", database=shorter), silent)


def test_a_loading_that_is_stopped_leaves_nothing(trained: Path, some: Dataset) -> None:
    class Stopped(Exception):
        """As a task is stopped."""

    def stop(done: int, total: int, text: str = "") -> None:
        if text.startswith("predicting"):
            assert [run.status().phase for run in list_runs() if not run.shipped] == ["loading"]
            raise Stopped

    with pytest.raises(Stopped):
        load_foreign(trained, Choice("x", "some"), stop)
    assert not [run for run in list_runs() if not run.shipped]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "target", "more"),
    [
        ("painn", "energy", ()),
        (
            "schnet",
            "gap",
            (
                "globals.aggregation=avg", "data.transforms.1.remove_atomrefs=False",
                "model.postprocessors.1.add_atomrefs=False", "++model.postprocessors.1.is_extensive=False",
            ),
        ),
    ],
)  # fmt: skip
def test_other_trained_models_are_loaded(
    tmp_path: Path, demo: Dataset, some: Dataset, network: str, target: str, more: tuple[str, ...]
) -> None:
    database = write_database(demo, tmp_path / "molecules.db", N_MOLECULES)
    run_folder = spktrain(tmp_path, database, network, target=target, more=more)
    told = load_foreign(run_folder, Choice("theirs", "some"), silent)
    assert told["seen"]["train"] == N_TRAIN and told["target"] == target
    if target == "energy":
        check_equal(run_folder, "theirs", some)


# What needs no training: models with random weights


def a_folder(tmp_path: Path, config: str = "", **changes: Any) -> Path:
    """A run folder with a model of energy and, if given, a configuration."""
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(2)
    output = changes.pop("output", None) or Atomwise(n_in=16, output_key="energy")
    saved(folder / "best_model", foreign_model(output=output, postprocessors=[], **changes))
    if config:
        (folder / "config.yaml").write_text(config)
    return folder


def test_another_unit_is_converted(tmp_path: Path, tiny: Dataset) -> None:
    config = "data:\n  property_units:\n    energy: Ha\n"
    load_foreign(a_folder(tmp_path, config), Choice("Ha", "tiny"), silent)
    load_foreign(a_folder(tmp_path, config), Choice("eV", "tiny", unit="eV"), silent)
    in_hartree, in_ev = (read_predictions(open_run(name)) for name in ("Ha", "eV"))
    assert in_hartree is not None and in_ev is not None
    np.testing.assert_allclose(in_hartree.predicted, in_ev.predicted * 27.211386, rtol=1e-6)
    assert open_run("Ha").recipe_file["unit"] == "eV" and open_run("Ha").recipe_file["loaded"]["unit"] == "Ha"


def test_a_unit_that_nobody_says_is_asked_for(tmp_path: Path, tiny: Dataset) -> None:
    with pytest.raises(MollensError, match="no file says the unit of energy; give it with --unit, one of eV, Ha"):
        load_foreign(a_folder(tmp_path), Choice("x", "tiny"), silent)
    with pytest.raises(MollensError, match="'Bohr': is no unit for energy"):
        load_foreign(a_folder(tmp_path), Choice("x", "tiny", unit="Bohr"), silent)


def test_a_target_of_another_name_is_asked_for(tmp_path: Path, tiny: Dataset) -> None:
    folder = a_folder(tmp_path, output=Atomwise(n_in=16, output_key="energy_U0"))
    with pytest.raises(MollensError, match="has no energy_U0, which the model predicts.*--target, one of energy"):
        load_foreign(folder, Choice("x", "tiny", unit="eV"), silent)
    assert load_foreign(folder, Choice("x", "tiny", unit="eV", target="energy"), silent)["target"] == "energy"


def test_a_neighbour_list_that_reaches_less_far_than_the_filters_is_kept(tmp_path: Path, tiny: Dataset) -> None:
    """As in the thesis: neighbours within 4, filters to 5."""
    config = "data:\n  transforms:\n  - _target_: schnetpack.transform.ASENeighborList\n    cutoff: 3.0\n"
    load_foreign(a_folder(tmp_path, config), Choice("near", "tiny", unit="eV"), silent)
    load_foreign(a_folder(tmp_path, "data: {}"), Choice("far", "tiny", unit="eV"), silent)
    near, far = (json.loads((open_run(name).path / "model.json").read_text()) for name in ("near", "far"))
    assert (near["neighbour_cutoff"], far["neighbour_cutoff"], near["network"]["cutoff"]) == (3.0, 4.0, 4.0)
    one, other = (read_predictions(open_run(name)) for name in ("near", "far"))
    assert one is not None and other is not None and np.abs(one.predicted - other.predicted).max() > 1e-4


def test_a_configuration_of_another_network_is_refused(tmp_path: Path, tiny: Dataset) -> None:
    for named in ("schnetpack.representation.SO3net", "os.system"):
        config = f"model:\n  representation:\n    _target_: {named}\n"
        with pytest.raises(MollensError, match=f"asks for {named}, but the weights are of SchNet"):
            inspect_model(a_folder(tmp_path, config))
    with pytest.raises(MollensError, match="distances are in 'Bohr'"):
        inspect_model(a_folder(tmp_path, "data:\n  distance_unit: Bohr\n"))


def test_weights_without_a_number_make_no_run(tmp_path: Path, tiny: Dataset) -> None:
    folder = a_folder(tmp_path)
    model = torch.load(folder / "best_model", weights_only=False)
    with torch.no_grad():
        model.output_modules[0].outnet[0].weight.fill_(float("nan"))
    saved(folder / "best_model", model)
    with pytest.raises(MollensError, match="gives no number for 120 of 120 molecules"):
        load_foreign(folder, Choice("x", "tiny", unit="eV"), silent)
    assert not [run for run in list_runs() if not run.shipped]


def test_an_embedding_of_other_length_fits(tmp_path: Path, tiny: Dataset) -> None:
    folder = a_folder(tmp_path)
    load_foreign(folder, Choice("usual", "tiny", unit="eV"), silent)
    state = read_network(folder / "best_model").state["representation.embedding.weight"]
    model = torch.load(folder / "best_model", weights_only=False)
    model.representation.embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(state[:20].copy()))
    saved(folder / "best_model", model)
    load_foreign(folder, Choice("short", "tiny", unit="eV"), silent)
    one, other = (read_predictions(open_run(name)) for name in ("usual", "short"))
    assert one is not None and other is not None
    np.testing.assert_array_equal(one.predicted, other.predicted)


def test_two_networks_that_have_seen_the_same_have_the_same_split_hash(trained: Path, some: Dataset) -> None:
    load_foreign(trained, Choice("a", "some"), silent)
    load_foreign(trained / "checkpoints" / "last.ckpt", Choice("b", "some"), silent)
    assert open_run("a").split_hash == open_run("b").split_hash != ""
    seen = read_seen(open_run("a"))
    assert seen is not None and seen.hashes.shape == (N_MOLECULES, identities(some.molecules.take([0])).shape[1])
