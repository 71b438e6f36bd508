"""The compiled kernels give what the formulas in plain torch give, and so do their gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from models.fast.grid import Stencil, interpolate
from models.fast.painn import ExactMessages, GridMessages, messages
from models.fast.pairs import PairBatch
from models.fast.schnet import ExactConvolution, GridConvolution, PairConvolution

N, N_RBF, N_POINTS = 5, 3, 7  # no count of features is a multiple of a vector register's length


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(3)


@pytest.fixture
def pairs() -> PairBatch:
    """Two molecules, a triangle and a pair, between them an atom alone; float64, for differences."""
    return PairBatch(
        numbers=torch.tensor([6, 1, 8, 9, 1, 1]),
        positions=torch.randn(6, 3, dtype=torch.float64),
        molecule=torch.tensor([0, 0, 0, 1, 2, 2]),
        n_atoms=torch.tensor([3, 1, 2]),
        first=torch.tensor([0, 0, 1, 4]),
        second=torch.tensor([1, 2, 2, 5]),
        distances=torch.tensor([1.0, 1.2, 0.9, 2.0], dtype=torch.float64),
    )


@pytest.fixture
def places(pairs: PairBatch) -> Stencil:
    rows = torch.tensor([0, 3, 1, 1], dtype=torch.int32)
    return Stencil(rows, torch.randn(4, 4, dtype=torch.float64))


def assert_same(compiled: Callable, plain: Callable, inputs: tuple[Tensor, ...]) -> None:
    """Both functions have the same values and gradients, and those of `compiled` are right."""
    found, expected = compiled(*inputs), plain(*inputs)
    weights = [torch.randn_like(part) for part in expected]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    ours, theirs = (
        torch.autograd.grad(sum((w * part).sum() for w, part in zip(weights, parts, strict=True)), inputs)
        for parts in (found, expected)
    )
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their)
    assert gradcheck(compiled, inputs)


def test_convolution_on_a_grid(pairs: PairBatch, places: Stencil) -> None:
    def compiled(features: Tensor, table: Tensor) -> tuple[Tensor, ...]:
        return (GridConvolution.apply(features, table, places, pairs),)

    def plain(features: Tensor, table: Tensor) -> tuple[Tensor, ...]:
        return (PairConvolution.apply(features, interpolate(table, places), pairs.first, pairs.second),)

    assert_same(compiled, plain, (draw(6, N), draw(N_POINTS, N)))


def test_exact_convolution(pairs: PairBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.fast.processor.PIECE", 3)  # so that a second piece is left
    radial, cut = torch.randn(4, N_RBF, dtype=torch.float64), torch.rand(4, 1, dtype=torch.float64)

    def compiled(features: Tensor, w1: Tensor, w2: Tensor, b2: Tensor) -> tuple[Tensor, ...]:
        return (ExactConvolution.apply(features, w1, w2, b2, radial, cut, pairs, True),)

    def plain(features: Tensor, w1: Tensor, w2: Tensor, b2: Tensor) -> tuple[Tensor, ...]:
        filters = (torch.nn.functional.softplus(radial @ w1.t()) @ w2.t() + b2) * cut
        return (PairConvolution.apply(features, filters, pairs.first, pairs.second),)

    inputs = (draw(6, N), draw(N, N_RBF), draw(N, N), draw(N))
    assert_same(compiled, plain, inputs)
    thrifty = ExactConvolution.apply(*(value.detach() for value in inputs), radial, cut, pairs, False)
    assert torch.equal(thrifty, compiled(*inputs)[0])


@pytest.mark.parametrize("own", [False, True])
def test_messages_on_a_grid(own: bool, pairs: PairBatch, places: Stencil) -> None:
    def compiled(*inputs: Tensor) -> tuple[Tensor, ...]:
        return GridMessages.apply(*inputs, own, places, pairs)

    def plain(scalar: Tensor, vector: Tensor, context: Tensor, table: Tensor) -> tuple[Tensor, ...]:
        return messages(scalar, vector, context, interpolate(table, places), own, pairs)

    n = 3 * N if own else 2 * N
    assert_same(compiled, plain, (draw(6, N), draw(6, 3, N), draw(6, n), draw(N_POINTS, n)))


@pytest.mark.parametrize("own", [False, True])
def test_exact_messages(own: bool, pairs: PairBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.fast.processor.PIECE", 3)
    radial, cut = torch.randn(4, N_RBF, dtype=torch.float64), torch.rand(4, 1, dtype=torch.float64)

    def compiled(*inputs: Tensor) -> tuple[Tensor, ...]:
        return ExactMessages.apply(*inputs, own, radial, cut, pairs)

    def plain(scalar: Tensor, vector: Tensor, context: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        return messages(scalar, vector, context, (radial @ weight) * cut, own, pairs)

    n = 3 * N if own else 2 * N
    assert_same(compiled, plain, (draw(6, N), draw(6, 3, N), draw(6, n), draw(N_RBF, n)))
