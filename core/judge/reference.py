"""When the line of 1 kcal/mol may be drawn."""

from core.data.card import Card
from core.data.properties import Property

CHEMICAL_ACCURACY = 0.0433641
"""1 kcal/mol in eV (CODATA 2018)."""
_TARGETS = ("energy", "atomization_energy", "energy_U0", "energy_U", "enthalpy_H", "free_energy")
_DFT_OR_BETTER = (
    "dft",
    "b3lyp",
    "pbe",
    "wb97",
    "ωb97",
    "m06",
    "tpss",
    "scan",
    "mp2",
    "ccsd",
    "g4",
    "g3",
    "cbs",
    "dlpno",
)
_NEVER = ("xtb", "dftb", "pm6", "pm7", "am1", "force field")


def chemical_accuracy(card: Card, target: Property) -> float | None:
    """1 kcal/mol in eV for total and atomisation energies at the level of DFT or better, else None.

    The error it is compared with is against the labels of this dataset, not against experiment.
    """
    level = card.level_of_theory.lower()
    if target.key not in _TARGETS or any(word in level for word in _NEVER):
        return None
    return CHEMICAL_ACCURACY if any(word in level for word in _DFT_OR_BETTER) else None
