"""Names and numbers of columns: what they are guessed to be, and why."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.importers.guessing import guess_columns
from core.data.molecules import Molecules

WATER = Molecules(
    numbers=np.array([8, 1, 1] * 4, np.uint8),
    positions=np.tile([[0, 0, 0.1], [0, 0.76, -0.48], [0, -0.76, -0.48]], (4, 1)),
    first_atom=np.arange(0, 13, 3),
    ids=np.arange(4),
)

NAMES = {
    "U0": "energy_U0", "energy_U0": "energy_U0", "u0": "energy_U0", "U": "energy_U", "u298": "energy_U",
    "H": "enthalpy_H", "h298": "enthalpy_H", "enthalpy_H": "enthalpy_H", "G": "free_energy", "g298": "free_energy",
    "free_energy": "free_energy", "E": "energy", "energy": "energy", "energies": "energy", "dft_energy": "energy",
    "REF_energy": "energy",
    "scf_energy": "energy", "gap": "gap", "mu": "dipole_moment", "alpha": "isotropic_polarizability",
    "HOMO": "homo", "LUMO": "lumo", "R2": "electronic_spatial_extent", "ZPVE": "zpve", "Cv": "heat_capacity",
    "cv": "heat_capacity", "A": "rotational_constant_A", "rotational_constant_B": "rotational_constant_B",
    "u0_atom": "atomization_energy", "eat_g4mp2_Ha": "atomization_energy", "g4mp2_atomization_energy":
    "atomization_energy", "isotropic_polarizability": "isotropic_polarizability", "gap [eV]": "gap",
    "h298_atom": None, "omega1": None, "dihedral_angle": None, "x": None,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_usual_files(name: str) -> None:
    (found,) = guess_columns(WATER, {name: np.full(4, 0.3)}, {}, {})
    assert (found.guess.key if found.guess else None) == NAMES[name]
    assert found.reason


@pytest.mark.parametrize(
    ("name", "key"),
    [("forces", "forces"), ("F", "forces"), ("ref_forces", "forces"), ("gradient", None), ("velocities", None)],
)
def test_vectors_of_atoms(name: str, key: str | None) -> None:
    (found,) = guess_columns(WATER, {}, {name: np.ones((12, 3))}, {})
    assert (found.guess.key if found.guess else None) == key and found.per_atom and found.shape == (3,)
    if name == "gradient":
        assert "minus the forces" in found.reason


def test_shapes_must_fit() -> None:
    vector, scalar = guess_columns(WATER, {"dipole": np.ones((4, 3)), "mu": np.ones(4)}, {"energy": np.ones(12)}, {})[
        :2
    ]
    assert vector.guess is not None and vector.guess.key == "dipole_vector"
    assert scalar.guess is not None and scalar.guess.key == "dipole_moment"
    (atoms,) = guess_columns(WATER, {}, {"energy": np.ones(12)}, {})
    assert atoms.guess is None


def guessed(columns: dict[str, float], **others: object) -> dict[str, str]:
    found = guess_columns(WATER, {k: np.full(4, v) for k, v in columns.items()}, {}, {}, **others)  # type: ignore[arg-type]
    return {column.name: column.guess.unit for column in found if column.guess}


def test_total_energies_tell_their_unit_and_that_of_orbitals() -> None:
    assert guessed({"E": -76.4, "gap": 0.36, "homo": -0.29}) == {"E": "Ha", "gap": "Ha", "homo": "Ha"}
    assert guessed({"E": -76.4 * 27.2114, "gap": 9.8}) == {"E": "eV", "gap": "eV"}
    assert guessed({"E": -76.4 * 627.509}) == {"E": "kcal/mol"}
    assert guessed({"E": -76.4 * 2625.5}) == {"E": "kJ/mol"}
    assert guessed({"u0_atom": -220.0, "E": -76.4}) == {"u0_atom": "kcal/mol", "E": "Ha"}


def test_what_the_file_states_goes_before_its_name_and_its_name_before_the_numbers() -> None:
    columns = {"gap_Ha": np.full(4, 9.8)}
    (stated,) = guess_columns(WATER, columns, {}, {"gap_Ha": "eV"})
    assert stated.guess is not None and stated.guess.unit == "eV" and stated.stated_unit == "eV"
    (named,) = guess_columns(WATER, columns, {}, {})
    assert named.guess is not None and named.guess.unit == "Ha" and "but the numbers look like eV" in named.reason


def test_formats_of_ase_are_in_electronvolts_unless_the_numbers_say_otherwise() -> None:
    assert guessed({"E": -10.0}, ase_units=True) == {"E": "eV"}
    assert guessed({"E": -76.4}, ase_units=True) == {"E": "Ha"}


def test_examples_leave_missing_values_out() -> None:
    (found,) = guess_columns(WATER, {"x": np.array([np.nan, 1.5, 2.5, np.nan])}, {}, {})
    assert found.example == "1.5, 2.5"
    (nothing,) = guess_columns(WATER, {"gap": np.full(4, np.nan)}, {}, {})
    assert nothing.example == "no value"
