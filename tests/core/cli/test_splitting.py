"""Commands on splits and defects: what they print, their JSON, and how they refuse."""

from __future__ import annotations

import json

import pytest

from core.data.splits import list_splits, open_split
from core.data.store import Dataset
from tests.core.cli.conftest import Cli


def test_a_split_is_previewed_made_and_listed(cli: Cli, tiny: Dataset) -> None:
    words = ("split", "tiny", "--method", "leave_out_sizes", "--sizes", "20-29", "--seed", "3")
    code, out, err = cli(*words, "--preview", "--json")
    assert code == 0, err
    seen = json.loads(out)["splits"][0]
    assert list_splits(tiny) == ["default"]
    code, out, _ = cli(*words, "--name", "big")
    assert code == 0 and f"{seen['test']:,} test molecules; hash {seen['hash'][:12]}" in out
    assert "tested but not trained sizes: 20, 21" in out and "sizes of test: 100.0 % off training" in out
    assert open_split(tiny, "big").hash == seen["hash"]
    told = {row["name"]: row for row in json.loads(cli("splits", "tiny", "--json")[1])["splits"]}
    assert list(told) == ["default", "big"]
    assert told["big"]["parameters"] == {"sizes": "20-29", "together": "identity"}
    assert (told["big"]["train"], told["big"]["test"]) == (seen["train"], seen["test"])
    assert told["default"]["leakage"] == {"validation": 0, "test": 0}
    lines = cli("splits", "tiny")[1].splitlines()
    assert lines[0].split()[:3] == ["name", "made", "seed"] and "20-29 atoms left out" in lines[2]


def test_folds_become_splits_of_their_own(cli: Cli, tiny: Dataset) -> None:
    code, out, err = cli("split", "tiny", "--name", "cv", "--method", "k_fold", "--folds", "3")
    assert code == 0, err
    assert [line.split(":")[0] for line in out.splitlines() if line.startswith("tiny")] == [
        f"tiny, split cv-{fold}of3" for fold in (1, 2, 3)
    ]
    code, out, _ = cli("split", "tiny", "--name", "one", "--method", "k_fold", "--folds", "3", "--fold", "2")
    assert code == 0 and open_split(tiny, "one").hash == open_split(tiny, "cv-2of3").hash


def test_a_selection_of_sound_molecules_can_be_divided(cli: Cli, tiny: Dataset) -> None:
    words = ("split", "tiny", "--name", "sound", "--where", "sound=1", "--where", "size=15-19")
    code, _, err = cli(*words)
    assert code == 1 and "has not been searched for defects yet" in err
    assert cli("defects", "tiny")[0] == 0
    code, out, err = cli(*words)
    assert code == 0 and "molecules are in no part" in out, err
    assert open_split(tiny, "sound").parameters["where"] == ["sound=1", "size=15-19"]


def test_a_damaged_split_is_listed_as_such(cli: Cli, tiny: Dataset) -> None:
    cli("split", "tiny", "--name", "one")
    (tiny.folder / "splits" / "one.json").write_text("{")
    code, out, _ = cli("splits", "tiny")
    assert code == 0 and "damaged" in out.splitlines()[2]
    told = json.loads(cli("splits", "tiny", "--json")[1])["splits"]
    assert told[0]["error"] is None and "damaged" in told[1]["error"]


def test_defects_are_told_and_kept(cli: Cli, tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = cli("defects", "tiny", "--json")
    told = json.loads(out)
    assert code == 0 and told["n_molecules"] == 120 and told["n_with_defects"] == 0
    assert set(told) >= {"uncharacterized", "duplicate", "close_contact", "missing"}
    monkeypatch.setattr("core.cli.splitting.find_defects", lambda *_: pytest.fail("was searched already"))
    code, out, _ = cli("defects", "tiny")
    assert code == 0 and out.endswith("0 of 120 molecules have one\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("split", "tiny"), "split: has no name"),
        (("split", "tiny", "--name", "x", "--method", "sorted"), "'sorted' is not known"),
        (("split", "tiny", "--name", "x", "--method", "k_fold", "--folds", "10000"), "k is 10,000"),
        (("split", "tiny", "--name", "x", "--method", "k_fold", "--folds", "0"), "k is 0"),
        (("split", "tiny", "--name", "x", "--element", "F"), "random does not take element"),
        (("split", "tiny", "--name", "x", "--method", "leave_out_element", "--element", "Xx"), "'Xx' is not known"),
        (("split", "tiny", "--name", "x", "--where", "size"), "filter 'size': expected KEY=VALUE"),
        (("split", "tiny", "--name", "../x"), "not allowed"),
        (("splits", "nobody"), "dataset nobody: not found"),
        (("defects", "../x"), "not allowed"),
    ],
)
def test_a_refusal_is_one_sentence(cli: Cli, tiny: Dataset, words: tuple[str, ...], message: str) -> None:
    code, out, err = cli(*words)
    assert code == 1 and message in err and out == ""
    assert "Traceback" not in err and err.count("\n") == 1
    assert list_splits(tiny) == ["default"]
