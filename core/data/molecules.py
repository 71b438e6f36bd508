"""The central type: many molecules in flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError

if TYPE_CHECKING:
    from ase import Atoms

_IN_ORDER = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb
Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
"""
SYMBOLS: dict[int, str] = dict(enumerate(_IN_ORDER.split(), start=1))
NUMBERS: dict[str, int] = {symbol: number for number, symbol in SYMBOLS.items()}


@dataclass(frozen=True, eq=False)
class Molecules:
    """Many molecules, atoms of all of them one after the other; read-only, often memory-mapped.

    Atoms of molecule `row` are `first_atom[row]:first_atom[row + 1]`. A missing value is NaN.
    """

    numbers: NDArray[np.uint8]
    """(n_atoms,) atomic numbers"""
    positions: NDArray[np.float64]
    """(n_atoms, 3) in Angstrom"""
    first_atom: NDArray[np.int64]
    """(n_molecules + 1,) index of each molecule's first atom, ending with n_atoms"""
    ids: NDArray[np.int64]
    """(n_molecules,) unique identifiers, those of the source where it has some"""
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """property key -> (n_molecules, ...) values in the property's unit"""
    atom_columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """property key -> (n_atoms, ...) values in the property's unit"""
    smiles: NDArray[np.bytes_] | None = None
    """(n_molecules,) SMILES as bytes, empty where missing"""

    def __post_init__(self) -> None:
        if self.smiles is None:
            object.__setattr__(self, "smiles", np.zeros(len(self.ids), dtype="S1"))
        for array in (
            self.numbers,
            self.positions,
            self.first_atom,
            self.ids,
            self.smiles,
            *self.columns.values(),
            *self.atom_columns.values(),
        ):
            array.setflags(write=False)  # type: ignore[union-attr]

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return len(self.ids)

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all molecules together."""
        return len(self.numbers)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(n_molecules,) atoms of each molecule, hydrogens included."""
        return np.diff(self.first_atom)

    @cached_property
    def molecule_of_atom(self) -> NDArray[np.int64]:
        """(n_atoms,) row of the molecule that each atom belongs to."""
        return np.repeat(np.arange(self.n_molecules), self.sizes)

    @cached_property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, ascending."""
        return tuple(int(z) for z in np.flatnonzero(np.bincount(self.numbers, minlength=1)))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of `elements`, in the same order."""
        return tuple(SYMBOLS[z] for z in self.elements)

    @cached_property
    def element_counts(self) -> NDArray[np.int64]:
        """(n_molecules, n_elements) atoms of each of `elements` in each molecule."""
        column = np.zeros(256, dtype=np.int64)
        column[list(self.elements)] = np.arange(len(self.elements))
        width = len(self.elements)
        flat = np.bincount(self.molecule_of_atom * width + column[self.numbers], minlength=self.n_molecules * width)
        return flat.reshape(self.n_molecules, width)

    @cached_property
    def heavy_atoms(self) -> NDArray[np.int64]:
        """(n_molecules,) atoms of each molecule that are not hydrogen."""
        hydrogens = self.element_counts[:, self.elements.index(1)] if 1 in self.elements else 0
        return self.sizes - hydrogens

    def contains(self, number: int) -> NDArray[np.bool_]:
        """(n_molecules,) whether each molecule has an atom of atomic number `number`."""
        if number not in self.elements:
            return np.zeros(self.n_molecules, dtype=bool)
        return self.element_counts[:, self.elements.index(number)] > 0

    @cached_property
    def _sorted_ids(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = np.argsort(self.ids, kind="stable")
        return self.ids[order], order

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) rows of the molecules with these ids, in their order.

        Raises:
            MollensError: if an id does not occur.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        known, order = self._sorted_ids
        place = np.searchsorted(known, wanted)
        found = np.zeros(wanted.shape, dtype=bool)
        inside = place < len(known)
        found[inside] = known[place[inside]] == wanted[inside]
        if not found.all():
            raise MollensError(f"molecule {wanted[~found][0]}: not in this dataset of {self.n_molecules} molecules")
        return order[place]

    def atoms(self, row: int) -> slice:
        """The atoms of one molecule, to index the atom arrays."""
        return slice(int(self.first_atom[row]), int(self.first_atom[row + 1]))

    def take(self, rows: NDArray[np.int64]) -> Molecules:
        """A copy of the molecules at `rows`, in that order."""
        rows = np.asarray(rows, dtype=np.int64)
        sizes = self.sizes[rows]
        first_atom = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        atoms = np.arange(first_atom[-1]) + np.repeat(self.first_atom[rows] - first_atom[:-1], sizes)
        assert self.smiles is not None
        return Molecules(
            numbers=self.numbers[atoms],
            positions=self.positions[atoms],
            first_atom=first_atom,
            ids=self.ids[rows],
            columns={key: values[rows] for key, values in self.columns.items()},
            atom_columns={key: values[atoms] for key, values in self.atom_columns.items()},
            smiles=self.smiles[rows],
        )

    def smiles_of(self, row: int) -> str:
        """SMILES of one molecule, empty where the source has none."""
        assert self.smiles is not None
        return self.smiles[row].decode()

    def formula(self, row: int) -> str:
        """Sum formula in Hill order, e.g. C2H6O."""
        counts = {s: int(n) for s, n in zip(self.symbols, self.element_counts[row], strict=True) if n}
        first = [s for s in ("C", "H") if s in counts] if "C" in counts else []
        ordered = first + sorted(set(counts) - set(first))
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in ordered)

    def xyz(self, row: int) -> str:
        """One molecule as the text of an xyz file, with id, formula and SMILES in its comment."""
        atoms = self.atoms(row)
        lines = [str(self.sizes[row]), f"id={self.ids[row]} {self.formula(row)} {self.smiles_of(row)}".rstrip()]
        for number, (x, y, z) in zip(self.numbers[atoms], self.positions[atoms], strict=True):
            lines.append(f"{SYMBOLS[int(number)]:<2} {x:14.8f} {y:14.8f} {z:14.8f}")
        return "\n".join(lines) + "\n"

    def to_ase(self, row: int) -> Atoms:
        """One molecule as `ase.Atoms`."""
        from ase import Atoms

        atoms = self.atoms(row)
        return Atoms(numbers=self.numbers[atoms], positions=self.positions[atoms])


def check_molecules(molecules: Molecules, source: str) -> None:
    """Refuse molecules that no dataset may hold; `source` begins the sentence.

    Raises:
        MollensError: for no molecules, an empty molecule, a coordinate that is not finite, an unknown element or a
            duplicate id; it names the first id concerned.
    """
    if molecules.n_molecules == 0:
        raise MollensError(f"{source}: no molecules found; expected at least one")
    if (molecules.sizes <= 0).any():
        row = int(np.flatnonzero(molecules.sizes <= 0)[0])
        raise MollensError(f"{source}: molecule {molecules.ids[row]} has no atoms; remove it")
    finite = np.isfinite(molecules.positions).all(axis=1)
    if not finite.all():
        row = int(molecules.molecule_of_atom[np.flatnonzero(~finite)[0]])
        raise MollensError(f"{source}: molecule {molecules.ids[row]} has a coordinate that is not a number; remove it")
    known = np.zeros(256, dtype=bool)
    known[list(SYMBOLS)] = True
    if not known[molecules.numbers].all():
        atom = int(np.flatnonzero(~known[molecules.numbers])[0])
        raise MollensError(
            f"{source}: molecule {molecules.ids[molecules.molecule_of_atom[atom]]} has atomic number "
            f"{molecules.numbers[atom]}; expected 1 to {max(SYMBOLS)}"
        )
    ids, counts = np.unique(molecules.ids, return_counts=True)
    if (counts > 1).any():
        raise MollensError(
            f"{source}: id {ids[counts > 1][0]} occurs {counts[counts > 1][0]} times; ids must be unique"
        )
