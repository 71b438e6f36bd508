"""The columns of a JARVIS dump as its entries come in: numbers, arrays, and arrays with a row per atom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError

Floats = NDArray[np.float64]

_MISSING = {"na", "nan", "none", "null", ""}
_PER_ATOM = ("charge", "magmom", "force", "gradient")
_WIDEST = 1000
_MOST_COLUMNS = 500


class Columns:
    """Every field of the entries that holds numbers."""

    def __init__(self, source: str, wanted: set[str] | None, others: set[str]) -> None:
        """wanted: names that are kept, None keeps all; others: lower-case names that mean something else."""
        self._source, self._wanted, self._others = source, wanted, others
        self._form: dict[str, tuple[bool, tuple[int, ...]]] = {}
        self._values: dict[str, list[tuple[int, Any]]] = {}
        self._passed: dict[str, str] = {}
        self._n, self._n_atoms = 0, 0
        self.not_read: dict[str, None] = {}
        """names that nobody asked for, in their order"""

    def add(self, entry: dict[str, Any], n_atoms: int) -> None:
        """Keep the columns of one entry, a molecule of `n_atoms`."""
        for name, value in entry.items():
            known = name in self._form
            if name == "atoms" or name in self._passed or (not known and name.lower() in self._others):
                continue
            if self._wanted is not None and name not in self._wanted:
                if len(self.not_read) < _MOST_COLUMNS:
                    self.not_read[name] = None
                continue
            number = _number(value)
            if number is not None and self._form.get(name, (False, ())) == (False, ()):
                if not known:
                    self._begin(name, False, ())
                self._values[name].append((self._n, number))
            elif not _is_missing(value):
                self._add_array(name, value, n_atoms)
        self._n += 1
        self._n_atoms += n_atoms

    def _begin(self, name: str, per_atom: bool, shape: tuple[int, ...]) -> None:
        if len(self._form) >= _MOST_COLUMNS:
            raise MollensError(f"{self._source}: has more than {_MOST_COLUMNS} columns; this is no table of molecules")
        self._form[name], self._values[name] = (per_atom, shape), []

    def _add_array(self, name: str, value: Any, n_atoms: int) -> None:
        array = _array(value)
        if name not in self._form:
            if array is None or array.ndim == 0 or array.size == 0:
                self._passed[name] = "text" if isinstance(value, str) else "no numbers"
                return
            tells = any(word in name.lower() for word in _PER_ATOM)
            per_atom = array.shape[0] == n_atoms and (array.ndim == 2 or tells)
            shape = array.shape[1:] if per_atom else array.shape
            if int(np.prod(shape)) > _WIDEST:
                self._passed[name] = f"{int(np.prod(shape)):,} numbers each"
                return
            self._begin(name, per_atom, shape)
        per_atom, shape = self._form[name]
        expected = (n_atoms, *shape) if per_atom else shape
        if array is None or array.shape != expected:
            if self._wanted is None:
                self._passed[name] = f"of another form in entry {self._n + 1}"
                del self._form[name], self._values[name]
                return
            form = "a number" if expected == () else f"{' x '.join(map(str, expected))} numbers"
            raise MollensError(f"{self._source}: entry {self._n + 1}: {name} is {str(value)[:40]!r}; expected {form}")
        self._values[name].append((self._n_atoms if per_atom else self._n, array))

    def finish(self, n_atoms: int) -> tuple[dict[str, Floats], dict[str, Floats], list[str]]:
        """Columns (n, ...), columns of atoms (n_atoms, ...), and what was passed over with the reason."""
        columns, atom_columns = {}, {}
        for name, (per_atom, shape) in self._form.items():
            values = np.full((n_atoms if per_atom else self._n, *shape), np.nan)
            if per_atom:
                for start, array in self._values[name]:
                    values[start : start + len(array)] = array
                atom_columns[name] = values
            else:
                values[[row for row, _ in self._values[name]]] = np.array([value for _, value in self._values[name]])
                columns[name] = values
            self._values[name] = []
        return columns, atom_columns, [f"{name} ({why})" for name, why in self._passed.items()]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _MISSING)


def _number(value: Any) -> float | None:
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _array(value: Any) -> Floats | None:
    if not isinstance(value, list):
        return None
    try:
        return np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
