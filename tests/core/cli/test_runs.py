"""Commands on runs: notes, names, clones, the trash, logs, jobs in the background."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from core.cli import training
from core.data.store import Dataset
from core.recipes.create import create_run
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from core.runs.metrics import read_metrics
from core.runs.trash import list_trash
from tests.core.cli.conftest import Cli

SMALL = ("--set", "epochs=2", "--set", "n_atom_basis=8", "--set", "n_interactions=1", "--set", "warmup_epochs=0")


@pytest.fixture
def run(tiny: Dataset) -> Run:
    """A run that nobody has started."""
    return create_run(Recipe(preset="schnet-small", epochs=3), tiny, "mine", "cpu")


def row_of(cli: Cli, run_id: str) -> dict[str, object]:
    rows = json.loads(cli("runs", "--json")[1])["runs"]
    return next(row for row in rows if row["id"] == run_id)


def test_names_and_notes(cli: Cli, run: Run) -> None:
    assert cli("rename", "mine", "yours")[0] == 0 and open_run("yours").id == run.id
    assert cli("note", "yours")[1].endswith("no note\n")
    assert cli("note", "yours", "worth a look")[1] == "worth a look\n"
    assert cli("note", "yours")[1] == "worth a look\n"
    row = row_of(cli, run.id)
    assert (row["name"], row["note"], row["state"], row["devices"]) == ("yours", "worth a look", "created", 1)
    assert row["n_trained"] == run.n_trained > 0 and row["queue_ahead"] is None and row["molecules_per_second"] is None
    assert cli("note", "yours", "")[1].endswith("no note\n")


def test_the_trash(cli: Cli, run: Run) -> None:
    code, out, _ = cli("delete", "mine")
    assert code == 0 and "trash" in out
    (told,) = json.loads(cli("trash", "--json")[1])["trash"]
    assert (told["run"], told["name"]) == (run.id, "mine") and told["deleted"].endswith("Z")
    assert "mine" in cli("trash")[1]
    assert cli("restore", "mine")[:2] == (0, f"run {run.id}: restored\n")
    code, _, err = cli("restore", "mine")
    assert code == 1 and "no such run" in err
    cli("delete", "mine")
    code, _, err = cli("trash", "--older-than", "3")
    assert code == 1 and "goes with --empty; nothing was removed" in err
    assert cli("trash", "--empty", "--older-than", "3")[1] == "0 runs were removed for good\n" and list_trash()
    assert cli("trash", "--empty")[1] == "1 runs were removed for good\n" and not list_trash()


def test_a_run_is_cloned_with_changes_and_its_logs_are_written(cli: Cli, tiny: Dataset, tmp_path: Path) -> None:
    words = ("--dataset", "tiny", "--name", "net", "--device", "cpu", "--logs", "csv, tensorboard")
    code, _, err = cli("train", *words, *SMALL)
    assert code == 0, err
    first = open_run("net")
    assert first.logs == ["csv", "tensorboard"]
    code, _, err = cli("clone", "net", "--set", "seed=1", "--set", "epochs=1")
    assert code == 0, err
    code, _, err = cli("clone", "net", "--logs", "", "--set", "model=composition", "--name", "without logs")
    assert code == 0 and open_run("without logs").logs == [], err
    clone = open_run("net, seed=1, epochs=1")
    assert clone.recipe_values == first.recipe_values | {"seed": 1, "epochs": 1}
    assert (clone.recipe_file["device"], clone.logs) == ("cpu", first.logs)
    row = row_of(cli, clone.id)
    assert row["state"] == "finished" and row["molecules_per_second"] > 0 and row["seconds"] > 0 and row["started"]
    for which in (first, clone):
        with open(which.path / "logs" / "csv" / "epochs.csv", newline="") as file:
            maes = [float(line["validation_mae"]) for line in csv.DictReader(file)]
        assert maes == [line["validation_mae"] for line in read_metrics(which)[0] if line["kind"] == "epoch"]
    code, out, _ = cli("logs", "net", "--to", str(tmp_path / "out"), "--csv")
    assert code == 0 and out == f"{tmp_path / 'out' / 'csv'}\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["csv"]
    code, _, err = cli("clone", "net", "--set", "epochs=0")
    assert code == 1 and "epochs is '0'; it must be" in err


def test_a_run_in_the_background_prints_its_id(cli: Cli, tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Run] = []
    monkeypatch.setattr(training, "start_job", started.append)
    code, out, err = cli("train", "--dataset", "tiny", "--device", "cpu", "--recipe", "composition", "--background")
    assert code == 0, err
    assert [run.id for run in started] == [out.strip()]
    assert open_run(out.strip()).status().state == "created"  # nothing was trained here


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--logs", "wandb"), "logs are wandb; possible are csv, tensorboard"),
        (("--device", "cuda:99", "--devices", "2"), "device 'cuda:99': not on this machine"),
        (("--device", "cpu", "--engine", "graph"), "engine graph: it records CUDA graphs, and the device is the CPU"),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_is_made(
    cli: Cli, tiny: Dataset, words: tuple[str, ...], message: str
) -> None:
    code, _, err = cli("train", "--dataset", "tiny", *words)
    assert code == 1 and message in err and err.count("\n") == 1
    assert not any(row["dataset"] == "tiny" for row in json.loads(cli("runs", "--json")[1])["runs"])
