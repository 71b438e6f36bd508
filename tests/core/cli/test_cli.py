"""The command line: what it prints, its JSON, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.data.card import Card
from core.data.store import Dataset, save_dataset
from core.runs.folder import open_run
from core.runs.predictions import TEST, read_predictions
from tests.core.cli.conftest import Cli
from tests.core.data.test_qm9 import METHANE, WATER, archive


def test_datasets_and_describe(cli: Cli, tiny: Dataset) -> None:
    code, out, _ = cli("datasets")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["name", "demo", "tiny"]
    told = json.loads(cli("datasets", "--json")[1])["datasets"]
    assert [row["name"] for row in told] == ["demo", "tiny"] and told[1]["n_molecules"] == 120
    told = json.loads(cli("describe", "tiny", "--json")[1])
    assert told["n_molecules"] == 120 == sum(told["sizes"].values())
    assert told["elements"]["C"] == int(tiny.molecules.contains(6).sum())
    assert told["default_target"] == "energy"
    assert {"key", "label", "unit"} <= set(told["properties"][0])
    assert "120 molecules" in cli("describe", "tiny")[1]


def test_filters_stand_on_the_command_line_as_in_an_address(cli: Cli, tiny: Dataset) -> None:
    molecules = tiny.molecules
    rows = np.flatnonzero((molecules.sizes >= 15) & (molecules.sizes <= 18) & molecules.contains(8))
    where = ("--where", "size=15-18", "--where", "element=O")
    told = json.loads(cli("describe", "tiny", *where, "--json")[1])
    assert told["n_molecules"] == len(rows) == sum(told["sizes"].values())
    assert told["n_atoms"] == int(molecules.sizes[rows].sum())
    assert told["where"] == {"size": "15-18", "element": "O"}
    assert set(told["sizes"]) == {str(size) for size in molecules.sizes[rows]}
    told = json.loads(cli("molecules", "tiny", *where, "--sort", "-energy", "--limit", "5", "--json")[1])
    energies = molecules.columns["energy"][rows]
    assert told["n"] == len(rows)
    assert [row["energy"] for row in told["molecules"]] == sorted(energies.tolist(), reverse=True)[:5]
    assert "5 of" in cli("molecules", "tiny", *where, "--limit", "5")[1]
    code, out, err = cli("molecules", "tiny", "--where", "size=many")
    assert (code, out) == (1, "") and "expected a number such as 17" in err


def test_import_and_split(cli: Cli, tmp_path: Path) -> None:
    source = archive(tmp_path / "a.tar.bz2", {"1.xyz": METHANE, "3.xyz": WATER})
    code, out, _ = cli("import", str(source), "--name", "two", "--no-index")
    assert (code, out) == (0, "two: 2 molecules, 8 atoms\n")
    code, out, _ = cli("split", "two", "--name", "half", "--train", "0.5", "--validation", "0.5")
    assert code == 0 and "1 training, 1 validation, 0 test molecules" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("describe", "missing"), "dataset missing: not found; there are demo"),
        (("describe", "../etc"), "dataset name '../etc': not allowed"),
        (("import", "/nowhere/file", "--name", "x"), "not found; give the path"),
        (("import", "{here}", "--name", "a/b"), "dataset name 'a/b': not allowed"),
        (("import", "{here}", "--name", "x"), "is an empty folder"),
        (("split", "demo", "--name", "x", "--train", "0.95", "--validation", "0.2"), "split x"),
        (("train", "--dataset", "demo", "--set", "epochs=0"), "epochs is '0'; it must be"),
        (("train", "--dataset", "demo", "--recipe", "none"), "recipe 'none': not known; there are"),
        (("train", "--dataset", "gone"), "dataset gone: not found"),
        (("train", "--dataset", "demo", "--device", "cuda:99"), "device 'cuda:99': not on this machine"),
        (("import", "{here}/" + "x" * 300, "--name", "x"), "File name too long"),
        (("import", "{here}", "--name", "demo"), "belongs to the embedded dataset"),
        (("split", "demo", "--name", "default"), "split default: belongs to dataset demo"),
        (("delete-dataset", "demo"), "is embedded and cannot be deleted"),
        (("stop", "nobody"), "run 'nobody': not found"),
        (("resume", "nobody"), "run 'nobody': not found"),
        (("delete", "nobody"), "run 'nobody': not found"),
        (("report", "nobody"), "run 'nobody': not found"),
        (("predict", "nobody", "--dataset", "demo"), "run 'nobody': not found"),
    ],
)
def test_a_refusal_is_one_sentence_and_not_zero(cli: Cli, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    code, out, err = cli(*(word.format(here=tmp_path) for word in words))
    assert code == 1
    assert message in err
    assert out == "" and "Traceback" not in err and err.count("\n") == 1


def test_train_report_and_the_rest_end_to_end(cli: Cli, tiny: Dataset, demo: Dataset) -> None:
    code, out, err = cli("train", "--recipe", "composition", "--dataset", "tiny", "--name", "line", "--device", "cpu")
    assert code == 0, err
    assert "line" in out and "finished" in out
    rows = {row["name"]: row for row in json.loads(cli("runs", "--json")[1])["runs"]}
    assert rows["line"]["state"] == "finished" and rows["line"]["dataset"] == "tiny"
    assert "line" in cli("runs")[1]
    told = json.loads(cli("report", "line", "--by", "size", "--json")[1])
    assert told["n"] == 12 and told["unit"] == "eV"
    assert told["mae"] == pytest.approx(told["baseline_mae"])
    assert sum(group["n_held_out"] for group in told["groups"]) == 12
    assert set(told["groups"][0]) >= {"group", "n_held_out", "n_train", "mae", "mae_low", "mae_high", "rmse"}
    code, out, _ = cli("report", "line", "--by", "element")
    assert code == 0 and "12 test molecules" in out
    rows_of_line = np.flatnonzero(~demo.molecules.contains(9))[::100]
    card = demo.card.model_dump() | {"name": "others"}
    save_dataset(demo.molecules.take(rows_of_line), Card.model_validate(card))
    code, out, _ = cli("predict", "line", "--dataset", "others")
    assert code == 0 and "predictions for others are written" in out
    predictions = read_predictions(open_run("line"), "others")
    assert predictions is not None and len(predictions.ids) == len(rows_of_line)
    own = read_predictions(open_run("line"))
    assert own is not None
    known = dict(zip(own.ids.tolist(), own.split.tolist(), strict=True))
    assert predictions.split.tolist() == [known.get(each, TEST) for each in predictions.ids.tolist()]
    code, out, _ = cli("delete", "line")
    assert code == 0 and "trash" in out
    assert cli("report", "line")[0] == 1


def test_a_trained_network_is_stopped_resumed_and_reported(cli: Cli, tiny: Dataset) -> None:
    words = ("--set", "epochs=2", "--set", "n_atom_basis=8", "--set", "n_interactions=1", "--set", "warmup_epochs=0")
    code, _, err = cli("train", "--dataset", "tiny", "--name", "net", "--device", "cpu", *words)
    assert code == 0, err
    code, _, err = cli("resume", "net")
    assert code == 1 and "is finished" in err
    code, _, err = cli("stop", "net")
    assert code == 1 and "there is nothing to stop" in err
    told = json.loads(cli("report", "net", "--by", "element", "--json")[1])
    assert {group["group"] for group in told["groups"]} <= {"H", "C", "N", "O", "F"}
