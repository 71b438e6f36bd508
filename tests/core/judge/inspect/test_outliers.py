from __future__ import annotations

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.groups import Group
from core.judge.inspect.outliers import worst_molecules
from core.runs.folder import Run
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(2000)))


@pytest.fixture
def errors() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 0.1, 2000)


@pytest.fixture
def run(dataset: Dataset, errors: np.ndarray) -> Run:
    return fake_run(dataset, errors)


def test_worst_held_out_molecules_page_by_page(run: Run, dataset: Dataset, errors: np.ndarray) -> None:
    test = dataset.molecules.rows_of(open_split(dataset).test)
    known = test[np.argsort(-np.abs(errors[test]))]
    first, second = worst_molecules(run, dataset), worst_molecules(run, dataset, offset=9)
    assert first.total == first.n_held_out == 200
    assert first.table["row"].to_list() + second.table["row"].to_list() == known[:18].tolist()
    assert second.table["rank"].to_list() == list(range(10, 19))
    assert np.allclose(first.table["error"], errors[known[:9]])
    assert np.allclose(first.table["predicted"] - first.table["target"], first.table["error"])
    assert first.table["id"].to_list() == dataset.molecules.ids[known[:9]].tolist()
    assert first.table["formula"][0] == dataset.molecules.formula(int(known[0]))
    assert first.mae == pytest.approx(np.abs(errors[test]).mean())
    assert len(worst_molecules(run, dataset, offset=198).table) == 2
    assert len(worst_molecules(run, dataset, offset=500).table) == 0


def test_orders(run: Run, dataset: Dataset) -> None:
    best = worst_molecules(run, dataset, order="best").table["error"].abs()
    assert best.is_sorted() and best[0] < 0.01
    high, low = (worst_molecules(run, dataset, order=f"too {side}", limit=500) for side in ("high", "low"))
    assert (high.table["error"] > 0).all() and high.table["error"].is_sorted(descending=True)
    assert (low.table["error"] < 0).all() and low.table["error"].is_sorted()
    assert high.total + low.total == 200
    assert worst_molecules(run, dataset, order="random").table.equals(
        worst_molecules(run, dataset, order="random").table
    )
    with pytest.raises(MollensError, match="order 'odd' is not known"):
        worst_molecules(run, dataset, order="odd")


def test_filter_by_size_and_element(run: Run, dataset: Dataset) -> None:
    found = worst_molecules(run, dataset, Group("", 17, 19, "N"), limit=500)
    assert 0 < found.total == len(found.table) < found.n_held_out == 200
    assert found.table["size"].is_between(17, 19).all()
    assert dataset.molecules.contains(7)[found.table["row"].to_numpy()].all()
    assert worst_molecules(run, dataset, Group("", 3, 3, "F")).total == 0
    inside = (dataset.molecules.sizes >= 17) & (dataset.molecules.sizes <= 19) & dataset.molecules.contains(7)
    assert worst_molecules(run, dataset, inside, limit=500).table.equals(found.table)
    assert worst_molecules(run, dataset, np.zeros(2000, dtype=bool)).total == 0
    with pytest.raises(MollensError, match="element 'Xx' is not known"):
        worst_molecules(run, dataset, Group("", element="Xx"))


def test_place_among_molecules_of_its_size(run: Run, dataset: Dataset, errors: np.ndarray) -> None:
    test = dataset.molecules.rows_of(open_split(dataset).test)
    for molecule in worst_molecules(run, dataset, limit=200).table.iter_rows(named=True):
        same = np.abs(errors[test[dataset.molecules.sizes[test] == molecule["size"]]])
        assert molecule["n_size"] == len(same)
        assert molecule["size_rank"] == 1 + (same > abs(molecule["error"]) + 1e-9).sum()
        if len(same) >= 10:
            assert molecule["times_size_mae"] == pytest.approx(abs(molecule["error"]) / same.mean())
        else:
            assert molecule["times_size_mae"] is None
