"""Rows of an ASE database as they stand in its tables, taken apart into arrays.

Nothing is ever unpickled: ASE's `data` is bytes of arrays followed by a JSON text that tells type, shape and place of
each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.importers.ase_collect import Collected
from core.data.molecules import SYMBOLS
from core.errors import MollensError

CALCULATED = ("energy", "forces", "dipole", "charges")
"""results of calculators that are read; ASE's free energy is an electronic one, unlike Mollens's"""
CALCULATOR = "calculator."
"""begins their names where `data` has the same ones"""
COLUMNS = ("id", "numbers", "positions", "pbc", "key_value_pairs", "data", *CALCULATED)
_TYPES = {"float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"}


@dataclass
class Table:
    """All rows, or the first of them, in the names and units of the file."""

    ids: list[int] = field(default_factory=list)
    numbers: list[NDArray[np.uint8]] = field(default_factory=list)
    positions: list[NDArray[np.float64]] = field(default_factory=list)
    sizes: list[NDArray[np.int64]] = field(default_factory=list)
    values: Collected = field(default_factory=Collected)
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    """name -> row -> text"""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def first_atom(self) -> NDArray[np.int64]:
        """(n + 1,) index of each molecule's first atom."""
        return np.concatenate([[0], *(np.asarray(size) for size in self.sizes)]).cumsum().astype(np.int64)


def damaged(path: Path, error: Exception) -> MollensError:
    """The fault of a file that does not hold what it should."""
    return MollensError(f"{path}: is damaged or no ASE database ({error}); copy or make it again")


def shorten_names(table: Table) -> None:
    """Give the results of calculators their plain names where nothing else has them."""
    for name in CALCULATED:
        table.values.rename(f"{CALCULATOR}{name}", name)


def add_batch(table: Table, batch: Sequence[tuple[Any, ...]], start: int, path: Path) -> None:
    """Put some rows, with the columns COLUMNS, behind the `start` rows that the table has."""
    ids, numbers, positions, periodic, pairs, data, *calculated = zip(*batch, strict=True)
    for row_id, bits in zip(ids, periodic, strict=True):
        if type(row_id) is not int:
            raise damaged(path, ValueError(f"a row has the id {str(row_id)[:40]!r}"))
        if bits:
            raise MollensError(
                f"{path}: row {row_id} is periodic; Mollens reads molecules; set pbc to False if this is one in a box"
            )
    sizes = np.array([_n_atoms(row[0], row[1], row[2], path) for row in batch], dtype=np.int64)
    atomic = np.frombuffer(b"".join(numbers), dtype="<i4")
    if ((atomic < 1) | (atomic > max(SYMBOLS))).any():
        place = int(np.flatnonzero((atomic < 1) | (atomic > max(SYMBOLS)))[0])
        row = int(np.searchsorted(np.cumsum(sizes), place, side="right"))
        raise MollensError(f"{path}: row {ids[row]} has atomic number {atomic[place]}; expected 1 to {max(SYMBOLS)}")
    table.ids += ids
    table.sizes.append(sizes)
    table.numbers.append(atomic.astype(np.uint8))
    table.positions.append(np.frombuffer(b"".join(positions), dtype="<f8").reshape(-1, 3))
    for name, column in zip(CALCULATED, calculated, strict=True):
        _add_calculated(table, name, column, sizes, start)
    _add_pairs(table, pairs, start, path)
    _add_data(table, data, sizes, start, path)


def _n_atoms(row_id: int, numbers: Any, positions: Any, path: Path) -> int:
    if (
        not isinstance(numbers, bytes)
        or not isinstance(positions, bytes)
        or len(positions) != 6 * len(numbers)
        or len(numbers) % 4
    ):
        raise MollensError(f"{path}: row {row_id} is damaged: numbers and positions do not fit; remove it")
    if not numbers:
        raise MollensError(f"{path}: row {row_id} has no atoms; remove it")
    return len(numbers) // 4


def _add_pairs(table: Table, pairs: Sequence[Any], start: int, path: Path) -> None:
    """Key-value pairs: numbers to columns, words to texts."""
    numbers: dict[str, tuple[list[int], list[float]]] = {}
    for row, text in enumerate(pairs, start=start):
        try:
            content = json.loads(text) if text else {}
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged(path, error) from error
        for key, value in content.items() if isinstance(content, dict) else ():
            if isinstance(value, str):
                _add_text(table, key, row, value)
            elif isinstance(value, int | float) and abs(value) < 1e300:
                rows, values = numbers.setdefault(key, ([], []))
                rows.append(row)
                values.append(float(value))
    for key, (rows, values) in numbers.items():
        table.values.add(key, np.array(rows), np.array(values), -1)


def _add_text(table: Table, key: str, row: int, value: str) -> None:
    if key in table.texts or len(table.texts) < 100:
        table.texts.setdefault(key, {})[row] = value


def _add_calculated(table: Table, name: str, column: Sequence[Any], sizes: NDArray[np.int64], start: int) -> None:
    """Results of calculators: the energy is a number, the others are bytes of arrays."""
    if name == "energy":
        rows = [row for row, value in enumerate(column) if isinstance(value, float)]
        if rows:
            values = np.array([column[row] for row in rows])
            table.values.add(f"{CALCULATOR}{name}", np.array(rows) + start, values, -1)
        return
    widths = {"forces": 3, "charges": 1}
    groups: dict[int, list[int]] = {}
    for row, value in enumerate(column):
        n = 24 if name == "dipole" else 8 * widths[name] * int(sizes[row])
        if isinstance(value, bytes) and len(value) == n:
            groups.setdefault(n, []).append(row)
    for rows in groups.values():
        size = int(sizes[rows[0]])
        shape = {"dipole": (3,), "forces": (size, 3), "charges": (size,)}[name]
        values = np.frombuffer(b"".join(column[row] for row in rows), dtype="<f8").reshape(len(rows), *shape)
        of_atoms = size if name in widths else -1
        table.values.add(f"{CALCULATOR}{name}", np.array(rows) + start, values, of_atoms)


def _add_data(table: Table, data: Sequence[Any], sizes: NDArray[np.int64], start: int, path: Path) -> None:
    """The `data` of some rows; those with the same layout of bytes together."""
    groups: dict[tuple[bytes, int, int], list[int]] = {}
    for row, content in enumerate(data):
        if isinstance(content, bytes) and len(content) > 8:
            at = int.from_bytes(content[:8], "little", signed=True)
            if not 8 <= at <= len(content):
                raise MollensError(f"{path}: row {table.ids[start + row]} is damaged: its data ends early; remove it")
            groups.setdefault((content[at:], at, int(sizes[row])), []).append(row)
        elif isinstance(content, str | dict):
            _add_plain(table, _parsed(content, path), row + start, int(sizes[row]))
    for (text, at, size), rows in groups.items():
        layout = _parsed(text, path)
        packed = np.frombuffer(b"".join(data[row][:at] for row in rows), dtype=np.uint8).reshape(len(rows), at)
        for name, entry in layout.items():
            array = entry.get("__ndarray__") if isinstance(entry, dict) else None
            if array is None:
                for row in rows:
                    _add_plain(table, {name: entry}, row + start, size)
                continue
            dtype, shape, begin = _described(array, at, path)
            if dtype is None:
                table.values.pass_over(name, "it holds no numbers")
                continue
            end = begin + dtype.itemsize * math.prod(shape)
            values = np.ascontiguousarray(packed[:, begin:end]).view(dtype).reshape(len(rows), *shape)
            table.values.add(name, np.array(rows) + start, values, size)


def _described(array: Any, at: int, path: Path) -> tuple[np.dtype[Any] | None, tuple[int, ...], int]:
    """Type, shape and place of an array, checked."""
    try:
        shape, name, begin = array
        shape = tuple(shape)
        sound = all(type(k) is int and k >= 0 for k in (*shape, begin)) and len(shape) < 10
        dtype = np.dtype(name) if name in _TYPES else None
        if not sound or begin < 8 or (dtype is not None and begin + dtype.itemsize * math.prod(shape) > at):
            raise ValueError("an array reaches beyond its row")
    except (ValueError, TypeError) as error:
        raise damaged(path, error) from error
    return dtype, shape, begin


def _add_plain(table: Table, content: dict[str, Any], row: int, size: int) -> None:
    """Numbers, lists of numbers, words, and arrays as text has them; what is nested deeper is passed over."""
    for name, value in content.items():
        if isinstance(value, dict) and "__ndarray__" in value:
            value = _array_of_text(value["__ndarray__"])
        if isinstance(value, str):
            _add_text(table, name, row, value)
        elif value is not None:
            try:
                array = np.asarray(value)
                if array.dtype.kind not in "fiub" or not array.size:
                    raise ValueError
            except (ValueError, TypeError, OverflowError):
                table.values.pass_over(name, "it holds no numbers")
                continue
            table.values.add(name, np.array([row]), array[None], size)


def _array_of_text(array: Any) -> Any:
    """An array that a JSON text holds: shape, type, and all numbers in a list."""
    try:
        shape, name, numbers = array
        return np.array(numbers, dtype=name if name in _TYPES else "float64").reshape(shape)
    except (ValueError, TypeError, OverflowError):
        return object()


def _parsed(content: bytes | str | dict[str, Any], path: Path) -> dict[str, Any]:
    if isinstance(content, dict):
        return content
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    return found if isinstance(found, dict) else {}
