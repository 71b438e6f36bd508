"""The commands that judge and look closer, on runs with known errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.cli.output import digits
from core.data.store import Dataset
from core.judge.held_out import held_out
from core.judge.slicing.slice_cache import slices_of
from core.runs.folder import Run, open_run
from tests.core.cli.conftest import Cli
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("told", 1500)


@pytest.fixture
def run(dataset: Dataset) -> Run:
    large = np.isin(dataset.molecules.sizes, (19, 20))
    return seeded(dataset, noise(dataset, 1) * np.where(large, 4, 1), 1, "bad")


def test_report_of_any_grouping_and_only_some_molecules(cli: Cli, dataset: Dataset, run: Run) -> None:
    source = held_out(run, dataset)
    told = json.loads(cli("report", "bad", "--by", "where:size=19-20", "--where", "element=N", "--json")[1])
    with_n = dataset.molecules.contains(7)[source.rows]
    large = np.isin(source.sizes, (19, 20))
    assert told["where"] == ["element=N"] and told["n"] == with_n.sum()
    assert [group["group"] for group in told["groups"]] == ["inside", "outside"]
    assert told["groups"][0]["mae"] == pytest.approx(np.abs(source.error[with_n & large]).mean())
    assert told["groups"][0]["where"] == "size=19-20"
    ratio = json.loads(cli("report", "bad", "--by", "rare:20", "--relative", "baseline", "--json")[1])
    assert ratio["relative"] == "baseline" and ratio["mae"] == pytest.approx(np.abs(source.error).mean() / 0.5)
    assert {group["group"] for group in ratio["groups"]} == {"rare", "common"}
    code, out, _ = cli("report", "bad", "--by", "heavy", "--measure", "mse", "--simultaneous")
    assert code == 0 and "MSE [eV^2]" in out and "95 % together" in out
    assert "MAE / baseline" in cli("report", "bad", "--relative", "baseline")[1]
    assert "no such molecule is held out" in cli("report", "bad", "--where", "size=200")[1]
    for words, fault in (
        (("--by", "colour"), "grouping 'colour' is not known"),
        (("--measure", "bias", "--relative", "baseline"), "has a sign and no ratio"),
        (("--where", "size=x"), "expected a number such as 17"),
    ):
        code, _, told_fault = cli("report", "bad", *words)
        assert code == 1 and fault in told_fault


def test_curves_and_outliers_of_some_molecules(cli: Cli, dataset: Dataset, run: Run) -> None:
    told = json.loads(cli("outliers", "bad", "--where", "element=N", "--size", "19-20", "--limit", "500", "--json")[1])
    source = held_out(run, dataset)
    inside = dataset.molecules.contains(7)[source.rows] & np.isin(source.sizes, (19, 20))
    assert told["n"] == len(told["molecules"]) == inside.sum() and told["where"] == ["element=N"]
    assert {m["id"] for m in told["molecules"]} == set(source.ids[inside].tolist())
    assert json.loads(cli("curves", "bad", "--by", "heavy", "--where", "element=N", "--json")[1])["epochs"] == []


def test_residuals(cli: Cli, dataset: Dataset, run: Run) -> None:
    seeded(dataset, noise(dataset, 2), 2, "good")
    told = json.loads(cli("residuals", "bad", "--with", "good", "--where", "size=17-20", "--json")[1])
    source = held_out(run, dataset)
    n = int(((source.sizes >= 17) & (source.sizes <= 20)).sum())
    assert told["n"] == n and [each["n"] for each in told["distribution"]["runs"]] == [n, n]
    assert np.sum(told["density"]["counts"]) + told["density"]["outside"] == n
    code, out, _ = cli("residuals", "bad", "--absolute")
    assert code == 0 and "750 test molecules of told" in out and "median |error| [eV]" in out


def test_text_says_what_limits_its_numbers(cli: Cli, dataset: Dataset, run: Run) -> None:
    out = cli("report", "bad", "--by", "element")[1]
    assert "each of the 95 % intervals holds by itself, with --simultaneous all at once" in out
    of_unknown_split(seeded(dataset, noise(dataset, 2), 2, "far"))
    for command in (("report", "far"), ("residuals", "far")):
        assert "not known which molecules far was trained on, so its errors may be optimistic" in cli(*command)[1]


def test_small_numbers_keep_three_digits() -> None:
    assert [digits(value) for value in (None, 0.0, 0.25, -12.34567, 0.01)] == [
        "",
        "0.0000",
        "0.2500",
        "-12.3457",
        "0.0100",
    ]
    assert [digits(value) for value in (0.00063, -0.000123456, 1e-12)] == ["0.000630", "-0.000123", "1.00e-12"]


def test_slices_are_kept_for_the_page(cli: Cli, dataset: Dataset, run: Run) -> None:
    assert slices_of(run, dataset) is None
    told = json.loads(cli("slices", "bad", "--json")[1])
    assert told["slices"][0]["label"].startswith("19 to 20 atoms") and told["slices"][0]["state"] == "confirmed"
    assert told["left_out"] == ""
    kept = slices_of(open_run(run.id), dataset)
    assert kept is not None and kept.sentence == told["sentence"]
    text = cli("slices", "bad", "--most", "3", "--where", "size=12-25")[1]
    assert "Worst confirmed group: 19 to 20 atoms" in text and "with size=12-25" in text
