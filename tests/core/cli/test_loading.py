"""The commands inspect-model and load-model, and the tasks that the page starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.loading import inspect_task, load_task
from core.data.store import Dataset
from core.errors import MollensError
from core.runs.folder import list_runs, open_run
from core.tasks import list_tasks
from models.schnetpack_compat import Atomwise
from tests.core.cli.conftest import Cli
from tests.models.foreign_models import Runs, foreign_model, saved, torch_file


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder of SchNetPack with a model of energy that nobody has trained."""
    folder = tmp_path / "runs" / "abc"
    folder.mkdir(parents=True)
    saved(folder / "best_model", foreign_model(output=Atomwise(n_in=16, output_key="energy"), postprocessors=[]))
    (folder / "config.yaml").write_text("data:\n  property_units: {energy: eV}\n  batch_size: 25\n")
    return folder


def test_inspect_and_load(cli: Cli, run_folder: Path, tiny: Dataset) -> None:
    status, text, _ = cli("inspect-model", str(run_folder))
    assert status == 0 and "energy in eV, sum" in text and "No split.npz: nobody knows" in text
    found = json.loads(cli("inspect-model", str(run_folder), "--json")[1])
    assert found["network"]["kind"] == "schnet" and found["recipe"] == {"batch_size": 25}
    status, text, _ = cli("load-model", str(run_folder), "--name", "theirs", "--dataset", "tiny")
    assert status == 0 and "120 labelled (which of them it was trained on is not known) molecules of tiny" in text
    assert "warning: What it was trained on is not known" in text
    told = json.loads(cli("load-model", str(run_folder), "--name", "again", "--dataset", "tiny", "--json")[1])
    assert told["n"] == 120 and told["unit"] == "eV" and open_run(told["run"]).origin == "schnetpack"
    assert cli("predict", "theirs", "--dataset", "tiny")[0] == 0
    rows = json.loads(cli("runs", "--json")[1])["runs"]
    assert {row["name"] for row in rows if row["origin"] == "schnetpack"} == {"theirs", "again"}


def test_a_refusal_is_one_sentence(cli: Cli, tmp_path: Path, tiny: Dataset) -> None:
    path = torch_file(tmp_path / "best_model", Runs(print, "harmed"))
    status, out, error = cli("load-model", str(path), "--name", "x", "--dataset", "tiny")
    assert status == 1 and "harmed" not in out and error.count("\n") == 1
    assert "names __builtin__.print, which no model of SchNetPack needs; nothing of it was run" in error
    assert not [run for run in list_runs() if not run.shipped]


def test_the_page_reads_databases_only_from_its_folders(
    run_folder: Path, home: Path, tmp_path: Path, demo: Dataset, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a configuration names is looked up by the command line, but by a task only where the page may read."""
    import numpy as np

    from core.data.exporters import export

    (tmp_path / "elsewhere").mkdir()
    database = export(demo, np.arange(20), tmp_path / "elsewhere" / "some.db")
    text = (run_folder / "config.yaml").read_text() + f"  datapath: {database}\n"
    (run_folder / "config.yaml").write_text(text)
    np.savez(run_folder / "split.npz", train_idx=[0, 1], val_idx=[2], test_idx=[3])
    arguments = {"path": str(run_folder), "run_name": "x", "dataset": "tiny"}
    found = inspect_task(arguments, lambda done, total, text="": None)
    assert found["database"] is None and found["notes"] == ["its database some.db is not at hand"]
    monkeypatch.setenv("MOLLENS_DATA", str(database.parent))
    found = inspect_task(arguments, lambda done, total, text="": None)
    assert found["database"]["n_molecules"] == 20 and found["split_known"]
    told = load_task(arguments, lambda done, total, text="": None)
    assert told["split_known"] and told["name"] == "x"
    assert not list((home / "tasks").glob(".unpacked-*")) and not list_tasks()


def test_a_task_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="not found"):
        inspect_task({"path": str(tmp_path / "none")}, lambda done, total, text="": None)
