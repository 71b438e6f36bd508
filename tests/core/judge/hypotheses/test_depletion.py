"""H1 by an experiment, and hypotheses answered once for the seeds of a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset
from core.judge.hypotheses.asking import ask_hypotheses
from core.judge.hypotheses.depletion import depletions
from core.judge.hypotheses.findings import Action, Finding
from core.judge.reporting.reports import finding_report
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from core.runs.predictions import TRAIN, UNUSED
from tests.core.judge.hypotheses.test_asking import by_size, with_fluorine
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run

FLAT = np.full(30, 0.05)
WORSE_BELOW_15 = np.where(np.arange(30) < 15, 0.2, 0.05)


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("asked", 3000)


def without_small(dataset: Dataset, scale: np.ndarray, seed: int = 0, control: bool = False, least: int = 15) -> Run:
    """A run that was trained on 15 atoms or more, or its control with as many molecules of all sizes."""
    run = seeded(dataset, by_size(dataset, scale, 20 * control + seed), seed, f"{'c' if control else 'r'}{seed}",
                 min_atoms=least, control=control)  # fmt: skip
    path = run.path / "predictions" / dataset.name / "split.npy"
    codes = np.load(path)
    train = np.flatnonzero(codes == TRAIN)
    kept = train[dataset.molecules.sizes[train] >= least]
    chosen = np.random.default_rng(seed).permutation(train)[: len(kept)] if control else kept
    codes[np.setdiff1d(train, chosen)] = UNUSED
    np.save(path, codes)
    return run


def experiment(found: list[Finding]) -> Finding:
    return next(each for each in found if each.evidence == "experiment")


@pytest.mark.parametrize(
    ("ours", "state", "words"),
    [
        (WORSE_BELOW_15, "supported", "makes their error larger by"),
        (FLAT, "undecided", "which tells nothing"),
        (np.where(np.arange(30) < 15, 0.01, 0.05), "contradicted", "makes their error smaller by"),
    ],
)
def test_a_depletion_answers_h1(dataset: Dataset, ours: np.ndarray, state: str, words: str) -> None:
    base = seeded(dataset, by_size(dataset, FLAT, 9), 0, "base")
    run, control = without_small(dataset, ours), without_small(dataset, FLAT, control=True)
    found = ask_hypotheses([base], dataset, [run, control], ["H1"])
    assert [each.evidence for each in found] == ["observed", "experiment"]
    caused = found[1]
    assert caused.state == state and words in caused.sentence and caused.about == "networks"
    assert caused.runs == (run,) and caused.controls == (control,)
    depleted = caused.details["depleted"]
    assert max(depleted) == 14 and min(depleted) >= 10
    test = open_split(dataset, "half").test
    sizes = dataset.molecules.sizes[dataset.molecules.rows_of(test)]
    assert caused.n == np.isin(sizes, depleted).sum()
    assert caused.details["others"]["low"] < 0 < caused.details["others"]["high"]
    for row in caused.details["sizes"]:
        assert row["depleted"] == (row["size"] in depleted)
        assert not row["depleted"] or (row["n_train"] == 0 and row["n_train_control"] >= 10)
        assert row["difference"] == pytest.approx(row["mae"] - row["mae_control"])
    if state == "supported":
        assert caused.effect == pytest.approx(0.15 * np.sqrt(2 / np.pi), rel=0.2)
    json.dumps(finding_report(caused), allow_nan=False)


def test_three_seeds_of_a_depletion_speak_of_recipes(dataset: Dataset) -> None:
    runs = [without_small(dataset, WORSE_BELOW_15, seed) for seed in range(3)]
    controls = [without_small(dataset, FLAT, seed, control=True) for seed in range(3)]
    found = experiment(ask_hypotheses(runs, dataset, controls, ["H1"]))
    assert found.about == "recipes" and found.state == "supported" and found.action is None
    assert found.runs == tuple(runs) and found.controls == tuple(controls)


def test_a_split_without_a_size_is_a_depletion(dataset: Dataset) -> None:
    make_split(dataset, "without", "leave_out_sizes", sizes="18", validation=0.1, together="none")
    n = len(open_split(dataset, "without").train)
    make_split(dataset, "as-many", train=n, validation=100, together="none")
    make_split(dataset, "fewer", train=n - 200, validation=100, together="none")
    runs = {}
    for name in ("without", "as-many", "fewer"):
        scale = np.where(np.arange(30) == 18, 0.2, 0.05) if name == "without" else FLAT
        runs[name] = seeded(dataset, by_size(dataset, scale, len(runs)), 0, name, split=name)
    assert depletions([runs["without"]], [runs["fewer"]], dataset) == []
    found = experiment(ask_hypotheses([runs["without"]], dataset, list(runs.values()), ["H1"]))
    assert found.state == "supported" and found.controls == (runs["as-many"],) and found.details["depleted"] == [18]
    assert "without molecules of 18 atoms" in found.sentence
    test = open_split(dataset, "as-many").test
    assert found.n == (dataset.molecules.sizes[dataset.molecules.rows_of(test)] == 18).sum()


def test_an_experiment_on_another_recipe_says_nothing(dataset: Dataset) -> None:
    run, control = without_small(dataset, WORSE_BELOW_15), without_small(dataset, FLAT, control=True)
    other = seeded(dataset, noise(dataset, 1), 0, "other", batch_size=64)
    found = ask_hypotheses([other], dataset, [run, control], ["H1"])
    assert [each.evidence for each in found] == ["observed"]


def test_an_action_that_would_settle_h1(dataset: Dataset) -> None:
    base = seeded(dataset, by_size(dataset, FLAT, 9), 4, "base")
    action = ask_hypotheses([base], dataset, only=["H1"])[0].action
    assert action is not None and action.with_control and action.seeds == 3
    ((key, value),) = action.overrides.items()
    split = open_split(dataset, "half")
    sizes = [dataset.molecules.sizes[dataset.molecules.rows_of(ids)] for ids in (split.test, split.train)]
    assert key == "min_atoms"
    assert (sizes[0] < value).sum() >= 50 > (sizes[0] < value - 1).sum()
    assert (sizes[1] < value).sum() <= 0.1 * len(sizes[1])
    assert action.query == {
        "from": base.id, "dataset": "asked", "set": ["seed=0", f"min_atoms={value}"], "seeds": "3", "with_control": "1",
    }  # fmt: skip
    assert len(action.commands) == 6
    assert action.commands[1] == (
        f"python -m core clone {base.id} --set min_atoms={value} --set seed=0 --set control=true"
    )


def test_commands_of_a_preset_are_quoted() -> None:
    action = Action("Train", preset="schnet-small", overrides={"target": "a b", "control": True}, dataset="my set")
    assert action.commands == (
        "python -m core train --recipe schnet-small --dataset 'my set' --set 'target=a b' --set control=true",
    )
    assert action.query == {"recipe": "schnet-small", "dataset": "my set", "set": ["target=a b", "control=true"]}


def seeds_with(dataset: Dataset, errors: np.ndarray, spread: float = 0.05) -> list[Run]:
    random = np.random.default_rng(3)
    return [
        seeded(dataset, errors * np.exp(spread * random.normal()) * (1 + 0.1 * random.normal(size=len(errors))), k)
        for k in range(3)
    ]


def test_three_seeds_are_asked_once_and_two_each(dataset: Dataset) -> None:
    counts = np.bincount(dataset.molecules.sizes, minlength=30)
    runs = seeds_with(dataset, by_size(dataset, 1 / np.sqrt(np.maximum(counts, 1))))
    found = ask_hypotheses(runs, dataset, only=["H1", "H2"])
    assert [(each.hypothesis, each.about, len(each.runs)) for each in found] == [
        ("H1", "recipes", 3),
        ("H2", "recipes", 3),
    ]
    assert found[0].details["association"] == "supported" and found[0].state == "cause undecided"
    alone = ask_hypotheses(runs[:2], dataset, only=["H1"])
    assert [(each.about, each.runs) for each in alone] == [("networks", (runs[0],)), ("networks", (runs[1],))]
    mean = np.mean(
        [[row["mae"] for row in ask_hypotheses([r], dataset, only=["H1"])[0].details["sizes"]] for r in runs], 0
    )
    assert [row["mae"] for row in found[0].details["sizes"]] == pytest.approx(mean.tolist())


def test_seeds_that_disagree_widen_h2() -> None:
    dataset = with_fluorine()
    base = noise(dataset, 1)
    has = dataset.molecules.contains(9)
    agree = [seeded(dataset, base * (1 + has) * (1 + 1e-3 * k), k) for k in range(3)]
    factors = (1.3, 2.0, 2.7)
    differ = [seeded(dataset, base * np.where(has, factors[k], 1), k, batch_size=64) for k in range(3)]
    one, other = (ask_hypotheses(runs, dataset, only=["H2"])[0] for runs in (agree, differ))
    assert one.state == "supported" and one.low is not None and one.high is not None
    assert other.low is not None and other.high is not None and other.low < one.low and other.high > one.high
    assert one.effect == pytest.approx(2, rel=0.25) and other.unit == "times"
    alone = ask_hypotheses(agree[:1], dataset, only=["H2"])[0]
    assert (one.low, one.high) == (pytest.approx(alone.low, rel=1e-2), pytest.approx(alone.high, rel=1e-2))
    assert alone.action is not None and alone.action.seeds == 2 and alone.action.first_seed == 1


def test_the_line_of_a_card() -> None:
    run = Run(Path("x"))
    told = {
        "": "−0.62 (−0.83 to −0.29), 17 sizes", "times": "−0.62 times (−0.83 to −0.29), 17 sizes",
        "points": "−62.0 points (−83.0 to −29.0), 17 sizes", "eV": "−620 meV (−830 to −290), 17 sizes",
    }  # fmt: skip
    for unit, line in told.items():
        found = Finding(
            "H1", (run,), "undecided", "", effect=-0.62, low=-0.83, high=-0.29, unit=unit, n=17, n_of="sizes"
        )
        assert found.line == line
    assert Finding("H1", (run,), "not enough data", "", n=3, n_of="sizes").line == "3 sizes"


def test_unconverged_controls_make_it_provisional(dataset: Dataset) -> None:
    falling = np.linspace(1.0, 0.1, 30)[:, None] * np.ones((1, 600))
    run, control = without_small(dataset, WORSE_BELOW_15), without_small(dataset, FLAT, control=True)
    found = experiment(ask_hypotheses([run], dataset, [control], ["H1"]))
    assert found.provisional == ()
    recipe = {"split": "half", "epochs": 30, "preset": "schnet-small"}
    base = fake_run(dataset, noise(dataset, 1), "base", validation=falling, recipe=Recipe.model_validate(recipe))
    assert ask_hypotheses([base], dataset, only=["H1"])[0].provisional == ("base had not converged",)
