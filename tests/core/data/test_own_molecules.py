from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from core.data import own_molecules
from core.data.own_molecules import (
    answer_token,
    answers_folder,
    read_answer,
    read_own,
    save_text,
    write_answer,
)
from core.data.uploads import upload_key
from core.errors import MollensError

WATER = "3\n{}\nO 0.0 0.0 0.119\nH 0.0 0.763 -0.477\nH 0.0 -0.763 -0.477\n"


def file(tmp_path: Path, text: str | bytes, name: str = "own.xyz") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_several_molecules_with_what_the_file_says(tmp_path: Path) -> None:
    text = WATER.format("energy=-76.4 charge=0 multiplicity=1") + WATER.format("energy=-75.9 charge=1 multiplicity=2")
    own = read_own(file(tmp_path, text))
    assert own.molecules.n_molecules == 2 and own.molecules.formula(1) == "H2O" and own.notes == ()
    assert own.remarks[0] == []
    assert [text.split(",")[0] for text in own.remarks[1]] == [
        "the file gives a charge of +1", "the file gives multiplicity = 2",
    ]  # fmt: skip
    assert own.labels == [{"column": "energy", "value": -76.4}, {"column": "energy", "value": -75.9}]
    assert read_own(file(tmp_path, WATER.format("water"))).labels == [None]


def test_units_of_length(tmp_path: Path) -> None:
    path = file(tmp_path, "2\n\nC 0 0 0\nO 0 0 2.13\n")
    bohr = read_own(path, "Bohr")
    assert np.isclose(np.linalg.norm(np.diff(bohr.molecules.positions, axis=0)), 1.127, atol=1e-3)
    assert bohr.notes == () and "a bond in Bohr" in read_own(path).notes[0]
    with pytest.raises(MollensError, match="lengths 'inch': not known"):
        read_own(path, "inch")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello", "is no xyz file"),
        ("", "is no xyz file"),
        (b"\x00\xff" * 50, "is no xyz file"),
        (gzip.compress(WATER.encode(), mtime=0), r"is packed \(gz\)"),
        ("3\n\nO 0 0 0\nH 0 0 1\n", "cut short"),
        ("2\n\nO 0 0 0\nXx 0 0 1\n", "Xx"),
        ("2\n\nO 0 0 0\nH 0 0 nan\n", "not a finite number"),
        ('2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nO 0 0 0\nH 0 0 1\n', "periodic"),
        ("200000\n\nO 0 0 0\n", "announces 200,000 atoms"),
    ],
)
def test_hostile_files_are_refused_with_a_sentence(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(MollensError, match=message):
        read_own(file(tmp_path, content))


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MollensError, match="not found"):
        read_own(tmp_path / "none.xyz")
    monkeypatch.setattr(own_molecules, "MOST_MOLECULES", 2)
    assert read_own(file(tmp_path, 2 * WATER.format(""))).molecules.n_molecules == 2
    with pytest.raises(MollensError, match="more than 2 molecules; at most 2 molecules"):
        read_own(file(tmp_path, 3 * WATER.format("")))
    monkeypatch.setattr(own_molecules, "LARGEST_FILE", 50)
    with pytest.raises(MollensError, match="MB are predicted at once"):
        read_own(file(tmp_path, WATER.format("")))


def test_a_box_that_is_not_periodic_is_passed_over_and_told(tmp_path: Path) -> None:
    comment = 'Lattice="9 0 0 0 9 0 0 0 9" pbc="F F F" Properties=species:S:1:pos:R:3'
    assert "passed over" in read_own(file(tmp_path, WATER.format(comment))).notes[0]


def test_a_pasted_text_is_an_upload(home: Path) -> None:
    path = save_text("  " + WATER.format("pasted"))
    assert str(upload_key(path)).endswith("/pasted.xyz") and read_own(path).molecules.n_molecules == 1
    with pytest.raises(MollensError, match="is empty"):
        save_text(" \n ")


def test_answers_are_kept_for_a_day(tmp_path: Path) -> None:
    molecules = read_own(file(tmp_path, WATER.format(""))).molecules
    token = answer_token("run", "abc/own.xyz", "Angstrom", "0f")
    assert token != answer_token("run", "abc/own.xyz", "Bohr", "0f")
    assert read_answer(token) is None and read_answer("../../etc/passwd") is None
    write_answer(token, {"n": 1}, molecules)
    write_answer(token, {"n": 2}, molecules)
    content, again = read_answer(token) or ({}, None)
    assert content["n"] == 2 and again is not None and np.array_equal(again.positions, molecules.positions)
    folder = answers_folder() / token
    long_ago = folder.stat().st_mtime - 2 * 24 * 3600
    os.utime(folder, (long_ago, long_ago))
    write_answer("f" * 32, {}, molecules)
    assert read_answer(token) is None
    (answers_folder() / ("f" * 32) / "positions.npy").write_bytes(b"x")
    with pytest.raises(MollensError, match="is damaged"):
        read_answer("f" * 32)
    with pytest.raises(MollensError, match="is no name of an answer"):
        write_answer("../x", {}, molecules)
