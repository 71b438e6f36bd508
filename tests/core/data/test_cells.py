import numpy as np
import pytest

from core.data.cells import cells_of
from core.data.molecules import SYMBOLS, Molecules
from core.data.store import Dataset


def molecules_of(*numbers: list[int]) -> Molecules:
    """Molecules of these atomic numbers, all atoms at the origin."""
    flat = np.concatenate([np.array(n, dtype=np.uint8) for n in numbers])
    first_atom = np.concatenate([[0], np.cumsum([len(n) for n in numbers])])
    return Molecules(flat, np.zeros((len(flat), 3)), first_atom, np.arange(len(numbers)))


def test_molecules_of_equal_size_and_elements_share_a_cell() -> None:
    cells = cells_of(molecules_of([8, 1, 1], [1, 8, 1], [8, 8, 1], [1, 1], [7, 1, 1], [1, 1, 8]))
    assert cells.of[0] == cells.of[1] == cells.of[2] == cells.of[5]
    assert len(set(cells.of.tolist())) == 3
    assert cells.count().tolist() == cells.total.tolist()
    assert sorted(cells.total.tolist()) == [1, 1, 4]
    assert cells.count(np.array([0, 3, 5]))[cells.of[0]] == 2
    water = cells.of[0]
    assert (
        cells.sizes[water] == 3 and cells.contained[water].tolist() == [True, False, True] and cells.example[water] == 0
    )


@pytest.mark.parametrize("heaviest", [20, 86])
def test_many_elements_are_told_apart_too(heaviest: int) -> None:
    # One molecule of each element: more elements than bits of a small number, and more than those of a large one.
    many = [[z, 1] for z in SYMBOLS if 1 < z <= heaviest]
    cells = cells_of(molecules_of(*many, [2, 1], [1, 1]))
    assert len(cells.example) == len(many) + 1
    assert cells.of[0] == cells.of[len(many)]
    assert cells.contained.sum(axis=1).tolist() == [1 if row == len(many) + 1 else 2 for row in cells.example]


def test_cells_of_demo_are_those_of_sorting(demo: Dataset) -> None:
    molecules = demo.molecules
    cells = cells_of(molecules)
    keys = np.column_stack([molecules.sizes, molecules.element_counts > 0])
    expected, example, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
    found = np.column_stack([cells.sizes, cells.contained])
    order = np.lexsort(found.T[::-1])
    assert np.array_equal(found[order], expected)
    assert np.array_equal(cells.total[order], counts) and np.array_equal(cells.example[order], example)
    assert np.array_equal(found[cells.of], keys)
