"""PaiNN with every filter once per unordered pair; the direction of a pair changes its sign when mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.fast import kernels
from models.fast.grid import Stencil, interpolate
from models.fast.pairs import PairBatch
from models.fast.processor import NO_ROWS, arrays, longest_piece, n_shares, pieces, run_kernel, runs_compiled
from models.schnetpack_compat import PaiNN


class GridMessages(torch.autograd.Function):
    """Messages of all neighbours with filters interpolated on a grid, by compiled kernels."""

    @staticmethod
    def forward(
        ctx: Any, scalar: Tensor, vector: Tensor, context: Tensor, table: Tensor,
        own: bool, places: Stencil, pairs: PairBatch,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Scalar (n_atoms, n) and vector features (n_atoms, 3, n) after the messages.

        `context` (n_atoms, 3 n) and `table` (n_points, 3 n) as the kernels take them; 2 n without `own` vectors.
        """
        scalar, vector = scalar.detach(), vector.detach().contiguous()
        context, table = context.detach().contiguous(), table.detach().contiguous()
        ctx.save_for_backward(vector, context, table)
        ctx.own, ctx.places, ctx.pairs = own, places, pairs
        new_scalar, new_vector = scalar.clone(memory_format=torch.contiguous_format), vector.clone()
        given = _given(pairs, context, vector if own else vector[:0], table, *places)
        run_kernel(kernels.send_messages, pairs, 0, len(pairs.first), given, arrays(new_scalar, new_vector))
        return new_scalar, new_vector

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients for scalar and vector features, context and table."""
        (vector, context, table), pairs, own = ctx.saved_tensors, ctx.pairs, ctx.own
        n_pairs = len(pairs.first)
        scalar_gradient, vector_gradient = gradients[0].contiguous(), gradients[1].contiguous()
        to_vector = vector_gradient.clone() if own else vector_gradient
        to_context, to_tables = torch.zeros_like(context), table.new_zeros(n_shares(n_pairs), *table.shape)
        given = _given(pairs, context, vector if own else vector[:0], table, *ctx.places)
        found = arrays(scalar_gradient, vector_gradient, to_context, to_vector)
        run_kernel(kernels.send_messages_backward, pairs, 0, n_pairs, given, found, arrays(to_tables))
        to_table = to_tables[0] if len(to_tables) == 1 else to_tables.sum(0)
        return scalar_gradient, to_vector, to_context, to_table, None, None, None


class ExactMessages(torch.autograd.Function):
    """Messages of all neighbours together with their filters, a piece of the pairs at a time, by compiled kernels.

    Filters of a pair: cut * (r w), where r are its radial functions and a one for the bias.
    """

    @staticmethod
    def forward(
        ctx: Any, scalar: Tensor, vector: Tensor, context: Tensor, weight: Tensor,
        own: bool, radial: Tensor, cut: Tensor, pairs: PairBatch,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """As GridMessages, with `weight` (n_rbf + 1, 3 n), `radial` (n_pairs, n_rbf + 1) and `cut` (n_pairs, 1)."""
        scalar, vector, weight = scalar.detach(), vector.detach().contiguous(), weight.detach()
        context = context.detach().contiguous()
        ctx.save_for_backward(vector, context, weight, radial, cut)
        ctx.own, ctx.pairs = own, pairs
        new_scalar, new_vector = scalar.clone(memory_format=torch.contiguous_format), vector.clone()
        buffer = weight.new_empty(longest_piece(len(radial)), weight.shape[1])
        for begin, end in pieces(len(radial)):
            filters = torch.mm(radial[begin:end], weight, out=buffer[: end - begin])
            given = _given(pairs, context, vector if own else vector[:0], filters, NO_ROWS, cut)
            run_kernel(kernels.send_messages, pairs, begin, end, given, arrays(new_scalar, new_vector))
        return new_scalar, new_vector

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients for scalar and vector features, context and weight."""
        (vector, context, weight, radial, cut), pairs, own = ctx.saved_tensors, ctx.pairs, ctx.own
        scalar_gradient, vector_gradient = gradients[0].contiguous(), gradients[1].contiguous()
        to_vector = vector_gradient.clone() if own else vector_gradient
        to_context, to_weight = torch.zeros_like(context), torch.zeros_like(weight)
        buffers = weight.new_empty(2, longest_piece(len(radial)), weight.shape[1])
        for begin, end in pieces(len(radial)):
            filters, to_filters = buffers[:, : end - begin]
            torch.mm(radial[begin:end], weight, out=filters)
            given = _given(pairs, context, vector if own else vector[:0], filters, NO_ROWS, cut)
            found = arrays(scalar_gradient, vector_gradient, to_context, to_vector, to_filters)
            run_kernel(kernels.send_messages_backward, pairs, begin, end, given, found)
            to_weight.addmm_(radial[begin:end].t(), to_filters)
        return scalar_gradient, to_vector, to_context, to_weight, None, None, None, None


def _given(pairs: PairBatch, context: Tensor, vector: Tensor, *filters: Tensor) -> tuple[Any, ...]:
    """What both kernels take, in their order; `filters` are table, rows and weights."""
    return arrays(context, vector, pairs.directions, *filters, pairs.first, pairs.second)


def messages(
    scalar: Tensor, vector: Tensor, context: Tensor, filters: Tensor, own: bool, pairs: PairBatch
) -> tuple[Tensor, Tensor]:
    """The same in plain torch, with the filters (n_pairs, 3 n) of all pairs in one array: what runs on a GPU."""
    n = scalar.shape[1]
    directions = pairs.directions[..., None]  # (n_pairs, 3, 1)
    new_scalar, new_vector = scalar, vector
    for centre, neighbour, sign in ((pairs.first, pairs.second, 1.0), (pairs.second, pairs.first, -1.0)):
        message = filters * context.index_select(0, neighbour)
        new_scalar = new_scalar.index_add(0, centre, message[:, :n])
        pushed = message[:, None, n : 2 * n] * (sign * directions)
        if own:
            pushed = pushed + message[:, None, 2 * n :] * vector.index_select(0, neighbour)
        new_vector = new_vector.index_add(0, centre, pushed)
    return new_scalar, new_vector


class PaiNNFilters:
    """The filters of one batch, ready to be used in each interaction."""

    def __init__(self, painn: PaiNN, batch: PairBatch, tables: Sequence[Tensor] | None, places: Stencil | None) -> None:
        """With `tables` (n_points, 3 n) of each interaction and `places` interpolated, else exact."""
        self.painn, self.batch, self.tables, self.places = painn, batch, tables, places
        if places is None:
            distances = batch.distances[:, None]
            self.cut = painn.cutoff_fn(distances)  # (n_pairs, 1)
            radial = painn.radial_basis(distances).squeeze(1)
            self.radial = torch.cat([radial, torch.ones_like(self.cut)], dim=1)  # (n_pairs, n_rbf + 1)
            network = painn.filter_net
            self.weight = torch.cat([network.weight, network.bias[:, None]], dim=1)

    def send(self, k: int, scalar: Tensor, vector: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Scalar and vector features after the messages of interaction `k`; in the first, vectors are known as 0."""
        own, batch, n_parts = k > 0, self.batch, context.shape[1]
        compiled = runs_compiled(scalar)
        if self.tables is not None and self.places is not None:
            table = self.tables[k][:, :n_parts]
            if compiled:
                return GridMessages.apply(scalar, vector, context, table, own, self.places, batch)
            return messages(scalar, vector, context, interpolate(table, self.places), own, batch)
        begin = 0 if self.painn.share_filters else 3 * self.painn.n_atom_basis * k
        weight = self.weight[begin : begin + n_parts].t().contiguous()
        if compiled:
            return ExactMessages.apply(scalar, vector, context, weight, own, self.radial, self.cut, batch)
        return messages(scalar, vector, context, (self.radial @ weight) * self.cut, own, batch)


def painn_tables(painn: PaiNN, distances: Tensor) -> list[Tensor]:
    """Values of every interaction's filters, without cutoff, (n_points, 3 n) at `distances` (n_points,)."""
    table = painn.filter_net(painn.radial_basis(distances[:, None]).squeeze(1))
    if painn.share_filters:
        return [table] * painn.n_interactions
    return list(table.split(3 * painn.n_atom_basis, dim=1))


def painn_atoms(painn: PaiNN, batch: PairBatch, filters: PaiNNFilters, last_vectors: bool) -> tuple[Tensor, Tensor]:
    """Scalar (n_atoms, n) and vector features (n_atoms, 3, n) of PaiNN; the last vectors only where they are wanted."""
    n = painn.n_atom_basis
    scalar = painn.embedding(batch.numbers)
    vector = scalar.new_zeros(len(scalar), 3, n)
    for k, (interaction, mixing) in enumerate(zip(painn.interactions, painn.mixing, strict=True)):
        inner, outer = interaction.interatomic_context_net
        if k:
            context = outer(inner(scalar))  # (n_atoms, 3 n)
        else:  # at first equal elements are equal, and the part for the neighbours' vectors is not needed
            known = functional.linear(inner(painn.embedding.weight), outer.weight[: 2 * n], outer.bias[: 2 * n])
            context = known.index_select(0, batch.numbers)
        scalar, vector = filters.send(k, scalar, vector, context)
        scalar, vector = mix(mixing, scalar, vector, last_vectors or k < painn.n_interactions - 1)
    return scalar, vector


def mix(mixing: Any, scalar: Tensor, vector: Tensor, new_vectors: bool) -> tuple[Tensor, Tensor]:
    """Scalar and vector features after PaiNN's mixing within each atom; vectors only where they are wanted."""
    left, right = mixing.mu_channel_mix(vector).chunk(2, dim=-1)  # (n_atoms, 3, n) each
    norms = left.square().sum(dim=1).add(mixing.epsilon).sqrt()
    context = mixing.intraatomic_context_net(torch.cat([scalar, norms], dim=1))
    to_scalar, to_vector, to_product = context.chunk(3, dim=1)
    scalar = scalar + to_scalar + to_product * (left * right).sum(dim=1)
    return scalar, torch.addcmul(vector, to_vector[:, None], right) if new_vectors else vector
