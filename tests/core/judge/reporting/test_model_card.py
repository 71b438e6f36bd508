"""The model card: its numbers are those of the report, and what must be said stands in it."""

from __future__ import annotations

import dataclasses

import pytest

from core.data.store import Dataset
from core.judge.errors import report
from core.judge.reporting.model_card import model_card
from core.runs.folder import Run, open_run

FILES = {"best_model": "ab" * 32, "model.safetensors": "cd" * 32}


@pytest.fixture
def run() -> Run:
    return open_run("20261121-074206-schnet-small-seed-1-4490")


@pytest.fixture
def card(run: Run, demo: Dataset) -> str:
    return model_card(run, demo, FILES)


def cells(card: str, first: str) -> list[str]:
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_its_errors_are_those_of_the_report(card: str, run: Run, demo: Dataset) -> None:
    sizes, elements = report(run, demo, "size"), report(run, demo, "element")
    assert f"On {sizes['n']:,} test molecules that the model has not seen" in card
    mae = cells(card, "MAE")
    assert mae[1] == f"{1000 * sizes['mae']:,.4g}" and mae[3] == f"{1000 * sizes['baseline_mae']:,.4g}"
    assert mae[2] == f"{1000 * sizes['mae_low']:,.4g} to {1000 * sizes['mae_high']:,.4g}"
    for told, name in ((sizes, "{} atoms"), (elements, "{}")):
        for group in told["groups"]:
            row = cells(card, name.format(group["group"]))
            assert row[1:4] == [f"{group['n_train']:,}", f"{group['n_held_out']:,}", f"{1000 * group['mae']:,.4g}"]
            assert (row[4] == "") == (group["mae_low"] is None)
    assert any(group["mae_low"] is None for group in sizes["groups"])


def test_it_says_what_it_is_what_it_has_seen_and_what_it_is_not_for(card: str, run: Run, demo: Dataset) -> None:
    for told in (
        demo.card.citation, demo.card.license, demo.card.sha256, "GFN2-xTB is not DFT", run.split_hash,
        f"{run.n_trained:,} of", "Not for relaxation or molecular dynamics", "no output of forces",
        "**pickle, which can "
        "run code", 'ASENeighborList(cutoff=5.0)', 'energy_key="energy"', "ab" * 32, "| torch |", "`n_interactions`",
        "load-model", "load_model(Path(",
    ):  # fmt: skip
        assert told in card, told
    assert "zero-point energy, so" not in card  # an electronic energy
    assert all(line.count("|") == line.replace("\\|", "").count("|") for line in card.splitlines())


def test_a_total_energy_with_zero_point_energy_is_no_potential_energy(run: Run, demo: Dataset) -> None:
    columns = {**demo.molecules.columns, "energy_U0": demo.molecules.columns["energy"]}
    like_qm9 = dataclasses.replace(demo, molecules=dataclasses.replace(demo.molecules, columns=columns))
    changed = Run(run.path)
    changed.__dict__["recipe_file"] = {**run.recipe_file, "target": "energy_U0"}
    assert "contains the zero-point energy, so it is no potential energy" in model_card(changed, like_qm9, FILES)


def test_without_the_dataset_or_the_split_it_says_so(run: Run, demo: Dataset) -> None:
    alone = model_card(run, None, {"model.safetensors": "cd" * 32})
    assert "None are told: dataset demo is not there any more" in alone and "best_model" not in alone
    changed = Run(run.path)
    split = {**run.recipe_file["split"], "hash": "", "known": False}
    changed.__dict__["recipe_file"] = {**run.recipe_file, "split": split}
    unknown = model_card(changed, demo, FILES)
    assert "**not known** which molecules this model has seen" in unknown
    assert "It is not known which of them the model has seen" in unknown


def test_a_name_cannot_break_it(run: Run, demo: Dataset) -> None:
    changed = Run(run.path)
    changed.__dict__["about"] = {**run.about, "name": "a|b <script>", "note": "one\n# two"}
    card = model_card(changed, demo, FILES)
    assert card.startswith("# a\\|b &lt;script>") and "\n> one\n> # two" in card
