"""The same networks, evaluated with every filter once per unordered pair of atoms.

A filter depends on the distance only, so W_ij = W_ji, and SchNetPack's directed pairs compute each of them twice.
These forwards use the very modules and parameters of SchNetPack's networks and give the same outputs up to the
order of summation (tests/models/test_contract.py, tests/models/test_shipped_models.py). First derivatives with
respect to parameters only: no forces.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.schnetpack_compat import NeuralNetworkPotential, PaiNN, SchNet, properties


class PairConvolution(torch.autograd.Function):
    """Sum of filtered neighbours over unordered pairs: out_i = sum over j of W_ij h_j, with W_ij = W_ji."""

    @staticmethod
    def forward(ctx, features: Tensor, filters: Tensor, first: Tensor, second: Tensor) -> Tensor:  # type: ignore
        """`features` (n_atoms, n_filters), `filters` (n_pairs, n_filters), `first` and `second` (n_pairs,) atoms."""
        ctx.save_for_backward(features, filters, first, second)
        result = torch.zeros_like(features)
        result.index_add_(0, first, features.index_select(0, second).mul_(filters))
        result.index_add_(0, second, features.index_select(0, first).mul_(filters))
        return result

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore
        """Gradients for features and filters; the convolution is its own transpose."""
        features, filters, first, second = ctx.saved_tensors
        at_first, at_second = gradient.index_select(0, first), gradient.index_select(0, second)
        filter_gradient = at_first * features.index_select(0, second)
        filter_gradient.addcmul_(at_second, features.index_select(0, first))
        feature_gradient = torch.zeros_like(features)
        feature_gradient.index_add_(0, second, at_first.mul_(filters))
        feature_gradient.index_add_(0, first, at_second.mul_(filters))
        return feature_gradient, filter_gradient, None, None


class PairForward(nn.Module):
    """Wraps a network of `build_network`; takes its batch, gives its output (n_molecules,) float32."""

    def __init__(self, network: NeuralNetworkPotential) -> None:
        super().__init__()
        if not isinstance(network.representation, SchNet | PaiNN):
            raise ModelError(f"no pair forward for {type(network.representation).__name__}; use the network itself")
        if len(getattr(network.representation, "electronic_embeddings", ())):
            raise ModelError("no pair forward for networks with electronic embeddings; use the network itself")
        self.network = network

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Every pair must stand in the batch in both directions, without periodic images."""
        idx_i, idx_j = batch[properties.idx_i], batch[properties.idx_j]
        once = idx_i < idx_j
        first, second = idx_i[once], idx_j[once]  # (n_pairs,)
        positions = batch[properties.R]
        vectors = positions.index_select(0, second) - positions.index_select(0, first)  # (n_pairs, 3)
        representation = self.network.representation
        atoms = schnet_atoms if isinstance(representation, SchNet) else painn_atoms
        features = atoms(representation, batch[properties.Z], vectors, first, second)  # (n_atoms, n_atom_basis)
        output = self.network.output_modules[0]
        result = dict(batch) | {"scalar_representation": features}
        return output(result)[output.output_key]


def schnet_atoms(schnet: SchNet, numbers: Tensor, vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Scalar features (n_atoms, n_atom_basis) of SchNet."""
    distances = vectors.norm(dim=1)
    radial = schnet.radial_basis(distances)
    cut = schnet.cutoff_fn(distances)[:, None]
    features = schnet.embedding(numbers)
    for interaction in schnet.interactions:
        filters = interaction.filter_network(radial) * cut
        messages = PairConvolution.apply(interaction.in2f(features), filters, first, second)
        features = features + interaction.f2out(messages)
    return features


def painn_atoms(painn: PaiNN, numbers: Tensor, vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Scalar features (n_atoms, n_atom_basis) of PaiNN; the direction of a pair changes its sign when mirrored."""
    distances = vectors.norm(dim=1, keepdim=True)
    directions = (vectors / distances)[..., None]  # (n_pairs, 3, 1)
    filters = painn.filter_net(painn.radial_basis(distances)) * painn.cutoff_fn(distances)[..., None]
    filters = filters.squeeze(1)
    n_features = painn.n_atom_basis
    per_interaction = [filters] * painn.n_interactions if painn.share_filters else filters.split(3 * n_features, dim=-1)
    scalar = painn.embedding(numbers)[:, None]  # (n_atoms, 1, n_features)
    vector = scalar.new_zeros(len(numbers), 3, n_features)
    for interaction, mixing, pair_filters in zip(painn.interactions, painn.mixing, per_interaction, strict=True):
        context = interaction.interatomic_context_net(scalar).squeeze(1)  # (n_atoms, 3 n_features)
        scalar_change, vector_change = torch.zeros_like(scalar), torch.zeros_like(vector)
        for centre, neighbour, sign in ((first, second, 1.0), (second, first, -1.0)):
            message = pair_filters * context.index_select(0, neighbour)
            to_scalar, along, mixed = message.split(n_features, dim=-1)
            scalar_change = scalar_change.index_add(0, centre, to_scalar[:, None])
            pushed = along[:, None] * (sign * directions) + mixed[:, None] * vector.index_select(0, neighbour)
            vector_change = vector_change.index_add(0, centre, pushed)
        scalar, vector = mixing(scalar + scalar_change, vector + vector_change)
    return scalar.squeeze(1)
