"""The commands that compare and explain, on runs with known errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from core.cli import comparing
from core.data.store import Dataset
from tests.core.judge.judged_runs import half_tested, noise, seeded


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
        ("H1", "supported"),
        ("H2", "not enough data"),
        ("H3", "not enough data"),
        ("H4", "not enough data"),
    ]
    text = call("hypotheses", "uneven", "--only", "H1").stdout
    assert "H1: Rarely seen sizes are predicted worse?" in text and "uneven: supported." in text and "H2" not in text
    other = half_tested("elsewhere", 100)
    seeded(other, noise(other, 1), 1, "far")
    assert "are on different datasets" in str(call("hypotheses", "uneven", "far").exception)


def test_slices(dataset: Dataset) -> None:
    large = np.isin(dataset.molecules.sizes, (19, 20))
    seeded(dataset, noise(dataset, 1) * np.where(large, 4, 1), 1, "bad at 19 and 20")
    told = json.loads(call("slices", "bad at 19 and 20", "--json").stdout)
    assert told["slices"][0]["label"].startswith("19 to 20 atoms") and told["slices"][0]["state"] == "confirmed"
    text = call("slices", "bad at 19 and 20", "--most", "3").stdout
    assert "Worst confirmed group: 19 to 20 atoms" in text


def test_faults_are_sentences(dataset: Dataset) -> None:
    seeded(dataset, noise(dataset, 1), 1, "one")
    assert "run one: is given twice" in str(call("compare", "one", "one").exception)
    seeded(dataset, noise(dataset, 2), 1, "other", batch_size=64)
    assert "needs at least 3 seeds" in str(call("compare", "one", "other", "--seeds").exception)
    assert "not found" in str(call("compare", "one", "none").exception)
