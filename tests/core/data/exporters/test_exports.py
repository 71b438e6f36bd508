"""What every export promises, and each format read back by the tool it is made for."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest

from core.data.card import Card
from core.data.exporters import EXPORTERS, export, export_for_download, format_of, left_out
from core.data.importers import import_file, inspect
from core.data.molecules import Molecules
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.files import CHECKOUT, home

VECTOR = np.array([[0.1, -2.0, 1e-300], [np.pi, 1e22, -1 / 3], [5.0, 6.0, 7.0], [1.0, 2.0, 3.0]])


@pytest.fixture
def odd() -> Dataset:
    """Four molecules with all that a dataset may hold: gaps, vectors, atom columns, odd SMILES and numbers."""
    molecules = Molecules(
        numbers=np.array([8, 1, 1, 6, 9, 17, 9, 1], dtype=np.uint8),
        positions=np.arange(24, dtype=float).reshape(8, 3) / 3 - 1e-9,
        first_atom=np.array([0, 3, 5, 6, 8], dtype=np.int64),
        ids=np.array([3, 2**53, 7, 1], dtype=np.int64),
        columns={
            "energy": np.array([-2079.123456789012345, 0.1 + 0.2, -1e-17, 1e9]),
            "homo": np.array([-5.5, np.nan, -6.25, -1.0]),
            "dipole_vector": VECTOR,
        },
        atom_columns={
            "partial_charges": np.array([-0.8, 0.4, 0.4, np.nan, 0.1, 0.0, -0.1, 0.1]),
            "forces": np.arange(24, dtype=float).reshape(8, 3) / 7,
        },
        smiles=np.array([b"O", b"=cmd|'/C calc'!A0,\"x\"", b"", b"F/C=C\\Cl"]),
    )
    units = {"energy": "eV", "homo": "eV", "dipole_vector": "D", "partial_charges": "e", "forces": "eV/Angstrom"}
    shapes = {"dipole_vector": (3,), "forces": (3,)}
    properties = [
        {"key": k, "label": k, "unit": u, "shape": shapes.get(k, ()), "per_atom": k in ("partial_charges", "forces")}
        for k, u in units.items()
    ]
    card = {
        "name": "odd", "title": "Odd", "citation": "A. Author (2020)", "license": "CC0-1.0", "default_target": "energy",
        "properties": properties, "n_molecules": 1, "n_atoms": 1,
        "atomic_energies": {"energy": {"H": -13.6, "F": -2713.5}},
    }  # fmt: skip
    return save_dataset(molecules, Card.model_validate(card))


ALL = np.arange(4)


@pytest.mark.parametrize("key", EXPORTERS)
def test_the_contract_of_every_exporter(tmp_path: Path, demo: Dataset, key: str) -> None:
    """Whole or not at all, progress to the end, any order and number of rows, sources unchanged."""
    exporter = EXPORTERS[key]
    rows = np.array([500, 3, 4, 9000])
    seen: list[tuple[int, int]] = []
    for suffix in exporter.suffixes:
        path = tmp_path / f"molecules{suffix}"
        assert format_of(path).key == key
        before = demo.molecules.positions[:100].tobytes()
        assert export(demo, rows, path, progress=lambda done, total: seen.append((done, total))) == path
        assert path.stat().st_size > 0 and seen[-1] == (4, 4)
        assert demo.molecules.positions[:100].tobytes() == before
    assert sorted(tmp_path.glob("*")) == sorted([tmp_path / f"molecules{s}" for s in exporter.suffixes] + [home()])
    assert list(home().glob("**/.*.part*")) == []
    assert all(isinstance(sentence, str) for sentence in left_out(demo, rows, key))
    for bad, message in (([], "no molecules"), ([-1], "rows"), ([10**9], "rows")):
        with pytest.raises(MollensError, match=message):
            export(demo, np.array(bad, dtype=np.int64), tmp_path / "x", key)
    with pytest.raises(MollensError, match=r"no property 'x'.*energy"):
        export(demo, rows, tmp_path / "x", key, properties=["x"])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("key", EXPORTERS)
def test_an_export_that_is_stopped_leaves_the_old_file(tmp_path: Path, demo: Dataset, key: str) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    path = tmp_path / "mine"
    path.write_text("old")
    with pytest.raises(Stopped):
        export(demo, np.arange(5000), path, key, progress=stop)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p != home()] == ["mine"]


@pytest.mark.parametrize("suffix", [s for e in EXPORTERS.values() for s in e.suffixes if ".xyz" not in s])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, demo: Dataset, suffix: str) -> None:
    # a limit on the size of files stands in for the full disk: writes fail for real, half way through
    script = (
        "import resource, sys, numpy as np; from pathlib import Path; from core.data.store import open_dataset; "
        "from core.data.exporters import export; from core.errors import MollensError; d = open_dataset('demo'); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: export(d, np.arange(9000), Path(sys.argv[1]))\n"
        "except MollensError as error: print(error)"
    )
    words = [sys.executable, "-c", script, str(tmp_path / f"full{suffix}")]
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert re.search("no space left|disk may be full", done.stdout)
    assert [p for p in tmp_path.iterdir() if p != home()] == []


def test_paths_that_cannot_be_written(tmp_path: Path, odd: Dataset) -> None:
    with pytest.raises(MollensError, match="names no format.*extxyz"):
        export(odd, ALL, tmp_path / "x.docx")
    with pytest.raises(MollensError, match="format 'docx' is not known"):
        export(odd, ALL, tmp_path / "x.csv", "docx")
    with pytest.raises(MollensError, match="folder is not there"):
        export(odd, ALL, tmp_path / "missing" / "x.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(MollensError, match="is a folder"):
        export(odd, ALL, tmp_path / "folder.csv")


@pytest.mark.parametrize("suffix", [".extxyz", ".extxyz.gz", ".extxyz.xz"])
def test_extended_xyz_is_what_ase_reads(tmp_path: Path, odd: Dataset, suffix: str) -> None:
    path = export(odd, ALL[::-1], tmp_path / f"odd{suffix}")
    frames = ase.io.read(path, ":", format="extxyz")
    molecules = odd.molecules
    assert [frame.info["id"] for frame in frames] == [1, 7, 2**53, 3]
    for frame, row in zip(frames, ALL[::-1], strict=True):
        atoms = molecules.atoms(row)
        assert frame.numbers.tolist() == molecules.numbers[atoms].tolist() and not frame.pbc.any()
        assert np.array_equal(frame.positions, molecules.positions[atoms])
        assert np.array_equal(frame.arrays["partial_charges"], molecules.atom_columns["partial_charges"][atoms], True)
        assert np.array_equal(frame.get_forces(), molecules.atom_columns["forces"][atoms])  # ASE's own name
        assert frame.get_potential_energy() == molecules.columns["energy"][row]
        assert np.array_equal(frame.info["dipole_vector"], VECTOR[row])
        assert frame.info.get("smiles", "") == molecules.smiles_of(row)
    assert [frame.info.get("homo") for frame in frames] == [-1.0, -6.25, None, -5.5]
    assert frames[0].info["units"]["forces"] == "eV/Angstrom"
    assert frames[0].info["about"]["license"] == "CC0-1.0" and frames[0].info["about"]["citation"] == "A. Author (2020)"
    assert "about" not in frames[1].info
    opened = {"": open, ".gz": gzip.open, ".xz": lzma.open}[suffix.removeprefix(".extxyz")]
    with opened(path, "rt") as file:
        assert file.read().count("\n") == 4 * 2 + 8


@pytest.mark.parametrize("suffix", [".extxyz", ".extxyz.xz", ".npz", ".db"])
@pytest.mark.parametrize("name", ["demo", "odd"])
def test_what_was_exported_imports_without_loss(
    tmp_path: Path, demo: Dataset, odd: Dataset, suffix: str, name: str
) -> None:
    dataset, rows = (demo, np.arange(0, 12_000, 60)) if name == "demo" else (odd, ALL)
    path = export(dataset, rows, tmp_path / f"some{suffix}")
    found = inspect(path)
    columns = found.guessed().model_copy(update={"lengths": "Angstrom"}) if found.needs_mapping else None
    again = import_file(path, "again", columns=columns).molecules
    before = dataset.molecules.take(rows)
    for key in ("ids", "numbers", "positions", "first_atom", "smiles"):
        assert np.array_equal(getattr(before, key), getattr(again, key)), key
    gaps = set() if suffix != ".db" else {"homo", "partial_charges"} if name == "odd" else set()
    assert set(before.columns) - set(again.columns) <= gaps
    for key, values in {**again.columns, **again.atom_columns}.items():
        expected = {**before.columns, **before.atom_columns}[key]
        assert np.array_equal(values, expected, equal_nan=True), key


def test_a_csv_has_units_and_no_formulas(tmp_path: Path, odd: Dataset) -> None:
    path = export(odd, ALL, tmp_path / "odd.csv")
    with open(path, newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head[:7] == ["id", "formula", "atoms", "heavy_atoms", "smiles", "energy [eV]", "homo [eV]"]
    assert head[7:] == ["dipole_vector 1 [D]", "dipole_vector 2 [D]", "dipole_vector 3 [D]"]
    assert [line[0] for line in lines] == ["3", str(2**53), "7", "1"]
    assert [line[1] for line in lines] == ["H2O", "CF", "Cl", "FH"]
    assert [float(line[5]) for line in lines] == odd.molecules.columns["energy"].tolist()
    assert [line[6] for line in lines] == ["-5.5", "", "-6.25", "-1.0"]
    assert lines[1][4] == "'=cmd|'/C calc'!A0,\"x\"" and lines[3][4] == "F/C=C\\Cl"
    assert not any(cell.startswith(("=", "+", "@")) for line in [head, *lines] for cell in line)
    assert "forces" in left_out(odd, ALL, "csv")[0]


def test_npz_holds_all_without_pickles(tmp_path: Path, odd: Dataset) -> None:
    path = export(odd, ALL[1:], tmp_path / "odd.npz")
    arrays = np.load(path, allow_pickle=False)
    molecules = odd.molecules
    assert arrays["N"].tolist() == [2, 1, 2] and arrays["Z"].tolist() == [6, 9, 17, 9, 1]
    assert np.array_equal(arrays["R"], molecules.positions[3:]) and arrays["R"].dtype == np.float64
    assert arrays["id"].tolist() == [2**53, 7, 1] and arrays["smiles"].tolist() == molecules.smiles[1:].tolist()
    assert np.array_equal(arrays["homo"], molecules.columns["homo"][1:], equal_nan=True)
    assert np.array_equal(arrays["dipole_vector"], VECTOR[1:])
    assert np.array_equal(arrays["forces"], molecules.atom_columns["forces"][3:])
    assert json.loads(str(arrays["units"])) == {
        "R": "Angstrom", "energy": "eV", "homo": "eV", "dipole_vector": "D", "partial_charges": "e",
        "forces": "eV/Angstrom",
    }  # fmt: skip
    assert json.loads(str(arrays["about"]))["license"] == "CC0-1.0"


def test_an_ase_database_is_what_ase_reads(tmp_path: Path, odd: Dataset) -> None:
    path = export(odd, ALL, tmp_path / "odd.db")
    molecules = odd.molecules
    database = ase.db.connect(path)
    assert database.metadata["_distance_unit"] == "Ang"
    assert database.metadata["_property_unit_dict"] == {
        "energy": "eV", "dipole_vector": "Debye", "forces": "eV/Ang"
    }  # fmt: skip
    assert database.metadata["atomrefs"]["energy"][9] == -2713.5 and database.metadata["atomrefs"]["energy"][6] == 0.0
    assert database.metadata["about"]["license"] == "CC0-1.0"
    assert left_out(odd, ALL, "db") == (
        "homo, partial_charges: missing for some molecules, and SchNetPack holds no missing values",
    )
    rows = list(database.select())
    assert [row.source_id for row in rows] == molecules.ids.tolist()
    for k, row in enumerate(rows):
        atoms = row.toatoms()
        assert np.array_equal(atoms.numbers, molecules.numbers[molecules.atoms(k)]) and not atoms.pbc.any()
        assert np.array_equal(atoms.positions, molecules.positions[molecules.atoms(k)])
        assert row.data["energy"].tolist() == [molecules.columns["energy"][k]]
        assert row.data["dipole_vector"].tolist() == [VECTOR[k].tolist()]
        assert np.array_equal(row.data["forces"], molecules.atom_columns["forces"][molecules.atoms(k)])
        assert row.get("smiles", "") == molecules.smiles_of(k)
    assert [row.id for row in database.select("F")] == [2, 4]  # found by element
    assert [row.id for row in database.select(source_id=7)] == [3]
    assert [row.id for row in database.select(smiles="O")] == [1]


def test_a_row_is_written_as_ase_writes_it(tmp_path: Path, odd: Dataset) -> None:
    """All tables equal to those of `ase.db.write`, but for times, user and random names."""
    ours = export(odd, ALL[:1], tmp_path / "ours.db", properties=["energy", "forces"])
    pairs = {"source_id": 3, "smiles": "O"}
    data = {"energy": odd.molecules.columns["energy"][:1], "forces": np.array(odd.molecules.atom_columns["forces"][:3])}
    with ase.db.connect(tmp_path / "theirs.db") as database:
        database.write(odd.molecules.to_ase(0), key_value_pairs=pairs, data=data)

    def tables(path: Path) -> list[object]:
        with sqlite3.connect(path) as connection:
            systems = connection.execute("SELECT * FROM systems").fetchall()[0]
            others = [
                sorted(connection.execute(f"SELECT * FROM {name}").fetchall())
                for name in ("species", "keys", "text_key_values", "number_key_values")
            ]
            schema = sorted(str(row) for row in connection.execute("SELECT type, name, sql FROM sqlite_master"))
            return [systems[0], systems[5:], others, schema]

    assert tables(ours) == tables(tmp_path / "theirs.db")


def test_molecules_without_the_target_stay_out_of_a_database(tmp_path: Path, odd: Dataset) -> None:
    path = export(odd, ALL, tmp_path / "homo.db", properties=["homo"])
    assert [row.source_id for row in ase.db.connect(path).select()] == [3, 7, 1]
    told = left_out(odd, ALL, "db", ["homo"])
    assert told == ("1 molecules without homo: SchNetPack holds no missing values",)
    assert ase.db.connect(path).metadata["about"]["left_out"] == list(told)
    with pytest.raises(MollensError, match="none of these molecules has homo"):
        export(odd, ALL[1:2], tmp_path / "none.db", properties=["homo"])
    assert not (tmp_path / "none.db").exists()


def test_downloads_are_kept_for_a_day_and_within_bounds(odd: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first = export_for_download(odd, ALL, "csv")
    assert first.parent == home() / "exports" and first.name.startswith("odd-") and first.suffix == ".csv"
    made = first.stat().st_ino
    assert export_for_download(odd, ALL, "csv") == first and first.stat().st_ino == made
    assert export_for_download(odd, ALL[:2], "csv") != first
    assert export_for_download(odd, ALL, "extxyz.gz").name.endswith(".extxyz.gz")
    os.utime(first, (0, 0))
    assert export_for_download(odd, ALL, "npz").exists() and not first.exists()
    monkeypatch.setattr("core.data.exporters.KEPT_BYTES", 0)
    last = export_for_download(odd, ALL, "db")
    assert export_for_download(odd, ALL, "db") == last
    assert list((home() / "exports").iterdir()) == [last]
    with pytest.raises(MollensError, match="names no format"):
        export_for_download(odd, ALL, "docx")
