"""`recipes` lists what there is and what can be changed; `search` makes one run per rate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.cli import recipes as room
from core.data.store import Dataset
from core.recipes.presets import presets
from core.recipes.recipe import Recipe
from core.runs.folder import Run, list_runs, open_run
from tests.core.cli.conftest import Cli


def said(cli: Cli, *words: str) -> dict[str, Any]:
    code, out, err = cli(*words, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def own_runs() -> list[Run]:
    return [run for run in list_runs() if not run.shipped]


def test_recipes_and_all_their_fields_as_json(cli: Cli) -> None:
    found = said(cli, "recipes")
    assert [each["name"] for each in found["recipes"]] == list(presets())
    (balanced,) = [each for each in found["recipes"] if each["name"] == "thesis-balanced-2000"]
    assert balanced["values"]["most_per_size"] == 2000 and balanced["section"] == "From the thesis"
    assert [field["name"] for field in found["fields"]] == list(Recipe.model_fields)
    (rate,) = [field for field in found["fields"] if field["name"] == "weight_rate"]
    assert (rate["type"], rate["default"], rate["minimum"], rate["maximum"], rate["group"]) == (
        "number", 0.0, 0, 20, "Weights",
    )  # fmt: skip


def test_tables_for_people(cli: Cli) -> None:
    lines = cli("recipes")[1].splitlines()
    assert len(lines) == len(presets()) + 1
    assert any(line.startswith("thesis-above-17 ") and "Only above 17 atoms" in line for line in lines)
    fields = cli("recipes", "--fields")[1].splitlines()
    assert len(fields) == len(Recipe.model_fields) + 1
    assert any(line.startswith("cutoff ") and "above 0.5 to 20" in line and "Å" in line for line in fields)


def test_a_search_queues_one_run_per_rate(cli: Cli, demo: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start(run: Run) -> int:
        started.append(run.id)
        return 1

    monkeypatch.setattr(room, "start_job", start)
    words = ("search", "--dataset", "demo", "--rates", "0-2,10", "--set", "epochs=1", "--set", "reference=composition")
    how = ("--device", "cpu", "--devices", "2", "--logs", "csv")
    found = said(cli, *words, "--name", "hunt", "--background", *how)["runs"]
    assert [run["name"] for run in found] == [f"hunt rate {rate} seed 0" for rate in (0, 1, 2, 10)]
    assert started == [run["id"] for run in found]
    for run in found:
        made = open_run(run["id"])
        assert (made.recipe_file["device"], made.devices, made.logs) == ("cpu", 2, ["csv"])
        values = made.recipe_values
        assert (values["weight_rate"], values["epochs"], values["preset"]) == (run["rate"], 1, "thesis-rate-search")


def test_a_search_that_cannot_be_trained_starts_nothing(cli: Cli, demo: Dataset) -> None:
    words = ["search", "--dataset", "demo", "--recipe", "thesis-rate-search-frequency", "--set", "least_weight=0"]
    code, _, err = cli(*words)
    assert code == 1 and err.startswith("mollens: rate 1: recipe: weighting size_frequency")
    assert own_runs() == []
    for settings in (["--rates", "ten"], ["--recipe", "thesis-default"], ["--device", "tpu"]):
        assert cli("search", "--dataset", "demo", *settings)[0] == 1
    assert own_runs() == []


def test_a_search_in_the_foreground_trains_every_rate(cli: Cli, tiny: Dataset) -> None:
    small = ["n_atom_basis=4", "n_interactions=1", "n_rbf=4", "epochs=1", "reference=composition", "batch_size=16"]
    words = [word for setting in small for word in ("--set", setting)]
    found = said(cli, "search", "--dataset", "tiny", "--rates", "0,10", "--device", "cpu", *words)["runs"]
    assert [run["state"] for run in found] == ["finished", "finished"]
    assert {run.name for run in own_runs()} == {run["name"] for run in found}
