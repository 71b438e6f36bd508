"""The baseline and the references: known laws are found again, and nothing is learned from held-out molecules."""

import numpy as np
import pytest

from core.data.card import Card
from core.data.molecules import Molecules
from core.data.properties import get_property
from core.data.store import Dataset
from core.errors import MollensError
from core.train.composition import fit_composition, free_atoms, network_offset
from tests.core.train.small_dataset import FREE_ATOMS, organic_molecules

LAW = {1: -13.5, 6: -1030.25, 7: -1485.0, 8: -2042.75, 9: -2713.0}


def law_of(molecules: Molecules, law: dict[int, float] = LAW) -> np.ndarray:
    return molecules.element_counts @ np.array([law[number] for number in molecules.elements])


@pytest.fixture
def molecules() -> Molecules:
    return organic_molecules()


def all_rows(molecules: Molecules) -> np.ndarray:
    return np.arange(molecules.n_molecules)


def test_an_additive_law_is_found_again(molecules: Molecules) -> None:
    fit = fit_composition(molecules, all_rows(molecules), law_of(molecules), "sum")
    assert fit.pooling == "sum" and (fit.mean, fit.scale) == (0.0, 1.0)
    assert fit.reference == pytest.approx(LAW, abs=1e-8)


def test_a_law_in_shares_is_found_again_with_its_constant(molecules: Molecules) -> None:
    law = {1: 5.0, 6: 6.0, 7: 7.5, 8: 4.25, 9: 9.0}
    values = law_of(molecules, law) / molecules.sizes
    fit = fit_composition(molecules, all_rows(molecules), values, "mean")
    assert fit.of(molecules.element_counts, molecules.elements) == pytest.approx(values, abs=1e-10)
    constant = fit_composition(molecules, all_rows(molecules), np.full(molecules.n_molecules, 3.25), "mean")
    assert constant.of(molecules.element_counts, molecules.elements) == pytest.approx(3.25, abs=1e-12)


def test_only_the_given_rows_are_fitted(molecules: Molecules) -> None:
    values, rows = law_of(molecules), all_rows(molecules)[::2]
    spoiled = values.copy()
    spoiled[1::2] = np.nan
    fit = fit_composition(molecules, rows, spoiled[rows], "sum")
    assert fit.reference == pytest.approx(LAW, abs=1e-7)


def test_an_element_that_training_never_saw_keeps_its_free_atom(molecules: Molecules) -> None:
    rows = np.flatnonzero(~molecules.contains(9))
    known = {1: -13.6, 6: -1029.9, 7: -1485.3, 8: -2042.6, 9: -2713.5}
    fit = fit_composition(molecules, rows, law_of(molecules)[rows], "sum", known)
    assert fit.reference[9] == pytest.approx(-2713.5, abs=1e-9)
    assert {z: fit.reference[z] for z in (1, 6, 7, 8)} == pytest.approx({z: LAW[z] for z in (1, 6, 7, 8)}, abs=1e-8)


def test_an_element_that_nobody_knows_counts_like_a_typical_atom(molecules: Molecules) -> None:
    rows = np.flatnonzero(~molecules.contains(9))
    values = law_of(molecules)[rows]
    fit = fit_composition(molecules, rows, values, "sum")
    assert fit.reference[9] == pytest.approx(float(np.mean(values / molecules.sizes[rows])), abs=1e-9)


def test_large_energies_are_fitted_in_float64(molecules: Molecules) -> None:
    values = law_of(molecules) + 1e-6 * np.cos(all_rows(molecules))
    fit = fit_composition(molecules, all_rows(molecules), values, "sum")
    left = values - fit.of(molecules.element_counts, molecules.elements)
    assert np.abs(left).max() < 3e-6


def test_reference_composition_takes_the_baseline_and_the_spread(molecules: Molecules, small: Dataset) -> None:
    values = np.asarray(small.molecules.columns["energy"])
    rows = all_rows(molecules)[:40]
    baseline = fit_composition(molecules, rows, values[rows], "sum")
    target = small.property("energy")
    offset = network_offset("composition", target, small.card, molecules, rows, values[rows], baseline)
    left = values[rows] - baseline.of(molecules.element_counts[rows], molecules.elements)
    assert (offset.reference, offset.mean) == (baseline.reference, 0.0)
    assert offset.scale == pytest.approx(left.std(), rel=1e-12)


def test_reference_atomic_energies_takes_the_cards_atoms_and_the_mean_per_atom(
    molecules: Molecules, small: Dataset
) -> None:
    atoms = free_atoms(small.card, "energy")
    values = law_of(molecules, atoms) - 0.75 * molecules.sizes
    rows = all_rows(molecules)
    baseline = fit_composition(molecules, rows, values, "sum")
    target = small.property("energy")
    offset = network_offset("atomic_energies", target, small.card, molecules, rows, values, baseline)
    assert offset.mean == pytest.approx(-0.75, abs=1e-10)
    assert offset.reference == {z: atoms[z] for z in molecules.elements}
    assert offset.of(molecules.element_counts, molecules.elements) == pytest.approx(values, abs=1e-8)


def test_missing_atomic_energies_are_told(molecules: Molecules) -> None:
    card = Card(name="x", title="X", atomic_energies={"energy": {"H": -13.6, "C": -1029.9}}, n_molecules=1, n_atoms=1)
    values, rows = law_of(molecules), all_rows(molecules)
    baseline = fit_composition(molecules, rows, values, "sum")
    with pytest.raises(MollensError, match="no atomic energy of N, O, F for energy; use the reference 'composition'"):
        network_offset("atomic_energies", get_property("energy"), card, molecules, rows, values, baseline)


@pytest.mark.parametrize("reference", ["composition", "atomic_energies"])
def test_an_intensive_target_takes_mean_and_standard_deviation(
    molecules: Molecules, small: Dataset, reference: str
) -> None:
    values, rows = np.asarray(small.molecules.columns["gap"]), all_rows(molecules)
    baseline = fit_composition(molecules, rows, values, "mean")
    offset = network_offset(reference, small.property("gap"), small.card, molecules, rows, values, baseline)
    assert (offset.pooling, dict(offset.reference)) == ("mean", {})
    assert (offset.mean, offset.scale) == pytest.approx((values.mean(), values.std()), rel=1e-12)


def test_nothing_is_taken_from_the_norm_of_a_vector(molecules: Molecules, small: Dataset) -> None:
    values, rows = 0.5 + np.asarray(small.molecules.columns["gap"]), all_rows(molecules)
    dipole = get_property("dipole_moment")
    baseline = fit_composition(molecules, rows, values, "dipole")
    assert baseline == fit_composition(molecules, rows, values, "mean")  # the best guess from the shares of elements
    offset = network_offset("composition", dipole, small.card, molecules, rows, values, baseline)
    assert (offset.pooling, dict(offset.reference), offset.mean) == ("mean", {}, 0.0)
    assert offset.scale == pytest.approx(values.std(), rel=1e-12)


def test_free_atoms_are_given_by_atomic_number(small: Dataset) -> None:
    assert free_atoms(small.card, "energy") == {1: FREE_ATOMS["H"], 6: FREE_ATOMS["C"], 7: FREE_ATOMS["N"],
                                                8: FREE_ATOMS["O"], 9: FREE_ATOMS["F"]}  # fmt: skip
    assert free_atoms(small.card, "gap") == {}
