"""Batches and outputs are bit for bit those of SchNetPack's own loader and network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.collections import g2

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours
from core.train.batches import FlatMolecules
from models.registry import OUTPUT, build_network
from models.schnetpack_compat import properties

from schnetpack.data import ASEAtomsData, AtomsLoader  # isort: skip
from schnetpack.transform import ASENeighborList, CastTo32  # isort: skip

CUTOFF = 2.5  # Å: some pairs of these small molecules lie beyond


@pytest.fixture(scope="module")
def atoms() -> list[Atoms]:
    """Organic molecules of the G2 set, isolated atoms among them."""
    organic = {1, 6, 7, 8, 9}
    return [g2[name] for name in g2.names if set(g2[name].numbers.tolist()) <= organic]


@pytest.fixture(scope="module")
def molecules(atoms: list[Atoms]) -> Molecules:
    """The same in flat arrays."""
    first = np.concatenate([[0], np.cumsum([len(a) for a in atoms])])
    return Molecules(
        numbers=np.concatenate([a.numbers for a in atoms]).astype(np.uint8),
        positions=np.concatenate([a.positions for a in atoms]),
        first_atom=first.astype(np.int64),
        ids=np.arange(len(atoms)),
    )


@pytest.fixture(scope="module")
def schnetpack_batches(atoms: list[Atoms], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    """What SchNetPack's database, neighbour list and loader give, 16 molecules at a time."""
    path: Path = tmp_path_factory.mktemp("spk") / "g2.db"
    data = ASEAtomsData.create(str(path), distance_unit="Ang", property_unit_dict={"energy": "eV"})
    data.add_systems([{"energy": np.array([float(k)])} for k in range(len(atoms))], atoms)
    opened = ASEAtomsData(str(path), transforms=[ASENeighborList(cutoff=CUTOFF), CastTo32()], load_properties=[])
    return list(AtomsLoader(opened, batch_size=16, shuffle=False))


def test_every_key_type_and_order_is_that_of_the_loader(
    molecules: Molecules, schnetpack_batches: list[dict[str, torch.Tensor]]
) -> None:
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, CUTOFF))
    assert len(schnetpack_batches) > 3
    for k, theirs in enumerate(schnetpack_batches):
        rows = torch.arange(16 * k, min(16 * k + 16, molecules.n_molecules))
        ours = flat.batch(rows)
        assert set(ours) == set(theirs)
        for key, value in theirs.items():
            assert ours[key].dtype == value.dtype, key
            assert torch.equal(ours[key], value), key


@pytest.mark.parametrize("kind", ["schnet", "painn"])
@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_the_output_is_bit_for_bit_the_same(
    kind: str, pooling: str, molecules: Molecules, schnetpack_batches: list[dict[str, torch.Tensor]]
) -> None:
    torch.manual_seed(0)
    network = build_network(kind, n_atom_basis=16, n_interactions=2, n_rbf=12, cutoff=3.0, pooling=pooling)
    theirs = schnetpacks_network(kind, pooling)
    theirs.load_state_dict(network.state_dict())
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, CUTOFF))
    with torch.no_grad():
        for k, batch in enumerate(schnetpack_batches):
            ours = network(flat.batch(torch.arange(16 * k, min(16 * k + 16, molecules.n_molecules))))[OUTPUT]
            assert torch.equal(ours, theirs(dict(batch))["energy"])
            assert len(ours) == len(batch[properties.n_atoms])


def schnetpacks_network(kind: str, pooling: str) -> torch.nn.Module:
    """The network as a user of SchNetPack writes it, in its own words."""
    import schnetpack as spk

    representation = {"schnet": spk.representation.SchNet, "painn": spk.representation.PaiNN}[kind](
        n_atom_basis=16,
        n_interactions=2,
        radial_basis=spk.nn.GaussianRBF(n_rbf=12, cutoff=3.0),
        cutoff_fn=spk.nn.CosineCutoff(3.0),
    )
    mode = {"sum": "sum", "mean": "avg"}[pooling]
    return spk.model.NeuralNetworkPotential(
        representation=representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[spk.atomistic.Atomwise(n_in=16, aggregation_mode=mode, output_key="energy")],
    )
