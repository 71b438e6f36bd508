"""The exported database, loaded by SchNetPack's own AtomsDataModule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import models.schnetpack_compat  # noqa: F401  (before schnetpack)

# isort: split
from schnetpack.data import AtomsDataModule
from schnetpack.transform import ASENeighborList, CastTo64, RemoveOffsets

from core.data.exporters import export
from core.data.exporters.ase_db import schnetpack_unit
from core.data.importers.qm9 import COLUMNS
from core.data.properties import PROPERTIES
from core.data.store import Dataset


def test_a_batch_of_schnetpack_has_our_values(tmp_path: Path, demo: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it writes its split and lock there
    rows = np.arange(0, demo.molecules.n_molecules, 200)
    path = export(demo, rows, tmp_path / "demo.db")
    module = AtomsDataModule(
        str(path), batch_size=10, num_train=20, num_val=5, num_test=5, split_file="split.npz", num_workers=0,
        load_properties=["energy"], property_units={"energy": "Ha"}, distance_unit="Bohr",
        transforms=[ASENeighborList(cutoff=5.0), CastTo64()],
    )  # fmt: skip
    module.setup()
    batch = next(iter(module.train_dataloader()))
    molecules, energies, lengths = demo.molecules, 27.211386024367243, 0.5291772105638411
    chosen = rows[batch["_idx"].numpy()]
    atoms = np.concatenate([np.arange(*molecules.atoms(row).indices(molecules.n_atoms)[:2]) for row in chosen])
    assert len(chosen) == 10 and batch["energy"].dtype == torch.float64
    np.testing.assert_allclose(batch["energy"] * energies, molecules.columns["energy"][chosen], rtol=1e-12)
    np.testing.assert_allclose(batch["_positions"] * lengths, molecules.positions[atoms], rtol=1e-12)
    assert batch["_atomic_numbers"].tolist() == molecules.numbers[atoms].tolist()
    assert batch["_n_atoms"].tolist() == molecules.sizes[chosen].tolist()
    assert len(batch["_idx_i"]) > 0
    for key, table in demo.card.atomic_energies.items():
        np.testing.assert_allclose(module.dataset.atomrefs[key][6] * energies, table["C"], rtol=1e-6)


def test_atomic_energies_are_removed_by_schnetpack(
    tmp_path: Path, demo: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.arange(0, demo.molecules.n_molecules, 400)
    path = export(demo, rows, tmp_path / "demo.db")
    module = AtomsDataModule(
        str(path), batch_size=5, num_train=5, num_val=5, num_test=5, split_file=None, num_workers=0,
        transforms=[ASENeighborList(cutoff=5.0), RemoveOffsets("energy", remove_atomrefs=True, remove_mean=False)],
    )  # fmt: skip
    module.setup()
    batch = next(iter(module.train_dataloader()))
    molecules = demo.molecules
    for index, found in zip(batch["_idx"].tolist(), batch["energy"].tolist(), strict=True):
        row = rows[index]
        symbols = molecules.to_ase(row).get_chemical_symbols()
        free = sum(demo.card.atomic_energies["energy"][symbol] for symbol in symbols)
        assert found == pytest.approx(molecules.columns["energy"][row] - free, abs=1e-3)  # a table in float32


def test_units_are_those_that_schnetpack_uses_for_qm9() -> None:
    """As in its own datasets.QM9, except that our energies are in eV and its in Ha."""
    from schnetpack.units import convert_units

    assert [schnetpack_unit(PROPERTIES[key].unit) for key, _ in COLUMNS] == [
        "GHz", "GHz", "GHz", "Debye", "a0 a0 a0", "eV", "eV", "eV", "a0 a0", "eV", "eV", "eV", "eV", "eV", "cal/mol/K",
    ]  # fmt: skip
    assert schnetpack_unit("eV/Angstrom") == "eV/Ang" and schnetpack_unit("") == "arb. unit"
    assert convert_units(schnetpack_unit("eV/Angstrom"), "Ha/Bohr") == pytest.approx(0.0194469, rel=1e-5)
