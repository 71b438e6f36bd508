from __future__ import annotations

import json

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.compare import compare_runs, differences
from core.judge.comparing.recipes_compared import recipe_differences
from core.judge.convergence import training_state
from core.judge.reporting.reports import comparison_report
from core.judge.statistics.intervals import wilson
from core.recipes.recipe import Recipe
from core.runs.folder import open_run
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.judged_runs import half_tested, noise, qm9_members, seeded
from tests.fake_runs import fake_run

KEYS = [
    "a", "b", "dataset", "target", "converted", "part", "by", "measure", "per", "unit", "level", "margin", "about", "n",
    "left_out", "verdict", "sentence", "provisional", "warnings", "notes", "whole", "groups",
    "ranges",
]  # fmt: skip
GROUP_KEYS = [
    "group", "n_held_out", "n_train_a", "n_train_b", "error_a", "error_b", "difference", "low", "high", "margin",
    "improved", "improved_low", "improved_high", "state", "where",
]  # fmt: skip
HALF = Recipe(preset="schnet-small", split="half", epochs=30)


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("compared", 2400)


def better_where_large(dataset: Dataset, seed: int = 2) -> np.ndarray:
    """Errors a third as large above 19 atoms, three times as large below 17, else as those of noise(1)."""
    sizes, errors = dataset.molecules.sizes, noise(dataset, 1)
    factor = np.where(sizes > 19, 1 / 3, np.where(sizes < 17, 3.0, 1.0))
    return factor * errors * (1 + 1e-4 * np.random.default_rng(seed).normal(size=len(errors)))


def test_known_effects_are_found_where_they_are(dataset: Dataset) -> None:
    a, b = seeded(dataset, noise(dataset, 1), 1), seeded(dataset, better_where_large(dataset), 2)
    found = compare_runs(a, b, dataset)
    states = {group.group: group.state for group in found.groups}
    assert all(states[str(size)] == "A better" for size in (14, 15, 16))
    assert all(states[str(size)] == "equal" for size in (17, 18, 19))
    assert all(states[str(size)] == "B better" for size in (20, 21, 22, 23))
    assert all(group.state == "not enough data" for group in found.groups if group.n_held_out < 10)
    words = [each.words for each in found.ranges]
    assert "for 17 to 19 atoms" in words
    assert "B is better for 20 to" in found.sentence and "equal within" in found.sentence
    large = next(group for group in found.groups if group.group == "21")
    assert large.low is not None and large.high is not None and large.difference is not None
    assert large.low < large.difference < large.high < 0 and large.improved == 1.0
    assert large.error_b == pytest.approx(large.error_a / 3, rel=1e-3)  # type: ignore[operator]
    assert large.improved_low is not None and 0.8 < large.improved_low < 1
    inside = dataset.molecules.sizes[found.paired.rows] == 21
    difference = np.abs(found.paired.errors[1]) - np.abs(found.paired.errors[0])
    assert large.difference == pytest.approx(difference[inside].mean())
    assert large.n_train_a == (dataset.molecules.sizes[found.paired.train_rows[0]] == 21).sum()


def test_the_whole_and_its_rmse(dataset: Dataset) -> None:
    a, b = noise(dataset, 1), 0.5 * noise(dataset, 2)
    runs = seeded(dataset, a, 1), seeded(dataset, b, 2)
    whole = compare_runs(*runs, dataset, "all").whole
    rows = compare_runs(*runs, dataset, "all").paired.rows
    assert whole.difference == pytest.approx(np.abs(b[rows]).mean() - np.abs(a[rows]).mean())
    assert whole.state == "B better"
    rmse = compare_runs(*runs, dataset, "all", measure="rmse").whole
    assert rmse.difference == pytest.approx(np.sqrt((b[rows] ** 2).mean()) - np.sqrt((a[rows] ** 2).mean()))
    assert rmse.low is not None and rmse.high is not None and rmse.low < rmse.difference < rmse.high < 0
    turned = compare_runs(*runs[::-1], dataset, "all").whole
    assert (turned.low, turned.state) == (pytest.approx(-whole.high), "A better")  # type: ignore[operator]
    per_atom = compare_runs(*runs, dataset, "all", per="atom")
    assert per_atom.unit == "eV/atom" and per_atom.whole.error_a == pytest.approx(
        np.abs(a[rows] / dataset.molecules.sizes[rows]).mean()
    )


def test_the_margin_decides_what_is_equal(dataset: Dataset) -> None:
    a = noise(dataset, 1)
    runs = seeded(dataset, a, 1), seeded(dataset, a + np.sign(a) * 0.002, 2)
    assert compare_runs(*runs, dataset, "all").whole.state == "equal"  # 2 meV is less than 5 % of 50 meV
    found = compare_runs(*runs, dataset, "all", margin=0.001)
    assert found.whole.state == "A better" and found.margin == 0.001
    assert found.sentence.startswith("Overall, A is better by 2.0 meV.")
    with pytest.raises(MollensError, match="margin is -1"):
        compare_runs(*runs, dataset, margin=-1)


def test_identical_predictions_are_equal_everywhere(dataset: Dataset) -> None:
    runs = seeded(dataset, noise(dataset, 1), 1), seeded(dataset, noise(dataset, 1), 2)
    found = compare_runs(*runs, dataset)
    assert {group.state for group in found.groups} == {"equal", "not enough data"}
    assert found.whole.improved == 0.5


@pytest.mark.parametrize("by", ["element", "heavy", "rings", "unsaturation", "gap", "size_class", "rarity"])
def test_every_grouping_can_be_compared(dataset: Dataset, by: str) -> None:
    found = compare_runs(seeded(dataset, noise(dataset, 1), 1), seeded(dataset, noise(dataset, 2), 2), dataset, by)
    assert found.groups and found.by == by
    assert sum(group.n_held_out for group in found.groups) >= (0 if by == "element" else 1200)


def test_report_has_the_keys_of_the_interface(dataset: Dataset) -> None:
    runs = seeded(dataset, noise(dataset, 1), 1), seeded(dataset, better_where_large(dataset), 2)
    found = comparison_report(compare_runs(*runs, dataset))
    assert list(found) == KEYS
    assert all(list(group) == GROUP_KEYS for group in [found["whole"], *found["groups"]])
    assert found["a"]["names"] == ["run 1"] and found["about"] == "networks" and found["n"] == 1200
    assert found["verdict"] == found["whole"]["state"] and found["warnings"] == []
    json.dumps(found, allow_nan=False)


def test_a_run_of_unknown_split_gets_no_verdict(dataset: Dataset) -> None:
    known = seeded(dataset, noise(dataset, 1))
    foreign = of_unknown_split(seeded(dataset, 0.1 * noise(dataset, 2), name="far"))
    content = comparison_report(compare_runs(known, foreign, dataset))
    assert content["verdict"] is None and content["ranges"] == []
    assert {group["state"] for group in [content["whole"], *content["groups"]]} == {None}
    assert content["whole"]["error_b"] < content["whole"]["error_a"]
    assert "not known which molecules far was trained on" in content["sentence"]
    assert "better" not in content["sentence"]


def test_unconverged_runs_make_it_provisional(dataset: Dataset) -> None:
    falling = np.linspace(1.0, 0.1, 30)[:, None] * np.ones((1, 480))
    a = fake_run(dataset, noise(dataset, 1), "a", validation=falling, recipe=HALF)
    other = HALF.model_copy(update={"seed": 1})
    b = fake_run(dataset, noise(dataset, 2), "b", validation=np.full((30, 480), 0.2), recipe=other)
    found = compare_runs(a, b, dataset, "all")
    assert found.provisional == ["A had not converged"]
    assert found.sentence.endswith("Provisional: A had not converged.")


def test_a_model_without_a_record_of_its_training_makes_it_provisional(dataset: Dataset) -> None:
    flat = np.full((30, 480), 0.2)
    a = fake_run(dataset, noise(dataset, 1), "a", validation=flat, recipe=HALF)
    b = fake_run(dataset, noise(dataset, 2), "far", recipe=HALF.model_copy(update={"seed": 1}))
    assert training_state(b) == "no epochs"  # of our own run nothing else is known either, but it may be a linear fit
    about = json.loads((b.path / "about.json").read_text())
    (b.path / "about.json").write_text(json.dumps(about | {"origin": "schnetpack"}))
    far = open_run(b.id)
    found = compare_runs(a, far, dataset, "all")
    assert found.verdict is not None and found.convergence_b == ("not recorded",)
    assert found.sentence.endswith(
        "Provisional: B came without a record of its training, so it is not known whether it had converged."
    )


def test_what_cannot_be_compared(dataset: Dataset) -> None:
    runs = [seeded(dataset, noise(dataset, k), k) for k in range(4)]
    with pytest.raises(MollensError, match="measure 'median' cannot be compared"):
        compare_runs(runs[0], runs[1], dataset, measure="median")
    with pytest.raises(MollensError, match="grouping 'colour' is not known"):
        compare_runs(runs[0], runs[1], dataset, "colour")
    with pytest.raises(MollensError, match="A has 2 runs; a statement about recipes needs at least 3 seeds"):
        compare_runs(runs[:2], runs[2:], dataset)


def test_seeds_give_a_verdict_on_recipes(dataset: Dataset) -> None:
    a = [seeded(dataset, noise(dataset, k), k) for k in range(3)]
    b = [seeded(dataset, 0.3 * noise(dataset, 10 + k), k, batch_size=64) for k in range(3)]
    found = compare_runs(a, b, dataset, "size_class")
    assert found.about == "recipes" and found.whole.state == "B better"
    assert found.whole.improved is not None and found.whole.improved_low is None  # it knows nothing of the seeds
    with pytest.raises(MollensError, match="seeds of one recipe, which cannot be compared with itself"):
        compare_runs(a, [*a[1:], b[0]], dataset)
    assert found.whole.error_a == pytest.approx(np.abs(found.paired.errors[:3]).mean())
    with pytest.raises(MollensError, match="B: .* differ in more than their seed"):
        compare_runs(a, [*b[:2], seeded(dataset, noise(dataset, 5), 3)], dataset)
    with pytest.raises(MollensError, match="A: two of its runs have the same seed"):
        compare_runs([*a, seeded(dataset, noise(dataset, 5), 0, "again")], b, dataset)


def test_wilson_agrees_with_scipy() -> None:
    from scipy.stats import binomtest

    known = binomtest(37, 60).proportion_ci(0.95, method="wilson")
    assert wilson(37 / 60, 60, 1.959964) == pytest.approx((known.low, known.high))
    assert wilson(1.0, 12, 1.96)[1] == 1.0


def false_verdicts(trials: int, seeds: int = 1, measure: str = "mae", n: int = 1300) -> float:
    """Share of trials in which A and B are told apart, as a whole or at any size, although they are exchangeable.

    Errors grow with size, have heavy tails, are alike for both, and each seed has a level and a leaning of its own.
    """
    random = np.random.default_rng(6)
    spoken = 0
    for trial in range(trials):
        member = qm9_members(n, random)
        difficulty = (1 + np.argmax(member, axis=0) / 10) * (0.3 + np.abs(random.standard_t(4, n)))

        def side(member: np.ndarray = member, difficulty: np.ndarray = difficulty) -> np.ndarray:
            level = 0.1 * random.normal(size=(seeds, 1)) + 0.05 * random.normal(size=(seeds, len(member))) @ member
            return difficulty * np.exp(0.4 * random.normal(size=(seeds, n)) + (level if seeds > 1 else 0))

        whole, groups = differences(side(), side(), member, measure, trial % 5)
        spoken += any(bool(((each.low > 0) | (each.high < 0)).any()) for each in (whole, groups))
    return spoken / trials


def test_exchangeable_networks_are_seldom_told_apart() -> None:
    assert false_verdicts(100) <= 0.07


def test_exchangeable_recipes_are_seldom_told_apart() -> None:
    assert false_verdicts(100, seeds=3) <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["mae", "rmse"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_false_verdicts_in_at_most_five_percent(seeds: int, measure: str) -> None:
    assert false_verdicts(1000, seeds, measure) <= 0.05


def test_recipes_are_told_apart_where_seeds_agree() -> None:
    random = np.random.default_rng(7)
    found = 0
    for _ in range(40):
        difficulty = 0.3 + np.abs(random.standard_t(4, 1300))
        a, b = (s * difficulty * np.exp(0.3 * random.normal(size=(3, 1300))) for s in (1.0, 0.8))
        found += bool(recipe_differences(a, b, np.ones((1, 1300), dtype=bool)).high[0] < 0)
    assert found >= 38
