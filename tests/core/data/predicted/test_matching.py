"""Predictions put onto molecules: guesses with reasons, units and kinds held against the labels, and every refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ase.units import Hartree

from core.data.predicted import Choices, inspect_predictions, match_predictions
from core.data.splits import open_split
from core.data.store import Dataset
from core.data.units import factor
from core.errors import MollensError

KCAL = factor("kcal/mol", "eV")


@pytest.fixture
def labels(tiny: Dataset) -> np.ndarray:
    return np.asarray(tiny.molecules.columns["energy"])


@pytest.fixture
def predicted(labels: np.ndarray) -> np.ndarray:
    """Off by about 0.05 eV."""
    return labels + 0.05 * np.random.default_rng(0).standard_normal(len(labels))


def write(path: Path, **columns: object) -> Path:
    pl.DataFrame(columns).write_csv(path)
    return path


def problem(path: Path, dataset: Dataset, **choices: object) -> str:
    found = inspect_predictions(path, dataset, "energy", Choices(**choices))  # type: ignore[arg-type]
    assert found.problems, found
    with pytest.raises(MollensError):
        match_predictions(path, dataset, "energy", Choices(**choices))  # type: ignore[arg-type]
    return found.problems[0]


def test_columns_unit_and_parts_are_found_out(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    split = open_split(tiny)
    words = np.array(["Train", "valid", "test", ""])[np.minimum(split.codes(tiny.molecules.ids), 3)]
    names = [f"mol_{k:06d}.xyz" for k in tiny.molecules.ids]
    path = write(tmp_path / "p.csv", file=names, true=predicted * 0, prediction=predicted / Hartree, set=words)
    found = match_predictions(path, tiny, "energy")
    told = found.inspection
    assert (told.id_column.value, told.value_column.value, told.split_column.value) == ("file", "prediction", "set")
    assert told.unit.value == "Ha" and "fit the labels best" in told.unit.reason
    np.testing.assert_allclose(found.predicted, predicted, atol=1e-9)
    assert found.rows.tolist() == list(range(tiny.molecules.n_molecules))
    assert found.split is not None and found.split.name == "default" and found.split.hash == split.hash
    assert told.parts == {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    errors = np.abs(predicted - tiny.molecules.columns["energy"])
    assert told.errors["median"] == pytest.approx(np.median(errors), abs=1e-9) and not told.warnings
    assert told.first[0]["id"] == tiny.molecules.ids[0] and told.first[0]["part"] in ("train", "validation", "test")


def test_every_unit_is_recognised_and_a_wrong_one_is_pointed_out(
    tmp_path: Path, tiny: Dataset, predicted: np.ndarray
) -> None:
    for unit in ("eV", "meV", "Ha", "kcal/mol", "kJ/mol", "mHa"):
        path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=predicted / factor(unit, "eV"))
        assert inspect_predictions(path, tiny, "energy").unit.value == unit
        np.testing.assert_allclose(match_predictions(path, tiny, "energy").predicted, predicted, rtol=1e-9)
        wrong = "Ha" if unit == "eV" else "eV"
        said = problem(path, tiny, unit=wrong)
        times = factor(unit, "eV") / factor(wrong, "eV")
        assert f"labels are {times:.2g}"[:-1] in said and f"as {unit} it would be" in said
        assert match_predictions(path, tiny, "energy", Choices(unit=wrong, anyway=True)).inspection.warnings


def test_a_unit_in_the_name_is_taken(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    path = write(tmp_path / "p.csv", **{"id": tiny.molecules.ids, "E_pred [kcal/mol]": predicted / KCAL})
    found = inspect_predictions(path, tiny, "energy")
    assert found.unit.value == "kcal/mol" and "name of the column" in found.unit.reason and not found.problems


def test_atomisation_energies_become_totals_and_are_recognised(
    tmp_path: Path, tiny: Dataset, predicted: np.ndarray
) -> None:
    energies = np.array([tiny.card.atomic_energies["energy"][symbol] for symbol in tiny.molecules.symbols])
    atoms = tiny.molecules.element_counts @ energies
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=(predicted - atoms) / KCAL)
    said = problem(path, tiny)
    assert "are no energy; as kcal/mol and atomisation energies the median error is" in said
    assert "constant for each composition, that of the free atoms" in problem(path, tiny, unit="kcal/mol")
    found = match_predictions(path, tiny, "energy", Choices(kind="atomisation"))
    np.testing.assert_allclose(found.predicted, predicted, atol=1e-8)
    back = write(tmp_path / "t.csv", id=tiny.molecules.ids, value=predicted)
    totals = match_predictions(back, tiny, "atomization_energy", Choices(kind="total", unit="eV"))
    np.testing.assert_allclose(totals.predicted, predicted - atoms, atol=1e-8)


def test_residuals_and_errors_are_taken_as_such(tmp_path: Path, tiny: Dataset, labels: np.ndarray) -> None:
    split, counts = open_split(tiny), tiny.molecules.element_counts.astype(float)
    train = tiny.molecules.rows_of(split.train)
    fit = np.linalg.lstsq(counts[train], labels[train], rcond=None)[0]
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=labels + 0.01 - counts @ fit)
    chosen = Choices(kind="residual", unit="eV", split="default")
    np.testing.assert_allclose(match_predictions(path, tiny, "energy", chosen).predicted, labels + 0.01, atol=1e-6)
    assert "not known which these are" in problem(path, tiny, kind="residual", unit="eV")
    path = write(tmp_path / "e.csv", id=tiny.molecules.ids, value=np.full(len(labels), 20.0))
    errors = Choices(kind="error", unit="meV")
    np.testing.assert_allclose(match_predictions(path, tiny, "energy", errors).predicted, labels + 0.02)
    assert "nothing tells it" in problem(path, tiny, kind="error")


def test_a_model_worse_than_the_linear_fit_is_not_taken_for_residuals(
    tmp_path: Path, tiny: Dataset, labels: np.ndarray
) -> None:
    poor = labels + 20.0 * np.random.default_rng(0).standard_normal(len(labels))
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=poor)
    assert not inspect_predictions(path, tiny, "energy", Choices(unit="eV")).problems


def test_residuals_that_are_called_energies_are_pointed_out(tmp_path: Path, tiny: Dataset, labels: np.ndarray) -> None:
    counts = tiny.molecules.element_counts.astype(float)
    residual = labels - counts @ np.linalg.lstsq(counts, labels, rcond=None)[0]
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=1000 * residual)
    assert "as meV and what is left after a linear fit" in problem(path, tiny, unit="meV")


def test_another_reference_energy_is_told(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    shift = tiny.molecules.element_counts @ np.linspace(2.0, 3.0, len(tiny.molecules.symbols))
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=predicted + shift)
    warned = match_predictions(path, tiny, "energy", Choices(unit="eV", anyway=True)).inspection.warnings
    assert any("a constant for each element (H +2" in told for told in warned)


def test_rows_and_ids_from_zero_are_recognised(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    n = tiny.molecules.n_molecules
    for ids_are, ids in (("rows", np.arange(n)), ("from-0", tiny.molecules.ids - 1)):
        path = write(tmp_path / f"{ids_are}.csv", id=ids, value=predicted)
        found = match_predictions(path, tiny, "energy", Choices(ids_are=ids_are, unit="eV"))
        np.testing.assert_allclose(found.predicted, predicted)


def test_ids_that_fit_other_molecules_better_are_doubted(tmp_path: Path, demo: Dataset) -> None:
    labels = np.asarray(demo.molecules.columns["energy"])
    path = write(tmp_path / "p.csv", id=np.arange(len(labels)), value=labels + 0.01)
    said = problem(path, demo)
    assert "the values fit other molecules" in said and "--ids-are" in said


def test_ids_that_are_not_there_are_counted_and_refused_beyond_a_share(
    tmp_path: Path, tiny: Dataset, predicted: np.ndarray
) -> None:
    ids = tiny.molecules.ids
    some = write(tmp_path / "some.csv", id=[*ids, 10**9], value=[*predicted, 1.0])
    found = inspect_predictions(some, tiny, "energy")
    assert found.n_unknown == 1 and not found.problems and "1000000000" in found.warnings[0]
    many = write(tmp_path / "many.csv", id=[*ids, *range(10**9, 10**9 + 60)], value=[*predicted, *[1.0] * 60])
    assert "60 of 180 ids" in problem(many, tiny) and "--most-unknown 0.34" in problem(many, tiny)
    assert match_predictions(many, tiny, "energy", Choices(most_unknown=0.34)).inspection.n_unknown == 60
    none = write(tmp_path / "none.csv", id=range(10**9, 10**9 + 9), value=[1.0] * 9)
    assert "none of its 9 ids" in problem(none, tiny)


def test_molecules_given_twice_or_without_a_number(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    ids = tiny.molecules.ids
    twice = write(tmp_path / "t.csv", id=[*ids, ids[3]], value=[*predicted, predicted[3] + 1])
    assert f"1 molecules ({ids[3]}) stand in it more than once" in problem(twice, tiny)
    same = write(tmp_path / "s.csv", id=[*ids, ids[3]], value=[*predicted, predicted[3]])
    assert "repeat a molecule with the same value" in inspect_predictions(same, tiny, "energy").warnings[0]
    missing = [None if k == 5 else value for k, value in enumerate(predicted)]
    one = inspect_predictions(write(tmp_path / "m.csv", id=ids, value=missing), tiny, "energy")
    assert one.n_missing == 1 and not one.problems and one.n_matched == len(ids) - 1
    many = [None if k < 5 else value for k, value in enumerate(predicted)]
    assert "5 of 120 molecules" in problem(write(tmp_path / "n.csv", id=ids, value=many), tiny)
    words = [str(value) if k != 7 else "diverged" for k, value in enumerate(predicted)]
    assert "'diverged' on line 9" in problem(write(tmp_path / "w.csv", id=ids, value=words), tiny)


def test_what_is_known_of_the_split(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    ids, split = tiny.molecules.ids, open_split(tiny)
    test = np.isin(ids, split.test)
    path = write(tmp_path / "p.csv", id=ids[test], value=predicted[test])
    found = inspect_predictions(path, tiny, "energy", Choices(unit="eV"))
    assert any("--split default" in told for told in found.warnings) and found.parts == {}
    known = match_predictions(path, tiny, "energy", Choices(unit="eV", split="default"))
    assert known.split is not None and known.inspection.parts["test"] == len(split.test)
    train = write(tmp_path / "t.csv", id=ids[~test], value=predicted[~test])
    rows = np.isin(ids, split.train)
    train = write(tmp_path / "t.csv", id=ids[rows], value=predicted[rows])
    assert "only training molecules" in problem(train, tiny, unit="eV", split="default")
    words = write(tmp_path / "w.csv", id=ids, value=predicted, set=["learned"] * len(ids))
    assert "'learned'; expected train" in problem(words, tiny, unit="eV", split_column="set")
    both = {"unit": "eV", "split": "default", "split_column": "set"}
    assert "choose one" in problem(words, tiny, **both)


def test_a_choice_that_does_not_exist_is_named(tmp_path: Path, tiny: Dataset, predicted: np.ndarray) -> None:
    path = write(tmp_path / "p.csv", id=tiny.molecules.ids, value=predicted)
    for choices, said in (
        (Choices(id_column="molecule"), "it has id, value"),
        (Choices(unit="apples"), "no unit for a quantity in eV"),
        (Choices(kind="guess"), "possible are target"),
        (Choices(ids_are="names"), "possible are ids"),
        (Choices(split="mine"), "does not have it"),
    ):
        with pytest.raises(MollensError, match=said):
            inspect_predictions(path, tiny, "energy", choices)
    with pytest.raises(MollensError, match="no property with one number per molecule"):
        inspect_predictions(path, tiny, "forces")
