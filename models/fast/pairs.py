"""A batch of molecules as the fast forwards want it: every unordered pair of atoms once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.schnetpack_compat import properties


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Atoms and unordered pairs of some molecules; pairs stand in order of molecule, first atom, second atom."""

    numbers: Tensor
    """(n_atoms,) int64, atomic numbers"""
    positions: Tensor
    """(n_atoms, 3) float32, Å"""
    molecule: Tensor
    """(n_atoms,) int64, place in the batch of each atom's molecule, ascending"""
    n_atoms: Tensor
    """(n_molecules,) int64, atoms of each molecule"""
    first: Tensor
    """(n_pairs,) int64, atom; ascending"""
    second: Tensor
    """(n_pairs,) int64, atom, `first` < `second`"""
    distances: Tensor
    """(n_pairs,) float32, Å"""

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> PairBatch:
        """Take SchNetPack's dictionary, in which every pair stands in both directions, without periodic images."""
        once = batch[properties.idx_i] < batch[properties.idx_j]
        first, second, positions = batch[properties.idx_i][once], batch[properties.idx_j][once], batch[properties.R]
        vectors = positions.index_select(0, second) - positions.index_select(0, first)
        return cls(
            numbers=batch[properties.Z],
            positions=positions,
            molecule=batch[properties.idx_m],
            n_atoms=batch[properties.n_atoms],
            first=first,
            second=second,
            distances=vectors.norm(dim=1),
        )

    @cached_property
    def directions(self) -> Tensor:
        """Unit vectors (n_pairs, 3) float32 from the first atom to the second."""
        vectors = self.positions.index_select(0, self.second) - self.positions.index_select(0, self.first)
        return vectors / self.distances[:, None]

    def shares(self, begin: int, end: int, n: int) -> list[tuple[int, int]]:
        """The pairs `begin` to `end - 1` in at most `n` parts of about equal length; no molecule is in two of them."""
        if n == 1 or end == begin:
            return [(begin, end)]
        wanted = begin + (end - begin) * np.arange(1, n) // n
        bounds = self._first_pair[np.searchsorted(self._first_pair, wanted)]
        bounds = np.unique([begin, *bounds.clip(begin, end), end])
        return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))

    @cached_property
    def _first_pair(self) -> NDArray[np.int64]:
        """(n_molecules + 1,) index of each molecule's first pair, ending with n_pairs."""
        ends = self.n_atoms.cpu().numpy().cumsum()
        return np.concatenate([[0], np.searchsorted(self.first.cpu().numpy(), ends)])

    def to(self, device: torch.device | str) -> PairBatch:
        """The same batch on a device."""
        if self.numbers.device == torch.device(device):
            return self
        names = ("numbers", "positions", "molecule", "n_atoms", "first", "second", "distances")
        return PairBatch(**{name: getattr(self, name).to(device, non_blocking=True) for name in names})

    @property
    def dictionary(self) -> dict[str, Tensor]:
        """What SchNetPack's output modules read of a batch."""
        return {
            properties.Z: self.numbers,
            properties.R: self.positions,
            properties.idx_m: self.molecule,
            properties.n_atoms: self.n_atoms,
        }
