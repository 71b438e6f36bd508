"""Datasets and finished runs with known errors, written by the functions that a real job uses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, CardProperty
from core.data.molecules import Molecules
from core.data.splits import open_split
from core.data.store import Dataset, save_dataset
from core.recipes.create import create_run
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from core.runs.predictions import Predictions
from core.runs.writer import RunWriter

Floats = NDArray[np.float64]

# QM9's share of molecules per size, 3 to 29 atoms, from a sample of 100,000.
QM9_SIZES = {
    3: 1, 4: 4, 5: 5, 6: 9, 7: 16, 8: 49, 9: 124, 10: 362, 11: 807, 12: 1689, 13: 3060, 14: 5136, 15: 7796, 16: 10644,
    17: 13025, 18: 13364, 19: 13832, 20: 9482, 21: 9970, 22: 3393, 23: 4848, 24: 539, 25: 1506, 26: 48, 27: 266, 29: 25,
}  # fmt: skip


def fake_molecules(numbers: Sequence[Sequence[int]], energies: Floats | None = None) -> Molecules:
    """Molecules with these atomic numbers, atoms 1 Angstrom apart on a line, ids from 1001 on."""
    sizes = np.array([len(atoms) for atoms in numbers])
    first_atom = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    positions = np.zeros((first_atom[-1], 3))
    positions[:, 0] = np.concatenate([np.arange(n) for n in sizes])
    ids = np.arange(1001, 1001 + len(sizes), dtype=np.int64)
    values = -10.0 * sizes if energies is None else energies
    return Molecules(
        numbers=np.concatenate([np.asarray(atoms, dtype=np.uint8) for atoms in numbers]),
        positions=positions,
        first_atom=first_atom,
        ids=ids,
        columns={"energy": values, "gap": 5.0 + 0.01 * (ids % 100)},
        smiles=np.array([b"C" * (k % 5 + 1) for k in range(len(sizes))]),
    )


def fake_dataset(name: str, molecules: Molecules, target: str = "energy", level_of_theory: str = "GFN2-xTB") -> Dataset:
    """Save molecules of `fake_molecules` as a dataset."""
    properties = (
        CardProperty(key="energy", label="Total energy", unit="eV"),
        CardProperty(key="gap", label="HOMO-LUMO gap", unit="eV"),
    )
    card = Card(
        name=name,
        title=name.capitalize(),
        level_of_theory=level_of_theory,
        properties=properties,
        default_target=target,
        n_molecules=molecules.n_molecules,
        n_atoms=molecules.n_atoms,
    )
    return save_dataset(molecules, card)


def qm9_like(n: int, seed: int = 0) -> list[list[int]]:
    """Atomic numbers of n molecules with QM9's sizes and about its elements: C and H in all, F in 2 %."""
    random = np.random.default_rng(seed)
    share = np.array(list(QM9_SIZES.values()), dtype=float)
    sizes = random.choice(list(QM9_SIZES), n, p=share / share.sum())
    has = {8: random.random(n) < 0.85, 7: random.random(n) < 0.62, 9: random.random(n) < 0.02}
    molecules = []
    for k, size in enumerate(sizes):
        atoms = [6, 1] + [z for z, inside in has.items() if inside[k]]
        atoms = atoms[: int(size)]
        molecules.append(atoms + [1, 6] * ((int(size) - len(atoms)) // 2) + [1] * ((int(size) - len(atoms)) % 2))
    return molecules


def fake_run(
    dataset: Dataset,
    errors: Floats,
    name: str = "fake",
    baseline_errors: Floats | float = 0.5,
    validation: Floats | None = None,
    state: str = "finished",
    recipe: Recipe | None = None,
    write: bool = True,
) -> Run:
    """A run whose prediction for molecule row k is off by errors[k]; the codes are those of its split.

    errors (n_molecules,); baseline_errors the same or one number; validation (n_epochs, n_validation) signed errors
    over the epochs, in the order of the split's validation ids; write=False leaves out the predictions.
    """
    recipe = recipe or Recipe(preset="schnet-small", epochs=max(1, 0 if validation is None else len(validation)))
    run = create_run(recipe, dataset, name)
    split = open_split(dataset, recipe.split)
    molecules = dataset.molecules
    target = np.asarray(molecules.columns[run.target])
    with RunWriter(run) as writer:
        if validation is not None:
            writer.open_validation(split.validation)
            for epoch, row in enumerate(validation, start=1):
                writer.append_validation(epoch, row)
                writer.append_metrics(_epoch_line(epoch, row))
        if write:
            predictions = Predictions(
                ids=np.asarray(molecules.ids),
                split=split.codes(molecules.ids),
                target=target,
                predicted=target + errors,
                baseline=target + baseline_errors,
            )
            writer.save_predictions(predictions, dataset.name, dataset.card.sha256)
        writer.set_status(state=state, epoch=0 if validation is None else len(validation), pid=0)
    return open_run(run.id)


def _epoch_line(epoch: int, errors: Floats) -> dict[str, float | int | str | bool]:
    return {
        "kind": "epoch",
        "epoch": epoch,
        "step": epoch * 100,
        "train_loss": float(np.mean(errors**2)),
        "validation_loss": float(np.mean(errors**2)),
        "validation_mae": float(np.abs(errors).mean()),
        "validation_rmse": float(np.sqrt(np.mean(errors**2))),
        "learning_rate": 1e-3,
        "seconds": 1.0,
        "molecules_per_second": 1000.0,
        "best": True,
    }
