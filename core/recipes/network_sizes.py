"""The network of a recipe as blocks with sizes: what goes in and out of each, and how many numbers it holds.

Pure arithmetic, so that a page can draw a network without loading torch; a test counts the real networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import MollensError

EMBEDDED = 100
"""Atomic numbers that SchNetPack's embedding has a row for: 0 to 99; from its version 2.1 on one more."""


@dataclass(frozen=True)
class Layer:
    """One layer inside a block."""

    name: str
    shape: str
    """what goes in and what comes out, e.g. "20 → 64" """
    parameters: int
    """numbers that are learned"""


@dataclass(frozen=True)
class Block:
    """One station on the way from atoms to the target."""

    name: str
    what: str
    """what it does, in a few words"""
    out: str
    """shape of what leaves it, e.g. "atoms × 64" """
    layers: tuple[Layer, ...] = ()
    repeats: int = 1
    """blocks of this kind one after the other, each with weights of its own"""
    fixed: int = 0
    """numbers that are kept with the weights but not learned"""

    @property
    def each(self) -> int:
        """Learned numbers of one of the repeats."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Learned numbers of all repeats."""
        return self.repeats * self.each


@dataclass(frozen=True)
class NetworkSizes:
    """A network as its blocks, in the order in which a molecule passes them."""

    kind: str
    """schnet or painn"""
    blocks: tuple[Block, ...]

    @property
    def learned(self) -> int:
        """Numbers that training changes."""
        return sum(block.parameters for block in self.blocks)

    @property
    def fixed(self) -> int:
        """Numbers that are kept with the weights but stay as they are: the Gaussians and the cutoff."""
        return sum(block.fixed for block in self.blocks)

    @property
    def total(self) -> int:
        """Numbers in the file of weights, as `n_parameters` in model.json counts them."""
        return self.learned + self.fixed


def _dense(name: str, n_in: int, n_out: int, bias: bool = True) -> Layer:
    return Layer(name, f"{n_in:,} → {n_out:,}", n_in * n_out + (n_out if bias else 0))


def network_sizes(network: Mapping[str, Any], total: int | None = None) -> NetworkSizes:
    """The blocks of the network that a recipe stands for.

    Args:
        network: fields of a recipe, or `kind` and `network` of a model.json in one mapping: model (or kind),
            n_atom_basis, n_interactions, n_rbf, cutoff; optionally pooling: sum, mean or dipole, and neighbour_cutoff.
        total: `n_parameters` of the model file, if there is one; it tells how many elements the embedding has.

    Raises:
        MollensError: for a model that is no network.
    """
    kind = str(network.get("model") or network.get("kind"))
    if kind not in ("schnet", "painn"):
        raise MollensError(f"model {kind!r}: has no network; expected schnet or painn")
    features, rounds, gaussians = (int(network[key]) for key in ("n_atom_basis", "n_interactions", "n_rbf"))
    found = NetworkSizes(kind, _blocks(kind, features, rounds, gaussians, EMBEDDED, network))
    more, rest = divmod((total or found.total) - found.total, features)
    if rest == 0 and 0 < more <= 20:
        return NetworkSizes(kind, _blocks(kind, features, rounds, gaussians, EMBEDDED + more, network))
    return found


def _blocks(
    kind: str, features: int, rounds: int, gaussians: int, elements: int, network: Mapping[str, Any]
) -> tuple[Block, ...]:
    cutoff = float(network.get("cutoff", 5.0))
    reach = float(network.get("neighbour_cutoff", cutoff))
    pooling = str(network.get("pooling", "sum"))
    atoms = f"atoms × {features}"
    embedding = Layer("per element", f"{elements} × {features}", elements * features)
    distances = Block(
        "Distances",
        f"pairs within {reach:g} Å on {gaussians} Gaussians, cosine cutoff at {cutoff:g} Å",
        f"pairs × {gaussians}",
        fixed=2 * gaussians + 1,
    )
    way = [Block("Embedding", "atomic number to features", atoms, (embedding,)), distances]
    way += _schnet(features, rounds, gaussians) if kind == "schnet" else _painn(features, rounds, gaussians)
    return (*way, *_output(kind, features, pooling))


def _schnet(features: int, rounds: int, gaussians: int) -> list[Block]:
    """Interactions of SchNet (Schütt et al., J. Chem. Phys. 148, 241722, 2018), filters as wide as the features."""
    layers = (
        _dense("filter, from distances", gaussians, features),
        _dense("filter, second layer", features, features),
        _dense("atoms in", features, features, bias=False),
        _dense("atoms out", features, features),
        _dense("atoms out, second layer", features, features),
    )
    what = "neighbours × filters, summed, added to the atom"
    return [Block("Interaction", what, f"atoms × {features}", layers, repeats=rounds)]


def _painn(features: int, rounds: int, gaussians: int) -> list[Block]:
    """Filters, messages and mixing of PaiNN (Schütt, Unke, Gastegger, ICML 2021)."""
    both = f"atoms × {features} and atoms × 3 × {features}"
    filters = Block(
        "Filters",
        f"of all {rounds} interactions at once" if rounds > 1 else "of the interaction",
        f"pairs × {rounds * 3 * features:,}",
        (_dense("from distances", gaussians, rounds * 3 * features),),
    )
    message = (
        _dense("message", features, features),
        _dense("message, second layer", features, 3 * features),
        _dense("mixing of vectors", features, 2 * features, bias=False),
        _dense("mixing", 2 * features, features),
        _dense("mixing, second layer", features, 3 * features),
    )
    what = "messages from neighbours, then scalars and vectors are mixed"
    return [filters, Block("Interaction", what, both, message, repeats=rounds)]


def _output(kind: str, features: int, pooling: str) -> list[Block]:
    if pooling == "dipole":
        return _dipole_output(kind, features)
    half = max(1, features // 2)
    output = Block(
        "Output network",
        "a contribution of each atom",
        "atoms × 1",
        (_dense("first layer", features, half), _dense("second layer", half, 1)),
    )
    words = {"sum": "sum over atoms: extensive", "mean": "mean over atoms: intensive"}
    return [output, Block("Pooling", words.get(pooling, pooling), "molecules × 1")]


def _dipole_output(kind: str, features: int) -> list[Block]:
    """SchNetPack's DipoleMoment: charges of the atoms and, where the network has vectors, their own dipoles."""
    half = max(1, features // 2)
    if kind == "schnet":
        layers: tuple[Layer, ...] = (_dense("first layer", features, half), _dense("second layer", half, 1))
        out, what = "atoms × 1", "a charge of each atom"
    else:
        layers = (
            _dense("vectors, first block", features, 2 * half, bias=False),
            _dense("gate, first block", features + half, features),
            _dense("gate out, first block", features, 2 * half),
            _dense("vectors, second block", half, 2, bias=False),
            _dense("gate, second block", half + 1, half),
            _dense("gate out, second block", half, 2),
        )
        out, what = "atoms × 1 and atoms × 3", "a charge and a dipole of each atom"
    pooling = "charges × positions" + (" and dipoles" if kind == "painn" else "") + ", summed; its length"
    return [Block("Output network", what, out, layers), Block("Pooling", pooling, "molecules × 1")]
