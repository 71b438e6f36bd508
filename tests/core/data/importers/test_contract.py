"""What every importer promises: molecules that the store takes, the card to them, progress, and refusals in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from core.data.importers import IMPORTERS, MappingNeeded, detect_format, import_file, inspect
from core.data.molecules import check_molecules
from core.data.properties import PROPERTIES
from core.errors import MollensError
from tests.core.data.test_qm9 import METHANE, WATER, archive

TWO = (molecule("CH4"), molecule("H2O"))
ENERGIES = (-1101.4879, -2079.0786)  # eV


def frames() -> list[Atoms]:
    both = [atoms.copy() for atoms in TWO]
    for atoms, energy in zip(both, ENERGIES, strict=True):
        atoms.info["energy_U0"] = energy
    return both


def extxyz(path: Path) -> Path:
    ase.io.write(path, frames(), format="extxyz")
    return path


def npz(path: Path) -> Path:
    numbers, positions = (np.concatenate([getattr(a, key) for a in TWO]) for key in ("numbers", "positions"))
    with open(path, "wb") as file:
        np.savez(file, R=positions, Z=numbers, N=np.array([len(a) for a in TWO]), energy_U0=np.array(ENERGIES))
    return path


def database(path: Path) -> Path:
    with ase.db.connect(path, type="db") as rows:
        for atoms, energy in zip(TWO, ENERGIES, strict=True):
            rows.write(atoms, energy_U0=energy)
    return path


def jarvis(path: Path) -> Path:
    entries = [
        {
            "id": k,
            "U0": energy,
            "atoms": {
                "lattice_mat": (30 * np.eye(3)).tolist(),
                "coords": atoms.positions.tolist(),
                "elements": atoms.get_chemical_symbols(),
                "abc": [30, 30, 30],
                "angles": [90, 90, 90],
                "cartesian": True,
                "props": [""] * len(atoms),
            },
        }
        for k, (atoms, energy) in enumerate(zip(TWO, ENERGIES, strict=True), start=1)
    ]
    path.write_text(json.dumps(entries))
    return path


GOOD: dict[str, Callable[[Path], Path]] = {
    "qm9": lambda path: archive(path, {"1.xyz": METHANE, "3.xyz": WATER}),
    "extxyz": extxyz,
    "npz": npz,
    "ase_db": database,
    "jarvis": jarvis,
}
"""format -> function that writes a good file of methane and water with U0"""


@pytest.mark.parametrize("key", IMPORTERS)
def test_the_contract_of_every_importer(tmp_path: Path, home: Path, key: str) -> None:
    source = GOOD[key](tmp_path / "good")
    assert detect_format(source) == key
    before = source.read_bytes()
    found = inspect(source)
    columns = found.guessed() if found.needs_mapping else None
    assert found.format == key and found.title and found.n_molecules in (2, None)
    assert all(column.reason and column.example for column in found.columns)
    if found.needs_mapping:
        with pytest.raises(MappingNeeded):
            import_file(source, "asked")
    seen: list[tuple[int, int]] = []
    molecules, card = IMPORTERS[key].read(source, columns, lambda done, total: seen.append((done, total)))
    assert source.read_bytes() == before
    check_molecules(molecules, key)
    assert molecules.n_molecules == card.n_molecules == 2 and molecules.n_atoms == card.n_atoms == 8
    assert molecules.numbers.tolist() == [6, 1, 1, 1, 1, 8, 1, 1]
    assert molecules.columns["energy_U0"] == pytest.approx(np.array(ENERGIES), abs=1e-3)
    assert {p.key for p in card.properties} == {*molecules.columns, *molecules.atom_columns}
    assert all(PROPERTIES[p.key].unit == p.unit for p in card.properties)
    assert card.default_target in molecules.columns and card.level_of_theory and card.source["format"] == key
    assert seen[-1] == (len(before), len(before))
    for cut in range(0, len(before), max(1, len(before) // 7)):
        part = before[:cut]
        if key == "extxyz" and b"\n" in part:  # where a number of the last line is cut, nothing can tell
            part = part[: part.rindex(b"\n") + 1]
        (tmp_path / "cut").write_bytes(part)
        with pytest.raises(MollensError):
            import_file(tmp_path / "cut", "cut", format=key, columns=columns)
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []
