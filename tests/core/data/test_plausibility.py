"""Wrong units are pointed out by name; real sets pass without a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, Hartree

from core.data.importers import check_mapping, import_file, inspect
from core.data.molecules import Molecules
from core.data.plausibility import likely_length, likely_units, warnings
from core.data.properties import PROPERTIES, Property
from core.data.reference_levels import free_atoms, relative_contacts, rotational_constants_b
from core.data.store import Dataset

ENERGY = PROPERTIES["energy"]


def all_electrons(demo: Dataset, level: float = 1.004) -> Molecules:
    """Molecules of demo with total energies as a method with all electrons has them, eV."""
    molecules = demo.molecules.take(np.arange(0, demo.molecules.n_molecules, 20))
    noise = np.random.default_rng(0).normal(0, 0.3, molecules.n_molecules)
    return replace(molecules, columns={"energy": free_atoms(molecules) * level + noise})


def scaled(molecules: Molecules, size: float) -> Molecules:
    return replace(molecules, columns={key: values * size for key, values in molecules.columns.items()})


def properties(dataset: Dataset) -> list[Property]:
    return [dataset.property(listed.key) for listed in dataset.card.properties]


def test_valence_energies_and_atomisation_energies_of_demo_pass(demo: Dataset) -> None:
    assert warnings(demo.molecules, properties(demo)) == ()


def test_right_total_energies_pass_also_of_one_composition(demo: Dataset) -> None:
    molecules = all_electrons(demo)
    assert warnings(molecules, [ENERGY]) == ()
    _, same = np.unique(molecules.element_counts, axis=0, return_inverse=True)
    one = molecules.take(np.flatnonzero(same.ravel() == np.bincount(same.ravel()).argmax()))
    assert warnings(one, [ENERGY]) == ()
    assert "would fit Ha instead of eV" in warnings(scaled(one, 1 / Hartree), [ENERGY])[0]


@pytest.mark.parametrize(
    ("size", "unit"),
    [(1 / Hartree, "Ha"), (23.0605, "kcal/mol"), (96.4853, "kJ/mol"), (1000, "meV"), (2 / Hartree, "Ry")],
)  # fmt: skip
def test_the_unit_that_would_fit_total_energies_is_named(demo: Dataset, size: float, unit: str) -> None:
    found = warnings(scaled(all_electrons(demo), size), [ENERGY])
    assert len(found) == 1 and f"would fit {unit} instead of eV" in found[0]


def test_energies_a_hundred_times_too_large_are_pointed_out(demo: Dataset) -> None:
    assert "100 times too large" in warnings(scaled(all_electrons(demo), 100), [ENERGY])[0]
    found = warnings(scaled(demo.molecules, 100), properties(demo))
    for key in ("energy", "atomization_energy", "homo", "gap"):
        assert any(sentence.startswith(f"{key}:") for sentence in found), key
    assert any("hundred times too large" in sentence for sentence in found)


def test_the_unit_of_the_file_is_named_where_it_was_taken_wrongly(demo: Dataset) -> None:
    """A file in eV that was read as Hartree."""
    found = warnings(scaled(all_electrons(demo), Hartree), [ENERGY], {"energy": "Ha"})
    assert "would fit eV instead of Ha" in found[0]


def test_a_wrong_sign_is_told(demo: Dataset) -> None:
    assert "sign" in warnings(scaled(all_electrons(demo), -1), [ENERGY])[0]
    turned = scaled(demo.molecules, -1)
    assert any("bound molecules as negative" in s for s in warnings(turned, [PROPERTIES["atomization_energy"]]))


@pytest.mark.parametrize(("key", "unit"), [("homo", "Ha"), ("gap", "kcal/mol"), ("atomization_energy", "Ha")])
def test_orbital_and_atomisation_energies_in_other_units(demo: Dataset, key: str, unit: str) -> None:
    size = {"Ha": 1 / Hartree, "kcal/mol": 23.0605}[unit]
    found = warnings(scaled(demo.molecules, size), [PROPERTIES[key]])
    assert len(found) == 1 and found[0].startswith(f"{key}:") and unit in found[0]


def test_standardised_columns_are_told(demo: Dataset) -> None:
    """As JARVIS serves QM9: mean 0, spread 1."""
    values = demo.molecules.columns["gap"]
    gap = (values - values.mean()) / values.std()
    found = warnings(replace(demo.molecules, columns={"gap": gap}), [PROPERTIES["gap"]])
    assert "standardised" in found[0]


@pytest.mark.parametrize(("size", "unit"), [(1 / Bohr, "Bohr"), (0.1, "nm")])
def test_coordinates_in_other_units(demo: Dataset, size: float, unit: str) -> None:
    molecules = demo.molecules.take(np.arange(0, 12_000, 40))
    moved = replace(molecules, positions=molecules.positions * size, columns={})
    assert likely_length(moved)[0] == unit
    assert unit in warnings(moved, [])[0]
    assert likely_length(molecules)[0] == "Angstrom"


def test_coordinates_a_half_or_ten_times_as_long(demo: Dataset) -> None:
    molecules = replace(demo.molecules.take(np.arange(500)), columns={})
    for size in (Bohr, 10.0):
        assert "coordinates" in warnings(replace(molecules, positions=molecules.positions * size), [])[0]


def test_single_far_values_are_named_by_id(demo: Dataset) -> None:
    values = demo.molecules.columns["energy"].copy()
    values[[77, 5000]] *= [100, 3]
    found = warnings(replace(demo.molecules, columns={"energy": values}), [ENERGY])
    assert len(found) == 1 and "2 molecules" in found[0]
    assert f"id {demo.molecules.ids[77]}, {demo.molecules.ids[5000]}" in found[0]


def test_missing_values_are_no_fault(demo: Dataset) -> None:
    nothing = np.full(demo.molecules.n_molecules, np.nan)
    some = demo.molecules.columns["energy"].copy()
    some[::2] = np.nan
    assert warnings(replace(demo.molecules, columns={"energy": some, "gap": nothing}), properties(demo)) == ()


def test_known_geometry() -> None:
    """Water: bond 0.9572 Angstrom, angle 104.52 degrees; its equilibrium B is 14.6 cm^-1."""
    half = np.deg2rad(104.52 / 2)
    hydrogens = 0.9572 * np.array([[np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    water = Molecules(
        np.array([8, 1, 1], np.uint8), np.array([[0.0, 0, 0], *hydrogens]), np.array([0, 3]), np.array([1])
    )
    nearest, _ = relative_contacts(water)
    assert nearest[0] == pytest.approx(0.9572)
    assert rotational_constants_b(water)[0] / 29.9792458 == pytest.approx(14.6, rel=0.01)


def test_numbers_tell_units_only_where_they_can(demo: Dataset) -> None:
    molecules = all_electrons(demo)
    assert likely_units(ENERGY, molecules.columns["energy"] / Hartree, molecules) == ("Ha",)
    assert likely_units(ENERGY, demo.molecules.columns["energy"], demo.molecules) == ()
    assert likely_units(PROPERTIES["rotational_constant_A"], np.ones(molecules.n_molecules), molecules) == ()


REAL: dict[str, Callable[[Path], Path]] = {
    name: lambda folder, name=name: folder / name  # type: ignore[misc]
    for name in (
        "qm9/qm9_geometries_g4mp2.npz", "qm9/qm9_u0_extra.extxyz.xz", "md/ethanol_train.extxyz.xz",
        "md/ethanol_test_MD.extxyz.xz", "md/acac_train_300K.extxyz.xz", "md/acac_test_MD_300K.extxyz.xz",
    )
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_no_false_alarm_on_real_files_taken_as_guessed(shared: Path, name: str) -> None:
    source = REAL[name](shared)
    mapping = inspect(source).guessed()
    assert mapping.columns
    assert check_mapping(source, mapping) == ()
    assert "warnings" not in import_file(source, "real", columns=mapping).card.known_defects


def test_no_false_alarm_on_the_real_archive(shared: Path) -> None:
    dataset = import_file(shared / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2", "real")
    assert "warnings" not in dataset.card.known_defects
    assert len(warnings(scaled(dataset.molecules, 100), properties(dataset))) >= 8
