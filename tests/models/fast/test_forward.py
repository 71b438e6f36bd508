"""The fast forward in both ways of computing and both kinds of filters, against SchNetPack's network."""

import pytest
import torch
from ase import Atoms

from models.fast import FILTERS, PairBatch, PairForward
from models.registry import OUTPUT, POOLINGS, REPRESENTATIONS, build_network
from models.schnetpack_compat import NeuralNetworkPotential
from tests.models.schnetpack_batches import schnetpack_batch


def network_of(kind: str, pooling: str = "sum", n_atom_basis: int = 19) -> NeuralNetworkPotential:
    torch.manual_seed(0)
    return build_network(kind, n_atom_basis=n_atom_basis, n_interactions=3, n_rbf=12, cutoff=4.0, pooling=pooling)


def gradients(network: NeuralNetworkPotential, output: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    (output * torch.linspace(-1, 1, len(output))).sum().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kind", sorted(REPRESENTATIONS))
def test_outputs_and_gradients_are_those_of_the_network(
    kind: str, pooling: str, compiled: bool, filters: str, molecules: list[Atoms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fast.processor.COMPILED", compiled)
    network, batch = network_of(kind, pooling), schnetpack_batch(molecules)
    expected = network(dict(batch))[OUTPUT]
    found = PairForward(network, filters)(PairBatch.of(batch))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)
    ours, theirs = gradients(network, found), gradients(network, expected)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=2e-5 * (0.1 + scale), msg=name)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("kind", sorted(REPRESENTATIONS))
def test_a_step_repeats_bit_for_bit(kind: str, filters: str, molecules: list[Atoms]) -> None:
    network, batch = network_of(kind, n_atom_basis=64), PairBatch.of(schnetpack_batch(molecules * 20))
    assert len(batch.first) > 3000  # more than one piece
    forward = PairForward(network, filters)
    first, again = (gradients(network, forward(batch)) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("kind", sorted(REPRESENTATIONS))
def test_atoms_alone_have_an_output_and_gradients(
    kind: str, compiled: bool, filters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fast.processor.COMPILED", compiled)
    network, batch = network_of(kind), schnetpack_batch([Atoms("O"), Atoms("F")])
    expected, found = network(dict(batch))[OUTPUT], PairForward(network, filters)(PairBatch.of(batch))
    torch.testing.assert_close(found, expected)
    ours, theirs = gradients(network, found), gradients(network, expected)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("kind", sorted(REPRESENTATIONS))
def test_a_molecule_of_more_than_256_atoms(kind: str, filters: str) -> None:
    n = 300
    chain = Atoms("CO" * (n // 2), [[1.4 * k, 0.3 * (k % 3), 0.0] for k in range(n)])
    network, batch = network_of(kind), schnetpack_batch([chain])
    with torch.no_grad():
        expected = network(dict(batch))[OUTPUT]
        found = PairForward(network, filters)(PairBatch.of(batch))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def test_a_nan_in_the_parameters_is_not_hidden(molecules: list[Atoms]) -> None:
    for kind in REPRESENTATIONS:
        for filters in FILTERS:
            network = network_of(kind)
            with torch.no_grad():
                network.representation.embedding.weight[6] = float("nan")
                found = PairForward(network, filters)(PairBatch.of(schnetpack_batch(molecules)))
            holds_carbon = torch.tensor(["C" in one.symbols for one in molecules])
            assert torch.equal(found.isnan(), holds_carbon)


def test_a_network_with_another_activation_goes_the_plain_way(molecules: list[Atoms]) -> None:
    network, batch = network_of("schnet"), schnetpack_batch(molecules)
    for interaction in network.representation.interactions:
        interaction.filter_network[0].activation = torch.nn.functional.silu
    with torch.no_grad():
        torch.testing.assert_close(
            PairForward(network)(PairBatch.of(batch)), network(dict(batch))[OUTPUT], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("kind", sorted(REPRESENTATIONS))
def test_two_threads_repeat_bit_for_bit_and_agree_with_one(
    kind: str, filters: str, molecules: list[Atoms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fast.processor.LEAST", 50)
    network, batch = network_of(kind), PairBatch.of(schnetpack_batch(molecules))
    forward, threads = PairForward(network, filters), torch.get_num_threads()
    one = gradients(network, forward(batch))
    try:
        torch.set_num_threads(2)
        assert len(batch.shares(0, len(batch.first), 2)) == 2
        two, again = (gradients(network, forward(batch)) for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    for name, gradient in one.items():
        assert torch.equal(two[name], again[name]), name
        torch.testing.assert_close(two[name], gradient, rtol=1e-4, atol=1e-4, msg=name)


def test_shares_of_the_pairs_tear_no_molecule_apart(molecules: list[Atoms]) -> None:
    batch = PairBatch.of(schnetpack_batch(molecules))
    n_pairs = len(batch.first)
    of_pair = batch.molecule[batch.first].tolist()
    for begin, end in ((0, n_pairs), (7, n_pairs - 5), (3, 3)):
        for n in (1, 2, 3, 100):
            shares = batch.shares(begin, end, n)
            assert len(shares) <= n
            assert [p for share in shares for p in range(*share)] == list(range(begin, end))
            whole = [set(of_pair[slice(*share)]) for share in shares]
            assert sum(map(len, whole)) == len(set().union(*whole))
