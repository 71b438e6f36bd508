from __future__ import annotations

import numpy as np
import pytest

from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.inspect.uncertainty import calibration, uncertainties
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded

N = 800


def test_a_spread_that_tells_the_error_and_a_distance_that_does_not() -> None:
    dataset = half_tested("asked", N)
    random = np.random.default_rng(11)  # not the stream that drew the sizes
    scale = np.where(random.random(N) < 0.5, 0.01, 0.2)
    common = scale * random.normal(size=N)
    runs = [seeded(dataset, common + scale * random.normal(size=N), k) for k in range(4)]
    other = seeded(dataset, noise(dataset, 9), 0, "other", n_atom_basis=128)
    told = uncertainties([*runs, other], dataset)
    assert told.n_seeds == 4 and "Distances are not computed" in told.missing[0]
    spread = told.of("spread")
    assert spread is not None and told.of("distance") is None
    errors = np.stack([held_out(run, dataset).error for run in runs])
    assert np.allclose(spread.values, errors.std(axis=0, ddof=1)) and np.allclose(spread.errors, errors.mean(axis=0))
    assert spread.within_sizes.value > 0.5 and spread.within_sizes.low > 0.4
    assert spread.bins[-1].mae > 5 * spread.bins[0].mae and sum(one.n for one in spread.bins) == len(errors[0])
    assert spread.covered == pytest.approx((np.abs(spread.errors) <= 2 * spread.values).mean())
    assert "tells the error well" in spread.sentence

    latents = random.normal(size=(N, 5))
    look_inside(runs[1], dataset, latents)
    told = uncertainties(runs, dataset)
    distance = told.of("distance")
    assert distance is not None and told.missing == () and distance.unit == "" and distance.covered is None
    assert abs(distance.within_sizes.value) < 0.2 and distance.values.min() > 0 and distance.values.max() < 1
    assert distance.values.mean() == pytest.approx(0.5, abs=0.01)
    alone = uncertainties(runs[:1], dataset)
    assert alone.of("spread") is None and "has one here" in alone.missing[0]


def test_calibration_by_hand() -> None:
    values = np.arange(1.0, 201.0)
    errors = np.where(np.arange(200) % 2, 2.5, -1.0) * values
    bins = calibration(values, errors)
    assert len(bins) == 10 and [one.n for one in bins] == [20] * 10
    first = bins[0]
    assert (first.low, first.high, first.middle) == (1.0, 20.0, 10.5)
    assert first.mae == pytest.approx(np.abs(errors[:20]).mean()) and first.covered == 0.5
    assert first.rmse == pytest.approx(np.sqrt((errors[:20] ** 2).mean()))
    assert first.mae_low is not None and first.mae_high is not None and first.mae_low < first.mae < first.mae_high
    few = calibration(values[:7], errors[:7], is_spread=False)
    assert len(few) == 1 and few[0].mae_low is None and few[0].covered is None
    assert calibration(values[:0], errors[:0]) == ()


def test_seeds_without_a_molecule_in_common() -> None:
    with pytest.raises(MollensError, match="no run is named"):
        uncertainties([], half_tested("asked", 100))
