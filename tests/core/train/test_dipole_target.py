"""The dipole moment as a target: learned with SchNetPack's own output module, from the job to the predictions."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.card import Card, CardProperty
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.runs.predictions import TRAIN, read_predictions
from core.train.job import run_job
from core.train.predict import open_model, predict_dataset
from models.schnetpack_compat import DipoleMoment
from tests.core.train.small_dataset import FREE_ATOMS, new_small_run, organic_molecules

CHARGES = {"H": 0.2, "C": 0.05, "N": -0.3, "O": -0.5, "F": -0.4}


@pytest.fixture
def polar(home: object) -> Dataset:
    """The small molecules with the dipole moment of fixed charges, made neutral molecule by molecule."""
    molecules = organic_molecules()
    charge = np.zeros(10)
    for number, symbol in zip(molecules.elements, molecules.symbols, strict=True):
        charge[number] = CHARGES[symbol]
    moments = []
    for row in range(molecules.n_molecules):
        atoms = molecules.atoms(row)
        q = charge[molecules.numbers[atoms]]
        moments.append(np.linalg.norm((q - q.mean()) @ molecules.positions[atoms]))
    columns = {"dipole_moment": np.array(moments), "isotropic_polarizability": molecules.sizes.astype(float)}
    card = Card(
        name="polar",
        title="Polar",
        properties=(
            CardProperty(key="dipole_moment", label="Dipole moment", unit="D"),
            CardProperty(key="isotropic_polarizability", label="Isotropic polarizability", unit="a0^3"),
        ),
        default_target="dipole_moment",
        atomic_energies={"energy": FREE_ATOMS},
        n_molecules=1,
        n_atoms=1,
    )
    return save_dataset(replace(molecules, columns=columns), card)


@pytest.mark.parametrize("model", ["schnet", "painn"])
def test_it_is_learned_kept_and_predicted(polar: Dataset, model: str) -> None:
    run = new_small_run(polar, model=model, n_atom_basis=16, epochs=12, learning_rate=1e-2, ema_decay=0)
    run_job(run.id)
    trained, found = open_model(run), read_predictions(run)
    assert trained.network is not None and found is not None
    output = trained.network.output_modules[0]
    assert isinstance(output, DipoleMoment) and output.predict_magnitude
    assert output.use_vector_representation == (model == "painn")
    assert (trained.description["network"]["pooling"], trained.description["unit"]) == ("dipole", "D")
    assert (trained.offset.mean, dict(trained.offset.reference)) == (0.0, {})
    assert (found.predicted >= 0).all()
    train = found.split == TRAIN
    assert np.abs(found.errors[train]).mean() < 0.7 * np.abs((found.baseline - found.target)[train]).mean()
    again = predict_dataset(run, polar)
    assert again.predicted == pytest.approx(found.predicted, abs=1e-6)


def test_what_has_no_proper_output_is_no_target(polar: Dataset) -> None:
    assert [prop.key for prop in polar.targets()] == ["dipole_moment"]
    with pytest.raises(MollensError, match="'isotropic_polarizability' cannot be a target; possible are dipole_moment"):
        new_small_run(polar, target="isotropic_polarizability")
