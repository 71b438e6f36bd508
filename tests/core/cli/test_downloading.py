"""The command `download` and the commands on tasks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.cli.tasks import KINDS
from core.data.defects import read_defects
from core.data.store import list_datasets, open_dataset
from core.errors import MollensError
from core.files import lock
from core.tasks import list_tasks, new_task, read_task, reap_children, stop_task, work_on
from tests.core.cli.conftest import Cli
from tests.core.data.test_download import Mirror, mirror, refuse  # noqa: F401 (a fixture)
from tests.core.data.test_qm9 import METHANE, WATER, archive

# ruff: noqa: F811 (the fixture's name)


def wait_for_tasks(seconds: float = 60.0) -> None:
    """Wait until nothing is at work."""
    deadline = time.monotonic() + seconds
    while any(task.status.active for task in list_tasks()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    reap_children()


def two(tmp_path: Path) -> Path:
    """An archive of two molecules."""
    return archive(tmp_path / "a.tar.bz2", {"1.xyz": METHANE, "3.xyz": WATER})


def test_download_makes_a_dataset_and_its_index(cli: Cli, mirror: Mirror) -> None:
    code, out, err = cli("download", "qm9", "--name", "q")
    assert code == 0, err
    assert out.splitlines()[0] == "q: 2 molecules, 8 atoms"
    wait_for_tasks()
    (index,) = list_tasks()
    assert (index.kind, index.status.state) == ("index", "finished"), index.status.error
    assert index.id in err
    defects = read_defects(open_dataset("q"))
    assert defects is not None and defects.flags["uncharacterized"].tolist() == [False, True]
    code, out, _ = cli("download", "qm9", "--name", "r", "--exclude-uncharacterized", "--no-index")
    assert (code, out) == (0, "r: 1 molecules, 5 atoms\n")
    assert len(list_tasks()) == 1


def test_download_refuses_in_one_sentence(cli: Cli, mirror: Mirror) -> None:
    mirror.answers = [refuse(403)]
    code, out, err = cli("download", "qm9", "--name", "q")
    assert code == 1 and out == "" and err.count("\n") == 1
    assert "answered 403 Forbidden" in err and "python -m core import FILE --name NAME" in err
    code, _, err = cli("download", "md17")
    assert code == 1 and "download 'md17': not known; known is qm9" in err
    code, _, err = cli("download", "qm9", "--name", "demo")
    assert code == 1 and "belongs to the embedded dataset" in err


def test_a_background_download_from_a_mirror_with_other_bytes_is_refused(cli: Cli, mirror: Mirror) -> None:
    code, out, _ = cli("download", "qm9", "--name", "q", "--background")
    assert code == 0 and "started" in out
    wait_for_tasks()  # the worker is a process of its own, which knows the official sizes only
    told = json.loads(cli("tasks", "--json")[1])["tasks"]
    assert [(t["kind"], t["state"], t["title"]) for t in told] == [("download", "failed", "Download of QM9 as q")]
    assert "the official one has 964" in told[0]["error"]
    assert "failed" in cli("tasks")[1]
    assert [entry.name for entry in list_datasets()] == ["demo"]
    code, _, err = cli("stop-task", told[0]["id"])
    assert code == 1 and "there is nothing to stop" in err
    code, _, err = cli("task", "nobody")
    assert code == 1 and "task 'nobody': not found" in err


def test_an_import_task_makes_a_dataset_once(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"source": str(two(tmp_path)), "name": "two", "index": False}
    task = new_task("import", "Import", arguments)
    status = work_on(task.id, KINDS)
    assert status.state == "finished", status.error
    assert status.result == {"dataset": "two", "n_molecules": 2, "n_atoms": 8}
    again = work_on(new_task("import", "Import", arguments).id, KINDS)
    assert again.state == "failed" and "dataset two: already exists" in again.error


def test_of_two_imports_of_one_name_the_second_is_told(tmp_path: Path, home: Path) -> None:
    task = new_task("import", "Import", {"source": str(two(tmp_path)), "name": "two", "index": False})
    with lock(home / "tasks" / ".name-two.lock"):
        status = work_on(task.id, KINDS)
    assert status.error == "dataset two: another task is making it; wait for it or choose another name"
    assert [entry.name for entry in list_datasets()] == ["demo"]


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "is empty"), (b"BZh91AY but no more", "not recognised"), (b"PK\x03\x04", "")]
)
def test_a_failed_import_leaves_only_its_sentence(tmp_path: Path, home: Path, content: bytes, sentence: str) -> None:
    source = tmp_path / "bad"
    source.write_bytes(content)
    task = new_task("import", "Import", {"source": str(source), "name": "bad"})
    status = work_on(task.id, KINDS)
    assert status.state == "failed" and sentence in status.error and "Traceback" not in status.error
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert {path for path in left if not path.startswith(f"tasks/{task.id}/")} == {"tasks/.name-bad.lock"}


def test_a_stopped_import_leaves_nothing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = new_task("import", "Import", {"source": str(two(tmp_path)), "name": "two"})

    def stops_while_saving(*arguments: Any) -> None:
        stop_task(read_task(task.id))
        raise KeyboardInterrupt  # as the worker's ear for the request does

    monkeypatch.setattr("core.data.store._write_folder", stops_while_saving)
    assert work_on(task.id, KINDS).state == "stopped"
    assert not list((home / "data").iterdir())


def test_the_upload_is_gone_after_its_import_and_kept_after_a_failure(tmp_path: Path) -> None:
    from core.data.uploads import save_upload

    with open(two(tmp_path), "rb") as file:
        upload = save_upload(file, "a.tar.bz2", 1, 1 << 20)
    failed = work_on(new_task("import", "Import", {"source": str(upload), "name": "demo"}).id, KINDS)
    assert failed.state == "failed" and upload.exists()
    done = work_on(new_task("import", "Import", {"source": str(upload), "name": "t", "index": False}).id, KINDS)
    assert done.state == "finished" and not upload.parent.exists()


def test_an_index_of_a_dataset_that_is_gone_is_a_sentence() -> None:
    status = work_on(new_task("index", "Index", {"dataset": "gone"}).id, KINDS)
    assert status.state == "failed" and status.error.startswith("dataset gone: not found")
    with pytest.raises(MollensError):
        open_dataset("gone")


def test_import_starts_the_index_unless_told_not_to(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("import", str(two(tmp_path)), "--name", "one", "--no-index")
    assert (code, out, list_tasks()) == (0, "one: 2 molecules, 8 atoms\n", []), err
    code, _, err = cli("import", str(two(tmp_path)), "--name", "two")
    wait_for_tasks()
    assert code == 0 and list_tasks()[0].id in err
    assert list_tasks()[0].status.result["dataset"] == "two"
