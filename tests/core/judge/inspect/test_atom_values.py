from __future__ import annotations

import numpy as np
import pytest

from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.judge.inspect.atom_values import AtomValues, charge_values, contribution_values, difference_values
from core.judge.inspect.bench import open_bench
from core.judge.inspect.nearest_training import nearest_by_latents
from core.recipes.recipe import Recipe
from tests.fake_runs import fake_dataset, fake_molecules, fake_run
from tests.looked_into import look_into

N = 60


@pytest.fixture
def dataset(home: object) -> Dataset:
    return fake_dataset("atoms", fake_molecules([[6, 6, 1, 1]] * N))


def contributions(first_carbon: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """In every molecule the first carbon adds so much, the second 1 less, the hydrogens 2 each."""
    values = np.tile([first_carbon, first_carbon - 1, 2.0, 2.0], N)
    return values + noise * np.random.default_rng(seed).normal(size=len(values))


def test_contributions_stand_against_the_mean_of_their_element(dataset: Dataset) -> None:
    run = fake_run(dataset, np.full(N, 0.01), "one")
    look_into(run, dataset, contributions(-38.0))
    found = contribution_values(open_bench([run], dataset), 5)
    assert found.values == pytest.approx([0.5, -0.5, 0, 0]) and found.unit == "eV"
    assert found.reach == pytest.approx(0.5) and found.largest() == [0, 1]


def test_a_difference_counts_beyond_the_seeds_only(dataset: Dataset) -> None:
    runs = []
    for seed in range(3):
        for epochs, shift in ((4, 0.0), (5, 0.8)):
            run = fake_run(dataset, np.full(N, 0.01), f"{epochs} {seed}", recipe=Recipe(epochs=epochs, seed=seed))
            values = contributions(-38.0, 0.01, 10 * epochs + seed)
            values[4 * 7] += shift  # the first carbon of one molecule
            look_into(run, dataset, values, seed=seed)
            runs.append(run)
    bench = open_bench(runs, dataset)
    found = difference_values(bench, 7, 1)
    assert (found.n_first, found.n_second) == (3, 3) and found.beyond is not None
    assert found.beyond[0] and found.values[0] == pytest.approx(0.8, abs=0.1)
    assert (found.shown[~found.beyond] == 0).all()
    with pytest.raises(MollensError, match="one network of each was looked into.*may be noise"):
        difference_values(open_bench(runs[:2], dataset), 7, 1)


def test_what_cannot_be_shown_says_why(dataset: Dataset) -> None:
    run = fake_run(dataset, np.full(N, 0.01), "one")
    with pytest.raises(MollensError, match="nobody has looked inside"):
        contribution_values(open_bench([run], dataset), 0)
    look_into(run, dataset, None, "its output is a mean over atoms")
    with pytest.raises(MollensError, match="its output is a mean over atoms"):
        contribution_values(open_bench([run], dataset), 0)
    with pytest.raises(MollensError, match="gives no charges"):
        charge_values(dataset, 0)


def test_charges_of_the_dataset(home: object) -> None:
    demo = open_dataset("demo")
    found = charge_values(demo, 3)
    assert found.unit == "e" and len(found.values) == demo.molecules.sizes[3]
    assert found.values.sum() == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize(("most", "reach"), [(0.212, 0.3), (0.5, 0.5), (93.0, 100.0), (0.0, 1.0), (1.0, 1.0)])
def test_a_scale_ends_at_a_round_number(most: float, reach: float) -> None:
    assert AtomValues(np.array([-most, most / 3]), "eV").reach == pytest.approx(reach)


def test_the_nearest_training_molecules_with_their_residuals(home: object) -> None:
    sizes = [3 + k % 10 for k in range(200)]
    dataset = fake_dataset("near", fake_molecules([[6] + [1] * (size - 1) for size in sizes]))
    run = fake_run(dataset, 0.001 * np.arange(200), "one")
    look_into(run, dataset)
    bench = open_bench([run], dataset)
    row = int(bench.first.source.rows[0])
    found = nearest_by_latents(bench.first, row, 3)
    assert len(found.molecules) == 3 and found.n_held_out == len(bench.first.source.rows)
    assert [each.apart for each in found.molecules] == sorted(each.apart for each in found.molecules)
    for each in found.molecules:
        assert bench.first.code(each.row) == "training" and sizes[each.row] == sizes[row]
        assert each.residual == pytest.approx(0.001 * each.row) and each.id == dataset.molecules.ids[each.row]
    assert found.share is not None and 0 <= found.share <= 1
    assert found.farthest is not None and found.farthest >= found.molecules[0].apart
    trained = int(bench.first.source.train_rows[0])
    with pytest.raises(MollensError, match="was trained on this molecule"):
        nearest_by_latents(bench.first, trained)
