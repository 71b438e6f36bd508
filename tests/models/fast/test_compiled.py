"""Where compiled loops are kept."""

import os
from pathlib import Path

import numba
import numpy as np
import pytest

from models.fast import compiled as subject


def test_without_a_writable_folder_machine_code_goes_to_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", numba.config.CACHE_DIR)  # put back at the end
    source = tmp_path / "loops.py"
    code = compile(
        "def double(values):\n    for k in range(len(values)):\n        values[k] *= 2\n", str(source), "exec"
    )
    names: dict = {}
    exec(code, names)  # a function whose file is not there, so that nothing can be kept beside it
    source.write_text("def double(values):\n    for k in range(len(values)):\n        values[k] *= 2\n")
    refused = []
    njit = subject.njit

    def njit_without_place(**options: object) -> object:
        if not refused:
            refused.append(options)
            raise RuntimeError("cannot cache function 'double': no locator available for file 'loops.py'")
        return njit(**options)

    monkeypatch.setattr(subject, "njit", njit_without_place)
    values = np.array([1.0, 2.0])
    subject.compiled(names["double"])(values)
    assert values.tolist() == [2.0, 4.0] and refused[0]["cache"]
    assert list(tmp_path.glob("mollens-kernels-*/**/*.nbi"))


def test_nobody_elses_folder_is_loaded_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(subject.tempfile, "tempdir", str(tmp_path))  # which mkdtemp reads
    own = subject._temporary_folder()
    assert own.parent == tmp_path and own.stat().st_mode & 0o777 == 0o700
    assert subject._temporary_folder() == own  # the next process finds the code again

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)

    def assert_fresh() -> None:
        found = subject._temporary_folder()
        assert found not in (own, elsewhere) and not found.is_symlink()
        assert found.stat().st_mode & 0o777 == 0o700 and not list(found.iterdir())

    own.chmod(0o770)  # others may write
    assert_fresh()
    own.rmdir()
    own.symlink_to(elsewhere)  # another's trap
    assert_fresh()
    own.unlink()
    own.write_bytes(b"")
    assert_fresh()
    own.unlink()
    own.mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr(subject.os, "getuid", lambda: uid + 1)  # a folder of this name that belongs to somebody else
    own.rename(tmp_path / f"mollens-kernels-{uid + 1}")
    assert_fresh()
