"""ASE databases: those that ASE and SchNetPack write themselves, and what may be wrong with one."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.units import Hartree, kcal, mol

from core.data.exporters import export
from core.data.importers import detect_format, import_file, inspect
from core.data.importers.ase_db import sample
from core.data.importers.columns import ColumnMap, Mapped, MappingNeeded
from core.data.store import Dataset
from core.errors import MollensError

NAMES = ("H2O", "CH4", "NH3", "H2O")
FORCES = [np.arange(3.0 * len(molecule(name))).reshape(-1, 3) / 7 for name in NAMES]


def ordinary(path: Path, **connect: Any) -> Path:
    """As a person writes one with ASE: results of a calculator, key-value pairs, data; not everything in every row."""
    with ase.db.connect(path, **connect) as database:
        for k, name in enumerate(NAMES):
            atoms = molecule(name)
            atoms.calc = SinglePointCalculator(
                atoms, energy=-100.1 * (k + 1), forces=FORCES[k], dipole=[0.1, 0.2, 0.3 * k], free_energy=-1.0
            )
            pairs = {"gap": 0.5 + k, "smiles": ["O", "C", "N", "[OH2]"][k], "converged": True, "method": "PBE"}
            data = {"charges_np": np.full(len(atoms), 0.25 * k, dtype=np.float32), "nested": {"a": 1}, "note": "text"}
            if k == 1:
                del pairs["gap"]
                data["quadrupole"] = np.eye(3)
                atoms.set_constraint(FixAtoms([0]))
            database.write(atoms, key_value_pairs=pairs, data=data)
    return path


def schnetpack_made(path: Path) -> Path:
    """As SchNetPack writes one itself."""
    import models.schnetpack_compat  # noqa: F401  (before schnetpack)

    # isort: split
    from schnetpack.data import ASEAtomsData

    made = ASEAtomsData.create(
        str(path),
        distance_unit="Bohr",
        property_unit_dict={"energy": "kcal/mol", "forces": "kcal/mol/Ang", "isotropic_polarizability": "a0 a0 a0",
                            "dipole_vector": "Debye", "my_number": None},
        atomrefs={"energy": [0.0, -314.0, 0.0, 0.0, 0.0, 0.0, -23800.0, -34200.0, -47000.0]},
    )  # fmt: skip
    atoms = [molecule(name) for name in NAMES]
    values = [
        {"energy": np.array([-1000.0 * (k + 1)]), "forces": FORCES[k], "isotropic_polarizability": np.array([6.5 + k]),
         "dipole_vector": np.array([[1.0, 2.0, k]]), "my_number": np.array([float(k)])}
        for k in range(4)
    ]  # fmt: skip
    made.add_systems(values, atoms)
    return path


MAP = ColumnMap(
    columns=(
        Mapped(source="energy", key="energy", unit="eV"),
        Mapped(source="forces", key="forces", unit="eV/Angstrom"),
        Mapped(source="dipole", key="dipole_vector", unit="e*Angstrom"),
        Mapped(source="gap", key="gap", unit="Ha"),
        Mapped(source="charges_np", key="partial_charges", unit="e"),
    )
)


@pytest.mark.parametrize("ending", ["db", "json"])
def test_an_ordinary_database_needs_a_mapping_and_is_read_by_it(tmp_path: Path, ending: str) -> None:
    path = ordinary(tmp_path / f"mine.{ending}")
    assert detect_format(path) == "ase_db"
    with pytest.raises(MappingNeeded, match="energy.*gap") as caught:
        import_file(path, "mine")
    columns = {column.name: column for column in caught.value.inspection.columns}
    assert set(columns) == {"energy", "forces", "dipole", "gap", "converged", "charges_np", "quadrupole"}
    assert columns["energy"].guess == Mapped(source="energy", key="energy", unit="eV")
    assert columns["forces"].stated_unit == "eV/Angstrom" and columns["forces"].per_atom
    assert columns["charges_np"].per_atom and columns["quadrupole"].shape == (3, 3)
    notes = " ".join(caught.value.inspection.notes)
    assert "nested" in notes and "method" in notes and "ids are those of the rows" in notes
    molecules = import_file(path, "mine", columns=MAP).molecules
    assert molecules.ids.tolist() == [1, 2, 3, 4] and molecules.sizes.tolist() == [3, 5, 4, 3]
    assert np.array_equal(molecules.positions, np.concatenate([molecule(name).positions for name in NAMES]))
    assert molecules.columns["energy"].tolist() == [-100.1 * (k + 1) for k in range(4)]
    assert np.array_equal(molecules.atom_columns["forces"], np.concatenate(FORCES))
    assert molecules.columns["gap"][0] == 0.5 * Hartree and np.isnan(molecules.columns["gap"][1])
    assert molecules.columns["dipole_vector"][1] == pytest.approx(np.array([0.1, 0.2, 0.3]) * 4.803204, rel=1e-6)
    assert molecules.atom_columns["partial_charges"].tolist() == [0.0] * 3 + [0.25] * 5 + [0.5] * 4 + [0.75] * 3
    assert [molecules.smiles_of(row) for row in range(4)] == ["O", "C", "N", "[OH2]"]


def test_schnetpacks_database_needs_no_mapping(tmp_path: Path) -> None:
    path = schnetpack_made(tmp_path / "spk.db")
    found = inspect(path)
    assert found.title == "ASE database of SchNetPack" and not found.needs_mapping and found.n_molecules == 4
    dataset = import_file(path, "spk")
    molecules, card = dataset.molecules, dataset.card
    assert molecules.columns["energy"] == pytest.approx(-1000 * np.arange(1, 5) * kcal / mol, rel=1e-12)
    assert molecules.columns["isotropic_polarizability"].tolist() == [6.5, 7.5, 8.5, 9.5]
    assert molecules.columns["dipole_vector"].tolist() == [[1.0, 2.0, k] for k in range(4)]
    assert molecules.columns["my_number"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert molecules.atom_columns["forces"] == pytest.approx(np.concatenate(FORCES) * kcal / mol)
    assert molecules.positions[:3] == pytest.approx(molecule("H2O").positions * 0.5291772105638411)
    assert card.atomic_energies["energy"] == pytest.approx(
        {"H": -314.0 * kcal / mol, "C": -23800 * kcal / mol, "N": -34200 * kcal / mol, "O": -47000 * kcal / mol}
    )
    assert card.default_target == "energy"
    assert next(p for p in card.properties if p.key == "my_number").unit == ""


def test_a_stated_unit_that_does_not_fit_is_asked_for(tmp_path: Path) -> None:
    path = schnetpack_made(tmp_path / "spk.db")
    database = ase.db.connect(path)
    database.metadata = {**database.metadata, "_property_unit_dict": {"energy": "Ang"}}
    with pytest.raises(MappingNeeded) as caught:
        import_file(path, "spk")
    assert caught.value.inspection.needs_mapping
    database.metadata = {**database.metadata, "_distance_unit": "furlong"}
    with pytest.raises(MollensError, match="_distance_unit is 'furlong'"):
        import_file(path, "spk")


def test_an_export_comes_back_as_it_was(tmp_path: Path, demo: Dataset) -> None:
    rows = np.arange(0, demo.molecules.n_molecules, 50)
    dataset = import_file(export(demo, rows, tmp_path / "demo.db"), "again")
    before, after = demo.molecules.take(rows), dataset.molecules
    for key in ("ids", "numbers", "positions", "first_atom"):
        assert np.array_equal(getattr(before, key), getattr(after, key)), key
    assert before.smiles is not None and after.smiles is not None
    assert before.smiles.tolist() == after.smiles.tolist()
    assert all(np.array_equal(before.columns[key], after.columns[key]) for key in before.columns)
    assert dataset.card.license == demo.card.license and dataset.card.citation == demo.card.citation
    assert dataset.card.level_of_theory == demo.card.level_of_theory
    for key, table in dataset.card.atomic_energies.items():
        assert table == pytest.approx({s: demo.card.atomic_energies[key][s] for s in after.symbols})


def test_bulk_reading_gives_what_asedb_gives(tmp_path: Path) -> None:
    path = ordinary(tmp_path / "mine.db")
    raw = sample(path, 3)
    for k, row in enumerate(ase.db.connect(path).select(limit=3)):
        atoms = slice(raw.first_atom[k], raw.first_atom[k + 1])
        assert np.array_equal(raw.numbers[atoms], row.numbers) and np.array_equal(raw.positions[atoms], row.positions)
        assert raw.columns["energy"][k] == row.energy and np.array_equal(raw.columns["dipole"][k], row.dipole)
        assert np.array_equal(raw.atom_columns["forces"][atoms], row.forces)
        assert np.array_equal(raw.atom_columns["charges_np"][atoms], row.data["charges_np"])
        assert np.array_equal(raw.columns["gap"][k], row.get("gap", np.nan), equal_nan=True)
        assert ("quadrupole" in row.data) == (not np.isnan(raw.columns["quadrupole"][k]).any())
    assert len(raw.ids) == 3


def test_shapes_tell_molecules_from_atoms(tmp_path: Path) -> None:
    """In a set of waters only, three numbers could be either."""
    with ase.db.connect(tmp_path / "w.db") as database:
        for k in range(3):
            data = {
                "mull": np.arange(3.0), "dipole_x": np.arange(3.0), "force_like": np.ones((3, 3)), "one": np.array([k]),
                "bare": 1.5, "listed": [1, 2, 3, 4], "uneven": np.ones(k + 4), "words": ["a"], "object": [[1], [2, 3]],
                "huge": np.zeros(2000), "empty": np.zeros(0),
            }  # fmt: skip
            database.write(molecule("H2O"), data=data)
    raw = sample(tmp_path / "w.db", 10)
    assert {name: v.shape[1:] for name, v in raw.atom_columns.items()} == {"mull": (), "force_like": (3,)}
    assert {name: v.shape[1:] for name, v in raw.columns.items()} == {
        "dipole_x": (3,), "one": (), "bare": (), "listed": (4,),
    }  # fmt: skip
    told = " ".join(raw.notes)
    assert all(name in told for name in ("uneven", "words", "object", "huge", "empty"))


def test_a_periodic_row_is_refused(tmp_path: Path) -> None:
    with ase.db.connect(tmp_path / "p.db") as database:
        database.write(molecule("H2O"), energy_ref=1.0)
        database.write(Atoms("C", cell=[3, 3, 3], pbc=[False, True, False]), energy_ref=1.0)
    with pytest.raises(MollensError, match="p.db: row 2 is periodic.*pbc"):
        inspect(tmp_path / "p.db")


def test_a_cell_without_periodicity_is_only_a_box(tmp_path: Path) -> None:
    atoms = molecule("H2O")
    atoms.set_cell([20, 20, 20])
    with ase.db.connect(tmp_path / "b.db") as database:
        database.write(atoms, ref=1.0)
    assert inspect(tmp_path / "b.db").n_molecules == 1


def changed(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> Path:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement, values)
    connection.close()
    return path


BLOB = (64).to_bytes(8, "little")
HOSTILE = {
    "a newer version": (["UPDATE information SET value = '10' WHERE name = 'version'"], (), "version 10.*up to 9"),
    "an old version": (["UPDATE information SET value = '4' WHERE name = 'version'"], (), "version 4.*ase.db.convert"),
    "no rows": (["DELETE FROM systems"], (), "without rows"),
    "no systems": (["DROP TABLE systems"], (), "not ASE's"),
    "a view for a table": (
        ["ALTER TABLE systems RENAME TO other",
         "CREATE VIEW systems AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x FROM r) SELECT x AS id FROM r"],
        (), "not ASE's",
    ),
    "positions that do not fit": (["UPDATE systems SET positions = x'00' WHERE id = 2"], (), "row 2 is damaged"),
    "positions that are text": (["UPDATE systems SET positions = 'abc' WHERE id = 2"], (), "row 2 is damaged"),
    "half a number": (["UPDATE systems SET numbers = x'0800', positions = x'000000000000000000000000' WHERE id = 2"],
                      (), "row 2 is damaged"),
    "a version that is no number": (
        ["UPDATE information SET value = '²' WHERE name = 'version'"], (), "version unknown",
    ),
    "ids that are words": (
        ["ALTER TABLE systems RENAME TO other", "CREATE TABLE systems AS SELECT * FROM other",
         "UPDATE systems SET id = 'word'"], (), "id 'word'",
    ),
    "no atoms": (["UPDATE systems SET numbers = x'', positions = x'' WHERE id = 3"], (), "row 3 has no atoms"),
    "an unknown element": (
        ["UPDATE systems SET numbers = ? WHERE id = 1"], (np.array([8, 1, -1], dtype="<i4").tobytes(),),
        "row 1 has atomic number -1",
    ),
    "element 119 and more": (
        ["UPDATE systems SET numbers = ? WHERE id = 1"], (np.array([8, 1, 257], dtype="<i4").tobytes(),),
        "row 1 has atomic number 257",
    ),
    "pairs that are no JSON": (["UPDATE systems SET key_value_pairs = '{' WHERE id = 1"], (), "is damaged"),
    "data whose text lies beyond": (["UPDATE systems SET data = ? WHERE id = 1"], (BLOB + b"{}",), "data ends early"),
    "data that is no JSON": (["UPDATE systems SET data = ?"], ((8).to_bytes(8, "little") + b"{x",), "is damaged"),
    "an array beyond its row": (
        ["UPDATE systems SET data = ?"],
        ((8).to_bytes(8, "little") + b'{"a":{"__ndarray__":[[9999999999],"float64",8]}}',), "is damaged",
    ),
    "an array of odd shape": (
        ["UPDATE systems SET data = ?"],
        ((8).to_bytes(8, "little") + b'{"a":{"__ndarray__":[[-1],"float64",8]}}',), "is damaged",
    ),
    "metadata that is no JSON": (["INSERT INTO information VALUES ('metadata', '{')"], (), "is damaged"),
    "a nested text without end": (
        ["UPDATE systems SET key_value_pairs = ?"], ("[" * 100_000,), "is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_wrong_is_told_and_nothing_is_left(tmp_path: Path, home: Path, case: str) -> None:
    statements, values, message = HOSTILE[case]
    path = ordinary(tmp_path / "bad.db")
    for statement in statements:
        changed(path, statement, values=values if "?" in statement else ())
    before = path.read_bytes()
    with pytest.raises(MollensError, match=f"(?s)bad.db.*{message}") as caught:
        import_file(path, "bad", columns=MAP)
    assert not isinstance(caught.value, MappingNeeded)
    assert path.read_bytes() == before and not (home / "data" / "bad").exists()


def test_a_position_that_is_no_number_is_told(tmp_path: Path) -> None:
    path = changed(
        ordinary(tmp_path / "n.db"),
        "UPDATE systems SET positions = ? WHERE id = 1",
        values=(np.full(9, np.nan).tobytes(),),
    )
    with pytest.raises(MollensError, match="molecule 1 has a coordinate that is not a number"):
        import_file(path, "n", columns=MAP)


def test_a_damaged_a_cut_and_a_foreign_file(tmp_path: Path) -> None:
    whole = ordinary(tmp_path / "whole.db").read_bytes()
    for n in (16, 100, 1024, len(whole) // 2, len(whole) - 4096):
        (tmp_path / "cut.db").write_bytes(whole[:n])
        with pytest.raises(MollensError, match=r"cut\.db.*(damaged|not ASE's)"):
            import_file(tmp_path / "cut.db", "cut", columns=MAP)
    torn = bytearray(whole)
    torn[4096:12288] = b"\xff" * 8192
    (tmp_path / "torn.db").write_bytes(torn)
    with pytest.raises(MollensError, match=r"torn\.db.*damaged"):
        import_file(tmp_path / "torn.db", "torn", columns=MAP)
    (tmp_path / "text.db").write_text("not a database")
    with pytest.raises(MollensError, match="not recognised"):
        detect_format(tmp_path / "text.db")
    with pytest.raises(MollensError, match="no ASE database"):
        import_file(tmp_path / "text.db", "text", format="ase_db")
    (tmp_path / "cut.json").write_bytes(ordinary(tmp_path / "whole.json").read_bytes()[:-300])
    with pytest.raises(MollensError, match=r"cut\.json.*damaged"):
        import_file(tmp_path / "cut.json", "cut", columns=MAP)


def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.importers.ase_rows._WAIT", 0.01)
    path = ordinary(tmp_path / "mine.db")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(MollensError, match="is locked by a program that writes"):
        inspect(path)
    writer.rollback()
    assert inspect(path).n_molecules == 4
    writer.close()


def test_an_lmdb_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.aselmdb").write_bytes(bytes(16) + bytes.fromhex("dec0efbe") + bytes(4000))
    with pytest.raises(MollensError, match="LMDB database.*convert"):
        inspect(tmp_path / "x.aselmdb")


def test_an_older_layout_with_data_as_text_is_read(tmp_path: Path) -> None:
    """Up to version 8 ASE wrote `data` as JSON."""
    text = json.dumps(
        {"u0": {"__ndarray__": [[1], "float64", [-5.5]]}, "plain": 2, "bad": {"__ndarray__": [[7], "x", 1]}}
    )
    path = changed(ordinary(tmp_path / "old.db"), "UPDATE systems SET data = ?", values=(text,))
    changed(path, "UPDATE information SET value = '8' WHERE name = 'version'")
    raw = sample(path, 10)
    assert raw.columns["u0"].tolist() == [-5.5] * 4 and raw.columns["plain"].tolist() == [2.0] * 4
    assert "bad" not in raw.columns


def test_ids_that_are_given_are_kept_only_if_they_can_be(tmp_path: Path) -> None:
    for ids, expected in (([7, 3, 12], [7, 3, 12]), ([7, 7, 12], [1, 2, 3]), ([1.5, 2, 3], [1, 2, 3])):
        path = tmp_path / f"{ids[1]}{ids[0]}.db"
        with ase.db.connect(path) as database:
            for id_ in ids:
                database.write(molecule("H2O"), source_id=id_)
        assert sample(path, 10).ids.tolist() == expected
