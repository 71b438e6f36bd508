"""Batches and outputs of demo's molecules are bit for bit those of SchNetPack's own loader and network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours
from core.data.store import Dataset
from core.train.batches import Batch, FlatMolecules
from models.fast import PairBatch, PairForward
from models.registry import OUTPUT, build_network
from models.schnetpack_compat import properties
from tests.models.demo_molecules import telling_rows

from schnetpack.data import ASEAtomsData, AtomsLoader  # isort: skip
from schnetpack.transform import ASENeighborList, CastTo32  # isort: skip

SIZE = 16  # molecules of a batch


@pytest.fixture
def molecules(demo: Dataset) -> Molecules:
    """Molecules of demo: the smallest, the largest, some with fluorine, and some from all over it."""
    return demo.molecules.take(telling_rows(demo))


def schnetpack_batches(molecules: Molecules, cutoff: float, folder: Path) -> list[Batch]:
    """What SchNetPack's database, neighbour list and loader give, `SIZE` molecules at a time."""
    atoms = [
        Atoms(molecules.numbers[piece], molecules.positions[piece])
        for piece in map(molecules.atoms, range(molecules.n_molecules))
    ]
    path = folder / "demo.db"
    data = ASEAtomsData.create(str(path), distance_unit="Ang", property_unit_dict={"energy": "eV"})
    data.add_systems([{"energy": np.array([float(k)])} for k in range(len(atoms))], atoms)
    opened = ASEAtomsData(str(path), transforms=[ASENeighborList(cutoff=cutoff), CastTo32()], load_properties=[])
    return list(AtomsLoader(opened, batch_size=SIZE, shuffle=False))


def flat_batches(molecules: Molecules, cutoff: float) -> list[Batch]:
    """The same molecules as Mollens cuts them out of flat arrays."""
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, cutoff))
    return [flat.batch(rows) for rows in torch.arange(molecules.n_molecules).split(SIZE)]


def test_the_molecules_tell_something(demo: Dataset, molecules: Molecules) -> None:
    assert (molecules.sizes.min(), molecules.sizes.max()) == (demo.molecules.sizes.min(), demo.molecules.sizes.max())
    assert molecules.contains(9).sum() >= 4
    assert set(molecules.numbers.tolist()) == {1, 6, 7, 8, 9}


@pytest.mark.parametrize("cutoff", [1.05, 4.0])  # Å; within 1.05 Å, hydrogen-free molecules have no pairs at all
def test_every_key_type_and_order_is_that_of_the_loader(cutoff: float, molecules: Molecules, tmp_path: Path) -> None:
    theirs, ours = schnetpack_batches(molecules, cutoff, tmp_path), flat_batches(molecules, cutoff)
    assert len(ours) == len(theirs) > 2
    lonely = 0  # molecules without any pair
    for our, their in zip(ours, theirs, strict=True):
        assert set(our) == set(their)
        n_pairs = torch.bincount(their[properties.idx_m][their[properties.idx_i]], minlength=len(their[properties.idx]))
        lonely += int((n_pairs == 0).sum())
        for key, value in their.items():
            assert our[key].dtype == value.dtype, key
            assert torch.equal(our[key], value), key
    assert (lonely > 0) == (cutoff < 2)


@pytest.mark.parametrize("kind", ["schnet", "painn"])
@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_the_output_is_bit_for_bit_the_same(kind: str, pooling: str, molecules: Molecules, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(kind, n_atom_basis=16, n_interactions=2, n_rbf=12, cutoff=5.0, pooling=pooling)
    theirs = schnetpacks_network(kind, pooling)
    theirs.load_state_dict(network.state_dict())
    ours = flat_batches(molecules, 4.0)
    with torch.no_grad():
        for our, their in zip(ours, schnetpack_batches(molecules, 4.0, tmp_path), strict=True):
            expected = theirs(dict(their))["energy"]
            assert torch.equal(network(dict(our))[OUTPUT], expected)
            assert len(expected) == len(our[properties.n_atoms])
            # what trains and predicts adds up the same terms in another order
            torch.testing.assert_close(PairForward(network)(PairBatch.of(our)), expected, rtol=1e-6, atol=2e-6)


def schnetpacks_network(kind: str, pooling: str) -> torch.nn.Module:
    """The network as a user of SchNetPack writes it, in its own words."""
    import schnetpack as spk

    representation = {"schnet": spk.representation.SchNet, "painn": spk.representation.PaiNN}[kind](
        n_atom_basis=16,
        n_interactions=2,
        radial_basis=spk.nn.GaussianRBF(n_rbf=12, cutoff=5.0),
        cutoff_fn=spk.nn.CosineCutoff(5.0),
    )
    mode = {"sum": "sum", "mean": "avg"}[pooling]
    return spk.model.NeuralNetworkPotential(
        representation=representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[spk.atomistic.Atomwise(n_in=16, aggregation_mode=mode, output_key="energy")],
    )
