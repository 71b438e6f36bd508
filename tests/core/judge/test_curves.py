from __future__ import annotations

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.convergence import convergence, judge_curve
from core.judge.curves import curves_report, validation_curves
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(2000)))


def test_known_curves_of_groups(dataset: Dataset) -> None:
    """After epoch e a molecule of s atoms is off by s / e, too low."""
    sizes = dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).validation)]
    validation = np.stack([-sizes / epoch for epoch in range(1, 101)])
    run = fake_run(dataset, np.zeros(2000), validation=validation)
    curves = validation_curves(run, dataset, "size")
    assert curves is not None
    assert curves.epochs.tolist() == list(range(1, 101))
    for k, group in enumerate(curves.groups):
        assert curves.n[k] == (sizes == group.size).sum() > 0
        assert np.allclose(curves.values[:, k], group.size / np.arange(1, 101), rtol=1e-5)
        assert np.allclose(curves.relative[:, k], group.size / sizes.mean(), rtol=1e-5)
    assert np.allclose(curves.overall, sizes.mean() / np.arange(1, 101), rtol=1e-5)
    train = dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).train)]
    assert curves.n_train.tolist() == [(train == group.size).sum() for group in curves.groups]
    per_atom = validation_curves(run, dataset, "element", measure="bias", per="atom")
    assert per_atom is not None
    assert np.allclose(per_atom.values[9], -0.1, rtol=1e-5)
    squared = validation_curves(run, dataset, "all", measure="rmse")
    assert squared is not None
    assert squared.values[0, 0] == pytest.approx(np.sqrt((sizes**2).mean()))


def test_any_grouping_and_only_some_molecules(dataset: Dataset) -> None:
    """After epoch e a molecule of s atoms is off by s / e; those with N by twice as much."""
    molecules = dataset.molecules
    rows = molecules.rows_of(open_split(dataset).validation)
    with_n, sizes = molecules.contains(7)[rows], molecules.sizes[rows]
    off = sizes * np.where(with_n, 2.0, 1.0)
    run = fake_run(dataset, np.zeros(2000), validation=np.stack([off, off / 2]))
    found = validation_curves(run, dataset, "where:element=N", "mse")
    assert found is not None
    assert [group.name for group in found.groups] == ["inside", "outside"] and found.groups[0].where == "element=N"
    for k, inside in enumerate((with_n, ~with_n)):
        assert np.allclose(found.values[:, k], [(off[inside] ** 2).mean(), (off[inside] ** 2).mean() / 4], rtol=1e-5)
        assert found.n[k] == inside.sum()
    train = molecules.rows_of(open_split(dataset).train)
    assert found.n_train[0] == molecules.contains(7)[train].sum()
    heavy = validation_curves(run, dataset, "heavy", within=molecules.contains(7))
    assert heavy is not None
    assert heavy.n.sum() == with_n.sum() and (heavy.n > 0).all()
    assert np.allclose(heavy.overall, [off[with_n].mean(), off[with_n].mean() / 2], rtol=1e-5)
    for k, group in enumerate(heavy.groups):
        inside = with_n & (molecules.heavy_atoms[rows] == group.lowest)
        assert heavy.values[0, k] == pytest.approx(off[inside].mean(), rel=1e-5)
    told = curves_report(run, dataset, "rare:50", "mse", within=parse_where(["element=N"], dataset))
    assert told["unit"] == "eV^2" and told["where"] == ["element=N"]
    assert {group["group"] for group in told["groups"]} == {"rare", "common"}


def test_before_the_first_epoch_there_is_no_curve(dataset: Dataset) -> None:
    run = fake_run(dataset, np.zeros(2000))
    assert validation_curves(run, dataset) is None
    assert convergence(run).state == "no epochs"


def test_unknown_measure(dataset: Dataset) -> None:
    with pytest.raises(MollensError, match="measure 'p95' has no curve"):
        validation_curves(fake_run(dataset, np.zeros(2000)), dataset, measure="p95")


def noisy(curve: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    return curve * (1 + share * np.random.default_rng(seed).normal(size=len(curve)))


def test_a_flat_curve_has_converged() -> None:
    flat = np.full(50, 0.02)
    assert judge_curve(flat).state == "converged"
    states = [judge_curve(noisy(flat, 0.05, seed)).state for seed in range(400)]
    assert states.count("converged") / 400 > 0.85  # the window holds 10 epochs, the noise of their difference 2 %


def test_a_falling_curve_has_not() -> None:
    epochs = np.arange(1, 51)
    curve = 0.02 + 0.5 / epochs
    found = judge_curve(noisy(curve, 0.005))
    assert found.state == "still falling"
    assert (found.window, found.epochs) == (10, 50)
    assert found.drop == pytest.approx(curve[30:40].mean() - curve[40:].mean(), rel=0.2)


def test_noise_is_not_trend() -> None:
    """A straight fall has no second difference: its noise is nil; white noise of 10 % gives its own size."""
    assert judge_curve(np.linspace(1.0, 0.5, 50)).noise == pytest.approx(0, abs=1e-12)
    found = [judge_curve(noisy(np.ones(200), 0.1, seed)).noise for seed in range(50)]
    assert np.mean(found) == pytest.approx(2 * 0.1 * np.sqrt(2 / 20), rel=0.1)


def test_noise_that_could_hide_a_fall_is_no_convergence() -> None:
    found = judge_curve(np.array([1.016, 0.723, 0.556, 0.505, 0.431, 0.416, 0.520, 0.447]))
    assert found.state == "too short" and found.window == 3
    assert 0 < found.drop < found.noise and found.noise > 0.1 * found.before


def test_rising_short_and_broken_curves() -> None:
    assert judge_curve(np.linspace(0.02, 0.05, 50)).state == "rising"
    assert judge_curve(np.array([3.0, 2.0, 1.0])).state == "too short"
    assert judge_curve(np.array([])).state == "no epochs"
    assert judge_curve(np.array([np.nan, 1.0])).epochs == 1
