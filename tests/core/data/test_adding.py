"""The command that the page shows: what it says, and that the command line makes the same mapping of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from core.cli.importing import _mapped
from core.data.adding import import_command
from core.data.importers import About, ColumnMap, Mapped

NONE = About()


def test_a_file_that_says_all_needs_no_more_than_a_name() -> None:
    assert import_command("a.tar.bz2", "two", None, NONE, None, None) == "python -m core import a.tar.bz2 --name two"


def test_everything_that_a_person_says_stands_in_it() -> None:
    about = About(title="It's two", level_of_theory="PBE", citation="me", license="CC0", default_target="energy")
    text = import_command("my file.xyz", "two", None, about, Path("/x/out.txt"), Path("/x/marked.txt"))
    assert shlex.split(text)[4:] == [
        "my file.xyz", "--name", "two", "--exclude", "out.txt", "--flag", "marked.txt", "--title", "It's two",
        "--level-of-theory", "PBE", "--citation", "me", "--license", "CC0", "--target", "energy",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "mapped",
    [
        Mapped(source="U0", key="energy_U0", unit="Ha"),
        Mapped(source="heat capacity", key="heat_capacity", unit="cal/(mol K)"),
        Mapped(source="a=b", key="own", unit="eV", kind="intensive"),
        Mapped(source="count", key="own", kind="other"),
        Mapped(source="x$(rm)'", key="own", unit="", kind="extensive", label="A label: with a colon"),
    ],
)
def test_the_command_line_reads_the_same_mapping(mapped: Mapped) -> None:
    text = import_command("f", "n", ColumnMap(columns=(mapped,), lengths="Bohr"), NONE, None, None)
    words = shlex.split(text)
    assert _mapped(words[words.index("--map") + 1]) == mapped
    assert words[words.index("--lengths") + 1] == "Bohr"
