from __future__ import annotations

import json

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.held_out import held_out
from core.judge.reporting.reports import slices_report
from core.judge.slicing.predicates import open_predicates
from core.judge.slicing.slices import find_slices
from core.recipes.recipe import Recipe
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run

HALF = Recipe(target="default", split="half")

KEYS = [
    "run", "id", "dataset", "target", "unit", "level", "looked_at", "mae_validation", "mae", "sentence", "provisional",
    "left_out", "within", "slices",
]  # fmt: skip
SLICE_KEYS = [
    "predicates", "label", "where", "n_validation", "mae_validation", "ratio_validation", "n_test", "mae", "rest_mae",
    "difference", "low", "high", "state",
]  # fmt: skip


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("sliced", 3000)


def planted(dataset: Dataset) -> np.ndarray:
    """(n_molecules,) molecules of 19 to 20 atoms without N."""
    return np.isin(dataset.molecules.sizes, (19, 20)) & ~dataset.molecules.contains(7)


def test_a_planted_slice_is_found_and_confirmed(dataset: Dataset) -> None:
    errors = noise(dataset, 1) * np.where(planted(dataset), 4, 1)
    run = seeded(dataset, errors)
    found = find_slices([run], dataset)[0]
    first = found.slices[0]
    assert first.label == "19 to 20 atoms, without N" and first.state == "confirmed"
    assert first.where is not None
    inside = parse_where(first.where, dataset).mask(dataset)
    assert np.array_equal(inside, planted(dataset))
    test, validation = held_out(run, dataset), held_out(run, dataset, "validation")
    assert first.n_test == inside[test.rows].sum() and first.n_validation == inside[validation.rows].sum() >= 50
    assert first.mae == pytest.approx(np.abs(errors)[test.rows][inside[test.rows]].mean())
    assert first.rest_mae == pytest.approx(np.abs(errors)[test.rows][~inside[test.rows]].mean())
    assert first.low is not None and first.high is not None and first.difference is not None
    assert 0 < first.low < first.difference < first.high
    assert "19 to 20 atoms, without N" in found.sentence


def test_slices_are_no_repetitions_and_have_enough_molecules(dataset: Dataset) -> None:
    errors = noise(dataset, 1) * np.where(planted(dataset), 4, 1)
    run = seeded(dataset, errors)
    found = find_slices([run], dataset, most=6)[0]
    assert 1 < len(found.slices) <= 6
    assert all(each.n_validation >= 50 and each.ratio_validation >= 1.1 for each in found.slices)
    assert all((each.state == "not enough data") == (each.n_test < 50) for each in found.slices)
    assert len({each.label for each in found.slices}) == len(found.slices)
    assert found.looked_at > 100


def test_training_molecules_change_nothing(dataset: Dataset) -> None:
    errors = noise(dataset, 1)
    run = seeded(dataset, errors)
    spoiled = errors.copy()
    spoiled[held_out(run, dataset).train_rows] = 1e6
    plain, other = find_slices([run, seeded(dataset, spoiled, 1)], dataset)
    assert plain.slices == other.slices


def test_within_stays_among_these_molecules(dataset: Dataset) -> None:
    """The planted molecules without N are found among those of 18 to 25 atoms, and only these are the others."""
    errors = noise(dataset, 1) * np.where(planted(dataset), 4, 1)
    run, within = seeded(dataset, errors), parse_where(["size=18-25"], dataset)
    found = find_slices([run], dataset, within=within)[0]
    assert found.within == ("size=18-25",)
    test, inside = held_out(run, dataset), within.mask(dataset)
    assert found.mae == pytest.approx(np.abs(errors[test.rows[inside[test.rows]]]).mean())
    first = found.slices[0]
    assert first.label == "19 to 20 atoms, without N" and first.where is not None
    meant = parse_where(first.where, dataset).mask(dataset)
    assert np.array_equal(meant, planted(dataset))
    assert first.n_test == meant[test.rows].sum()
    others = test.rows[(inside & ~meant)[test.rows]]
    assert first.rest_mae == pytest.approx(np.abs(errors[others]).mean())
    with pytest.raises(MollensError, match="no validation molecule passes these filters"):
        find_slices([run], dataset, within=parse_where(["size=1"], dataset))


def test_functional_groups_wait_for_the_index(demo: Dataset) -> None:
    predicates = open_predicates(demo)
    assert predicates.left_out.startswith("Functional groups were left out")
    assert not any("aldehyde" in name for name in predicates.names)


def test_progress_and_report(dataset: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    runs = [seeded(dataset, noise(dataset, k), k) for k in range(2)]
    found = find_slices(runs, dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2), (2, 2)]
    for each in found:
        report = slices_report(each)
        assert list(report) == KEYS and all(list(one) == SLICE_KEYS for one in report["slices"])
        json.dumps(report, allow_nan=False)


def test_a_search_in_a_run_that_has_not_converged_is_provisional(dataset: Dataset) -> None:
    n = len(open_split(dataset, "half").validation)
    falling = np.linspace(1.0, 0.1, 30)[:, None] * np.ones((1, n))
    errors = noise(dataset, 1) * np.where(planted(dataset), 4, 1)
    found = find_slices([fake_run(dataset, errors, "a", validation=falling, recipe=HALF)], dataset)[0]
    assert found.sentence.startswith("Worst confirmed group: ")
    assert found.sentence.endswith(" Provisional: the run had not converged.")


def false_confirmations(trials: int) -> float:
    """Share of trials in which a slice is confirmed although errors depend on nothing."""
    dataset = half_tested("null", 3000)
    predicates = open_predicates(dataset)
    confirmed = 0
    for trial in range(trials):
        run = seeded(dataset, noise(dataset, trial), trial)
        found = find_slices([run], dataset, predicates=predicates)[0]
        confirmed += any(each.state == "confirmed" for each in found.slices)
    return confirmed / trials


def test_nothing_is_confirmed_where_nothing_is() -> None:
    assert false_confirmations(20) <= 0.1


@pytest.mark.slow
def test_nothing_is_confirmed_in_95_percent_of_trials() -> None:
    assert false_confirmations(400) <= 0.05
