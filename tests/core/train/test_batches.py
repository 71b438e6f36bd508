"""Batches from flat arrays; that they are SchNetPack's own is shown in tests/models/test_equal_to_schnetpack.py."""

import numpy as np
import torch

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours
from core.train.batches import FlatMolecules, chunks, epoch_order
from models.schnetpack_compat import properties


def line_of(n: int) -> np.ndarray:
    return np.column_stack([np.arange(n, dtype=float), np.zeros(n), np.zeros(n)])


def two_molecules() -> Molecules:
    """A chain of three atoms and a pair, neighbours 1 Å apart."""
    return Molecules(
        numbers=np.array([1, 6, 8, 7, 9], dtype=np.uint8),
        positions=np.concatenate([line_of(3), line_of(2)]),
        first_atom=np.array([0, 3, 5]),
        ids=np.array([10, 20]),
    )


def test_a_batch_in_any_order_with_repeats() -> None:
    molecules = two_molecules()
    batch = FlatMolecules.of(molecules, find_neighbours(molecules, 1.5)).batch(torch.tensor([1, 0, 1]))
    assert batch[properties.idx].tolist() == [1, 0, 1]
    assert batch[properties.Z].tolist() == [7, 9, 1, 6, 8, 7, 9]
    assert batch[properties.n_atoms].tolist() == [2, 3, 2]
    assert batch[properties.idx_m].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert batch[properties.idx_i].tolist() == [0, 1, 2, 3, 3, 4, 5, 6]
    assert batch[properties.idx_j].tolist() == [1, 0, 3, 2, 4, 3, 6, 5]
    assert batch[properties.R][:, 0].tolist() == [0, 1, 0, 1, 2, 0, 1]


def test_atoms_without_neighbours_make_a_batch_too() -> None:
    molecules = two_molecules()
    batch = FlatMolecules.of(molecules, find_neighbours(molecules, 0.5)).batch(torch.tensor([0, 1]))
    assert len(batch[properties.idx_i]) == 0 and len(batch[properties.Z]) == 5


def test_molecules_of_more_than_256_atoms_keep_their_pairs() -> None:
    n = 300
    molecules = Molecules(
        numbers=np.full(n, 6, dtype=np.uint8), positions=line_of(n), first_atom=np.array([0, n]), ids=np.array([1])
    )
    batch = FlatMolecules.of(molecules, find_neighbours(molecules, 1.5)).batch(torch.tensor([0]))
    assert batch[properties.idx_i].dtype == torch.int64
    assert int(batch[properties.idx_i].max()) == 299 and len(batch[properties.idx_i]) == 2 * (n - 1)


def test_the_order_of_an_epoch_is_a_permutation_that_can_be_had_again() -> None:
    first = epoch_order(50, seed=3, epoch=7)
    assert sorted(first.tolist()) == list(range(50))
    assert np.array_equal(first, epoch_order(50, seed=3, epoch=7))
    assert not np.array_equal(first, epoch_order(50, seed=3, epoch=8))
    assert not np.array_equal(first, epoch_order(50, seed=4, epoch=7))


def test_chunks_go_on_where_they_were_left() -> None:
    rows = np.arange(10)
    assert [piece.tolist() for piece in chunks(rows, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [piece.tolist() for piece in chunks(rows, 4, first=2)] == [[8, 9]]
    assert list(chunks(rows, 4, first=3)) == []
