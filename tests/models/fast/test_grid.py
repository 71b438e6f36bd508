"""Filters on a grid of distances."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours
from core.data.store import Dataset
from core.runs.folder import SHIPPED
from core.train.batches import FlatMolecules
from models.errors import ModelError
from models.fast import GRID_POINTS, PairBatch, PairForward
from models.fast.grid import FEWEST_POINTS, grid_distances, interpolate, stencil
from models.registry import OUTPUT, build_network
from models.schnetpack_compat import CosineCutoff
from models.weights import TrainedModel, load_model
from tests.models.demo_molecules import telling_rows
from tests.models.schnetpack_batches import schnetpack_batch

TRAINED = sorted(path for path in SHIPPED.iterdir() if "-1-" in path.name)


def test_cubics_are_met_exactly_everywhere() -> None:
    cutoff = CosineCutoff(5.0)
    distances = torch.cat([torch.linspace(0, 4.9999, 997), torch.tensor([5.0, 7.5])])
    table = grid_distances(12, cutoff.cutoff)[:, None] ** torch.arange(4)
    found = interpolate(table, stencil(distances, 12, cutoff))
    expected = distances[:, None] ** torch.arange(4) * cutoff(distances)[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)
    assert (found[-2:] == 0).all()  # from the cutoff on there is nothing


def test_twice_the_points_have_a_sixteenth_of_the_error() -> None:
    cutoff, distances = CosineCutoff(5.0), torch.linspace(0.5, 4.5, 1000)

    def error(n: int) -> float:
        table = torch.exp(-((grid_distances(n, cutoff.cutoff) - 2.0) ** 2))[:, None]
        expected = torch.exp(-((distances - 2.0) ** 2)) * cutoff(distances)
        return float((interpolate(table, stencil(distances, n, cutoff))[:, 0] - expected).abs().max())

    assert 12 < error(21) / error(41) < 20


@pytest.mark.parametrize("run", TRAINED, ids=lambda path: path.name[16:])
def test_energies_of_trained_networks_are_those_of_exact_filters(run: Path, demo: Dataset) -> None:
    deviations = deviation_from_stock(load_model(run), demo.molecules.take(telling_rows(demo)))
    assert deviations.max() < 1e-5  # eV


@pytest.mark.parametrize("run", TRAINED, ids=lambda path: path.name[16:])
def test_energies_of_real_molecules_are_those_of_exact_filters(run: Path, shared: Path) -> None:
    with np.load(shared / "qm9" / "qm9_geometries_g4mp2.npz") as source:
        n_atoms = source["n_atoms"].astype(np.int64)
        begins = np.cumsum(n_atoms) - n_atoms
        rows = np.linspace(0, len(n_atoms) - 1, 100).astype(int)
        atoms = np.concatenate([np.arange(begins[row], begins[row] + n_atoms[row]) for row in rows])
        molecules = Molecules(
            numbers=source["Z"][atoms],
            positions=source["R_1e5A"][atoms] * 1e-5,
            first_atom=np.concatenate([[0], np.cumsum(n_atoms[rows])]),
            ids=source["id"][rows].astype(np.int64),
        )
    assert deviation_from_stock(load_model(run), molecules).max() < 1e-5  # eV


def deviation_from_stock(model: TrainedModel, molecules: Molecules) -> np.ndarray:
    """|prediction on the default grid - SchNetPack's prediction| in eV, (n_molecules,)."""
    assert model.network is not None
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, model.neighbour_cutoff))
    rows = torch.arange(molecules.n_molecules)
    with torch.no_grad():
        stock = model.network(flat.batch(rows))[OUTPUT]
        grid = PairForward(model.network, "grid")(flat.pairs(rows))
    return np.abs((grid - stock).numpy()) * model.offset.scale


@pytest.mark.parametrize("kind", ["schnet", "painn"])
def test_tables_are_made_once_until_a_parameter_changes(kind: str, molecules: list[Atoms]) -> None:
    network = build_network(kind, n_atom_basis=16, n_interactions=2, n_rbf=12, cutoff=4.0)
    calls: list[int] = []
    network.representation.radial_basis.register_forward_hook(lambda *_: calls.append(1))
    batch, forward = PairBatch.of(schnetpack_batch(molecules)), PairForward(network, "grid")
    with torch.no_grad():
        first, again = forward(batch), forward(batch)
        assert torch.equal(first, again) and len(calls) == 1
        for parameter in network.parameters():
            parameter.mul_(1.1)
        assert not torch.allclose(forward(batch), first) and len(calls) == 2
    forward(batch).sum().backward()  # with gradients they are part of every step
    assert len(calls) == 3


def test_unknown_filters_and_a_coarse_grid_are_refused_in_words() -> None:
    network = build_network("schnet", n_atom_basis=8, n_interactions=1, n_rbf=8, cutoff=4.0)
    with pytest.raises(ModelError, match="filters 'spline' are unknown; choose one of exact, grid"):
        PairForward(network, "spline")
    with pytest.raises(ModelError, match=f"a grid of 7 points; at least {FEWEST_POINTS} are needed"):
        PairForward(network, "grid", 7)
    assert PairForward(network, "grid").grid_points == GRID_POINTS
