"""`inspect` and `import` on the command line: the table of guesses, mappings, lists, and refusals in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli import main
from core.data.store import list_datasets, open_dataset

FRAME = """3
Properties=species:S:1:pos:R:3 U0={energy} zeta=4.5 pbc="F F F"
O 0.0 0.0 0.1
H 0.0 0.76 -0.48
H 0.0 -0.76 -0.48
"""


@pytest.fixture
def waters(tmp_path: Path) -> Path:
    (tmp_path / "w.xyz").write_text("".join(FRAME.format(energy=-76.4 - 0.001 * k) for k in range(20)))
    return tmp_path / "w.xyz"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    index = ["--no-index"] if words[0] == "import" else []  # no process in the background
    monkeypatch.setattr("sys.argv", ["mollens", *words, *index])
    status = 0
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def test_inspect_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waters: Path) -> None:
    status, out, _ = run(monkeypatch, capsys, "inspect", str(waters), "--json")
    found = json.loads(out)
    assert status == 0 and found["format"] == "extxyz" and found["n_molecules"] == 20 and found["warnings"] == []
    assert found["columns"][0]["guess"]["key"] == "energy_U0" and found["columns"][0]["guess"]["unit"] == "Ha"
    assert found["mapping"]["columns"][0]["source"] == "U0"


def test_inspect_with_a_wrong_unit_warns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waters: Path
) -> None:
    status, out, _ = run(monkeypatch, capsys, "inspect", str(waters), "--map", "U0=energy_U0:eV")
    assert status == 0 and "warning: energy_U0:" in out and "would fit Ha instead of eV" in out
    assert "U0=energy_U0:Ha" in out


def test_import_without_a_mapping_shows_the_guess_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waters: Path
) -> None:
    status, out, err = run(monkeypatch, capsys, "import", str(waters), "--name", "w")
    assert status == 1 and not out
    assert "U0=energy_U0:Ha" in err and "the numbers are those of total energies" in err
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("mollens: ") and sentence.endswith("--map COLUMN=KEY:UNIT, or --guess")
    assert [entry.name for entry in list_datasets()] == ["demo"]
    assert run(monkeypatch, capsys, "import", str(waters), "--name", "w", "--lengths", "Bohr")[0] == 1


def test_import_with_guess_mapping_card_and_flag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waters: Path, tmp_path: Path
) -> None:
    (tmp_path / "flag.txt").write_text("3\n4\n99\n")
    words = ["import", str(waters), "--name", "w", "--guess", "--map", "zeta=zeta:kcal/mol:extensive:Zeta: a test"]
    words += [
        "--flag",
        str(tmp_path / "flag.txt"),
        "--title",
        "Waters",
        "--level-of-theory",
        "B3LYP",
        "--target",
        "zeta",
    ]
    status, out, err = run(monkeypatch, capsys, *words, "--citation", "A. Nyone", "--license", "CC0")
    assert (status, err) == (0, "")
    assert out == "w: 20 molecules, 60 atoms; 2 marked by flag.txt\n"
    dataset = open_dataset("w")
    assert dataset.property("zeta").label == "Zeta: a test" and dataset.target_key() == "zeta"
    assert dataset.molecules.columns["zeta"][0] == pytest.approx(4.5 * 0.0433641, rel=1e-6)
    assert dataset.molecules.columns["energy_U0"][0] == pytest.approx(-76.4 * 27.211386, rel=1e-7)
    assert (dataset.card.title, dataset.card.citation) == ("Waters", "A. Nyone")
    status, out, _ = run(monkeypatch, capsys, "describe", "w", "--json")
    assert json.loads(out)["targets"] == ["energy_U0", "zeta"]


def test_a_warning_is_printed_after_the_import(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], waters: Path
) -> None:
    status, _, err = run(monkeypatch, capsys, "import", str(waters), "--name", "w", "--map", "U0=energy_U0:kcal/mol")
    assert status == 0 and "warning: energy_U0:" in err and "would fit Ha instead of kcal/mol" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--map", "U0"], "expected COLUMN=KEY:UNIT"),
        (["--map", "U0=energy_U0:D"], "unit 'D'"),
        (["--map", "U1=energy_U0:Ha"], "no column 'U1'"),
        (["--map", "zeta=zeta:eV:big"], "kind is 'big'"),
        (["--map", "U0=energy_U0:Ha:extensive"], "known to Mollens"),
        (["--guess", "--lengths", "furlong"], "'furlong': is not known"),
        (["--guess", "--target", "gap"], "target 'gap'"),
        (["--guess", "--format", "cif"], "format 'cif' is not known"),
        (["--guess", "--format", "npz"], "no npz file"),
        (["--guess", "--flag", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_refusals_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    waters: Path,
    words: list[str],
    message: str,
) -> None:
    status, out, err = run(monkeypatch, capsys, "import", str(waters), "--name", "w", *words)
    assert status == 1 and not out
    assert message in err and len(err.strip().splitlines()) == 1
    assert [entry.name for entry in list_datasets()] == ["demo"]


def test_coordinates_in_another_unit_must_be_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "b.xyz").write_text("2\nProperties=species:S:1:pos:R:3 U0=-109.5\nN 0 0 0\nN 0 0 2.07\n" * 5)
    words = ["import", str(tmp_path / "b.xyz"), "--name", "b", "--map", "U0=energy_U0:Ha"]
    status, _, err = run(monkeypatch, capsys, *words)
    assert status == 1 and "look like Bohr; say so with --lengths" in err
    assert run(monkeypatch, capsys, *words, "--lengths", "Bohr")[0] == 0
    assert open_dataset("b").molecules.positions[1, 2] == pytest.approx(2.07 * 0.52917721)
