import numpy as np
import pytest

from core.data.card import Card, CardProperty
from core.data.molecules import Molecules
from core.data.store import Dataset, save_dataset
from core.data.table import formulas, molecule_table, sorted_rows, table_keys
from core.errors import MollensError
from tests.fake_runs import fake_dataset, fake_molecules


def test_the_table_holds_the_chosen_rows_with_the_target_first() -> None:
    energies = np.array([-1.0, np.nan, -3.0])
    dataset = fake_dataset("three", fake_molecules([[8, 1, 1], [6, 1, 1, 1, 1], [9, 1]], energies), target="gap")
    table = molecule_table(dataset, np.array([2, 1]))
    assert table.columns == table_keys(dataset) == ["id", "formula", "atoms", "heavy_atoms", "smiles", "gap", "energy"]
    assert table["id"].to_list() == [1003, 1002]
    assert table["formula"].to_list() == ["FH", "CH4"]
    assert (table["atoms"].to_list(), table["heavy_atoms"].to_list()) == ([2, 5], [1, 1])
    assert table["energy"].to_list() == [-3.0, None]


def test_formulas_are_those_of_each_molecule(demo: Dataset) -> None:
    rows = np.arange(0, demo.molecules.n_molecules, 997)
    assert formulas(demo.molecules, rows) == [demo.molecules.formula(int(row)) for row in rows]
    assert formulas(demo.molecules, rows[:0]) == []


@pytest.fixture
def mixed() -> Dataset:
    """Six molecules with equal and missing values, large ids and a missing SMILES."""
    numbers = [[8, 1, 1], [6, 1, 1, 1, 1], [9, 1], [8, 1, 1], [6, 6], [7, 1, 1, 1]]
    base = fake_molecules(numbers, np.array([2.0, np.nan, -1.0, 2.0, np.nan, 0.5]))
    molecules = Molecules(
        base.numbers,
        base.positions,
        base.first_atom,
        np.array([5, 2**62 + 1, 2**62, 7, 1, 3]),
        {"energy": base.columns["energy"]},
        smiles=np.array([b"O", b"C", b"F", b"O", b"", b"N"]),
    )
    listed = (CardProperty(key="energy", label="Total energy", unit="eV"),)
    return save_dataset(molecules, Card(name="mixed", title="Mixed", properties=listed, n_molecules=1, n_atoms=1))


@pytest.mark.parametrize(
    ("key", "rising", "falling"),
    [
        ("id", [4, 5, 0, 3, 2, 1], [1, 2, 3, 0, 5, 4]),
        ("formula", [4, 1, 2, 0, 3, 5], [5, 0, 3, 2, 1, 4]),  # C2, CH4, FH, H2O, H2O, H3N
        ("atoms", [2, 4, 0, 3, 5, 1], [1, 5, 0, 3, 2, 4]),
        ("heavy_atoms", [0, 1, 2, 3, 5, 4], [4, 0, 1, 2, 3, 5]),
        ("smiles", [1, 2, 5, 0, 3, 4], [0, 3, 5, 2, 1, 4]),
        ("energy", [2, 5, 0, 3, 1, 4], [0, 3, 5, 2, 1, 4]),
    ],
)
def test_rows_are_sorted_with_the_missing_last(mixed: Dataset, key: str, rising: list[int], falling: list[int]) -> None:
    rows = np.arange(6)
    assert sorted_rows(mixed, rows, key).tolist() == rising
    assert sorted_rows(mixed, rows, key, descending=True).tolist() == falling
    some = np.array([1, 3, 4])
    assert sorted_rows(mixed, some, key).tolist() == [row for row in rising if row in some]
    assert sorted_rows(mixed, rows[:0], key).tolist() == []


def test_sorting_by_what_is_no_column_is_told(mixed: Dataset) -> None:
    with pytest.raises(MollensError, match="sort 'mass': not a column; expected one of id, formula"):
        sorted_rows(mixed, np.arange(6), "mass")


def test_molecules_of_very_many_elements_have_their_formulas() -> None:
    # more compositions than a 64-bit number can tell apart
    dataset = fake_dataset("many", fake_molecules([[z] * 9 for z in range(1, 40)] + [[1, 2, 3]]))
    rows = np.arange(40)
    assert formulas(dataset.molecules, rows) == [dataset.molecules.formula(int(row)) for row in rows]
