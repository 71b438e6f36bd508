import numpy as np

from core.data.store import Dataset
from core.data.summary import (
    count_by_heavy_atoms,
    count_by_size,
    describe,
    molecules_by_element,
    size_element_counts,
)
from tests.core.data.test_cells import molecules_of

FOUR = molecules_of([8, 1, 1], [1, 1], [6, 1, 1, 1, 1], [8, 8])
SOME = np.array([0, 1])


def test_counts_of_all_and_of_some_share_their_axes() -> None:
    assert [part.tolist() for part in count_by_size(FOUR)] == [[2, 3, 5], [2, 1, 1]]
    assert [part.tolist() for part in count_by_size(FOUR, SOME)] == [[2, 3, 5], [1, 1, 0]]
    assert [part.tolist() for part in count_by_heavy_atoms(FOUR)] == [[0, 1, 2], [1, 2, 1]]
    assert [part.tolist() for part in count_by_heavy_atoms(FOUR, SOME)] == [[0, 1, 2], [1, 1, 0]]
    assert molecules_by_element(FOUR) == {"H": 3, "C": 1, "O": 2}
    assert molecules_by_element(FOUR, SOME) == {"H": 2, "C": 0, "O": 1}
    sizes, symbols, table = size_element_counts(FOUR, SOME)
    assert (sizes.tolist(), symbols) == ([2, 3, 5], ("H", "C", "O"))
    assert table.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_no_molecules_are_counted_as_none() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert count_by_size(FOUR, none)[1].tolist() == [0, 0, 0]
    assert set(molecules_by_element(FOUR, none).values()) == {0}


def test_the_description_of_demo_adds_up(demo: Dataset) -> None:
    told = describe(demo)
    assert sum(told["sizes"].values()) == sum(told["heavy_atoms"].values()) == told["n_molecules"]
    balance = told["balance"]["sizes"]
    assert balance["n_classes"] == len(told["sizes"])
    assert 1 < balance["inverse_simpson"] < balance["effective"] < balance["n_classes"]
    assert balance["n_rare"] == sum(told["sizes"][str(size)] for size in balance["rare"])
    assert all(told["elements"][symbol] < 0.01 * told["n_molecules"] for symbol in told["balance"]["elements"]["rare"])
