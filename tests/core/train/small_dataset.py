"""A dataset with a known law: small organic molecules of the G2 set under a pair potential, and runs on it."""

import numpy as np
from ase.collections import g2

from core.data.card import Card, CardProperty
from core.data.molecules import Molecules
from core.data.store import Dataset, save_dataset
from core.recipes.create import create_run
from core.recipes.recipe import validated
from core.runs.folder import Run

FREE_ATOMS = {"H": -13.6, "C": -1029.9, "N": -1485.3, "O": -2042.6, "F": -2713.5}  # eV
TINY = {
    "model": "schnet", "n_atom_basis": 8, "n_interactions": 2, "n_rbf": 8, "cutoff": 4.0, "neighbour_cutoff": 4.0,
    "epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "ema_decay": 0.9, "gradient_clip": 1.0, "warmup_epochs": 0.5,
}  # fmt: skip


def organic_molecules() -> Molecules:
    """About ninety molecules of H, C, N, O and F with more than one atom; `energy` is free atoms plus -2 exp(-r) eV."""
    names = [name for name in g2.names if len(g2[name]) > 1 and set(g2[name].symbols) <= FREE_ATOMS.keys()]
    atoms = [g2[name] for name in names]
    first = np.concatenate([[0], np.cumsum([len(one) for one in atoms])]).astype(np.int64)
    energy = np.empty(len(atoms))
    for k, one in enumerate(atoms):
        distances = one.get_all_distances()[np.triu_indices(len(one), 1)]
        energy[k] = sum(FREE_ATOMS[symbol] for symbol in one.symbols) - 2.0 * np.exp(-distances).sum()
    return Molecules(
        numbers=np.concatenate([one.numbers for one in atoms]).astype(np.uint8),
        positions=np.concatenate([one.positions for one in atoms]),
        first_atom=first,
        ids=np.arange(100, 100 + len(atoms)),
        columns={"energy": energy, "gap": 5.0 + 0.1 * np.arange(len(atoms)) % 1.0},
    )


def save_small(molecules: Molecules | None = None, name: str = "small") -> Dataset:
    """Save them as a dataset."""
    card = Card(
        name=name,
        title="Small",
        properties=(
            CardProperty(key="energy", label="Total energy", unit="eV"),
            CardProperty(key="gap", label="HOMO-LUMO gap", unit="eV"),
        ),
        default_target="energy",
        atomic_energies={"energy": FREE_ATOMS},
        n_molecules=1,
        n_atoms=1,
    )
    return save_dataset(molecules or organic_molecules(), card)


def new_small_run(dataset: Dataset, **fields: object) -> Run:
    """A run of the tiny recipe, with some fields changed."""
    return create_run(validated(TINY | fields), dataset, device="cpu")
