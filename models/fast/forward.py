"""The same networks, evaluated with every filter once per unordered pair of atoms.

A filter depends on the distance only, so W_ij = W_ji, and SchNetPack's directed pairs compute each of them twice.
These forwards use the very modules and parameters of SchNetPack's networks and give the same outputs up to the
order of summation (tests/models/test_contract.py, tests/models/test_shipped_models.py). First derivatives with
respect to parameters only: no forces.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.fast.grid import FEWEST_POINTS, grid_distances, stencil
from models.fast.painn import PaiNNFilters, painn_atoms, painn_tables
from models.fast.pairs import PairBatch
from models.fast.schnet import SchNetFilters, schnet_atoms, schnet_tables
from models.schnetpack_compat import NeuralNetworkPotential, PaiNN, SchNet

FILTERS = ("exact", "grid")
"""How filters are evaluated: for every pair, or on a grid of distances and interpolated (models/fast/grid.py)."""

GRID_POINTS = 1024
"""Energies as exact as float32 (2e-6 eV) with up to 50 radial functions; 20 of them would need 512 points only, which
saves 4 % of a step of SchNet-128. The error goes with the fourth power of radial functions over points."""


class PairForward(nn.Module):
    """Wraps a network of `build_network`; takes a `PairBatch`, gives the network's output (n_molecules,) float32."""

    def __init__(self, network: NeuralNetworkPotential, filters: str = "exact", grid_points: int = GRID_POINTS) -> None:
        """`grid_points` counts for filters "grid" only.

        Raises:
            ModelError: for a network that it does not know, unknown filters, or too few points.
        """
        super().__init__()
        if not isinstance(network.representation, SchNet | PaiNN):
            raise ModelError(f"no pair forward for {type(network.representation).__name__}; use the network itself")
        if len(getattr(network.representation, "electronic_embeddings", ())):
            raise ModelError("no pair forward for networks with electronic embeddings; use the network itself")
        if filters not in FILTERS:
            raise ModelError(f"filters {filters!r} are unknown; choose one of {', '.join(FILTERS)}")
        if filters == "grid" and grid_points < FEWEST_POINTS:
            raise ModelError(f"a grid of {grid_points} points; at least {FEWEST_POINTS} are needed")
        self.network = network
        self.grid_points = grid_points if filters == "grid" else 0
        self._tables: tuple[tuple[int, ...], list[Tensor]] | None = None

    def forward(self, batch: PairBatch) -> Tensor:
        """Output of every molecule."""
        output = self.network.output_modules[0]
        return output(self.features(batch))[output.model_outputs[0]]

    def features(self, batch: PairBatch) -> dict[str, Tensor]:
        """What the output module reads: features of every atom, beside what stands in the batch."""
        representation = self.network.representation
        places = tables = None
        if self.grid_points:
            places = stencil(batch.distances, self.grid_points, representation.cutoff_fn)
            tables = self._filter_tables()
        output = self.network.output_modules[0]
        result = batch.dictionary
        if isinstance(representation, SchNet):
            filters = SchNetFilters(representation, batch, tables, places)
            result["scalar_representation"] = schnet_atoms(representation, batch, filters)
        else:
            vectors = getattr(output, "use_vector_representation", False)
            messages = PaiNNFilters(representation, batch, tables, places)
            scalar, vector = painn_atoms(representation, batch, messages, vectors)
            result |= {"scalar_representation": scalar} | ({"vector_representation": vector} if vectors else {})
        return result

    def _filter_tables(self) -> list[Tensor]:
        """The filters of every interaction at the grid's points; made once for as long as the parameters stay."""
        representation = self.network.representation
        if torch.is_grad_enabled():
            return self._evaluate_grid()
        state = tuple(parameter._version for parameter in representation.parameters())
        if self._tables is None or self._tables[0] != state:
            self._tables = state, self._evaluate_grid()
        return self._tables[1]

    def _evaluate_grid(self) -> list[Tensor]:
        """The filters of every interaction at the grid's points, (grid_points, n_filters) each."""
        representation = self.network.representation
        distances = grid_distances(self.grid_points, representation.cutoff_fn.cutoff)
        evaluate = schnet_tables if isinstance(representation, SchNet) else painn_tables
        return evaluate(representation, distances)
