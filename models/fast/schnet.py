"""SchNet with every filter once per unordered pair: out_i = sum over j of W_ij h_j, with W_ij = W_ji."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.fast import kernels
from models.fast.grid import Stencil, interpolate
from models.fast.pairs import PairBatch
from models.fast.processor import (
    NO_ROWS,
    arrays,
    longest_piece,
    n_shares,
    pieces,
    run_kernel,
    runs_compiled,
    softplus_,
    times_slope_,
)
from models.schnetpack_compat import SchNet, shifted_softplus

LOG_2 = math.log(2.0)


class PairConvolution(torch.autograd.Function):
    """The convolution in plain torch, with the filters of all pairs in one array: what runs on a GPU."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, filters: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """`features` (n_atoms, n_filters), `filters` (n_pairs, n_filters), `first` and `second` (n_pairs,) atoms."""
        ctx.save_for_backward(features, filters, first, second)
        result = torch.zeros_like(features)
        result.index_add_(0, first, features.index_select(0, second).mul_(filters))
        result.index_add_(0, second, features.index_select(0, first).mul_(filters))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients for features and filters; the convolution is its own transpose."""
        (gradient,) = gradients
        features, filters, first, second = ctx.saved_tensors
        at_first, at_second = gradient.index_select(0, first), gradient.index_select(0, second)
        filter_gradient = at_first * features.index_select(0, second)
        filter_gradient.addcmul_(at_second, features.index_select(0, first))
        feature_gradient = torch.zeros_like(features)
        feature_gradient.index_add_(0, second, at_first.mul_(filters))
        feature_gradient.index_add_(0, first, at_second.mul_(filters))
        return feature_gradient, filter_gradient, None, None


class GridConvolution(torch.autograd.Function):
    """The convolution with filters interpolated on a grid, by compiled kernels."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, table: Tensor, places: Stencil, pairs: PairBatch) -> Tensor:
        """`features` (n_atoms, n_filters), `table` (n_points, n_filters)."""
        features, table = features.detach().contiguous(), table.detach().contiguous()
        ctx.save_for_backward(features, table)
        ctx.places, ctx.pairs = places, pairs
        result = torch.zeros_like(features)
        given = arrays(features, table, *places, pairs.first, pairs.second)
        run_kernel(kernels.convolve, pairs, 0, len(pairs.first), given, arrays(result))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients for features and table."""
        (features, table), pairs = ctx.saved_tensors, ctx.pairs
        n_pairs = len(pairs.first)
        to_features, to_tables = torch.zeros_like(features), table.new_zeros(n_shares(n_pairs), *table.shape)
        given = arrays(features, table, *ctx.places, pairs.first, pairs.second)
        found = arrays(gradients[0].contiguous(), to_features)
        run_kernel(kernels.convolve_backward, pairs, 0, n_pairs, given, found, arrays(to_tables))
        return to_features, to_tables[0] if len(to_tables) == 1 else to_tables.sum(0), None, None


class ExactConvolution(torch.autograd.Function):
    """The convolution together with its filter network, a piece of the pairs at a time, by compiled kernels.

    Filters of a pair: cut * (w2 softplus(w1 r) + b2), where r are its radial functions and a one for the bias.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, w1: Tensor, w2: Tensor, b2: Tensor,
        radial: Tensor, cut: Tensor, pairs: PairBatch, keep: bool,
    ) -> Tensor:  # fmt: skip
        """`features` (n_atoms, n_filters), `radial` (n_pairs, n_rbf + 1), `cut` (n_pairs, 1); `keep` for a backward."""
        features = features.detach().contiguous()
        shape = (len(radial) if keep else longest_piece(len(radial)), features.shape[1])
        hidden, filters = features.new_empty(shape), features.new_empty(shape)
        result = torch.zeros_like(features)
        for begin, end in pieces(len(radial)):
            place = slice(begin, end) if keep else slice(0, end - begin)
            softplus_(torch.mm(radial[begin:end], w1.t(), out=hidden[place]))
            torch.addmm(b2, hidden[place], w2.t(), out=filters[place])
            given = arrays(features, filters[place], NO_ROWS, cut, pairs.first, pairs.second)
            run_kernel(kernels.convolve, pairs, begin, end, given, arrays(result))
        if keep:
            ctx.save_for_backward(features, w2, radial, cut, hidden, filters)
            ctx.pairs = pairs
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients for features and the three parameters."""
        (features, w2, radial, cut, hidden, filters), pairs = ctx.saved_tensors, ctx.pairs
        gradient, n_filters = gradients[0].contiguous(), len(w2)
        to_features = torch.zeros_like(features)
        to_w1, to_w2, to_b2 = w2.new_zeros(n_filters, radial.shape[1]), torch.zeros_like(w2), w2.new_zeros(n_filters)
        buffers = features.new_empty(2, longest_piece(len(radial)), n_filters)
        for begin, end in pieces(len(radial)):
            to_filters, to_hidden = buffers[:, : end - begin]
            given = arrays(features, filters[begin:end], NO_ROWS, cut, pairs.first, pairs.second)
            run_kernel(kernels.convolve_backward, pairs, begin, end, given, arrays(gradient, to_features, to_filters))
            to_w2.addmm_(to_filters.t(), hidden[begin:end])
            to_b2 += to_filters.sum(0)
            torch.mm(to_filters, w2, out=to_hidden)
            times_slope_(to_hidden, hidden[begin:end])
            to_w1.addmm_(to_hidden.t(), radial[begin:end])
        return to_features, to_w1, to_w2, to_b2, None, None, None, None


class Softplus(torch.autograd.Function):
    """log(1 + exp(x)) in place of x, which nobody else may need."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """`values` of any shape, contiguous, in the CPU's memory."""
        softplus_(values.detach())
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Gradient for the values as they were."""
        (values,) = ctx.saved_tensors
        return times_slope_(gradients[0].clone(memory_format=torch.contiguous_format), values)


def is_two_layers(network: Any) -> bool:
    """Whether a network is a layer with shifted softplus and a plain one, as SchNet's are unless told otherwise."""
    inner, outer = network
    return inner.activation is shifted_softplus and isinstance(outer.activation, nn.Identity)


def shifted_bias(layer: nn.Linear) -> Tensor:
    """Bias with which a layer takes softplus in place of shifted softplus."""
    return layer.bias - LOG_2 * layer.weight.sum(1)


def two_layers(network: Any, values: Tensor) -> Tensor:
    """The network's output for `values` (n, n_in), with the fast softplus where it may be used."""
    if not (runs_compiled(values) and is_two_layers(network)):
        return network(values)
    inner, outer = network
    hidden = Softplus.apply(functional.linear(values, inner.weight, inner.bias))
    return functional.linear(hidden, outer.weight, shifted_bias(outer))


class SchNetFilters:
    """The filters of one batch, ready to be used in each interaction."""

    def __init__(
        self, schnet: SchNet, batch: PairBatch, tables: Sequence[Tensor] | None, places: Stencil | None
    ) -> None:
        """With `tables` (n_points, n_filters) of each interaction and `places` interpolated, else exact."""
        self.schnet, self.batch, self.tables, self.places = schnet, batch, tables, places
        if places is None:
            self.cut = schnet.cutoff_fn(batch.distances)[:, None]
            self.radial = torch.cat([schnet.radial_basis(batch.distances), torch.ones_like(self.cut)], dim=1)

    def convolve(self, k: int, features: Tensor) -> Tensor:
        """Sum of the filtered neighbours' features, (n_atoms, n_filters), in interaction `k`."""
        batch, compiled = self.batch, runs_compiled(features)
        if self.tables is not None and self.places is not None:
            if compiled:
                return GridConvolution.apply(features, self.tables[k], self.places, batch)
            filters = interpolate(self.tables[k], self.places)
            return PairConvolution.apply(features, filters, batch.first, batch.second)
        network = self.schnet.interactions[k].filter_network
        if compiled and is_two_layers(network):
            inner, outer = network
            weight = torch.cat([inner.weight, inner.bias[:, None]], dim=1)
            keep = torch.is_grad_enabled()
            return ExactConvolution.apply(
                features, weight, outer.weight, shifted_bias(outer), self.radial, self.cut, batch, keep
            )
        return PairConvolution.apply(features, network(self.radial[:, :-1]) * self.cut, batch.first, batch.second)


def schnet_tables(schnet: SchNet, distances: Tensor) -> list[Tensor]:
    """Every interaction's filters without cutoff, (n_points, n_filters), at `distances` (n_points,)."""
    radial = schnet.radial_basis(distances)
    return [two_layers(interaction.filter_network, radial) for interaction in schnet.interactions]


def schnet_atoms(schnet: SchNet, batch: PairBatch, filters: SchNetFilters) -> Tensor:
    """Scalar features (n_atoms, n_atom_basis) of SchNet."""
    features = schnet.embedding(batch.numbers)
    for k, interaction in enumerate(schnet.interactions):
        if k:
            sent = interaction.in2f(features)
        else:  # at first equal elements are equal: one row each, (100, n_atom_basis)
            sent = interaction.in2f(schnet.embedding.weight).index_select(0, batch.numbers)
        features = features + two_layers(interaction.f2out, filters.convolve(k, sent))
    return features
