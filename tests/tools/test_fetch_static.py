import json
from importlib.metadata import version
from pathlib import Path

import pytest

from tools import fetch_static


def test_3dmol_has_the_version_of_py3dmol() -> None:
    assert fetch_static.wanted()[0].package == f"3dmol@{version('py3Dmol')}"


def test_what_is_there_in_the_right_version_is_not_fetched_again(tmp_path: Path) -> None:
    assert [file.name for file in fetch_static.missing(tmp_path)] == ["3Dmol-min.js", "inter.woff2"]
    have = {file.name: file.package for file in fetch_static.wanted()}
    for name in have:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "versions.json").write_text(json.dumps(have))
    assert fetch_static.missing(tmp_path) == []
    (tmp_path / "versions.json").write_text(json.dumps(have | {"3Dmol-min.js": "3dmol@1.0.0"}))
    assert [file.name for file in fetch_static.missing(tmp_path)] == ["3Dmol-min.js"]


def test_without_npm_it_says_so_and_the_app_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch_static.shutil, "which", lambda name: None)
    assert fetch_static.main(tmp_path / "static") == 0
    assert "npm was not found" in capsys.readouterr().out


def test_a_failing_npm_leaves_the_old_file_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(fetch_static.shutil, "which", lambda name: str(npm))
    static = tmp_path / "static"
    static.mkdir()
    (static / "3Dmol-min.js").write_bytes(b"old")
    assert fetch_static.main(static) == 0
    assert (static / "3Dmol-min.js").read_bytes() == b"old"
    assert "no such package" in capsys.readouterr().out
