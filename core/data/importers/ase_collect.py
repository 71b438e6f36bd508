"""What the rows of an ASE database hold, by name; shapes tell values of molecules from those of atoms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_COLUMNS = 500
_MOST_NUMBERS = 1000
"""numbers that one value may have; a Hessian is no property here"""
_UNSUSPECTED = 1 << 28  # bytes that a column may take with all its gaps
_GLOBAL = re.compile(r"dipole|^mu$|rotational|inertia|stress|cell|lattice", re.IGNORECASE)


@dataclass
class _Blocks:
    shapes: set[tuple[int, ...]] = field(default_factory=set)
    """of the values, as they are in the file"""
    of_molecules: bool = True
    """whether all values so far have one shape, but for a leading 1"""
    of_atoms: bool = True
    """whether all values so far have one row per atom"""
    blocks: list[tuple[Rows, Floats]] = field(default_factory=list)
    """rows (n,) and their values (n, ...)"""


class Collected:
    """Arrays of many rows by name."""

    def __init__(self) -> None:
        self._found: dict[str, _Blocks] = {}
        self.passed_over: dict[str, str] = {}
        """name -> why it is no column"""

    def add(self, name: str, rows: Rows, values: NDArray[np.generic], size: int) -> None:
        """Values (n, ...) of `name` at `rows` (n,), which are molecules of `size` atoms."""
        if name in self.passed_over:
            return
        if name not in self._found and len(self._found) >= MOST_COLUMNS:
            self.pass_over(name, f"only {MOST_COLUMNS} columns are read")
            return
        if values.dtype.kind not in "fiub" or not values.size:
            self.pass_over(name, "it holds no numbers")
            return
        shape = values.shape[1:]
        found = self._found.setdefault(name, _Blocks())
        found.shapes.add(shape)
        kept = _without_leading_one(shape)
        found.of_molecules &= len({_without_leading_one(s) for s in found.shapes}) == 1
        found.of_atoms &= bool(shape) and shape[0] == size and len({s[1:] for s in found.shapes}) == 1
        if math.prod(kept) > _MOST_NUMBERS and not (found.of_atoms and math.prod(shape[1:]) <= _MOST_NUMBERS):
            self.pass_over(name, f"it has {math.prod(kept):,} numbers a molecule")
        elif not (found.of_molecules or found.of_atoms):
            self.pass_over(name, "it has values of differing shapes")
        else:
            found.blocks.append((rows, np.asarray(values, dtype=np.float64)))

    def rename(self, name: str, free: str) -> None:
        """Call `name` by the name `free` if nothing has that."""
        if name in self._found and free not in self._found:
            self._found = {free if key == name else key: found for key, found in self._found.items()}

    def pass_over(self, name: str, why: str) -> None:
        """Leave a name out."""
        if len(self.passed_over) < 2 * MOST_COLUMNS:
            self.passed_over[name] = why
        self._found.pop(name, None)

    def assemble(self, first_atom: NDArray[np.int64]) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Columns per molecule (n, ...) and per atom (n_atoms, ...), NaN where a row has no value."""
        sizes = np.diff(first_atom)
        columns: dict[str, Floats] = {}
        atom_columns: dict[str, Floats] = {}
        for name, found in list(self._found.items()):
            per_atom = found.of_atoms and not (found.of_molecules and _is_global(name, found, sizes))
            shape = next(iter(found.shapes))
            rest = shape[1:] if per_atom else _without_leading_one(shape)
            length = int(first_atom[-1]) if per_atom else len(sizes)
            present = sum(values.nbytes for _, values in found.blocks)
            if 8 * length * math.prod(rest) > max(_UNSUSPECTED, 50 * present):
                self.pass_over(name, "hardly any row has it, and its values are large")
                continue
            values = np.full((length, *rest), np.nan)
            for rows, block in found.blocks:
                if per_atom:
                    values[(first_atom[rows][:, None] + np.arange(block.shape[1])).ravel()] = block.reshape(-1, *rest)
                else:
                    values[rows] = block.reshape(len(rows), *rest)
            (atom_columns if per_atom else columns)[name] = values
        return columns, atom_columns


def _without_leading_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one value: SchNetPack writes (1,) for a number and (1, 3) for a vector."""
    return shape[1:] if shape[:1] == (1,) else shape


def _is_global(name: str, found: _Blocks, sizes: NDArray[np.int64]) -> bool:
    """Whether values that could belong to the atoms, all molecules being of one size, belong to the molecule."""
    leading = {shape[:1] for shape in found.shapes}
    return leading <= {(), (1,)} or (all(len(shape) == 1 for shape in found.shapes) and bool(_GLOBAL.search(name)))
