"""`export` and `load-predictions` on the command line: what they write, print and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from core.cli.giving_back import export_task
from core.cli.loading_predictions import load_predictions_task
from core.cli.tasks import KINDS
from core.data.store import Dataset
from core.runs.folder import list_runs, open_run

Cli = Callable[..., tuple[int, str, str]]
SHIPPED, COMPOSITION = "20261121-074206-schnet-small-seed-1-4490", "20261121-074206-composition-8edd"


def test_export_writes_a_folder_and_says_what_is_in_it(cli: Cli, tmp_path: Path) -> None:
    to = tmp_path / "out"
    status, out, _ = cli("export", SHIPPED, "--to", str(to), "--as", "folder", "--json")
    told = json.loads(out)
    assert status == 0 and told["run"] == SHIPPED and told["notes"] == []
    assert sorted(told["files"]) == sorted(str(p.relative_to(to)) for p in to.rglob("*") if p.is_file())
    readme = (to / "README.md").read_text()
    assert readme.startswith("# SchNet small, seed 1") and "### By element contained" in readme
    status, _, err = cli("export", SHIPPED, "--to", str(to))
    assert status == 1 and "add --replace" in err
    status, _, err = cli("export", COMPOSITION, "--to", str(tmp_path / "x"))
    assert status == 1 and "linear fit in composition" in err and not (tmp_path / "x").exists()


def test_predictions_are_looked_into_and_loaded(cli: Cli, tmp_path: Path, tiny: Dataset) -> None:
    path = tmp_path / "p.csv"
    labels = np.asarray(tiny.molecules.columns["energy"])
    pl.DataFrame({"id": tiny.molecules.ids, "E [Ha]": (labels + 0.03) / 27.211386024}).write_csv(path)
    before = len(list_runs())
    status, out, _ = cli("load-predictions", str(path), "--dataset", "tiny")
    assert status == 0 and "Ha stands in the name of the column" in out and len(list_runs()) == before
    words = ("load-predictions", str(path), "--dataset", "tiny", "--name", "theirs")
    status, _, err = cli(*words, "--unit", "eV")
    assert status == 1 and "labels are 27.2" in err and len(list_runs()) == before
    status, out, _ = cli(*words, "--split", "default", "--json")
    told = json.loads(out)
    assert status == 0 and told["n_matched"] == 120 and told["unit"]["value"] == "Ha"
    run = open_run(told["run"])
    status, out, _ = cli("report", run.id, "--json")
    assert status == 0 and abs(json.loads(out)["mae"] - 0.03) < 1e-6
    assert cli("report", run.id)[0] == 0


def test_a_run_without_a_baseline_is_reported(cli: Cli, tmp_path: Path, tiny: Dataset) -> None:
    path = tmp_path / "p.csv"
    values = np.asarray(tiny.molecules.columns["energy"]) + 0.03
    pl.DataFrame({"id": tiny.molecules.ids, "value": values}).write_csv(path)
    assert cli("load-predictions", str(path), "--dataset", "tiny", "--name", "unknown")[0] == 0
    for words in (("report",), ("outliers",), ("curves",)):
        status, out, err = cli(*words, "unknown")
        assert status == 0 or (words == ("curves",) and "mollens:" in err), (words, out, err)


def test_a_task_of_each_kind_is_known_to_the_worker() -> None:
    assert KINDS["export"] is export_task and KINDS["load-predictions"] is load_predictions_task
