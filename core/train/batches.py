"""Batches in SchNetPack's form, cut out of flat arrays by range arithmetic: no loop over molecules, no database.

Every key, type and order is that of SchNetPack's own loader (tests/models/test_equal_to_schnetpack.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.molecules import Molecules
from core.data.neighbours import Neighbours
from core.train.streams import stream
from models.schnetpack_compat import properties

Batch = dict[str, Tensor]


def _ranges(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Concatenated ranges start, start + 1, ... of the given lengths, and where each of them begins in the result."""
    ends = lengths.cumsum(0)
    begins = ends - lengths
    total = int(ends[-1])
    return torch.arange(total, device=starts.device) + torch.repeat_interleave(
        starts - begins, lengths, output_size=total
    ), begins


@dataclass(frozen=True, eq=False)
class FlatMolecules:
    """Molecules and their neighbour lists as tensors on the device of the training."""

    numbers: Tensor
    """(n_atoms,) uint8"""
    positions: Tensor
    """(n_atoms, 3) float32, Å"""
    first_atom: Tensor
    """(n_molecules,) int64"""
    n_atoms: Tensor
    """(n_molecules,) int64"""
    pair_i: Tensor
    """(n_pairs,) uint8 or int32, centre, counted within the molecule"""
    pair_j: Tensor
    """(n_pairs,) uint8 or int32, neighbour, counted within the molecule"""
    first_pair: Tensor
    """(n_molecules,) int64"""
    n_pairs: Tensor
    """(n_molecules,) int64"""

    @classmethod
    def of(cls, molecules: Molecules, neighbours: Neighbours, device: torch.device | str = "cpu") -> "FlatMolecules":
        """Copy molecules and neighbour list to a device; float64 positions become float32 here, as in SchNetPack."""
        return cls(
            numbers=_tensor(molecules.numbers, device),
            positions=_tensor(molecules.positions.astype(np.float32), device),
            first_atom=_tensor(molecules.first_atom[:-1], device),
            n_atoms=_tensor(np.diff(molecules.first_atom), device),
            pair_i=_tensor(neighbours.i, device),
            pair_j=_tensor(neighbours.j, device),
            first_pair=_tensor(neighbours.first_pair[:-1], device),
            n_pairs=_tensor(np.diff(neighbours.first_pair), device),
        )

    def batch(self, rows: Tensor) -> Batch:
        """SchNetPack's batch dictionary of the molecules at these rows (n,) int64, in this order."""
        n_atoms, n_pairs = self.n_atoms[rows], self.n_pairs[rows]
        atoms, begins = _ranges(self.first_atom[rows], n_atoms)
        pairs, _ = _ranges(self.first_pair[rows], n_pairs)
        first_of_pair = torch.repeat_interleave(begins, n_pairs, output_size=len(pairs))
        local_i, local_j = self.pair_i[pairs].long(), self.pair_j[pairs].long()
        n, device = len(rows), rows.device
        return {
            properties.idx: rows,
            properties.n_atoms: n_atoms,
            properties.Z: self.numbers[atoms].long(),
            properties.R: self.positions[atoms],
            properties.cell: torch.zeros(n, 3, 3, device=device),
            properties.pbc: torch.zeros(3 * n, dtype=torch.bool, device=device),
            properties.offsets: torch.zeros(len(pairs), 3, device=device),
            properties.lidx_i: local_i,
            properties.lidx_j: local_j,
            properties.idx_m: torch.repeat_interleave(torch.arange(n, device=device), n_atoms, output_size=len(atoms)),
            properties.idx_i: local_i + first_of_pair,
            properties.idx_j: local_j + first_of_pair,
        }


def _tensor(array: NDArray, device: torch.device | str) -> Tensor:
    """A tensor of its own memory; unsigned types that torch cannot index with become int32."""
    return torch.from_numpy(array.astype(np.int32) if array.dtype == np.uint16 else np.array(array)).to(device)


def epoch_order(n_molecules: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order of the training molecules in an epoch (counted from 0), the same whenever it is asked for."""
    return stream(seed, "order", epoch).permutation(n_molecules)


def chunks(rows: NDArray[np.int64], size: int, first: int = 0) -> Iterator[NDArray[np.int64]]:
    """Consecutive pieces of at most `size` rows, from piece number `first` on."""
    for start in range(first * size, len(rows), size):
        yield rows[start : start + size]
