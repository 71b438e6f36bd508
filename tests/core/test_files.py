"""Files that are never half written."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from core import files
from core.errors import MollensError


def test_json_comes_back_with_its_format(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "x.json", {"k": 1.5})
    assert files.read_json(tmp_path / "a" / "x.json", "x") == {"format": 1, "k": 1.5}
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "damaged"), ("[1]", "holds list"), ('{"format": 2}', "format 2.*update Mollens"), ("\xff", "damaged")],
)
def test_bad_json_is_told(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(MollensError, match=f"thing: .*{message}"):
        files.read_json(tmp_path / "x.json", "thing")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="thing: x.json is missing"):
        files.read_json(tmp_path / "x.json", "thing")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, {"k": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MollensError, match=r"x.json: no space left.*free some space"):
        files.write_json(path, {"k": 2})
    assert files.read_json(path, "x")["k"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_arrays_can_be_mapped(tmp_path: Path) -> None:
    for k, array in enumerate((np.arange(6.0).reshape(2, 3).T, np.zeros(0), np.array([b"C", b"CCO"]), np.uint8([1]))):
        files.write_array(tmp_path / f"{k}.npy", array)
        read = np.load(tmp_path / f"{k}.npy", mmap_mode="r" if array.size else None)
        assert read.dtype == array.dtype and np.array_equal(read, array)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files.new_folder(tmp_path / "new") as draft:
        (draft / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with files.new_folder(tmp_path / "new") as draft:
        (draft / "whole").write_text("x")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "whole").read_text() == "x"
    with pytest.raises(MollensError, match="new: already exists"), files.new_folder(tmp_path / "new"):
        pass


def test_abandoned_drafts_are_removed_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".old.1.part", 2 * files.ABANDONED_AFTER), (".young.2.part", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    with files.new_folder(tmp_path / "new"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".young.2.part", "new"]


def test_of_two_writers_of_one_folder_the_first_wins(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="already exists"), files.new_folder(tmp_path / "name") as second:
        (second / "from").write_text("second")
        with files.new_folder(tmp_path / "name") as first:
            (first / "from").write_text("first")
    assert (tmp_path / "name" / "from").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["name"]


def _hold(path: str, ready: multiprocessing.synchronize.Event, end: multiprocessing.synchronize.Event) -> None:
    with files.lock(Path(path)):
        ready.set()
        end.wait(20)


def test_a_lock_is_exclusive_and_dies_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path / "lock"), ready, end))
    process.start()
    assert ready.wait(20)
    with pytest.raises(MollensError, match="locked by another process"), files.lock(tmp_path / "lock", timeout=0.1):
        pass
    process.kill()
    process.join(20)
    with files.lock(tmp_path / "lock", timeout=5):
        assert not process.is_alive()


def test_the_trash_keeps_what_is_deleted(home: Path, tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "x").write_text("x")
    grave = files.move_to_trash(tmp_path / "thing")
    assert grave.parent == home / "trash"
    assert (grave / "x").read_text() == "x"
    assert not (tmp_path / "thing").exists()
