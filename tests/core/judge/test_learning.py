from __future__ import annotations

import json

import numpy as np
import pytest

from core.errors import MollensError
from core.judge.learning import learning_curves
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from tests.core.judge.judged_runs import half_tested
from tests.fake_runs import fake_run


def trained(maes: list[list[float]]) -> list[Run]:
    """Runs with these validation MAEs (n_runs, n_epochs), one second an epoch."""
    dataset = half_tested("curves", 60)
    n, n_molecules = 12, dataset.molecules.n_molecules  # 20 % of the molecules are for validation
    return [
        fake_run(
            dataset,
            np.zeros(n_molecules),
            f"run {seed}",
            validation=np.outer(values, np.where(np.arange(n) % 2, 1.0, -1.0)),
            recipe=Recipe(preset="schnet-small", split="half", epochs=len(values), seed=seed),
        )
        for seed, values in enumerate(maes)
    ]


def test_mean_and_range_of_the_seeds() -> None:
    runs = trained([[4.0, 2.0, 1.0], [6.0, 2.0, 2.0], [5.0, 5.0, 3.0]])
    curve, one = learning_curves([runs, runs[:1]])
    assert curve.n_seeds == 3 and list(curve.epochs) == [1, 2, 3]
    assert (
        np.allclose(curve.mean, [5, 3, 2]) and np.allclose(curve.low, [4, 2, 1]) and np.allclose(curve.high, [6, 5, 3])
    )
    assert np.allclose(curve.steps, [100, 200, 300]) and np.allclose(curve.seconds, [1, 2, 3])
    assert curve.values.shape == (3, 3)
    assert np.allclose(one.mean, [4, 2, 1]) and np.allclose(one.low, one.high)


def test_a_curve_ends_with_the_first_of_its_seeds() -> None:
    curve = learning_curves([trained([[4.0, 2.0, 1.0], [6.0, 2.0]])])[0]
    assert list(curve.epochs) == [1, 2] and np.allclose(curve.mean, [5, 2])


def test_time_that_was_not_logged_is_not_known_and_no_epochs_give_an_empty_curve() -> None:
    run = trained([[4.0, 2.0]])[0]
    path = run.path / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[1]["seconds"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve = learning_curves([[run]])[0]
    assert curve.seconds[0] == 1 and np.isnan(curve.seconds[1])
    path.unlink()
    empty = learning_curves([[run]])[0]
    assert empty.n_seeds == 0 and empty.states == ("no epochs",) and len(empty.mean) == len(empty.seconds) == 0
    with pytest.raises(MollensError, match="no run"):
        learning_curves([[]])
