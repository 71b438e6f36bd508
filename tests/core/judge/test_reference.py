from __future__ import annotations

import pytest

from core.data.card import Card
from core.data.properties import PROPERTIES
from core.judge.reference import chemical_accuracy


@pytest.mark.parametrize(
    ("level", "target", "expected"),
    [
        ("B3LYP/6-31G(2df,p)", "energy_U0", 0.0433641),
        ("G4MP2", "atomization_energy", 0.0433641),
        ("GFN2-xTB", "energy", None),
        ("DFTB3", "energy", None),
        ("not stated", "energy", None),
        ("B3LYP/6-31G(2df,p)", "homo", None),
        ("B3LYP/6-31G(2df,p)", "zpve", None),
        ("B3LYP/6-31G(2df,p)", "free_energy", 0.0433641),
        ("B3LYP/6-31G(2df,p)", "dipole_moment", None),
    ],
)
def test_chemical_accuracy_is_for_energies_of_dft_or_better(level: str, target: str, expected: float | None) -> None:
    card = Card(name="x", title="x", level_of_theory=level, n_molecules=1, n_atoms=1)
    assert chemical_accuracy(card, PROPERTIES[target]) == expected
