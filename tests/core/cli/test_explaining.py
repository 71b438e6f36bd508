"""The commands that ask why a molecule is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.data.store import Dataset
from core.judge.held_out import held_out
from core.runs.folder import Run
from tests.core.cli.conftest import Cli
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("told", 400)


@pytest.fixture
def runs(dataset: Dataset) -> list[Run]:
    return [seeded(dataset, noise(dataset, k), k, f"seed {k}") for k in range(3)]


def test_one_molecule(cli: Cli, dataset: Dataset, runs: list[Run]) -> None:
    source = held_out(runs[0], dataset)
    worst = int(source.ids[np.argmax(np.abs(source.error))])
    code, out, _ = cli("molecule", "seed 0", str(worst), "--json")
    told = json.loads(out)
    assert code == 0 and told["id"] == worst and len(told["runs"]) == 3 and told["unit"] == "eV"
    assert told["runs"][0]["error"] == pytest.approx(np.abs(source.error).max() * np.sign(told["runs"][0]["error"]))
    assert {cause["cause"] for cause in told["evidence"]} == {"unseen", "label", "model", "noise"}
    assert "nobody has looked inside" in told["nearest"]["latents"]["why_none"]
    one = json.loads(cli("molecule", "seed 0", str(worst), "--with", "seed 2", "--json")[1])
    assert [run["name"] for run in one["runs"]] == ["seed 0", "seed 2"]
    code, out, _ = cli("molecule", "seed 0", str(worst))
    assert code == 0 and "Noise between seeds:" in out and "times the spread of its size" in out
    assert "has none of this id" in cli("molecule", "seed 0", "7")[2]


def test_suspicious_labels_second_levels_and_what_helps(cli: Cli, dataset: Dataset, runs: list[Run]) -> None:
    told = json.loads(cli("suspicious-labels", "seed 0", "seed 1", "seed 2", "--json")[1])
    assert told["runs"] == ["seed 0", "seed 1", "seed 2"] and told["n_held_out"] == 200 and told["labels"] == []
    assert "3 runs miss" in cli("suspicious-labels", "seed 0", "seed 1", "seed 2")[1]
    assert "at least 2 are needed" in cli("suspicious-labels", "seed 0")[2]
    code, _, fault = cli("second-levels", "told", "--target", "gap")
    assert code == 1 and "no other dataset here has an energy at another, stated level" in fault
    told = json.loads(cli("what-helps", "seed 0", "--where", "element=F", "--json")[1])
    assert told["n_chosen"] == dataset.molecules.contains(9)[held_out(runs[0], dataset).rows].sum()
    assert told["suggestions"][0]["from_run"] == runs[0].id and told["near"] is None
    assert "Inverse frequency, elements" in cli("what-helps", "seed 0", "--where", "element=F")[1]


def test_orders_and_files_of_outliers(cli: Cli, dataset: Dataset, runs: list[Run], tmp_path: Path) -> None:
    told = json.loads(cli("outliers", "seed 0", "--order", "differ", "--with", "seed 1", "--json")[1])
    assert told["with"] == ["seed 1"] and abs(told["molecules"][0]["difference"]) > abs(
        told["molecules"][8]["difference"]
    )
    told = json.loads(cli("outliers", "seed 0", "--order", "seeds", "--json")[1])
    spreads = [molecule["seed_spread"] for molecule in told["molecules"]]
    assert spreads == sorted(spreads, reverse=True)
    assert "spread [eV]" in cli("outliers", "seed 0", "--order", "seeds")[1]
    for ending in ("csv", "extxyz", "html"):
        code, _, said = cli("outliers", "seed 0", "--limit", "4", "--to", str(tmp_path / f"w.{ending}"))
        assert code == 0 and "4 molecules" in said and (tmp_path / f"w.{ending}").stat().st_size > 300
    code, _, fault = cli("outliers", "seed 0", "--to", str(tmp_path / "w.pdf"))
    assert code == 1 and "its ending names no format" in fault
    assert "needs another model" in cli("outliers", "seed 0", "--order", "differ")[2]
    assert "folder is not there" in cli("outliers", "seed 0", "--to", str(tmp_path / "no" / "w.html"))[2]


def test_outliers_of_a_run_that_may_have_seen_them_are_warned_of(cli: Cli, dataset: Dataset, runs: list[Run]) -> None:
    assert json.loads(cli("outliers", "seed 0", "--json")[1])["warnings"] == []
    far = of_unknown_split(seeded(dataset, noise(dataset, 9), name="far"))
    warning = "It is not known which molecules far was trained on, so its errors may be optimistic."
    assert json.loads(cli("outliers", far.id, "--json")[1])["warnings"] == [warning]
    assert warning in cli("outliers", "far")[1]
    assert warning in cli("outliers", "seed 0", "--order", "differ", "--with", "far")[1]
