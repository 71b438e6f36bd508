"""Runs are deleted, brought back and removed for good; notes and names; what a run says about itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from core.errors import MollensError
from core.runs.folder import Run, clone_recipe, delete_run, new_run, open_run, rename_run, set_note
from core.runs.jobs import start_job
from core.runs.ownership import OWNER_LOCK, OwnerLost, run_lock
from core.runs.trash import empty_trash, find_trashed, list_trash, restore_run
from core.runs.writer import RunWriter
from tests.core.runs.test_run_folder import RECIPE, own


@pytest.fixture
def run() -> Run:
    return new_run(RECIPE, "A run")


def test_a_deleted_run_comes_back_as_it_was(run: Run, home: Path) -> None:
    set_note(run, "keep me")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    grave = delete_run(run)
    assert own() == []
    (trashed,) = list_trash()
    assert (trashed.id, trashed.run_id, trashed.name, trashed.path) == (grave.name, run.id, "A run", grave)
    assert timedelta(0) <= datetime.now(UTC) - trashed.deleted < timedelta(minutes=1) and trashed.size > 100
    restored = restore_run(trashed.id)
    assert restored.id == run.id and restored.note == "keep me" and list_trash() == []
    assert {path.name: (restored.path / path.name).read_bytes() for path in restored.path.iterdir()} | before == {
        path.name: path.read_bytes() for path in restored.path.iterdir()
    }


@pytest.mark.parametrize("how", ["id", "run_id", "name"])
def test_a_deleted_run_is_found_by_what_one_knows(run: Run, how: str) -> None:
    delete_run(run)
    assert restore_run(getattr(list_trash()[0], how)).id == run.id


def test_names_do_not_collide_in_the_trash_and_an_unclear_one_is_refused(run: Run) -> None:
    delete_run(run)
    delete_run(new_run(RECIPE, "A run"))
    assert len(list_trash()) == 2
    with pytest.raises(MollensError, match="2 deleted runs are called so; use one of"):
        restore_run("A run")
    delete_run(restore_run(run.id))
    delete_run(restore_run(run.id))
    assert len({trashed.id for trashed in list_trash()}) == 2
    with pytest.raises(MollensError, match="trash 'B run': no such run"):
        find_trashed("B run")


def test_a_run_that_is_there_again_is_not_overwritten(run: Run) -> None:
    content = (run.path / "recipe.json").read_bytes()
    grave = delete_run(run)
    run.path.mkdir()
    (run.path / "recipe.json").write_bytes(content)
    with pytest.raises(MollensError, match=f"run {run.id}: is there again; rename or delete it"):
        restore_run(grave.name)
    assert list_trash()[0].id == grave.name and [p.name for p in run.path.iterdir()] == ["recipe.json"]


def test_a_damaged_run_can_be_deleted_and_brought_back(run: Run) -> None:
    (run.path / "about.json").write_text("{")
    delete_run(own()[0])
    assert list_trash()[0].name == run.id
    restored = restore_run(run.id)
    assert restored.error is not None and "about.json is damaged" in restored.error


def test_datasets_in_the_trash_are_no_runs(run: Run, home: Path) -> None:
    folder = home / "trash" / "20260101T000000-abcd-qm9"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (home / "trash" / "something else").mkdir()
    delete_run(run)
    assert [trashed.run_id for trashed in list_trash()] == [run.id]
    assert [trashed.run_id for trashed in empty_trash()] == [run.id]
    assert folder.is_dir()


def test_only_what_lies_long_enough_is_removed_for_good(run: Run, home: Path) -> None:
    new = delete_run(run)
    old = delete_run(new_run(RECIPE, "An old one"))
    long_ago = f"{datetime.now(UTC) - timedelta(days=40):%Y%m%dT%H%M%S}"
    old.rename(old.with_name(long_ago + old.name[len(long_ago) :]))
    assert [trashed.name for trashed in empty_trash(older_than_days=30)] == ["An old one"]
    assert [trashed.id for trashed in list_trash()] == [new.name]
    with pytest.raises(MollensError, match="older than -1 days; give 0 or more"):
        empty_trash(-1)
    empty_trash()
    assert list_trash() == [] and not new.exists()


def test_a_run_on_another_disk_than_the_trash_is_copied_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    grave = delete_run(run)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self == grave:
            raise OSError(18, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert restore_run(grave.name).name == "A run" and not grave.exists()


def test_a_deleted_run_is_gone_for_jobs_too(run: Run) -> None:
    delete_run(run)
    with pytest.raises(OwnerLost, match="its folder is gone; somebody has deleted it"):
        start_job(run)
    with pytest.raises(OwnerLost, match="its folder is gone"), RunWriter(run):
        pass
    with pytest.raises(MollensError, match="its folder is gone"):
        delete_run(run)
    assert not run.path.exists()


def test_a_lock_whose_folder_is_moved_away_meanwhile_is_not_taken(run: Run) -> None:
    refused: list[str] = []

    def wait() -> None:
        try:
            with run_lock(run.path, OWNER_LOCK, poll=0.01):
                refused.append("taken")
        except OwnerLost as error:
            refused.append(str(error))

    with run_lock(run.path, OWNER_LOCK):
        waiting = Thread(target=wait)
        waiting.start()
        run.path.rename(run.path.with_name("elsewhere"))
    waiting.join(30)
    assert len(refused) == 1 and "its folder is gone" in refused[0] and not run.path.exists()


def test_notes(run: Run) -> None:
    assert run.note == ""
    noted = set_note(run, "  first line \n\n second **line** \n")
    assert noted.note == open_run(run.id).note == "first line\n\n second **line**"
    assert rename_run(noted, "B run").note == noted.note
    assert set_note(noted, " ").note == ""
    with pytest.raises(MollensError, match="a note of 10,001 characters; it may have 10,000"):
        set_note(run, "x" * 10_001)
    with pytest.raises(MollensError, match="ships with Mollens and cannot be given a note"):
        set_note(Run(run.path, shipped=True), "mine")


def test_what_an_old_and_a_new_run_say_about_themselves(run: Run) -> None:
    assert (run.n_trained, run.devices, run.logs, run.engine) == (0, 1, [], "eager")
    (run.path / "recipe.json").write_text(json.dumps(RECIPE | {"split": RECIPE["split"] | {"train": 90}}))
    assert open_run(run.id).n_trained == 90
    more = {
        "trained_on": {"n": 80},
        "devices": 2,
        "logs": ["tensorboard", "csv", "other"],
        "device": "cuda",
        "engine": "graph",
    }
    (run.path / "recipe.json").write_text(json.dumps(RECIPE | more))
    new = open_run(run.id)
    assert (new.n_trained, new.devices, new.logs) == (80, 2, ["csv", "tensorboard"])
    assert clone_recipe(new) == {
        "recipe": RECIPE["recipe"], "dataset": "tiny", "split": "default", "device": "cuda", "devices": 2,
        "logs": ["csv", "tensorboard"], "engine": "graph",
    }  # fmt: skip
