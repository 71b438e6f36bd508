"""Units of files: known factors, usual spellings, and what fits what."""

from __future__ import annotations

import pytest

from core.data.properties import PROPERTIES
from core.data.units import factor, fits, house_unit, unit_in_name, units_for, usual_spelling
from core.errors import MollensError

# to three or more digits from CODATA 2018, not from ase.units
FACTORS = [
    ("Ha", "eV", 27.211386), ("hartree", "eV", 27.211386), ("mHa", "eV", 0.027211386), ("Ry", "eV", 13.605693),
    ("kcal/mol", "eV", 0.0433641), ("kcal mol^-1", "eV", 0.0433641), ("kJ/mol", "eV", 0.01036427), ("meV", "eV", 0.001),
    ("cm^-1", "eV", 1.239842e-4), ("a.u.", "eV", 27.211386),
    ("Ha/Bohr", "eV/Angstrom", 51.422067), ("Hartree/a0", "eV/Angstrom", 51.422067), ("a.u.", "eV/Angstrom", 51.422067),
    ("kcal/mol/Angstrom", "eV/Angstrom", 0.0433641), ("kcal mol⁻¹ Å⁻¹", "eV/Angstrom", 0.0433641),
    ("kcal/(mol*Ang)", "eV/Angstrom", 0.0433641), ("kJ/mol/nm", "eV/Angstrom", 0.001036427),
    ("Bohr", "Angstrom", 0.52917721), ("nm", "Angstrom", 10),
    ("e*Angstrom", "D", 4.803205), ("e·Å", "D", 4.803205), ("e*a0", "D", 2.541746), ("au", "D", 2.541746),
    ("J/(mol K)", "cal/(mol K)", 0.2390057), ("J/mol/K", "cal/(mol K)", 0.2390057), ("cal/mol/K", "cal/(mol K)", 1),
    ("Angstrom^3", "a0^3", 6.748334), ("bohr**3", "a0^3", 1), ("a_0^3", "a0^3", 1), ("Å²", "a0^2", 3.571065),
    ("cm^-1", "GHz", 29.9792458), ("cm-1", "GHz", 29.9792458), ("MHz", "GHz", 0.001), ("e", "e", 1),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "house", "expected"), FACTORS)
def test_known_factors(unit: str, house: str, expected: float) -> None:
    assert factor(unit, house) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "house"),
    [("eV", "D"), ("MeV", "eV"), ("kcal", "D"), ("furlong", "eV"), ("", "eV"), ("eV/", "eV"), ("(eV", "eV"),
     ("eV)", "eV"),
     ("eV eV", "eV"), ("Ha", "eV/Angstrom"), ("e" * 100, "e"), ("a.u.", "GHz"), ("nm", "a0^2"), ("kcal/mol", "")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(unit: str, house: str) -> None:
    assert not fits(unit, house)
    with pytest.raises(MollensError, match="is no unit for a quantity in"):
        factor(unit, house)


@pytest.mark.parametrize("prop", PROPERTIES.values(), ids=lambda prop: prop.key)
def test_every_property_offers_units_that_fit_it(prop: object) -> None:
    unit = prop.unit  # type: ignore[attr-defined]
    assert units_for(unit)[0] == unit
    for other in units_for(unit):
        assert factor(other, unit) > 0
        assert usual_spelling(other, unit) == other
        assert house_unit(other) == unit or other == "cm^-1"  # which may be an energy or a frequency


def test_usual_spellings() -> None:
    assert usual_spelling("hartree", "eV") == "Ha"
    assert usual_spelling("kcal mol-1 A-1", "eV/Angstrom") == "kcal/mol/Angstrom"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eat_g4mp2_Ha", ("eat_g4mp2", "Ha")),
        ("energy [kcal/mol]", ("energy", "kcal/mol")),
        ("E (Hartree)", ("E", "Hartree")),
        ("forces_kcal_mol_A", ("forces", "kcal/mol/A")),
        ("homo-eV", ("homo", "eV")),
        ("rotational_constant_A", ("rotational_constant_A", None)),
        ("U0", ("U0", None)),
        ("h298_atom", ("h298_atom", None)),
        ("A", ("A", None)),
    ],
)
def test_units_at_the_end_of_a_name(name: str, expected: tuple[str, str | None]) -> None:
    assert unit_in_name(name) == expected
