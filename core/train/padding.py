"""Batches of one fixed shape, made on the device without a look at any value: what a CUDA graph can be recorded of.

Places that no molecule of the batch needs are filled with ghosts: atoms of one more molecule at the end of the batch,
in pairs so long that the cutoff makes nothing of them. No ghost touches a real atom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.train.batches import FlatMolecules
from models.fast import PairBatch

GHOSTS = 2  # ghost atoms that every batch has: the ghost molecule is never empty, and two make a pair
ROUND = 64  # capacities are multiples of this
SIGMAS = 6.0


@dataclass(frozen=True)
class Capacity:
    """The shape of every padded batch."""

    molecules: int
    """of a whole batch; the ghost molecule comes beside them"""
    atoms: int
    """ghost atoms included"""
    pairs: int

    @classmethod
    def of(
        cls,
        n_atoms: NDArray[np.int64],
        n_pairs: NDArray[np.int64],
        batch_size: int,
        draw: NDArray[np.float64] | None = None,
    ) -> Capacity:
        """What nearly every batch fits into: mean + 6 sigma of sums over a batch, at most that of the largest batch.

        `n_atoms` and `n_pairs` (n_train,) are those of the training molecules, `draw` (n_train,) in proportion to what
        they are drawn with repetition.
        """
        size = batch_size if draw is not None else min(batch_size, len(n_atoms))

        def sum_of_a_batch(counts: NDArray[np.int64]) -> int:
            mean = float(np.average(counts, weights=draw))
            spread = math.sqrt(float(np.average(np.square(counts - mean), weights=draw)))
            return math.ceil(min(size * mean + SIGMAS * spread * math.sqrt(size), size * float(counts.max())))

        atoms, pairs = sum_of_a_batch(n_atoms) + GHOSTS, sum_of_a_batch(n_pairs)
        return cls(size, -(-atoms // ROUND) * ROUND, -(-pairs // ROUND) * ROUND)


class PaddedMolecules:
    """All molecules with their unordered pairs on the device, and batches of a fixed shape of them."""

    def __init__(
        self,
        molecules: FlatMolecules,
        cutoff: float,
        train: NDArray[np.int64],
        batch_size: int,
        draw: NDArray[np.float64] | None = None,
        capacity: Capacity | None = None,
    ) -> None:
        """`cutoff` (Å) is the filters': ghost pairs are twice as long.

        Batches of `batch_size` molecules come from the rows `train` (n_train,), drawn with repetition in proportion to
        `draw` (n_train,) where there is one; their capacity follows from it unless it is given.
        """
        self._molecules, self._half = molecules, molecules.half
        self._host_n_atoms = molecules.n_atoms.cpu().numpy()
        self._host_n_pairs = self._half.n_pairs.cpu().numpy()
        self.capacity = capacity = capacity or Capacity.of(
            self._host_n_atoms[train], self._host_n_pairs[train], batch_size, draw
        )
        device = molecules.numbers.device
        self._molecule_places = torch.arange(capacity.molecules, device=device)
        self._atom_places = torch.arange(capacity.atoms, device=device)
        self._pair_places = torch.arange(capacity.pairs, device=device)
        self._length = 2.0 * cutoff
        # ghosts stand in a line
        self._line = torch.zeros(capacity.atoms, 3, device=device)
        self._line[:, 0] = self._length * self._atom_places

    def fits(self, rows: NDArray[np.int64]) -> bool:
        """Whether the molecules at rows (n,) find room in a padded batch."""
        return (
            len(rows) <= self.capacity.molecules
            and int(self._host_n_atoms[rows].sum()) + GHOSTS <= self.capacity.atoms
            and int(self._host_n_pairs[rows].sum()) <= self.capacity.pairs
        )

    def batch(self, rows: Tensor, n: Tensor) -> PairBatch:
        """The batch of the first `n` () int64 of `rows` (capacity.molecules,) int64, which must fit.

        It has one molecule more than the capacity says: the ghosts. The outputs of molecules from `n` on are those of
        no atoms.
        """
        molecules, half, last = self._molecules, self._half, self.capacity.molecules - 1
        here = self._molecule_places < n
        n_atoms, n_pairs = molecules.n_atoms[rows] * here, half.n_pairs[rows] * here
        atom_ends, pair_ends = n_atoms.cumsum(0), n_pairs.cumsum(0)
        atom_begins = atom_ends - n_atoms

        molecule = torch.searchsorted(atom_ends, self._atom_places, right=True)  # (atoms,); last + 1: a ghost
        ghost = molecule > last
        source = (molecules.first_atom[rows] - atom_begins)[molecule.clamp(max=last)] + self._atom_places
        source = source.masked_fill(ghost, 0)

        of_pair = torch.searchsorted(pair_ends, self._pair_places, right=True)
        ghost_pair = of_pair > last
        of_pair = of_pair.clamp(max=last)
        pair = (half.first_pair[rows] - pair_ends + n_pairs)[of_pair] + self._pair_places
        pair = pair.masked_fill(ghost_pair, 0)
        begins = atom_begins[of_pair]
        # ghost pairs are spread over the ghosts, each with its next one, in ascending order
        n_ghost_pairs = (self.capacity.pairs - pair_ends[-1]).clamp(min=1)
        n_gaps = self.capacity.atoms - atom_ends[-1] - 1
        place = (self._pair_places - pair_ends[-1]).clamp(min=0)
        ghost_first = atom_ends[-1] + torch.div(place * n_gaps, n_ghost_pairs, rounding_mode="floor")
        first = torch.where(ghost_pair, ghost_first, begins + half.first[pair])
        second = torch.where(ghost_pair, ghost_first + 1, begins + half.second[pair])

        return PairBatch(
            numbers=molecules.numbers[source].long().masked_fill(ghost, 0),
            positions=torch.where(ghost[:, None], self._line, molecules.positions[source].float()),
            molecule=molecule,
            # at least 1, so that the mean over no atoms is a number
            n_atoms=torch.cat([n_atoms.clamp(min=1), (self.capacity.atoms - atom_ends[-1])[None]]),
            first=first,
            second=second,
            distances=half.distances[pair].masked_fill(ghost_pair, self._length),
        )
