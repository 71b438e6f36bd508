"""Batches from flat arrays; that they are SchNetPack's own is shown in tests/models/test_equal_to_schnetpack.py."""

import dataclasses

import numpy as np
import pytest
import torch

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours, open_neighbours
from core.data.store import Dataset
from core.train.batches import FlatMolecules, chunks, epoch_order
from models.fast import PairBatch
from models.schnetpack_compat import properties
from tests.models.demo_molecules import telling_rows


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


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("cutoff", [0.5, 1.05, 5.0])  # Å; within 0.5 Å there are no pairs
def test_pairs_are_the_batch_with_every_pair_once(
    cutoff: float, compiled: bool, demo: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fast.processor.COMPILED", compiled)
    molecules = demo.molecules.take(telling_rows(demo))
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, cutoff))
    rows = torch.tensor([5, 0, molecules.n_molecules - 1, 0, 7])
    found, expected = flat.pairs(rows), PairBatch.of(flat.batch(rows))
    for field in dataclasses.fields(PairBatch):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, field.name
        # a processor without fused multiplication may round distances another way
        torch.testing.assert_close(ours, theirs, rtol=2e-7 if field.name == "distances" else 0, atol=0)
    assert (len(found.first) == 0) == (cutoff < 1)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_pairs_of_more_than_256_atoms(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.fast.processor.COMPILED", compiled)
    n = 300
    molecules = Molecules(
        numbers=np.full(n, 6, dtype=np.uint8), positions=line_of(n), first_atom=np.array([0, n]), ids=np.array([1])
    )
    pairs = FlatMolecules.of(molecules, find_neighbours(molecules, 1.5)).pairs(torch.tensor([0, 0]))
    assert pairs.first.tolist() == [*range(n - 1), *range(n, 2 * n - 1)]
    assert torch.equal(pairs.second, pairs.first + 1) and (pairs.distances == 1).all()


def test_what_is_mapped_from_files_is_not_copied(tiny: Dataset) -> None:
    neighbours = open_neighbours(tiny, 5.0)
    flat = FlatMolecules.of(tiny.molecules, neighbours)
    for tensor, array in (
        (flat.positions, tiny.molecules.positions),
        (flat.numbers, tiny.molecules.numbers),
        (flat.pair_i, neighbours.i),
        (flat.pair_j, neighbours.j),
    ):
        assert tensor.data_ptr() == array.ctypes.data
