"""The dipole moment is that of SchNetPack's own output module, and obeys what a dipole of a neutral molecule must."""

import numpy as np
import pytest
import torch
from ase import Atoms
from scipy.spatial.transform import Rotation

from models.fast import PairBatch, PairForward
from models.registry import OUTPUT, build_network
from models.schnetpack_compat import NeuralNetworkPotential, properties
from tests.models.schnetpack_batches import schnetpack_batch

KEYWORDS = {"n_atom_basis": 16, "n_interactions": 2, "n_rbf": 12, "cutoff": 4.0}


@pytest.fixture(params=["schnet", "painn"])
def network(request: pytest.FixtureRequest) -> NeuralNetworkPotential:
    torch.manual_seed(0)
    return build_network(request.param, **KEYWORDS, pooling="dipole").eval()


def outputs(network: NeuralNetworkPotential, atoms: list[Atoms]) -> torch.Tensor:
    with torch.no_grad():
        return network(schnetpack_batch(atoms))[OUTPUT]


def schnetpacks_network(kind: str) -> torch.nn.Module:
    """As a user of SchNetPack writes it (its configs/experiment/qm9_dipole.yaml), PaiNN with its vectors."""
    import schnetpack as spk

    representation = {"schnet": spk.representation.SchNet, "painn": spk.representation.PaiNN}[kind](
        n_atom_basis=16,
        n_interactions=2,
        radial_basis=spk.nn.GaussianRBF(n_rbf=12, cutoff=4.0),
        cutoff_fn=spk.nn.CosineCutoff(4.0),
    )
    output = spk.atomistic.DipoleMoment(
        n_in=16, predict_magnitude=True, use_vector_representation=kind == "painn", dipole_key="dipole_moment"
    )
    return spk.model.NeuralNetworkPotential(
        representation=representation, input_modules=[spk.atomistic.PairwiseDistances()], output_modules=[output]
    )


def test_the_output_is_bit_for_bit_schnetpacks(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    kind = type(network.representation).__name__.lower()
    theirs = schnetpacks_network(kind)
    theirs.load_state_dict(network.state_dict())
    with torch.no_grad():
        expected = theirs(schnetpack_batch(molecules))["dipole_moment"]
    assert expected.shape == (len(molecules),) and (expected >= 0).all() and (expected > 1e-3).sum() >= 7
    assert torch.equal(outputs(network, molecules), expected)


def test_the_fast_forward_equals_it_with_its_gradients(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    batch, weights = schnetpack_batch(molecules), torch.linspace(-1, 1, len(molecules))
    expected = network(dict(batch))[OUTPUT]
    (expected * weights).sum().backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    found = PairForward(network)(PairBatch.of(batch))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    (found * weights).sum().backward()
    assert gradients.keys() == {name for name, p in network.named_parameters() if p.grad is not None}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            scale = float(gradients[name].abs().max())
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-5 * (1 + scale), msg=name)


def test_moved_turned_and_mirrored_molecules_are_the_same(
    network: NeuralNetworkPotential, molecules: list[Atoms]
) -> None:
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    for matrix in (turn, -turn):
        moved = [Atoms(one.numbers, one.positions @ matrix.T + np.array([3.0, -2.0, 1.0])) for one in molecules]
        torch.testing.assert_close(outputs(network, moved), outputs(network, molecules), rtol=1e-4, atol=2e-4)


def test_what_symmetry_forbids_is_zero(network: NeuralNetworkPotential) -> None:
    carbon_dioxide = Atoms("CO2", positions=[[0, 0, 0], [0, 0, 1.16], [0, 0, -1.16]])
    water = Atoms("OH2", positions=[[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    found = outputs(network, [carbon_dioxide, water])
    assert float(found[0]) == pytest.approx(0, abs=1e-5)
    assert float(found[1]) > 1e-3


def test_the_loss_of_a_vanishing_dipole_has_a_gradient(network: NeuralNetworkPotential) -> None:
    batch = schnetpack_batch([Atoms("CO2", positions=[[0, 0, 0], [0, 0, 1.16], [0, 0, -1.16]])] * 2)
    PairForward(network)(PairBatch.of(batch)).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_charges_stand_still_without_a_total_charge(molecules: list[Atoms]) -> None:
    batch = schnetpack_batch(molecules)
    assert properties.total_charge not in batch  # then SchNetPack makes the charges of each molecule add up to zero
