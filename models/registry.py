"""Networks by name: plain keywords in, a SchNetPack network out."""

from collections.abc import Callable

from torch import nn

from models.errors import ModelError
from models.schnetpack_compat import (
    Atomwise,
    CosineCutoff,
    GaussianRBF,
    NeuralNetworkPotential,
    PaiNN,
    PairwiseDistances,
    SchNet,
)

OUTPUT = "residual"
"""Key under which a network's output stands: the scaled residual of the target, float32, no unit."""

POOLINGS = {"sum": "sum", "mean": "avg"}
"""How atoms' contributions become the molecule's value, and SchNetPack's name for it."""


def _schnet(n_atom_basis: int, n_interactions: int, n_rbf: int, cutoff: float) -> nn.Module:
    """SchNet: continuous-filter convolutions on distances (Schütt et al., J. Chem. Phys. 148, 241722, 2018)."""
    return SchNet(
        n_atom_basis=n_atom_basis,
        n_interactions=n_interactions,
        radial_basis=GaussianRBF(n_rbf=n_rbf, cutoff=cutoff),
        cutoff_fn=CosineCutoff(cutoff),
    )


def _painn(n_atom_basis: int, n_interactions: int, n_rbf: int, cutoff: float) -> nn.Module:
    """PaiNN: equivariant messages with vector features (Schütt, Unke, Gastegger, ICML 2021)."""
    return PaiNN(
        n_atom_basis=n_atom_basis,
        n_interactions=n_interactions,
        radial_basis=GaussianRBF(n_rbf=n_rbf, cutoff=cutoff),
        cutoff_fn=CosineCutoff(cutoff),
    )


REPRESENTATIONS: dict[str, Callable[..., nn.Module]] = {"schnet": _schnet, "painn": _painn}
"""What builds a representation of the atoms, by the name that a recipe gives."""


def build_network(
    kind: str,
    *,
    n_atom_basis: int,
    n_interactions: int,
    n_rbf: int,
    cutoff: float,
    pooling: str = "sum",
) -> NeuralNetworkPotential:
    """Build a network that takes SchNetPack's batch dictionary and gives `{OUTPUT: (n_molecules,) float32}`.

    `cutoff` is the radius in Å at which the filters vanish; the neighbour list may reach less far or farther.
    `pooling` is "sum" for extensive properties and "mean" for intensive ones. Weights come from torch's global
    random state. Raises ModelError for an unknown kind or pooling.
    """
    if kind not in REPRESENTATIONS:
        raise ModelError(f"network '{kind}' is unknown; choose one of {', '.join(sorted(REPRESENTATIONS))}")
    if pooling not in POOLINGS:
        raise ModelError(f"pooling '{pooling}' is unknown; choose one of {', '.join(sorted(POOLINGS))}")
    return NeuralNetworkPotential(
        representation=REPRESENTATIONS[kind](n_atom_basis, n_interactions, n_rbf, cutoff),
        input_modules=[PairwiseDistances()],
        output_modules=[Atomwise(n_in=n_atom_basis, aggregation_mode=POOLINGS[pooling], output_key=OUTPUT)],
    )
