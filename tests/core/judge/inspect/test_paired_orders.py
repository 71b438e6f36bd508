"""Orders of held-out molecules that need several runs."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.inspect.outliers import page_of
from core.judge.inspect.paired_orders import robust_spread
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("asked", 300)


def test_where_two_models_differ_most(dataset: Dataset) -> None:
    errors = [noise(dataset, k) for k in range(3)]
    source, *others = [held_out(seeded(dataset, each, k), dataset) for k, each in enumerate(errors)]
    page = page_of(source, order="differ", limit=500, against=others)
    rows = page.table["row"].to_numpy()
    difference = errors[0] - (errors[1] + errors[2]) / 2
    assert set(rows) == set(source.rows) and page.table["difference"].to_numpy() == pytest.approx(difference[rows])
    assert page.table["difference"].abs().is_sorted(descending=True)
    assert page.table["other_error"].to_numpy() == pytest.approx((errors[1] + errors[2])[rows] / 2)
    large = dataset.molecules.sizes > 18
    some = page_of(source, large, order="differ", limit=3, offset=2, against=others)
    assert some.table["row"].to_list() == [row for row in rows if large[row]][2:5]
    assert "difference" not in page_of(source).table.columns
    with pytest.raises(MollensError, match="run run 0 needs another model"):
        page_of(source, order="differ", against=[source])


def test_where_the_seeds_differ_most(dataset: Dataset) -> None:
    errors = np.stack([noise(dataset, k) for k in range(4)])
    source, *others = [held_out(seeded(dataset, each, k), dataset) for k, each in enumerate(errors)]
    table = page_of(source, order="seeds", limit=500, seeds=others).table
    rows = table["row"].to_numpy()
    spread = errors.std(axis=0, ddof=1)[rows]
    assert table["seed_spread"].to_numpy() == pytest.approx(spread) and (np.diff(spread) <= 1e-12).all()
    assert table["mean_error"].to_numpy() == pytest.approx(errors.mean(axis=0)[rows])
    with pytest.raises(MollensError, match="needs other seeds of the recipe, and has none"):
        page_of(source, order="seeds")
    gap = held_out(seeded(dataset, errors[1], 1, "gaps", target="gap"), dataset)
    with pytest.raises(MollensError, match="choose runs of one target"):
        page_of(source, order="seeds", seeds=[gap])


def test_error_in_units_of_the_spread_of_its_size(dataset: Dataset) -> None:
    errors = noise(dataset, 0)
    source = held_out(seeded(dataset, errors), dataset)
    for molecule in page_of(source, limit=500).table.iter_rows(named=True):
        same = source.error[source.sizes == molecule["size"]]
        if len(same) < 10:
            assert molecule["times_spread"] is None
        else:
            assert molecule["times_spread"] == pytest.approx(abs(molecule["error"]) / robust_spread(same))
    assert robust_spread(np.array([-1.0, 0.0, 1.0, 100.0])) == pytest.approx(1.4826 * 1.0)
