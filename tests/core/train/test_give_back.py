"""Giving a run back: what is written, that nothing is overwritten or left behind, and what is refused."""

from __future__ import annotations

import errno
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.identity import identities, matching
from core.data.store import Dataset
from core.errors import MollensError
from core.files import read_json
from core.runs.folder import Run, open_run
from core.runs.predictions import TRAIN, read_predictions
from core.runs.seen import read_seen
from core.train import give_back as room
from core.train.give_back import give_back, give_back_zip
from models.weights import load_model

SHIPPED = "20261121-075543-painn-small-seed-1-8e95"
COMPOSITION = "20261121-074206-composition-8edd"


@pytest.fixture
def shipped() -> Run:
    return open_run(SHIPPED)


def card(files: Mapping[str, str]) -> str:
    return "# card\n" + "\n".join(files)


def held(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_holds_everything_and_tells_what_was_seen(tmp_path: Path, demo: Dataset, shipped: Run) -> None:
    to = tmp_path / "deep" / "out"
    done = give_back(shipped, demo, to, card)
    assert sorted(done.files) == held(to) and done.notes == () and done.files[0] == "README.md"
    assert set(held(to)) == {
        "README.md", "best_model", "config.yaml", "model.json", "model.safetensors", "recipe.json", "seen/codes.npy",
        "seen/hashes.npy", "split.npz",
    }  # fmt: skip
    assert list(tmp_path.joinpath("deep").iterdir()) == [to]
    assert (to / "README.md").read_text().split()[2:] == sorted(set(held(to)) - {"README.md"})
    # weights are those of the run, and build the same network
    assert (to / "model.safetensors").read_bytes() == (shipped.path / "model.safetensors").read_bytes()
    assert load_model(to).description == load_model(shipped.path).description
    stored = read_predictions(shipped)
    assert stored is not None
    trained = np.sort(np.asarray(stored.ids)[np.asarray(stored.split) == TRAIN])
    with np.load(to / "split.npz") as split:
        assert split["train_ids"].tolist() == trained.tolist()
        assert demo.molecules.ids[split["train_idx"]].tolist() == trained.tolist()
        assert len(split["val_idx"]) and len(split["test_idx"])
    seen = read_seen(Run(to))
    assert seen is not None and len(seen.codes) == len(stored.ids)
    some = demo.molecules.rows_of(trained[:50])
    ours, theirs = matching(identities(demo.molecules.take(some)), np.asarray(seen.hashes))
    assert set(ours) == set(range(50)) and set(np.asarray(seen.codes)[theirs]) == {TRAIN}


def test_the_two_layouts(tmp_path: Path, shipped: Run) -> None:
    only, folder = tmp_path / "only", tmp_path / "folder"
    done = give_back(shipped, None, only, card, "schnetpack")
    assert held(only) == ["README.md", "best_model", "config.yaml"]
    assert "split.npz is left out: dataset demo is not there any more" in done.notes[0]
    give_back(shipped, None, folder, card, "folder")
    assert held(folder) == ["README.md", "config.yaml", "model.json", "model.safetensors", "recipe.json"]
    assert not any(path.read_bytes()[:2] in (b"PK", b"\x80\x02") for path in folder.iterdir())  # nothing to unpickle
    with pytest.raises(MollensError, match="possible are both, schnetpack, folder"):
        give_back(shipped, None, tmp_path / "x", card, "onnx")


def test_what_is_there_is_kept_unless_it_shall_be_replaced(tmp_path: Path, shipped: Run) -> None:
    to = tmp_path / "out"
    to.mkdir()
    give_back(shipped, None, to, card, "folder")  # an empty folder is no loss
    (to / "note.txt").write_text("mine")
    with pytest.raises(MollensError, match="holds an export already; add --replace"):
        give_back(shipped, None, to, card)
    assert (to / "note.txt").read_text() == "mine"
    give_back(shipped, None, to, card, "schnetpack", replace=True)
    assert held(to) == ["README.md", "best_model", "config.yaml"] and list(tmp_path.iterdir()) == [to]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.pdf").write_text("mine")
    for place in (tmp_path / "own", tmp_path / "own" / "thesis.pdf"):
        with pytest.raises(MollensError, match="give the name of a new folder"):
            give_back(shipped, None, place, card, replace=True)
    assert (tmp_path / "own" / "thesis.pdf").read_text() == "mine"


def test_a_full_disk_leaves_nothing(tmp_path: Path, shipped: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(room.shutil, "copyfile", full)
    with pytest.raises(MollensError, match="no space left"):
        give_back(shipped, None, tmp_path / "out", card)
    with pytest.raises(MollensError, match="no space left"):
        give_back_zip(shipped, None, card)
    assert list(tmp_path.glob("**/*.part*")) == [] and not (tmp_path / "out").exists()
    assert list((tmp_path / "home" / "exports").iterdir()) == []
    monkeypatch.undo()
    give_back(shipped, None, tmp_path / "out", card, "folder")
    before = held(tmp_path / "out")

    def failing(files: Mapping[str, str]) -> str:
        raise MollensError("the run is damaged")

    with pytest.raises(MollensError, match="damaged"):
        give_back(shipped, None, tmp_path / "out", failing, replace=True)
    assert held(tmp_path / "out") == before and len(list(tmp_path.glob(".out*"))) == 0


def test_a_zip_holds_one_folder(shipped: Run) -> None:
    done = give_back_zip(shipped, None, card, "folder")
    with zipfile.ZipFile(done.path) as archive:
        names = archive.namelist()
        assert names[0] == f"{shipped.id}/README.md" and len(names) == 5
        described = json.loads(archive.read(f"{shipped.id}/model.json"))
    assert described == read_json(shipped.path / "model.json", "run")
    assert [path.name for path in done.path.parent.iterdir()] == [f"{shipped.id}-folder.zip"]


def test_runs_without_a_network_are_refused(tmp_path: Path, tiny: Dataset, shipped: Run) -> None:
    from core.recipes.create import create_run
    from core.recipes.recipe import Recipe

    for run, said in (
        (open_run(COMPOSITION), "a linear fit in composition"),
        (create_run(Recipe(), tiny, "new"), "is created and has no weights yet"),
    ):
        with pytest.raises(MollensError, match=said):
            give_back(run, None, tmp_path / "out", card)
    about = shipped.path / "about.json"
    changed = Run(shipped.path)
    changed.__dict__["about"] = {**json.loads(about.read_text()), "origin": "predictions"}
    with pytest.raises(MollensError, match="holds predictions only"):
        give_back(changed, None, tmp_path / "out", card)
    assert not (tmp_path / "out").exists()


def test_the_pickle_holds_no_names_but_those_of_schnetpack_and_torch(tmp_path: Path, shipped: Run) -> None:
    give_back(shipped, None, tmp_path / "out", card, "schnetpack")
    found = torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "out" / "best_model")
    assert found and {name.split(".")[0] for name in found} <= {"schnetpack", "torch"}
