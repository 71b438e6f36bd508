"""Neighbour lists: known answers and agreement with ASE's."""

from __future__ import annotations

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from core.data.molecules import Molecules
from core.data.neighbours import find_neighbours, open_neighbours
from core.data.store import Dataset
from core.errors import MollensError


def chain(*lengths: int) -> Molecules:
    """Chains of carbon atoms 1 Angstrom apart, one of each length."""
    positions = np.concatenate([np.stack([np.arange(n), np.zeros(n), np.zeros(n)], axis=1) for n in lengths])
    first = np.concatenate([[0], np.cumsum(lengths)])
    return Molecules(np.full(first[-1], 6, np.uint8), positions, first, np.arange(len(lengths)))


def test_a_chain_has_the_neighbours_one_counts_on_the_fingers() -> None:
    found = find_neighbours(chain(3, 1, 2), 1.5)
    assert found.first_pair.tolist() == [0, 4, 4, 6]
    assert found.i.tolist() == [0, 1, 1, 2, 0, 1]
    assert found.j.tolist() == [1, 0, 2, 1, 1, 0]


def test_a_pair_exactly_at_the_cutoff_is_out() -> None:
    assert len(find_neighbours(chain(2), 1.0).i) == 0
    assert len(find_neighbours(chain(2), 1.0000001).i) == 2


def test_long_molecules_need_two_bytes() -> None:
    found = find_neighbours(chain(300), 1.5)
    assert found.i.dtype == np.uint16
    assert len(found.i) == 2 * 299


def test_they_are_those_of_ase(demo: Dataset) -> None:
    rows = np.linspace(0, demo.molecules.n_molecules - 1, 40).astype(int)
    some = demo.molecules.take(rows)
    found = find_neighbours(some, 4.0)
    for row in range(some.n_molecules):
        i, j = neighbor_list("ij", some.to_ase(row), 4.0)
        order = np.lexsort((j, i))
        pairs = slice(found.first_pair[row], found.first_pair[row + 1])
        assert np.array_equal(found.i[pairs], i[order])
        assert np.array_equal(found.j[pairs], j[order])


def test_they_are_made_once_and_mapped(tiny: Dataset) -> None:
    first = open_neighbours(tiny, 5.0)
    folders = list(tiny.folder.glob("neighbours-5-*"))
    stamp = (folders[0] / "i.npy").stat().st_mtime_ns
    again = open_neighbours(tiny, 5.0)
    assert len(folders) == 1
    assert (folders[0] / "i.npy").stat().st_mtime_ns == stamp
    assert isinstance(again.i, np.memmap)
    assert np.array_equal(first.j, again.j)
    (folders[0] / "j.npy").write_bytes(b"")
    with pytest.raises(MollensError, match="damaged.*made anew"):
        open_neighbours(tiny, 5.0)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, float("nan")])
def test_a_cutoff_must_be_positive(tiny: Dataset, cutoff: float) -> None:
    with pytest.raises(MollensError, match="must be positive"):
        find_neighbours(tiny.molecules, cutoff)
