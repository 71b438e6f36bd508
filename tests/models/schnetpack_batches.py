"""Batches made by SchNetPack itself."""

import numpy as np
import torch
from ase import Atoms

from models.schnetpack_compat import properties

from schnetpack.data.loader import _atoms_collate_fn  # isort: skip
from schnetpack.transform import ASENeighborList  # isort: skip

Batch = dict[str, torch.Tensor]


def schnetpack_batch(atoms: list[Atoms], cutoff: float = 4.0) -> Batch:
    """SchNetPack's batch dictionary of these molecules, from its own neighbour list and collation."""
    return _atoms_collate_fn([_example(k, one, cutoff) for k, one in enumerate(atoms)])


def _example(k: int, atoms: Atoms, cutoff: float) -> Batch:
    example = {
        properties.idx: torch.tensor([k]),
        properties.n_atoms: torch.tensor([len(atoms)]),
        properties.Z: torch.from_numpy(atoms.numbers.astype(np.int64)),
        properties.R: torch.from_numpy(atoms.positions.copy()),
        properties.cell: torch.zeros(1, 3, 3, dtype=torch.float64),
        properties.pbc: torch.zeros(3, dtype=torch.bool),
    }
    example = ASENeighborList(cutoff=cutoff)(example)
    return {key: value.float() if value.dtype == torch.float64 else value for key, value in example.items()}
