"""Every property that Mollens knows, defined once: all axes, forms and error texts read it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import MollensError

Output = Literal["sum", "mean", "dipole"]
"""Sum or mean of what each atom gives, or the norm of the dipole moment of charges (and vectors) on the atoms."""


@dataclass(frozen=True)
class Property:
    """One measured or computed quantity of a molecule or of its atoms.

    Keys are SchNetPack's names where it has one.
    """

    key: str
    label: str
    """name on axes and in forms"""
    unit: str
    """unit inside Mollens and in machine-readable output; empty for a pure number"""
    description: str
    extensive: bool = False
    """grows with the number of atoms"""
    per_atom: bool = False
    """one value per atom instead of one per molecule"""
    output: Output | None = None
    """how atoms make it up in a network; None where no proper output module exists, then it is no target"""
    shape: tuple[int, ...] = ()
    """shape of one value"""

    @property
    def is_energy(self) -> bool:
        """Whether it is stored in eV, so that meV and the 1 kcal/mol line make sense."""
        return self.unit == "eV"


def _energy(key: str, label: str, description: str, output: Output = "sum") -> Property:
    return Property(key, label, "eV", description, extensive=output == "sum", output=output)


PROPERTIES: dict[str, Property] = {
    p.key: p
    for p in (
        _energy("energy", "Total energy", "total energy at fixed nuclei, without zero-point energy"),
        _energy(
            "atomization_energy", "Atomisation energy", "total energy minus that of the free atoms; negative when bound"
        ),
        _energy("energy_U0", "Internal energy at 0 K, U0", "internal energy at 0 K, zero-point energy included"),
        _energy("energy_U", "Internal energy at 298.15 K, U", "internal energy at 298.15 K"),
        _energy("enthalpy_H", "Enthalpy at 298.15 K, H", "enthalpy at 298.15 K"),
        _energy("free_energy", "Free energy at 298.15 K, G", "free energy at 298.15 K"),
        _energy("zpve", "Zero-point energy", "zero-point vibrational energy"),
        _energy("homo", "HOMO", "energy of the highest occupied molecular orbital", "mean"),
        _energy("lumo", "LUMO", "energy of the lowest unoccupied molecular orbital", "mean"),
        _energy("gap", "HOMO-LUMO gap", "LUMO minus HOMO", "mean"),
        Property("dipole_moment", "Dipole moment", "D", "norm of the dipole moment", output="dipole"),
        Property("dipole_vector", "Dipole vector", "D", "dipole moment as a vector", shape=(3,)),
        Property(
            "isotropic_polarizability",
            "Isotropic polarizability",
            "a0^3",
            "a third of the polarizability's trace",
            extensive=True,
        ),
        Property("electronic_spatial_extent", "Electronic spatial extent", "a0^2", "expectation value of r squared"),
        Property(
            "heat_capacity",
            "Heat capacity",
            "cal/(mol K)",
            "heat capacity at constant volume, 298.15 K",
            extensive=True,
            output="sum",
        ),
        Property("rotational_constant_A", "Rotational constant A", "GHz", "largest rotational constant"),
        Property("rotational_constant_B", "Rotational constant B", "GHz", "middle rotational constant"),
        Property("rotational_constant_C", "Rotational constant C", "GHz", "smallest rotational constant"),
        Property("partial_charges", "Partial charge", "e", "partial charge of the atom", per_atom=True),
        Property(
            "forces", "Force", "eV/Angstrom", "minus the gradient of the energy at the atom", per_atom=True, shape=(3,)
        ),
    )
}


def get_property(key: str) -> Property:
    """The property named `key`.

    Raises:
        MollensError: if there is none.
    """
    if key not in PROPERTIES:
        raise MollensError(f"property {key!r} is not known; known are {', '.join(PROPERTIES)}")
    return PROPERTIES[key]
