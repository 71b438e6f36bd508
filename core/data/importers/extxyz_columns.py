"""The columns of an xyz file as they come in, frame by frame, and what they are at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.data.importers.extxyz_words import Layout, key_text, number, text_of, value_of
from core.data.importers.raw import Raw, smiles_array
from core.errors import MollensError

Floats = NDArray[np.float64]

_IDS = ("id", "ids", "index", "idx", "gdb_idx", "gdb", "gdb_id", "mol_id", "molecule_id")
_SMILES = ("smiles", "smi", "canonical_smiles")
_LARGEST_ID = 2**53
_MOST_COLUMNS = 500
PLAIN = "comment"
"""name of the column of plain xyz whose comment is one number"""


@dataclass
class _Column:
    shape: tuple[int, ...]
    rows: list[int] = field(default_factory=list)
    values: list[float | Floats] = field(default_factory=list)


class Collected:
    """Molecules and columns of the frames read so far."""

    def __init__(self, source: str, wanted: set[str] | None) -> None:
        """wanted: names of the columns that are kept; None keeps all."""
        self._source, self._wanted = source, wanted
        self.n_molecules = 0
        self._columns: dict[str, _Column] = {}
        self._names: dict[bytes, str] = {}
        self._text: dict[str, str] = {}
        self._ids: dict[str, list[int] | None] = {}
        self._smiles: dict[int, bytes] = {}
        self._line = 0
        self._sizes: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.uint8]] = []
        self._positions: list[Floats] = []
        self._atom_columns: dict[str, list[tuple[int, Floats]]] = {}
        self._n_atoms = 0

    def new_row(self, line: int) -> int:
        """Begin a molecule whose comment stands in `line`."""
        self._line = line
        self.n_molecules += 1
        return self.n_molecules - 1

    def note(self, row: int, key: bytes, raw: bytes) -> None:
        """Keep one pair of a comment line."""
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= 100 * _MOST_COLUMNS:
                raise MollensError(f"{self._source}, line {self._line}: too many different names; this is no table")
            name = self._names[key] = key_text(key)
        lower = name.lower()
        if lower in _SMILES:
            self._smiles[row] = raw if raw.startswith(b"[") else text_of(raw)  # [HH] is no array
        if lower in _IDS:
            self._note_id(name, row, raw)
        if name in self._text or (self._wanted is not None and name not in self._wanted):
            return
        self._note_value(name, row, raw)

    def note_plain(self, row: int, comment: bytes) -> None:
        """Keep the comment of plain xyz where it is one number."""
        words = comment.split()
        if len(words) == 1 and PLAIN not in self._text and (self._wanted is None or PLAIN in self._wanted):
            self._note_value(PLAIN, row, words[0])

    def _note_id(self, name: str, row: int, raw: bytes) -> None:
        known = self._ids.setdefault(name, [])
        text = text_of(raw).strip()
        if known is None or not text.isdigit() or len(text) > 16 or int(text) > _LARGEST_ID or len(known) != row:
            self._ids[name] = None  # some frame has none, or no whole number
            return
        known.append(int(text))

    def _note_value(self, name: str, row: int, raw: bytes) -> None:
        column = self._columns.get(name)
        try:  # the most frequent case first
            if column is not None and column.shape == ():
                column.values.append(number(raw))
                column.rows.append(row)
                return
        except ValueError:
            pass
        value = value_of(raw) if raw else None
        if value is None or (column is not None and value.shape != column.shape):
            if column is None:
                self._text[name] = "text"
                return
            shown = raw[:40].decode(errors="replace")
            if self._wanted is None:
                del self._columns[name]
                self._text[name] = f"a number at first, {shown} in line {self._line}"
                return
            form = f"{' x '.join(map(str, column.shape))} numbers" if column.shape else "a number"
            raise MollensError(f"{self._source}, line {self._line}: {name} is {shown!r}; expected {form}")
        if column is None:
            if len(self._columns) >= _MOST_COLUMNS:
                raise MollensError(
                    f"{self._source}, line {self._line}: more than {_MOST_COLUMNS} columns; expected fewer"
                )
            column = self._columns[name] = _Column(value.shape)
        column.values.append(float(value) if value.shape == () else value)
        column.rows.append(row)

    def add_atoms(
        self, counts: NDArray[np.int64], table: Floats, layout: Layout, kept: list[tuple[str, str, int, int]]
    ) -> None:
        """Keep the atoms of some frames, (n_atoms, n_words), of these sizes."""
        self._sizes.append(counts)
        self._numbers.append(table[:, layout.species].astype(np.uint8))
        self._positions.append(table[:, layout.places : layout.places + 3].copy())
        for name, _, first, width in kept:
            if self._wanted is None or name in self._wanted or f"{name}_of_atoms" in self._wanted:
                values = table[:, first].copy() if width == 1 else table[:, first : first + width].copy()
                self._atom_columns.setdefault(name, []).append((self._n_atoms, values))
        self._n_atoms += len(table)

    def raw(self) -> Raw:
        """All that was kept.

        Raises:
            MollensError: if there is no molecule.
        """
        if self.n_molecules == 0:
            raise MollensError(f"{self._source}: holds no molecules; expected a count, a comment and atom lines")
        sizes = np.concatenate(self._sizes)
        ids, note = self._best_ids()
        columns = {name: self._filled(column) for name, column in self._columns.items() if name.lower() not in _IDS}
        atoms = {self._atom_name(name): self._joined(name) for name in self._atom_columns}
        passed = [f"{name} ({why})" for name, why in self._text.items() if name.lower() not in _SMILES]
        notes = [note, *([f"passed over: {', '.join(passed[:20])}"] if passed else [])]
        return Raw(
            numbers=np.concatenate(self._numbers),
            positions=np.concatenate(self._positions),
            first_atom=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
            ids=ids,
            columns=columns,
            atom_columns=atoms,
            smiles=smiles_array(self._smiles.get(row, b"") for row in range(self.n_molecules))
            if self._smiles
            else None,
            ase_units=True,
            not_read=tuple(name for name in self._names.values() if name not in columns and name not in self._text),
            notes=tuple(notes),
        )

    def _best_ids(self) -> tuple[NDArray[np.int64], str]:
        for name, known in self._ids.items():
            if known is not None and len(known) == self.n_molecules:
                ids = np.array(known, dtype=np.int64)
                if len(np.unique(ids)) == len(ids):
                    return ids, f"ids are those of {name}"
        twice = [name for name, known in self._ids.items() if known is not None and len(known) == self.n_molecules]
        why = f"{twice[0]} has some numbers twice" if twice else "no column of whole numbers has one for each"
        return np.arange(1, self.n_molecules + 1), f"ids are 1 to {self.n_molecules:,}, because {why}"

    def _filled(self, column: _Column) -> Floats:
        values = np.full((self.n_molecules, *column.shape), np.nan)
        values[column.rows] = np.array(column.values)
        return values

    def _atom_name(self, name: str) -> str:
        return f"{name}_of_atoms" if name in self._columns else name

    def _joined(self, name: str) -> Floats:
        parts = self._atom_columns[name]
        if len({part.shape[1:] for _, part in parts}) != 1:
            raise MollensError(f"{self._source}: {name} has different numbers of words in different frames")
        if sum(len(part) for _, part in parts) == self._n_atoms:
            return np.concatenate([part for _, part in parts])
        values = np.full((self._n_atoms, *parts[0][1].shape[1:]), np.nan)
        for start, part in parts:
            values[start : start + len(part)] = part
        return values
