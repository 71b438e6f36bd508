from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.pairing import Paired, pair_up
from core.judge.comparing.side_by_side import side_by_side
from core.judge.errors import group_errors
from core.judge.grouping.groupings import open_grouping
from core.judge.statistics.resampling import seed_of
from core.judge.statistics.simultaneous import simultaneous_means
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("beside", 2400)


@pytest.fixture
def paired(dataset: Dataset) -> Paired:
    runs = [seeded(dataset, noise(dataset, k, 0.01 * (k + 1)), k) for k in range(3)]
    return pair_up(runs, dataset)


@pytest.mark.parametrize("measure", ["mae", "rmse", "mse", "bias", "median", "p95", "max"])
def test_values_and_intervals_are_those_of_each_run_alone(dataset: Dataset, paired: Paired, measure: str) -> None:
    found = side_by_side(paired, open_grouping(dataset, "size"), measure)
    for k, run in enumerate(paired.runs):
        table = group_errors(run, dataset, "size")
        alone = {row["group"]: row for row in table.iter_rows(named=True)}
        for g, name in enumerate(found.grouping.names):
            row = alone[name]
            assert found.n[g] == row["n_held_out"] and found.n_train[k, g] == row["n_train"]
            if row[measure] is None:
                assert np.isnan(found.value[k, g])
                continue
            assert found.value[k, g] == pytest.approx(row[measure])
            if measure not in ("mse", "max"):
                low, high = row[f"{measure}_low"], row[f"{measure}_high"]
                assert (low is None) == bool(np.isnan(found.low[k, g]))
                if low is not None:
                    assert (found.low[k, g], found.high[k, g]) == pytest.approx((low, high), rel=1e-3, abs=1e-6)
    assert list(table["interval"]) == [found.interval[found.grouping.names.index(g)] for g in table["group"]]
    assert table.schema["group"] == pl.String


def test_together_is_wider_and_that_of_one_run(dataset: Dataset, paired: Paired) -> None:
    grouping = open_grouping(dataset, "size")
    alone, together = (side_by_side(paired, grouping, together=both) for both in (False, True))
    known = ~np.isnan(together.low)
    width = (together.high - together.low)[known] / (alone.high - alone.low)[known]
    assert np.median(width) > 1.3
    one = simultaneous_means(np.abs(paired.errors[1]), grouping.member(paired.rows), seed_of(paired.ids))
    assert np.allclose(together.low[1], np.maximum(one.low, 0), equal_nan=True)
    median = side_by_side(paired, grouping, "median", together=True)
    plain = side_by_side(paired, grouping, "median")
    assert np.isnan(median.low).sum() >= np.isnan(plain.low).sum()
    both = ~np.isnan(median.low)
    assert (median.low[both] <= plain.low[both]).all() and (median.high[both] >= plain.high[both]).all()


def test_overlapping_groups_and_errors_per_atom(dataset: Dataset, paired: Paired) -> None:
    grouping = open_grouping(dataset, "element")
    found = side_by_side(paired, grouping, per="atom")
    member = grouping.member(paired.rows)
    expected = np.abs(paired.errors / dataset.molecules.sizes[paired.rows])
    for g, inside in enumerate(member):
        assert found.value[:, g] == pytest.approx(expected[:, inside].mean(axis=1))
    with pytest.raises(MollensError, match="measure 'r2' is not known"):
        side_by_side(paired, grouping, "r2")
