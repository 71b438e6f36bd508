"""`export-dataset`: the words of the command line and what they write."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli import app
from core.data.store import open_dataset
from core.errors import MollensError


def words(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in ("export-dataset", *arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_selection_is_written_with_one_property(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    told = words("demo", "--to", path, "--where", "size=17-19", "--where", "element=F", "--property", "energy")
    with open(path, newline="") as file:
        head, *lines = csv.reader(file)
    molecules = open_dataset("demo").molecules
    wanted = (molecules.sizes >= 17) & (molecules.sizes <= 19) & molecules.contains(9)
    assert head[5:] == ["energy [eV]"]
    assert [int(line[0]) for line in lines] == molecules.ids[wanted].tolist() and wanted.any()
    assert f"{wanted.sum():,} of {molecules.n_molecules:,} molecules" in told and "left out: geometries" in told


def test_the_format_can_be_named(tmp_path: Path) -> None:
    words("demo", "--to", tmp_path / "small.txt", "--format", "extxyz", "--where", "size=3-4")
    assert (tmp_path / "small.txt").read_text().split()[1].startswith("Properties=species:S:1:pos:R:3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "size=500"], "no molecule is size=500"),
        (["--where", "colour=red"], "expected KEY=VALUE"),
        (["--property", "colour"], "no property 'colour'"),
        (["--format", "docx"], "format 'docx' is not known"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(MollensError, match=message):
        words("demo", "--to", tmp_path / "x.csv", *arguments)
    assert not (tmp_path / "x.csv").exists()
