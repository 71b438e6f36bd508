"""Networks by name: plain keywords in, a SchNetPack network out."""

from collections.abc import Callable

from torch import nn

from models.errors import ModelError
from models.schnetpack_compat import (
    Atomwise,
    CosineCutoff,
    DipoleMoment,
    GaussianRBF,
    NeuralNetworkPotential,
    PaiNN,
    PairwiseDistances,
    SchNet,
)

OUTPUT = "residual"
"""Key under which a network's output stands: the scaled residual of the target, float32, no unit."""

POOLINGS = ("sum", "mean", "dipole")
"""How atoms make up the molecule's value: the sum or the mean of what each gives, or the norm of their dipole."""
_AGGREGATION = {"sum": "sum", "mean": "avg"}


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


def _output(kind: str, n_atom_basis: int, pooling: str, vectors: bool | None) -> nn.Module:
    """SchNetPack's output module for a pooling.

    The dipole moment is the norm of sum(charge * position), with charges that add up to zero, so that the origin does
    not matter; PaiNN, which has vector features, adds a dipole of each atom (Schütt, Unke, Gastegger, ICML 2021),
    unless `vectors` says not to.
    """
    if pooling != "dipole":
        return Atomwise(n_in=n_atom_basis, aggregation_mode=_AGGREGATION[pooling], output_key=OUTPUT)
    with_vectors = kind == "painn" if vectors is None else vectors
    return DipoleMoment(
        n_in=n_atom_basis, predict_magnitude=True, use_vector_representation=with_vectors, dipole_key=OUTPUT
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
    vectors: bool | None = None,
) -> NeuralNetworkPotential:
    """Build a network that takes SchNetPack's batch dictionary and gives `{OUTPUT: (n_molecules,) float32}`.

    `cutoff` is the radius in Å at which the filters vanish; the neighbour list may reach less far or farther.
    `pooling` is "sum" for extensive properties, "mean" for intensive ones and "dipole" for the norm of the dipole
    moment (SchNetPack's DipoleMoment). `vectors` says whether the dipole takes PaiNN's vector features, which it does
    if left out; SchNetPack's own recipe for the dipole of QM9 does not. Weights come from torch's global random state.
    Raises ModelError for an unknown kind or pooling, or vectors of SchNet, which has none.
    """
    if kind not in REPRESENTATIONS:
        raise ModelError(f"network '{kind}' is unknown; choose one of {', '.join(sorted(REPRESENTATIONS))}")
    if pooling not in POOLINGS:
        raise ModelError(f"pooling '{pooling}' is unknown; choose one of {', '.join(sorted(POOLINGS))}")
    if vectors and kind != "painn":
        raise ModelError(f"network '{kind}' has no vector features; only painn has")
    return NeuralNetworkPotential(
        representation=REPRESENTATIONS[kind](n_atom_basis, n_interactions, n_rbf, cutoff),
        input_modules=[PairwiseDistances()],
        output_modules=[_output(kind, n_atom_basis, pooling, vectors)],
    )
