"""What every network must obey."""

import numpy as np
import pytest
import torch
from ase import Atoms
from scipy.spatial.transform import Rotation

from models.errors import ModelError
from models.fast import PairBatch, PairForward
from models.registry import OUTPUT, REPRESENTATIONS, build_network
from models.schnetpack_compat import NeuralNetworkPotential, properties
from tests.models.schnetpack_batches import schnetpack_batch

KINDS = sorted(REPRESENTATIONS)


@pytest.fixture(params=[(kind, pooling) for kind in KINDS for pooling in ("sum", "mean")], ids="-".join)
def network(request: pytest.FixtureRequest) -> NeuralNetworkPotential:
    """Every kind of network with every pooling, with random weights."""
    torch.manual_seed(0)
    kind, pooling = request.param
    return build_network(kind, n_atom_basis=16, n_interactions=2, n_rbf=12, cutoff=4.0, pooling=pooling).eval()


def outputs(network: NeuralNetworkPotential, atoms: list[Atoms]) -> torch.Tensor:
    with torch.no_grad():
        return network(schnetpack_batch(atoms))[OUTPUT]


def assert_equal_outputs(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)


def test_one_float32_number_for_each_molecule(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    found = outputs(network, molecules)
    assert found.shape == (len(molecules),) and found.dtype == torch.float32
    assert len(set(found.tolist())) == len(molecules)


def test_rotated_and_mirrored_molecules_are_the_same(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    for matrix in (turn, -turn):
        turned = [Atoms(one.numbers, one.positions @ matrix.T) for one in molecules]
        assert_equal_outputs(outputs(network, turned), outputs(network, molecules))


def test_moved_molecules_are_the_same(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    moved = [Atoms(one.numbers, one.positions + np.array([3.0, -2.0, 1.0])) for one in molecules]
    assert_equal_outputs(outputs(network, moved), outputs(network, molecules))


def test_the_order_of_atoms_does_not_matter(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    generator = np.random.default_rng(2)
    shuffled = [one[generator.permutation(len(one))] for one in molecules]
    assert_equal_outputs(outputs(network, shuffled), outputs(network, molecules))


def test_a_batch_gives_what_each_molecule_gives_alone(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    alone = torch.cat([outputs(network, [one]) for one in molecules])
    assert_equal_outputs(outputs(network, molecules), alone)


def test_the_order_of_molecules_is_kept(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    assert_equal_outputs(outputs(network, molecules[::-1]).flip(0), outputs(network, molecules))


def test_the_fast_forward_equals_the_network(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    with torch.no_grad():
        fast = PairForward(network)(PairBatch.of(schnetpack_batch(molecules)))
    torch.testing.assert_close(fast, outputs(network, molecules), rtol=0, atol=1e-5)


def test_the_fast_forward_has_the_gradients_of_the_network(
    network: NeuralNetworkPotential, molecules: list[Atoms]
) -> None:
    weights = torch.linspace(-1, 1, len(molecules))
    (network(schnetpack_batch(molecules))[OUTPUT] * weights).sum().backward()
    expected = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    (PairForward(network)(PairBatch.of(schnetpack_batch(molecules))) * weights).sum().backward()
    assert expected.keys() == {name for name, p in network.named_parameters() if p.grad is not None}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            scale = float(expected[name].abs().max())
            torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-5 * (1 + scale), msg=name)


def test_inputs_are_left_as_they_are(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    batch = schnetpack_batch(molecules)
    before = {key: value.clone() for key, value in batch.items()}
    with torch.no_grad():
        network(dict(batch))
        PairForward(network)(PairBatch.of(batch))
    assert batch.keys() == before.keys()
    assert all(torch.equal(batch[key], value) for key, value in before.items())


def test_neighbours_may_reach_less_far_than_the_filters(
    network: NeuralNetworkPotential, molecules: list[Atoms]
) -> None:
    near, far = schnetpack_batch(molecules, cutoff=2.0), schnetpack_batch(molecules, cutoff=4.0)
    assert len(near[properties.idx_i]) < len(far[properties.idx_i])
    with torch.no_grad():
        expected = network(dict(near))[OUTPUT]
        torch.testing.assert_close(PairForward(network)(PairBatch.of(near)), expected, rtol=0, atol=1e-5)
        assert not torch.allclose(expected, network(far)[OUTPUT], atol=1e-3)


def test_pairs_beyond_the_cutoff_do_not_count(network: NeuralNetworkPotential, molecules: list[Atoms]) -> None:
    with torch.no_grad():
        wide = network(schnetpack_batch(molecules, cutoff=6.0))[OUTPUT]
    assert_equal_outputs(wide, outputs(network, molecules))


@pytest.mark.parametrize("kind", KINDS)
def test_five_molecules_can_be_learned_by_heart(kind: str, molecules: list[Atoms]) -> None:
    torch.manual_seed(0)
    network = build_network(kind, n_atom_basis=32, n_interactions=2, n_rbf=12, cutoff=4.0)
    batch, wanted = schnetpack_batch(molecules[:5]), torch.tensor([1.0, -1.0, 0.5, 2.0, -0.3])
    pairs, forward = PairBatch.of(batch), PairForward(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(250):
        optimizer.zero_grad()
        (forward(pairs) - wanted).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        assert float((network(dict(batch))[OUTPUT] - wanted).abs().max()) < 0.02


def test_mean_pooling_is_the_sum_over_the_number_of_atoms(molecules: list[Atoms]) -> None:
    keywords = {"n_atom_basis": 8, "n_interactions": 1, "n_rbf": 8, "cutoff": 4.0}
    total, mean = (build_network("schnet", **keywords, pooling=pooling) for pooling in ("sum", "mean"))
    mean.load_state_dict(total.state_dict())
    sizes = torch.tensor([len(one) for one in molecules])
    torch.testing.assert_close(outputs(mean, molecules) * sizes, outputs(total, molecules))


def test_unknown_names_are_refused_in_words() -> None:
    keywords = {"n_atom_basis": 8, "n_interactions": 1, "n_rbf": 8, "cutoff": 4.0}
    with pytest.raises(ModelError, match="network 'dimenet' is unknown; choose one of painn, schnet"):
        build_network("dimenet", **keywords)
    with pytest.raises(ModelError, match="pooling 'max' is unknown; choose one of dipole, mean, sum"):
        build_network("schnet", **keywords, pooling="max")
