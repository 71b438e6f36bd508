from __future__ import annotations

import numpy as np
import pytest

from core.data.selection import Span
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.inspect import error_map as module
from core.judge.inspect.error_map import ErrorMap, error_map, fits, region, spans_of
from core.runs.inside import read_inside
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded

N = 600


@pytest.fixture
def found(home: object) -> ErrorMap:
    """Errors 1, 2, 3, ... meV in the order of the dataset's rows; the first latent is the row's number."""
    dataset = half_tested("mapped", N)
    run = seeded(dataset, 0.001 * np.arange(1, N + 1))
    random = np.random.default_rng(0)
    look_inside(run, dataset, np.stack([np.arange(N), random.normal(size=N), 0.1 * random.normal(size=N)], axis=1))
    inside = read_inside(run)
    assert inside is not None
    return error_map(held_out(run, dataset), inside)


def test_only_judged_molecules_have_errors_and_are_points(found: ErrorMap) -> None:
    source = found.source
    judged = np.isfinite(found.error)
    assert set(found.ids[judged]) == set(source.ids) and judged.sum() == N // 2
    assert np.allclose(found.error[judged], 0.001 * (found.rows[judged] + 1))
    points = found.points()
    assert len(points) == N // 2 and np.all(np.diff(np.abs(found.error[points])) >= 0)
    assert found.trained.sum() == len(source.train_rows)
    within = source.dataset.molecules.sizes == 17
    assert set(found.rows[found.points(within)]) == set(source.rows[within[source.rows]])
    assert found.place_of(int(source.ids[3])) == np.flatnonzero(found.ids == source.ids[3])[0]
    assert found.place_of(1) is None


def test_of_many_points_the_worst_are_always_there(found: ErrorMap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 60)
    monkeypatch.setattr(module, "MOST_WORST", 25)
    points, every = found.points(), np.sort(found.error[np.isfinite(found.error)])
    assert len(points) == len(set(points)) == 60
    assert np.allclose(found.error[points[-25:]], every[-25:]) and found.error[points[:-25]].min() < every[200]


def test_what_it_is_coloured_by(found: ErrorMap) -> None:
    molecules = found.source.dataset.molecules
    assert np.array_equal(found.value("size"), molecules.sizes[found.rows])
    assert found.value("trained").sum() == found.trained.sum()
    assert np.array_equal(found.value("F") > 0, molecules.contains(9)[found.rows])
    assert np.nanmax(found.value("error")) == pytest.approx(np.abs(found.source.error).max())
    with pytest.raises(MollensError, match="map by 'colour': expected error, size, trained or a symbol"):
        found.value("colour")


def test_mean_error_of_some_against_the_numbers(found: ErrorMap) -> None:
    source = found.source
    within = source.dataset.molecules.sizes >= 18
    mean, off = found.mean_error(within), np.abs(source.error[within[source.rows]])
    assert mean.n_held_out == len(off) and mean.mae == pytest.approx(off.mean()) and mean.low < mean.mae < mean.high
    assert mean.n_train == within[source.train_rows].sum()
    nothing = found.mean_error(np.zeros(N, dtype=bool))
    assert nothing.n_held_out == 0 and np.isnan(nothing.mae) and np.isnan(nothing.low)
    table = found.table(within)
    assert table.height == within.sum() and table["error"].null_count() == within.sum() - len(off)
    assert table.filter(table["part"] == "test").height == len(off)


def test_a_region_is_a_filter_by_id(found: ErrorMap, monkeypatch: pytest.MonkeyPatch) -> None:
    places, dataset = found.places, found.source.dataset
    x = (float(np.quantile(places.x, 0.2)), float(np.quantile(places.x, 0.4)))
    y = (float(places.y.min()), float(places.y.max()))
    inside = (places.x >= x[0]) & (places.x <= x[1])
    picked = region(found, x, y)
    assert picked.n == inside.sum() and picked.remark == ""
    assert set(picked.selection.rows(dataset)) == set(found.rows[inside])

    monkeypatch.setattr(module, "MOST_SPANS", 5)
    assert region(found, (0.0, -1.0), y).selection.id == ()
    held = inside & np.isfinite(found.error)
    whole = region(found, (float(places.x.min()), float(places.x.max())), (0.0, y[1]))
    assert whole.remark.endswith("held-out ones among them, drawn by lot.") and len(whole.selection.rows(dataset)) == 5
    assert np.isfinite(found.error[np.isin(found.rows, whole.selection.rows(dataset))]).all()
    monkeypatch.setattr(module, "fits", lambda spans: spans == spans_of(np.sort(found.ids[held])))
    some = region(found, x, y)
    assert f"holds the {held.sum():,} held-out ones" in some.remark
    assert set(some.selection.rows(dataset)) == set(found.rows[held])


def test_spans() -> None:
    assert spans_of(np.array([1, 2, 3, 7, 9, 10])) == (Span(1, 3), Span(7, 7), Span(9, 10))
    assert spans_of(np.zeros(0, dtype=np.int64)) == ()
    assert fits(spans_of(np.arange(0, 2000, 2))) and not fits(spans_of(np.arange(0, 2002, 2)))
    assert not fits(tuple(Span(k, k + 1) for k in range(10**14, 10**14 + 3000, 3)))


def test_noise_has_no_place(home: object) -> None:
    dataset = half_tested("mapped", N)
    run = seeded(dataset, noise(dataset, 1))
    look_inside(run, dataset, np.random.default_rng(1).normal(size=(N, 6)))
    inside = read_inside(run)
    assert inside is not None
    found = error_map(held_out(run, dataset), inside)
    left = found.error[(found.places.x < 0) & np.isfinite(found.error)]
    right = found.error[(found.places.x >= 0) & np.isfinite(found.error)]
    assert abs(np.abs(left).mean() - np.abs(right).mean()) < 0.02
    assert sum(found.places.explained) < 0.5
