"""ASE database (SQLite) with the metadata that SchNetPack's AtomsDataModule asks for.

Every property lies in a row's `data` under its key, (1, ...) per molecule and (n_atoms, ...) per atom; id and SMILES
are the key-value pairs `source_id` and `smiles`. Rows are written to the tables directly: `ase.db` takes 12 times as
long.

SchNetPack cannot hold missing values. Molecules that lack the default target (of the properties that are exported; else
the first of them) are left out; then, properties that still have gaps.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.data.exporters.chosen import Chosen, Progress
from core.data.molecules import NUMBERS, Molecules
from core.errors import MollensError

SPELLING = {"D": "Debye", "a0^2": "a0 a0", "a0^3": "a0 a0 a0", "cal/(mol K)": "cal/mol/K", "": "arb. unit"}
"""units as SchNetPack writes them, which knows neither powers nor brackets"""
_N_REFERENCES = 100  # SchNetPack's own QM9 has as many
_NO_CELL = np.zeros(9).tobytes()


def write(chosen: Chosen, path: Path, progress: Progress) -> None:
    """Write the file.

    Raises:
        MollensError: if no molecule has the target, or the disk refuses.
    """
    kept, notes = _without_gaps(chosen)
    try:
        _create(kept, notes, path)
        with sqlite3.connect(path, isolation_level=None) as connection:
            _fill(kept, connection, progress)
        connection.close()
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "no space left") from error
        raise MollensError(
            f"{path.parent}: the database cannot be written there ({error}); the disk may be full or faulty; free some "
            "space or choose another"
        ) from error


def left_out(chosen: Chosen) -> tuple[str, ...]:
    """Molecules and properties with missing values."""
    return _without_gaps(chosen)[1]


def schnetpack_unit(unit: str) -> str:
    """A unit of Mollens as SchNetPack writes it."""
    return SPELLING.get(unit, unit.replace("Angstrom", "Ang"))


def _without_gaps(chosen: Chosen) -> tuple[Chosen, tuple[str, ...]]:
    """What can be written: molecules with the first property, and the properties that all of those have."""
    molecules, rows, notes = chosen.molecules, chosen.rows, []

    def complete(key: str) -> np.ndarray:
        return np.asarray(np.isfinite(molecules.columns[key][rows].reshape(len(rows), -1)).all(axis=1))

    if chosen.keys:
        has = complete(chosen.keys[0])
        if not has.any():
            raise MollensError(
                f"dataset {chosen.name}: none of these molecules has {chosen.keys[0]}, and SchNetPack holds no missing "
                "values; export other molecules or properties"
            )
        if not has.all():
            notes.append(
                f"{int((~has).sum()):,} molecules without {chosen.keys[0]}: SchNetPack holds no missing values"
            )
            rows = rows[has]
    keys = tuple(key for key in chosen.keys if complete(key).all())
    gaps = [key for key in chosen.keys if key not in keys]
    inside = np.zeros(molecules.n_molecules, dtype=bool)
    inside[rows] = True
    atoms = np.repeat(inside, molecules.sizes)
    atom_keys = tuple(key for key in chosen.atom_keys if np.isfinite(molecules.atom_columns[key][atoms]).all())
    gaps += [key for key in chosen.atom_keys if key not in atom_keys]
    if gaps:
        notes.append(f"{', '.join(gaps)}: missing for some molecules, and SchNetPack holds no missing values")
    return replace(chosen, rows=rows, keys=keys, atom_keys=atom_keys), tuple(notes)


def _create(chosen: Chosen, notes: tuple[str, ...], path: Path) -> None:
    """An empty database with its metadata, made by ASE itself."""
    from ase.db import connect

    references = {}
    for key, energies in chosen.card.atomic_energies.items():
        if key in chosen.keys:
            table = [0.0] * max(_N_REFERENCES, max(NUMBERS[symbol] for symbol in energies) + 1)
            for symbol, energy in energies.items():
                table[NUMBERS[symbol]] = energy
            references[key] = table
    connect(path, type="db", create_indices=False, use_lock_file=False).metadata = {
        "_property_unit_dict": {key: schnetpack_unit(unit) for key, unit in chosen.units().items()},
        "_distance_unit": "Ang",
        "atomrefs": references,
        "about": {**chosen.about(), "left_out": list(notes)},
    }


def _fill(chosen: Chosen, connection: sqlite3.Connection, progress: Progress) -> None:
    from ase.db.sqlite import index_statements

    connection.execute("PRAGMA journal_mode = OFF")  # an unfinished file is removed, never mended
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for start, molecules in chosen.chunks():
        connection.executemany(
            "INSERT INTO systems (id, unique_id, ctime, mtime, username, numbers, positions, cell, pbc, "
            "key_value_pairs, data, natoms, mass, charge) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 0.0)",
            _systems(chosen, molecules, start),
        )
        _describe(molecules, start, connection)
        progress(start + molecules.n_molecules, len(chosen.rows))
    for statement in index_statements:
        connection.execute(statement)
    connection.execute("COMMIT")


def _systems(chosen: Chosen, molecules: Molecules, start: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `systems`."""
    from ase.data import atomic_masses
    from ase.db.core import now

    n, moment = molecules.n_molecules, now()
    masses = np.add.reduceat(atomic_masses[molecules.numbers], molecules.first_atom[:-1]).tolist()
    names = os.urandom(16 * n).hex()
    numbers = molecules.numbers.astype("<i4")
    positions = np.ascontiguousarray(molecules.positions, dtype="<f8")
    values = [np.ascontiguousarray(molecules.columns[key], dtype="<f8") for key in chosen.keys]
    atom_values = [np.ascontiguousarray(molecules.atom_columns[key], dtype="<f8") for key in chosen.atom_keys]
    shapes = tuple((key, v.shape[1:]) for key, v in zip(chosen.keys, values, strict=True))
    atom_shapes = tuple((key, v.shape[1:]) for key, v in zip(chosen.atom_keys, atom_values, strict=True))
    pairs = _key_value_pairs(molecules)
    for row in range(n):
        atoms = molecules.atoms(row)
        size = atoms.stop - atoms.start
        head, tail = _frame(shapes, atom_shapes, size)
        content = [head, *(v[row].tobytes() for v in values), *(v[atoms].tobytes() for v in atom_values), tail]
        yield (
            start + row + 1, names[32 * row : 32 * row + 32], moment, moment, "mollens", numbers[atoms].tobytes(),
            positions[atoms].tobytes(), _NO_CELL, json.dumps(pairs[row]), b"".join(content), size, masses[row],
        )  # fmt: skip


Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@lru_cache(maxsize=1024)
def _frame(shapes: Shapes, atom_shapes: Shapes, size: int) -> tuple[bytes, bytes]:
    """Begin and end of the `data` of a molecule of `size` atoms, in ASE's encoding.

    That is the place of a JSON text, then the bytes of all arrays, then this text, which tells shape, type and place of
    each array.
    """
    at, entries = 8, {}
    for key, shape in [(k, (1, *s)) for k, s in shapes] + [(k, (size, *s)) for k, s in atom_shapes]:
        entries[key] = {"__ndarray__": [list(shape), "float64", at]}
        at += 8 * int(np.prod(shape))
    return at.to_bytes(8, "little"), json.dumps(entries, separators=(",", ":")).encode()


def _key_value_pairs(molecules: Molecules) -> list[dict[str, Any]]:
    assert molecules.smiles is not None
    return [
        {"source_id": id_, **({"smiles": smiles.decode(errors="replace")} if smiles else {})}
        for id_, smiles in zip(molecules.ids.tolist(), molecules.smiles.tolist(), strict=True)
    ]


def _describe(molecules: Molecules, start: int, connection: sqlite3.Connection) -> None:
    """Fill the tables by which ASE searches: elements, and keys with their values."""
    which, column = np.nonzero(molecules.element_counts)
    elements = np.array(molecules.elements)[column]
    counts = molecules.element_counts[which, column]
    ids = (which + start + 1).tolist()
    connection.executemany(
        "INSERT INTO species VALUES (?, ?, ?)", zip(elements.tolist(), counts.tolist(), ids, strict=True)
    )
    for row, pairs in enumerate(_key_value_pairs(molecules), start=start + 1):
        connection.execute("INSERT INTO number_key_values VALUES ('source_id', ?, ?)", (pairs["source_id"], row))
        connection.executemany("INSERT INTO keys VALUES (?, ?)", [(key, row) for key in pairs])
        if "smiles" in pairs:
            connection.execute("INSERT INTO text_key_values VALUES ('smiles', ?, ?)", (pairs["smiles"], row))
