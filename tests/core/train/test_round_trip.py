"""An export of ours loaded again: the same predictions, and what it has seen is known without any database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.card import Card
from core.data.store import Dataset, open_dataset, save_dataset
from core.errors import MollensError
from core.judge.held_out import split_known
from core.runs.folder import Run, list_runs, open_run
from core.runs.predictions import TRAIN, VALIDATION, read_predictions
from core.runs.seen import read_seen
from core.train.foreign import inspect_model
from core.train.foreign_load import Choice, load_foreign
from core.train.give_back import give_back

SHIPPED = "20261121-074206-schnet-small-seed-1-4490"


@pytest.fixture
def shipped() -> Run:
    return open_run(SHIPPED)


@pytest.fixture
def some(demo: Dataset) -> Dataset:
    """Every tenth molecule of demo, renumbered: rows and ids say nothing about the split."""
    return part_of(demo, "some")


def part_of(demo: Dataset, name: str, **changes: Any) -> Dataset:
    molecules = demo.molecules.take(np.arange(0, demo.molecules.n_molecules, 10))
    card = demo.card.model_dump() | {"name": name, "title": name.title()} | changes
    return save_dataset(molecules, Card.model_validate(card))


def silent(done: int, total: int, text: str = "") -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder / "home"))
        give_back(open_run(SHIPPED), open_dataset("demo"), folder / "out", lambda files: "# card\n", "both")
    return folder / "out"


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path) -> Path:
    """A copy of the export, to be changed."""
    return Path(shutil.copytree(exported_once, tmp_path / "out"))


@pytest.mark.parametrize("layout", ["schnetpack", "zip"])
def test_an_export_is_the_same_model_again(exported: Path, some: Dataset, shipped: Run, layout: str) -> None:
    path = exported
    if layout == "schnetpack":
        (exported / "model.json").unlink()
    else:
        (exported / "best_model").unlink()
        path = Path(shutil.make_archive(str(exported), "zip", exported.parent, exported.name))
    told = load_foreign(path, Choice("again", "some"), silent)
    assert told["split_known"] and told["part"] == "test" and told["warnings"] == []
    own = read_predictions(shipped)
    assert own is not None
    of_some = {int(i): k for k, i in enumerate(own.ids)}
    run = open_run("again")
    found = read_predictions(run)
    assert found is not None and split_known(run) and run.n_trained == shipped.n_trained
    places = [of_some[int(i)] for i in found.ids]
    np.testing.assert_allclose(np.asarray(found.predicted), np.asarray(own.predicted)[places], rtol=0, atol=2e-5)
    for code in (TRAIN, VALIDATION):
        assert (np.asarray(found.split) == code).tolist() == (np.asarray(own.split)[places] == code).tolist()
    seen = read_seen(run)
    assert seen is not None and len(seen.codes) == len(own.ids)
    assert run.recipe_file["loaded"]["file"] == ("best_model" if layout == "schnetpack" else "model.safetensors")


def test_what_is_said_of_an_export(exported: Path, demo: Dataset, shipped: Run) -> None:
    to = exported
    found = inspect_model(to)
    assert found["seen"] and found["split_known"] and found["split"]["train"] == shipped.n_trained
    assert (found["unit"], found["level_of_theory"]) == ("eV", demo.card.level_of_theory)
    assert [words for words in found["missing"] if "split" in words or "database" in words] == []
    for name in ("config.yaml", "split.npz"):  # the two files of the model and what it has seen are enough
        (to / name).unlink()
    alone = inspect_model(to)
    for key in ("unit", "level_of_theory", "neighbour_cutoff", "split", "network"):
        assert alone[key] == found[key]
    for name in ("hashes.npy", "codes.npy"):  # uploaded one by one, all lie in one folder
        (to / "seen" / name).rename(to / name)
    assert inspect_model(to)["seen"]


def test_another_level_of_theory_is_refused(exported: Path, demo: Dataset) -> None:
    part_of(demo, "other", level_of_theory="CCSD(T)/def2-TZVP")
    with pytest.raises(MollensError, match="levels of theory are never compared"):
        load_foreign(exported, Choice("x", "other"), silent)
    assert not [run for run in list_runs() if not run.shipped]


def changed(folder: Path, **values: Any) -> None:
    path = folder / "model.json"
    content = json.loads(path.read_text())
    network = content["network"] | values.pop("network", {})
    path.write_text(json.dumps(content | {"network": network} | values))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": {"n_atom_basis": 4096, "n_interactions": 64}}, "the file has"),
        ({"network": {"n_atom_basis": 10**9}}, "n_atom_basis is 1000000000; expected 1 to 4,096"),
        ({"network": {"n_rbf": True}}, "n_rbf is True"),
        ({"network": {"device": "cuda"}}, "network has device, which is not known"),
        ({"kind": "composition"}, "only SchNet and PaiNN"),
        ({"target": "x" * 200}, "expected a property's key"),
        ({"weights_sha256": "0" * 64}, "damaged, or of another model"),
        ({"offset": {"pooling": "sum", "reference": {}, "mean": 0.0, "scale": "inf"}}, "expected finite"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_hostile_description_is_refused_before_a_network_is_built(
    tmp_path: Path, shipped: Run, change: dict[str, Any], words: str
) -> None:
    for name in ("model.json", "model.safetensors"):
        shutil.copy(shipped.path / name, tmp_path / name)
    changed(tmp_path, **change)
    with pytest.raises(MollensError, match=words):
        inspect_model(tmp_path)


@pytest.mark.parametrize(
    ("hashes", "codes", "words"),
    [
        (np.zeros((4, 6), np.uint64), np.zeros(4, np.uint8), "6 hashes each"),
        (np.zeros((4, 7), np.uint64), np.full(4, 200, np.uint8), "parts that no split has"),
        (np.zeros((4, 7), np.uint64), np.ones(4, np.uint8), "no training molecule"),
        (np.array([[Path("x")]], object), np.zeros(1, np.uint8), "damaged"),
    ],
    ids=["width", "codes", "nothing", "pickled"],
)
def test_a_damaged_seen_is_refused(
    tmp_path: Path, shipped: Run, hashes: np.ndarray, codes: np.ndarray, words: str
) -> None:
    for name in ("model.json", "model.safetensors"):
        shutil.copy(shipped.path / name, tmp_path / name)
    (tmp_path / "seen").mkdir()
    np.save(tmp_path / "seen" / "hashes.npy", hashes, allow_pickle=True)
    np.save(tmp_path / "seen" / "codes.npy", codes)
    with pytest.raises(MollensError, match=words):
        inspect_model(tmp_path)
