"""JARVIS dumps: a JSON list of objects with `atoms`, the dictionary of jarvis-tools' Atoms, beside columns and an id.

Coordinates are Cartesian in Angstrom, or fractions of the lattice. The lattice of a molecule is only the box around it
and is not kept; crystals, whose images touch, are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card
from core.data.importers.columns import ColumnMap, Inspection, MappingNeeded
from core.data.importers.jarvis_columns import Columns
from core.data.importers.json_stream import Progress, first_text, read_entries
from core.data.importers.raw import Raw, inspection, smiles_array, to_molecules
from core.data.molecules import NUMBERS, Molecules
from core.errors import MollensError

TITLE = "JARVIS dump (.json, .json.gz, .json.zip)"
_SAMPLE = 2000
_BATCH = 4096
_IDS = ("id", "jid", "index", "idx", "gdb_idx", "mol_id")
_SMILES = ("smiles_relaxed", "smiles", "smi")
_NUMBER_AT_END = re.compile(r"\D{0,40}?([0-9]{1,15})")
_TOUCHING = 1.8  # Angstrom between a molecule's images; nearer, it is bonded to them
_ATOMS = ("elements", "coords", "lattice_mat")


def accepts(path: Path) -> bool:
    """Whether it is a JSON list whose first entry has atoms."""
    if not path.is_file():
        return False
    text = first_text(path)
    return re.match(r"\[\s*\{", text) is not None and '"atoms"' in text


def inspect(path: Path) -> Inspection:
    """Columns and guesses from the first entries; the count where these are all."""
    raw = sample(path, _SAMPLE)
    return inspection(raw, "jarvis", TITLE, len(raw.ids) if len(raw.ids) < _SAMPLE else None)


def sample(path: Path, n: int) -> Raw:
    """The first `n` entries with all their columns."""
    return _read(path, None, n, lambda done, total: None)


def read(path: Path, columns: ColumnMap | None, progress: Progress) -> tuple[Molecules, Card]:
    """All entries with the columns that were chosen.

    Raises:
        MappingNeeded: without `columns`.
        MollensError: naming the entry, for what is no such list, unknown elements, or coordinates that are no numbers;
            for crystals.
    """
    if columns is None:
        raise MappingNeeded(str(path), inspect(path))
    raw = _read(path, {mapped.source for mapped in columns.columns}, None, progress)
    return to_molecules(raw, columns, path, "jarvis")


def _read(path: Path, wanted: set[str] | None, most: int | None, progress: Progress) -> Raw:
    gathered = _Gathered(path, wanted)
    for entry in read_entries(path, progress):
        gathered.add(entry)
        if most is not None and gathered.n >= most:
            break
    return gathered.raw()


class _Gathered:
    """What the entries so far hold."""

    def __init__(self, path: Path, wanted: set[str] | None) -> None:
        self._path, self.n = path, 0
        self._columns = Columns(str(path), wanted, {*_IDS, *_SMILES})
        self._numbers: list[list[int]] = []
        self._places: list[NDArray[np.float64]] = []
        self._lattices: list[NDArray[np.float64]] = []
        self._fractional: list[bool] = []
        self._batches: list[tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]] = []
        self._ids: dict[str, list[int] | None] = {}
        self._smiles: list[bytes] = []

    def add(self, entry: dict[str, Any]) -> None:
        """Keep one entry."""
        self.n += 1
        where = f"{self._path}: entry {self.n}"
        atoms = entry.get("atoms")
        if not isinstance(atoms, dict) or any(key not in atoms for key in _ATOMS):
            raise MollensError(
                f"{where}: has no atoms with {', '.join(_ATOMS)}; expected jarvis-tools' Atoms.to_dict()"
            )
        numbers = [NUMBERS.get(symbol, 0) if isinstance(symbol, str) else 0 for symbol in atoms["elements"]]
        if not numbers or 0 in numbers:
            unknown = atoms["elements"][numbers.index(0)] if numbers else "none"
            raise MollensError(f"{where}: element {str(unknown)[:20]!r} is not known; expected a symbol such as C or H")
        places, lattice = (_array(atoms[key], where, key) for key in ("coords", "lattice_mat"))
        if places.shape != (len(numbers), 3) or lattice.shape != (3, 3):
            raise MollensError(
                f"{where}: {len(numbers)} elements, coordinates {places.shape}, lattice {lattice.shape}; "
                f"expected ({len(numbers)}, 3) and (3, 3)"
            )
        if not np.isfinite(places).all() or not np.isfinite(lattice).all():
            raise MollensError(f"{where}: a coordinate is not a finite number; repair or remove it")
        self._numbers.append(numbers)
        self._places.append(places)
        self._lattices.append(lattice)
        self._fractional.append(not atoms.get("cartesian", False))
        self._columns.add(entry, len(numbers))
        self._note_id(entry)
        text = next((entry[key] for key in entry if key.lower() in _SMILES[:1]), None)
        text = text if text is not None else next((entry[key] for key in entry if key.lower() in _SMILES), "")
        self._smiles.append(text.encode() if isinstance(text, str) else b"")
        if len(self._numbers) == _BATCH:
            self._pack()

    def _note_id(self, entry: dict[str, Any]) -> None:
        for name in _IDS:
            if name not in entry or len(self._ids.setdefault(name, []) or ()) != self.n - 1:
                self._ids[name] = None
                continue
            found = _NUMBER_AT_END.fullmatch(str(entry[name])[:60])
            known = self._ids[name]
            if known is None or found is None:
                self._ids[name] = None
            else:
                known.append(int(found[1]))

    def _pack(self) -> None:
        """Turn what was gathered into arrays, coordinates into Angstrom."""
        if not self._numbers:
            return
        sizes = np.array([len(numbers) for numbers in self._numbers], dtype=np.int64)
        places, lattices = np.concatenate(self._places), np.stack(self._lattices)
        fractional = np.array(self._fractional)
        volumes = np.abs(np.linalg.det(lattices))
        flat = np.flatnonzero(volumes < 1e-6)
        if len(flat) and fractional[flat].any():
            row = self.n - len(sizes) + int(flat[fractional[flat]][0]) + 1
            raise MollensError(f"{self._path}: entry {row}: fractional coordinates in a lattice without volume")
        lattices[flat] = np.eye(3) * 1e6
        of_atom = np.repeat(np.arange(len(sizes)), sizes)
        inverse = np.linalg.inv(lattices)
        fractions = np.where(fractional[of_atom][:, None], places, np.einsum("ai,aij->aj", places, inverse[of_atom]))
        places = np.where(fractional[of_atom][:, None], np.einsum("ai,aij->aj", places, lattices[of_atom]), places)
        starts = np.cumsum(sizes) - sizes
        extent = np.maximum.reduceat(fractions, starts) - np.minimum.reduceat(fractions, starts)
        heights = 1 / np.linalg.norm(inverse, axis=1)
        touching = ((1 - extent) * heights).min(axis=1) < _TOUCHING
        numbers = np.fromiter((z for one in self._numbers for z in one), dtype=np.uint8, count=len(places))
        self._batches.append((numbers, places, sizes, touching))
        self._numbers, self._places, self._lattices, self._fractional = [], [], [], []

    def raw(self) -> Raw:
        """All that was kept.

        Raises:
            MollensError: if there is no entry, or most are crystals.
        """
        self._pack()
        if self.n == 0:
            raise MollensError(f"{self._path}: the list is empty; expected entries with atoms")
        numbers, places, sizes, touching = (np.concatenate(part) for part in zip(*self._batches, strict=True))
        if 2 * touching.sum() > self.n:
            raise MollensError(
                f"{self._path}: in {int(touching.sum()):,} of {self.n:,} entries the atoms touch their images in the "
                "next cell, so these are crystals; Mollens reads molecules"
            )
        ids, note = self._best_ids()
        columns, atom_columns, passed = self._columns.finish(len(numbers))
        notes = [note, "the lattices are taken as boxes around molecules and not kept"]
        return Raw(
            numbers=numbers,
            positions=places,
            first_atom=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
            ids=ids,
            columns=columns,
            atom_columns=atom_columns,
            smiles=smiles_array(self._smiles) if any(self._smiles) else None,
            stated_lengths="Angstrom",
            not_read=tuple(self._columns.not_read),
            notes=(*notes, *([f"passed over: {', '.join(passed[:20])}"] if passed else [])),
        )

    def _best_ids(self) -> tuple[NDArray[np.int64], str]:
        for name, known in self._ids.items():
            if known is not None and len(known) == self.n and len(set(known)) == self.n:
                return np.array(known, dtype=np.int64), f"ids are those of {name}"
        return np.arange(1, self.n + 1), f"ids are 1 to {self.n:,}, because no field numbers each entry once"


def _array(value: Any, where: str, name: str) -> NDArray[np.float64]:
    try:
        return np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise MollensError(f"{where}: {name} is not made of numbers; repair or remove the entry") from error
