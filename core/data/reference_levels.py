"""Known numbers that labels and coordinates are compared with: free atoms, sane ranges, bonds, moments of inertia.

They tell units apart, so they need to be right to a per cent only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import NUMBERS, Molecules

Floats = NDArray[np.float64]

HARTREE = 27.211386024  # eV
TOTAL_ENERGIES = ("energy", "energy_U0", "energy_U", "enthalpy_H", "free_energy")
POSITIVE = ("dipole_moment", "isotropic_polarizability", "electronic_spatial_extent", "zpve", "heat_capacity", "gap")

# Hartree, total energies of the free atoms with all electrons; of Z = 1 to 36, to 0.1 per cent
_ALL_ELECTRONS = (
    -0.500, -2.904, -7.478, -14.667, -24.654, -37.845, -54.589, -75.067, -99.734, -128.94, -162.26, -200.06, -242.36,
    -289.36, -341.26, -398.11, -460.15, -527.55, -599.9, -677.6, -760.6, -849.4, -943.9, -1044.4, -1150.9, -1263.6,
    -1382.7, -1508.3, -1640.6, -1779.5, -1925.0, -2077.5, -2236.4, -2402.1, -2574.2, -2753.7,
)  # fmt: skip
# Hartree, valence electrons only: GFN2-xTB (C. Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019))
_VALENCE = {
    "H": -0.393, "C": -1.795, "N": -2.606, "O": -3.768, "F": -4.619, "Si": -1.569, "P": -2.377, "S": -3.146,
    "Cl": -4.482, "Br": -4.048,
}  # fmt: skip


@dataclass(frozen=True)
class Level:
    """Between what the middle of a property's values lies in any set of molecules, in the house unit."""

    low: float
    high: float
    per_atom: bool = False
    """values are divided by the number of atoms first"""
    size_only: bool = False
    """the sign does not count"""


LEVELS: dict[str, Level] = {
    "atomization_energy": Level(-13, -0.5, per_atom=True),
    "zpve": Level(0.03, 0.6, per_atom=True),
    "homo": Level(-26, -1.5),
    "lumo": Level(-10, 15),
    "gap": Level(0.4, 26),
    "dipole_moment": Level(0, 40),
    "isotropic_polarizability": Level(1.0, 40, per_atom=True),
    "electronic_spatial_extent": Level(1.0, 1e5),
    "heat_capacity": Level(0.4, 4.5, per_atom=True),
    "forces": Level(0, 15, size_only=True),
    "partial_charges": Level(0, 3, size_only=True),
}


def level_of(key: str, values: Floats, molecules: Molecules) -> float | None:
    """The middle of the values, as `LEVELS` has it; None where nothing is known of `key` or no value is there."""
    level = LEVELS.get(key)
    if level is None:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    if level.size_only:
        numbers = np.abs(numbers) if numbers.ndim == 1 else np.sqrt((numbers**2).sum(axis=-1))
    elif numbers.ndim != 1:
        return None
    if level.per_atom:
        numbers = numbers / molecules.sizes
    numbers = numbers[np.isfinite(numbers)]
    return float(np.median(numbers)) if len(numbers) else None


def free_atoms(molecules: Molecules, valence: bool = False) -> Floats:
    """(n_molecules,) sum of the free atoms' total energies in eV.

    NaN with an element that is not in the table, and for hydrogen alone, whose bond is 17 per cent of its energy.
    """
    energies = np.full(256, np.nan)
    if valence:
        energies[[NUMBERS[symbol] for symbol in _VALENCE]] = list(_VALENCE.values())
    else:
        energies[1 : len(_ALL_ELECTRONS) + 1] = _ALL_ELECTRONS
    total = np.add.reduceat(energies[molecules.numbers], molecules.first_atom[:-1]) * HARTREE
    heaviest = np.maximum.reduceat(molecules.numbers, molecules.first_atom[:-1])
    return np.where(heaviest > 1, total, np.nan)


def relative_contacts(molecules: Molecules, at_most: int = 60) -> tuple[Floats, Floats]:
    """Nearest distance in each molecule in Angstrom, and relative to the sum of the two covalent radii; both (n,).

    Of molecules with one atom NaN; of larger ones than `at_most` only the first atoms are looked at.
    """
    from ase.data import covalent_radii

    nearest, relative = np.full(molecules.n_molecules, np.nan), np.full(molecules.n_molecules, np.nan)
    sizes = np.minimum(molecules.sizes, at_most)
    for size in np.unique(sizes[sizes > 1]):
        rows = np.flatnonzero(sizes == size)
        atoms = molecules.first_atom[rows][:, None] + np.arange(size)
        one, other = np.triu_indices(int(size), 1)
        for some in np.array_split(np.arange(len(rows)), max(1, len(rows) * len(one) // 500_000)):
            places, radii = molecules.positions[atoms[some]], covalent_radii[molecules.numbers[atoms[some]]]
            distances = np.sqrt(((places[:, one] - places[:, other]) ** 2).sum(axis=-1))
            nearest[rows[some]] = distances.min(axis=1)
            relative[rows[some]] = (distances / (radii[:, one] + radii[:, other])).min(axis=1)
    return nearest, relative


def rotational_constants_b(molecules: Molecules) -> Floats:
    """(n_molecules,) middle rotational constant in GHz, from the coordinates; NaN for a single atom."""
    from ase.data import atomic_masses

    starts, masses = molecules.first_atom[:-1], atomic_masses[molecules.numbers]
    total = np.add.reduceat(masses, starts)
    centre = np.add.reduceat(masses[:, None] * molecules.positions, starts) / total[:, None]
    placed = molecules.positions - centre[molecules.molecule_of_atom]
    outer = np.add.reduceat(masses[:, None, None] * placed[:, :, None] * placed[:, None, :], starts)
    inertia = np.trace(outer, axis1=1, axis2=2)[:, None, None] * np.eye(3) - outer
    middle = np.linalg.eigvalsh(inertia)[:, 1]
    return np.asarray(np.where(middle > 1e-3, 505.379 / np.maximum(middle, 1e-3), np.nan))  # h / (8 pi^2), GHz amu A^2
