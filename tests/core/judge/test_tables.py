from __future__ import annotations

import numpy as np
import pytest

from core.judge.tables import Stack, measured
from tests.fake_runs import QM9_SIZES

Floats = np.ndarray


def stack(random: np.random.Generator, n: int, scale: Floats, share: Floats, seed: int) -> Stack:
    """Molecules in groups of QM9's sizes, whose errors are `scale` of the group, some of them hard for both models."""
    place = np.sort(random.choice(len(share), n, p=share))
    hard = np.exp(random.normal(0, 0.5, n))
    errors = scale[place] * 0.05 * random.standard_t(5, n) * hard
    baselines = random.normal(0.1, 1, n) * np.sqrt(hard)
    everything = np.eye(len(share), dtype=bool)
    return Stack(errors[None], baselines[None], place, everything, np.arange(n), n, seed)


def covered_together(trials: int, n: int = 1_500) -> tuple[float, float]:
    """Share of trials in which all groups hold the true error, and the true ratio, at once; nominal is 95 %."""
    random = np.random.default_rng(3)
    share = np.array(list(QM9_SIZES.values()), dtype=float)
    share /= share.sum()
    scale = np.exp(random.normal(0, 0.4, len(share)))
    many = stack(random, 2_000_000, np.ones(len(share)), share, 0)
    errors = scale * np.abs(many.errors).mean()
    truth = {None: errors, "baseline": errors / np.abs(many.baselines).mean()}
    hits = dict.fromkeys(truth, 0)
    for trial in range(trials):
        drawn = stack(random, n, scale, share, trial)
        for relative, true in truth.items():
            found = measured(drawn, relative, together=True)[0]
            low, high = found["mae_low_all"], found["mae_high_all"]
            known = ~np.isnan(low)
            assert known.sum() > 8
            hits[relative] += bool(((low <= true) & (true <= high))[known].all())
    return hits[None] / trials, hits["baseline"] / trials


@pytest.mark.slow
def test_simultaneous_intervals_of_errors_and_ratios_hold_together() -> None:
    assert min(covered_together(200)) >= 0.92


def test_kept_sums_of_cells_give_the_same_table() -> None:
    random = np.random.default_rng(1)
    share = np.full(8, 1 / 8)
    one = stack(random, 900, np.ones(8), share, 5)
    groups = np.array([[1, 1, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 1]], dtype=bool)
    for cells in (one.cells, groups, one.cells):
        plain = Stack(one.errors, one.baselines, one.cell, cells, one.places, one.n_all, 5)
        kept = Stack(one.errors, one.baselines, one.cell, cells, one.places, one.n_all, 5, key="the same errors")
        for relative in (None, "baseline"):
            a, b = (measured(each, relative, together=True)[0] for each in (plain, kept))
            assert a.keys() == b.keys()
            for name, values in a.items():
                assert np.allclose(values, b[name], rtol=1e-4, atol=1e-5, equal_nan=True), name
