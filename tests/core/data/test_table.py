import numpy as np

from core.data.store import Dataset
from core.data.table import formulas, molecule_table
from tests.fake_runs import fake_dataset, fake_molecules


def test_the_table_holds_the_chosen_rows_with_the_target_first() -> None:
    energies = np.array([-1.0, np.nan, -3.0])
    dataset = fake_dataset("three", fake_molecules([[8, 1, 1], [6, 1, 1, 1, 1], [9, 1]], energies), target="gap")
    table = molecule_table(dataset, np.array([2, 1]))
    assert table.columns == ["id", "formula", "atoms", "heavy_atoms", "smiles", "gap", "energy"]
    assert table["id"].to_list() == [1003, 1002]
    assert table["formula"].to_list() == ["FH", "CH4"]
    assert (table["atoms"].to_list(), table["heavy_atoms"].to_list()) == ([2, 5], [1, 1])
    assert table["energy"].to_list() == [-3.0, None]


def test_formulas_are_those_of_each_molecule(demo: Dataset) -> None:
    rows = np.arange(0, demo.molecules.n_molecules, 997)
    assert formulas(demo.molecules, rows) == [demo.molecules.formula(int(row)) for row in rows]
    assert formulas(demo.molecules, rows[:0]) == []
