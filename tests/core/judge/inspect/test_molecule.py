from __future__ import annotations

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.inspect.bench import open_bench
from core.judge.inspect.molecule import molecule_errors
from core.recipes.recipe import Recipe
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run

N = 400


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("asked", N)


def test_one_molecule_in_every_run(dataset: Dataset) -> None:
    errors = [noise(dataset, k) for k in range(4)]
    runs = [seeded(dataset, errors[k], k) for k in range(3)]
    runs.append(seeded(dataset, errors[3], 0, "wide", n_atom_basis=128))
    test = dataset.molecules.rows_of(open_split(dataset, "half").test)
    row = int(test[np.argmax(np.abs(errors[0][test]))])
    found = molecule_errors(runs, dataset, int(dataset.molecules.ids[row]))
    assert [run.error for run in found.runs] == pytest.approx([each[row] for each in errors])
    assert [run.recipe for run in found.runs] == [0, 0, 0, 1] and {run.code for run in found.runs} == {"test"}
    assert found.runs[0].called == "test error" and found.runs[0].baseline_error == pytest.approx(0.5)
    own, other = found.recipes
    seeds = np.array([each[row] for each in errors[:3]])
    assert (own.name, own.n, own.n_runs, other.n) == ("run", 3, 3, 1) and other.spread is None
    assert own.mean == pytest.approx(seeds.mean()) and own.spread == pytest.approx(seeds.std(ddof=1))
    assert own.same_side == (len(set(np.sign(seeds))) == 1)
    place = found.runs[0].place
    same = errors[0][test[dataset.molecules.sizes[test] == found.size]]
    assert place is not None and place.n == len(same)
    assert place.rank == 1 + int((np.abs(same) > abs(errors[0][row]) + 1e-12).sum()) and place.share == 1.0
    spread = 1.4826 * np.median(np.abs(same - np.median(same)))
    assert place.spread == pytest.approx(spread) and place.times_spread == pytest.approx(abs(errors[0][row]) / spread)
    assert found.counts.sum() == len(same) and found.edges[0] == -found.edges[-1]
    assert found.target == pytest.approx(dataset.molecules.columns["energy"][row])


def test_a_training_residual_is_called_that_and_validation_has_its_epochs(dataset: Dataset) -> None:
    split = open_split(dataset, "half")
    over = np.random.default_rng(0).normal(size=(3, len(split.validation)))
    recipe = Recipe(preset="schnet-small", split="half", epochs=3)
    run = fake_run(dataset, noise(dataset, 0), validation=over, recipe=recipe)
    trained = molecule_errors([run], dataset, int(split.train[5])).runs[0]
    assert (trained.code, trained.called, trained.epochs) == ("training", "training residual", ())
    validated = molecule_errors([run], dataset, int(split.validation[7])).runs[0]
    assert (validated.code, validated.called) == ("validation", "validation error")
    assert validated.epochs == (1, 2, 3) and validated.over_epochs == pytest.approx(over[:, 7], rel=1e-6)


def test_what_cannot_be_asked(dataset: Dataset) -> None:
    run, gap = seeded(dataset, noise(dataset, 0)), seeded(dataset, noise(dataset, 1), 1, "gaps", target="gap")
    pending = fake_run(dataset, noise(dataset, 2), "pending", state="running", write=False)
    with pytest.raises(MollensError, match="molecule 7: dataset asked has none of this id"):
        molecule_errors([run], dataset, 7)
    with pytest.raises(MollensError, match="no run is named"):
        molecule_errors([], dataset, 1001)
    with pytest.raises(MollensError, match="run pending: is"):
        molecule_errors([pending, run], dataset, 1001)
    bench = open_bench([run, gap, pending, run], dataset)
    assert [each.run.id for each in bench.runs] == [run.id]
    assert "gaps: predicts gap, and run 0 energy" in bench.left_out[0] and "pending" in bench.left_out[1]


def test_a_seed_that_was_trained_twice_counts_once(dataset: Dataset) -> None:
    runs = [seeded(dataset, noise(dataset, k), k % 2, f"run {k}") for k in range(4)]
    bench = open_bench(runs, dataset)
    assert [each.run.id for each in bench.of_recipe(0)] == [runs[0].id, runs[1].id] and len(bench.runs) == 4
