"""Batches in SchNetPack's form, cut out of flat arrays by range arithmetic: no loop over molecules, no database.

Every key, type and order is that of SchNetPack's own loader (tests/models/test_equal_to_schnetpack.py).
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.molecules import Molecules
from core.data.neighbours import Neighbours
from core.recipes.streams import stream
from core.train.cutting import cut
from models.fast import PairBatch
from models.fast.processor import runs_compiled
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


class HalfList(NamedTuple):
    """Every unordered pair once, on a device."""

    first: Tensor
    """(n_half,) uint8 or int32, atom, counted within the molecule"""
    second: Tensor
    """(n_half,) uint8 or int32, atom, likewise; larger than `first`"""
    distances: Tensor
    """(n_half,) float32, Å"""
    first_pair: Tensor
    """(n_molecules,) int64"""
    n_pairs: Tensor
    """(n_molecules,) int64"""


@dataclass(frozen=True, eq=False)
class FlatMolecules:
    """Molecules and their neighbour lists as tensors: on a GPU where they fit, else in the host's memory or its files.

    On the host nothing is copied that is mapped from a file.
    """

    numbers: Tensor
    """(n_atoms,) uint8"""
    positions: Tensor
    """(n_atoms, 3) float64, on a GPU float32, Å"""
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
    """(n_molecules,) int64, each pair counted in both directions"""
    device: torch.device
    """where batches are wanted"""

    @classmethod
    def of(cls, molecules: Molecules, neighbours: Neighbours, device: torch.device | str = "cpu") -> "FlatMolecules":
        """Take molecules and neighbour list to a device, if they fill no more than half of its free memory."""
        device = torch.device(device)
        place = device if _fits(molecules, neighbours, device) else torch.device("cpu")
        positions = molecules.positions if place.type == "cpu" else molecules.positions.astype(np.float32)
        return cls(
            numbers=_tensor(molecules.numbers, place),
            positions=_tensor(positions, place),
            first_atom=_tensor(molecules.first_atom[:-1], place),
            n_atoms=_tensor(np.diff(molecules.first_atom), place),
            pair_i=_tensor(neighbours.i, place),
            pair_j=_tensor(neighbours.j, place),
            first_pair=_tensor(neighbours.first_pair[:-1], place),
            n_pairs=_tensor(np.diff(neighbours.first_pair), place),
            device=device,
        )

    def batch(self, rows: Tensor) -> Batch:
        """SchNetPack's batch dictionary of the molecules at these rows (n,) int64, in this order.

        float64 positions become float32 here, as in SchNetPack.
        """
        rows = rows.to(self.numbers.device)
        n_atoms, n_pairs = self.n_atoms[rows], self.n_pairs[rows]
        atoms, begins = _ranges(self.first_atom[rows], n_atoms)
        pairs, _ = _ranges(self.first_pair[rows], n_pairs)
        first_of_pair = torch.repeat_interleave(begins, n_pairs, output_size=len(pairs))
        local_i, local_j = self.pair_i[pairs].long(), self.pair_j[pairs].long()
        n, device = len(rows), rows.device
        batch = {
            properties.idx: rows,
            properties.n_atoms: n_atoms,
            properties.Z: self.numbers[atoms].long(),
            properties.R: self.positions[atoms].float(),
            properties.cell: torch.zeros(n, 3, 3, device=device),
            properties.pbc: torch.zeros(3 * n, dtype=torch.bool, device=device),
            properties.offsets: torch.zeros(len(pairs), 3, device=device),
            properties.lidx_i: local_i,
            properties.lidx_j: local_j,
            properties.idx_m: torch.repeat_interleave(torch.arange(n, device=device), n_atoms, output_size=len(atoms)),
            properties.idx_i: local_i + first_of_pair,
            properties.idx_j: local_j + first_of_pair,
        }
        return {key: value.to(self.device) for key, value in batch.items()}

    def pairs(self, rows: Tensor) -> PairBatch:
        """What the fast forwards take, of the molecules at these rows (n,) int64, in this order."""
        rows = rows.to(self.numbers.device)
        if runs_compiled(self.numbers):
            arrays = {name: tensor.numpy() for name, tensor in vars(self).items() if isinstance(tensor, Tensor)}
            found = {name: torch.from_numpy(array) for name, array in cut(rows.numpy(), arrays).items()}
            return PairBatch(n_atoms=self.n_atoms[rows], **found).to(self.device)
        half, n_atoms = self.half, self.n_atoms[rows]
        n_pairs = half.n_pairs[rows]
        atoms, begins = _ranges(self.first_atom[rows], n_atoms)
        pairs, _ = _ranges(half.first_pair[rows], n_pairs)
        first_of_pair = torch.repeat_interleave(begins, n_pairs, output_size=len(pairs))
        places = torch.arange(len(rows), device=rows.device)
        return PairBatch(
            numbers=self.numbers[atoms].long(),
            positions=self.positions[atoms].float(),
            molecule=torch.repeat_interleave(places, n_atoms, output_size=len(atoms)),
            n_atoms=n_atoms,
            first=first_of_pair + half.first[pairs],
            second=first_of_pair + half.second[pairs],
            distances=half.distances[pairs],
        ).to(self.device)

    @cached_property
    def half(self) -> HalfList:
        """The unordered pairs with their distances, made once; the compiled way on the CPU does without them."""
        once = self.pair_i < self.pair_j
        first, second, n_pairs = self.pair_i[once], self.pair_j[once], self.n_pairs // 2
        begins = torch.repeat_interleave(self.first_atom, n_pairs, output_size=len(first))
        positions = self.positions.float()
        vectors = positions.index_select(0, begins + second) - positions.index_select(0, begins + first)
        return HalfList(first, second, vectors.norm(dim=1), n_pairs.cumsum(0) - n_pairs, n_pairs)


def _fits(molecules: Molecules, neighbours: Neighbours, device: torch.device) -> bool:
    """Whether the molecules and what is made of them fill no more than half of a GPU's free memory."""
    if device.type != "cuda":
        return True
    # an atom: its number and float32 positions; a directed pair: its ends twice, half a distance, half of the
    # indices and vectors from which the distance is once made
    needed = 13 * molecules.n_atoms + 40 * len(neighbours.i) + 48 * molecules.n_molecules
    return needed < torch.cuda.mem_get_info(device)[0] // 2


def _tensor(array: NDArray, device: torch.device) -> Tensor:
    """A tensor, on the host of the same memory; unsigned types that torch cannot index with become int32."""
    if array.dtype == np.uint16:
        array = array.astype(np.int32)
    with warnings.catch_warnings():  # arrays of a dataset are not to be written to; nothing here does
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(array)).to(device)


def epoch_order(n_molecules: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order of the training molecules in an epoch (counted from 0), the same whenever it is asked for."""
    return stream(seed, "order", epoch).permutation(n_molecules)


def chunks(rows: NDArray[np.int64], size: int, first: int = 0) -> Iterator[NDArray[np.int64]]:
    """Consecutive pieces of at most `size` rows, from piece number `first` on."""
    for start in range(first * size, len(rows), size):
        yield rows[start : start + size]
