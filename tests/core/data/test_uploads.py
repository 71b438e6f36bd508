"""Uploads and the folders that the page may read: hostile names, limits, links that lead outside."""

from __future__ import annotations

import io
import os
import time
from collections import namedtuple
from pathlib import Path

import pytest

from core.data import uploads
from core.data.uploads import (
    find_upload,
    list_sources,
    remove_old_uploads,
    remove_upload,
    resolve_inside,
    safe_name,
    save_upload,
    upload_key,
    uploads_folder,
)  # fmt: skip
from core.errors import MollensError
from tests.core.data.test_qm9 import METHANE, archive


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ethanol_train.extxyz.xz", "ethanol_train.extxyz.xz"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a b.npz", "a_b.npz"),
        ("/absolute/x.db", "x.db"),
        (".hidden", "hidden"),
        ("..", "upload"),
        ("", "upload"),
        ("-rf.xyz", "rf.xyz"),
        ("mol\u0000\nécule$(rm).xyz", "mol_ecule_rm_.xyz"),
        ("分子.npz", "npz"),
        ("a" * 300 + ".xyz.tar.bz2", "a" * 92 + ".tar.bz2"),
    ],
)
def test_a_name_is_only_a_name(name: str, safe: str) -> None:
    found = safe_name(name)
    assert found == safe and len(found) <= 100
    assert safe_name(found) == found


def save(content: bytes, name: str = "x.npz", largest: int = 1000) -> Path:
    return save_upload(io.BytesIO(content), name, len(content), largest)


def test_an_upload_lies_in_a_folder_of_its_own_until_it_is_imported() -> None:
    first, second = save(b"one", "../x.npz"), save(b"two", "x.npz")
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")
    assert first.parent.parent == second.parent.parent == uploads_folder() and first.parent != second.parent
    key = upload_key(first)
    assert key is not None and find_upload(key) == first
    remove_upload(first)
    assert find_upload(key) is None and not first.parent.exists() and second.exists()


@pytest.mark.parametrize("text", ["", "x", "../x/y", "0123456789abcdef/../../secret", "0123456789abcdef/x.npz"])
def test_no_other_text_names_an_upload(text: str, home: Path) -> None:
    (home / "uploads").mkdir(parents=True)
    (home / "secret").write_text("no")
    assert find_upload(text) is None


def test_only_uploads_are_removed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.npz"
    mine.write_bytes(b"x")
    remove_upload(mine)
    assert mine.exists() and upload_key(mine) is None


def test_the_limits_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MollensError, match=r"x.npz: has 0.0 MB; at most 0.0 MB can be .*incoming"):
        save(b"x" * 1001)
    with pytest.raises(MollensError, match="can be uploaded"):  # it announces less than it has
        save_upload(io.BytesIO(b"x" * 1001), "x.npz", 10, 1000)
    with pytest.raises(MollensError, match=r"is empty \(0 bytes\)"):
        save(b"")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    with pytest.raises(MollensError, match="are free on the disk of"):
        save(b"x")
    assert not uploads_folder().exists() or list(uploads_folder().iterdir()) == []


def test_what_nobody_imports_goes_after_a_day() -> None:
    old, young = save(b"old"), save(b"young")
    past = time.time() - 25 * 3600
    os.utime(old.parent, (past, past))
    remove_old_uploads()
    assert not old.parent.exists() and young.exists()


@pytest.fixture
def allowed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that MOLLENS_DATA names, with an archive, a text and links inside and outside."""
    folder = tmp_path / "allowed"
    (folder / "deep").mkdir(parents=True)
    archive(folder / "deep" / "a.tar.bz2", {"1.xyz": METHANE})
    (folder / "notes.md").write_text("nothing to import")
    (tmp_path / "secret.npz").write_bytes(b"x")
    (tmp_path / "allowed-too").mkdir()
    (tmp_path / "allowed-too" / "x.npz").write_bytes(b"x")
    (folder / "inside").symlink_to(folder / "deep")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "leak.npz").symlink_to(tmp_path / "secret.npz")
    (folder / "loop").symlink_to(folder / "loop")
    monkeypatch.setenv("MOLLENS_DATA", f"{folder}{os.pathsep}{tmp_path / 'missing'}")
    return folder


def test_paths_inside_are_found(allowed: Path, home: Path) -> None:
    target = (allowed / "deep" / "a.tar.bz2").resolve()
    for text in ("deep/a.tar.bz2", str(allowed / "deep" / "a.tar.bz2"), "inside/a.tar.bz2", " deep/../deep/a.tar.bz2 "):
        assert resolve_inside(text) == target
    (home / "incoming").mkdir(parents=True)
    (home / "incoming" / "b.xyz").write_text("1\n\nH 0 0 0\n")
    assert resolve_inside("b.xyz") == (home / "incoming" / "b.xyz").resolve()


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "../secret.npz", "{tmp}/secret.npz", "/etc/passwd", "outside/secret.npz", "leak.npz", "loop",
     "{tmp}/allowed-too/x.npz", "deep/none", "a\0b", "~/x", "x" * 5000],
)  # fmt: skip
def test_everything_else_is_refused_alike(allowed: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(MollensError, match="not found in .*; put the file there, or name its folder in MOLLENS_DATA"):
        resolve_inside(text.format(tmp=tmp_path))


def test_without_a_setting_only_incoming_is_read(tmp_path: Path) -> None:
    assert list_sources() == []
    with pytest.raises(MollensError, match="incoming"):
        resolve_inside(str(tmp_path))


def test_sources_are_what_an_importer_recognises(allowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list_sources()
    assert [(s.path, s.format) for s in found] == [((allowed / "deep" / "a.tar.bz2").resolve(), "qm9")]
    assert found[0].size == (allowed / "deep" / "a.tar.bz2").stat().st_size
    archive(allowed / "b.tar", {"1.xyz": METHANE}, "")
    assert len(list_sources()) == 2
    monkeypatch.setattr(uploads, "MOST_LISTED", 1)
    assert len(list_sources()) == 1
    monkeypatch.setattr(uploads, "MOST_LOOKED_AT", 0)
    assert list_sources() == []
