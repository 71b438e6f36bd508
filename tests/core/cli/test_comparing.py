"""The commands that compare and explain, on runs with known errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from core.cli import comparing
from core.data.store import Dataset
from core.runs.predictions import TEST
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.core.judge.test_elsewhere import predict


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("told", 1500)


def call(*words: str) -> Result:
    app = typer.Typer()
    comparing.add_commands(app)
    return CliRunner().invoke(app, list(words))


def test_compare(dataset: Dataset) -> None:
    seeded(dataset, noise(dataset, 1), 1, "plain")
    seeded(dataset, 0.3 * noise(dataset, 2), 2, "good")
    told = json.loads(call("compare", "plain", "good", "--by", "element", "--json").stdout)
    assert told["verdict"] == "B better" and told["a"]["names"] == ["plain"] and told["by"] == "element"
    assert {group["group"] for group in told["groups"]} == {"H", "C", "N", "O", "F"}
    assert told["whole"]["difference"] < told["whole"]["high"] < 0
    text = call("compare", "plain", "good").stdout
    assert "A: plain (MAE of energy)" in text and "750 test molecules of told that neither has seen" in text
    assert "Overall, B is better by" in text and "About these two networks." in text
    wide = json.loads(call("compare", "plain", "good", "--by", "all", "--margin", "1", "--json").stdout)
    assert wide["verdict"] == "equal" and wide["margin"] == 1.0


def test_compare_recipes(dataset: Dataset) -> None:
    for seed in range(3):
        seeded(dataset, noise(dataset, seed), seed, f"plain {seed}")
        seeded(dataset, 0.3 * noise(dataset, 9 + seed), seed, f"good {seed}", batch_size=64)
    told = json.loads(call("compare", "plain 0", "good 0", "--seeds", "--by", "all", "--json").stdout)
    assert told["about"] == "recipes" and told["b"]["seeds"] == [0, 1, 2] and told["verdict"] == "B better"
    assert json.loads(call("compare", "plain 0", "good 0", "--json").stdout)["about"] == "networks"


def test_hypotheses(dataset: Dataset) -> None:
    counts = np.bincount(dataset.molecules.sizes, minlength=30)
    scale = 1 / np.sqrt(np.maximum(counts, 1))
    seeded(dataset, scale[dataset.molecules.sizes] * noise(dataset, 1), 1, "uneven")
    told = json.loads(call("hypotheses", "uneven", "--json").stdout)
    assert [(each["hypothesis"], each["state"]) for each in told["hypotheses"]] == [
        ("H1", "cause undecided"),
        ("H2", "not enough data"),
        ("H3", "not enough data"),
        ("H4", "not enough data"),
    ]
    commands = told["hypotheses"][0]["action"]["commands"]
    assert len(commands) == 6 and all("_atoms=" in command for command in commands)
    text = call("hypotheses", "uneven", "--only", "H1").stdout
    assert "H1: Rarely seen sizes are predicted worse?" in text and "uneven: cause undecided." in text
    assert "H2" not in text and told["hypotheses"][0]["line"] in text and commands[-1] in text
    assert "About this network only: " in text and "About the recipe" not in text
    other = half_tested("elsewhere", 100)
    seeded(other, noise(other, 1), 1, "far")
    assert "are on different datasets" in str(call("hypotheses", "uneven", "far").exception)


def test_on_a_dataset_that_neither_was_trained_on(dataset: Dataset) -> None:
    other, third = half_tested("other", 300), half_tested("third", 400)
    runs = [seeded(dataset, noise(dataset, 1), 1, "a"), seeded(other, noise(other, 2), 2, "b")]
    for run, scale in zip(runs, (0.2, 0.05), strict=True):
        predict(run, third, np.full(400, TEST, dtype=np.uint8), scale=scale)
    told = json.loads(call("compare", "a", "b", "--dataset", "third", "--by", "all", "--json").stdout)
    assert (told["dataset"], told["n"], told["verdict"]) == ("third", 400, "B better")
    text = call("compare", "a", "b", "--dataset", "third").stdout
    assert "a was trained on told: 0 molecules of third were among those" in text
    asked = json.loads(call("hypotheses", "a", "--dataset", "third", "--json").stdout)
    assert asked["dataset"] == "third" and len(asked["hypotheses"]) == 4
    rows = json.loads(call("table", "a", "b", "--dataset", "third", "--json").stdout)["rows"]
    assert [row["n"] for row in rows] == [400, 400] and rows[0]["dataset"] == "told"
    assert "name runs on one dataset, or with --dataset one" in str(call("compare", "a", "b").exception)


def test_table(dataset: Dataset) -> None:
    for seed in range(2):
        seeded(dataset, noise(dataset, seed), seed, f"plain seed {seed}")
    seeded(dataset, 0.3 * noise(dataset, 9), 0, "wide", n_atom_basis=48)
    words = ("table", "plain seed 0", "plain seed 1", "wide")
    told = json.loads(call(*words, "--group", "with F", "--group", "18-19", "--json").stdout)
    assert [(row["name"], row["n_seeds"]) for row in told["rows"]] == [("plain", 2), ("wide", 1)]
    assert told["mse_unit"] == "eV^2" and told["recipe_fields"] == ["n_atom_basis"] and told["n_shared"] == 750
    assert [group["key"] for group in told["groups"]] == ["with F", "18-19"]
    text = call(*words).stdout
    assert "750 test molecules that no run has seen" in text and "rare sizes (" in text and " ± " in text
    assert "what differs" in text and "n_atom_basis" in text
    assert "with F" not in call(*words, "--group", "").stdout


def test_faults_are_sentences(dataset: Dataset) -> None:
    seeded(dataset, noise(dataset, 1), 1, "one")
    assert "run one: is given twice" in str(call("compare", "one", "one").exception)
    seeded(dataset, noise(dataset, 2), 1, "other", batch_size=64)
    assert "needs at least 3 seeds" in str(call("compare", "one", "other", "--seeds").exception)
    assert "not found" in str(call("compare", "one", "none").exception)
