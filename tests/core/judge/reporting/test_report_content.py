from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.compare import compare_runs
from core.judge.reporting.report_content import SECTIONS, check_sections, gather
from core.judge.reporting.report_hashes import hashes_of
from core.runs.predictions import predictions_folder
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.judged_runs import half_tested, noise, seeded


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("reported", 1200)


def test_sections_are_chosen_and_ordered(dataset: Dataset) -> None:
    assert check_sections(["hashes", "verdict"]) == ("verdict", "hashes")
    with pytest.raises(MollensError, match="section 'weather' is not known; known are verdict"):
        check_sections(["weather"])
    with pytest.raises(MollensError, match="no section"):
        check_sections([])


def test_a_report_on_two_networks(dataset: Dataset) -> None:
    a, b = seeded(dataset, noise(dataset, 1), 1, "a"), seeded(dataset, 0.3 * noise(dataset, 2), 2, "b", batch_size=64)
    found = compare_runs(a, b, dataset, margin=0.002)
    told = gather(found)
    assert told.sections == tuple(SECTIONS) and told.faults == {}
    assert [each.by for each in told.differences] == ["size", "element", "size_element"]
    assert all(each.margin == 0.002 for each in told.differences)
    ours = told.errors["size"][1]
    row = ours.filter(ours["group"] == "18").row(0, named=True)
    inside = dataset.molecules.sizes[found.paired.rows] == 18
    assert row["mae"] == pytest.approx(np.abs(found.paired.errors[1][inside]).mean())
    text = dict(told.methods)
    assert "1,200 molecules" in text["Data"] and "GFN2-xTB" in text["Data"]
    assert (
        "split half of reported, random, seed 0 (360 training, 240 validation, 600 test" in text["Split and training"]
    )
    assert "600 test molecules that all runs hold out" in text["Molecules that are compared"]
    assert "2,000 resamples" in text["Intervals"] and "95 %" in text["Intervals"]
    assert "0.002 eV, as it was chosen" in text["Verdict"] and "these two networks" in text["Verdict"]
    assert any(command.startswith(f"python -m core compare {a.id} {b.id} --by size") for command in told.commands)
    assert any(command.startswith("python -m core split reported --name half") for command in told.commands)
    assert any("--set batch_size=64" in command and "--name b" in command for command in told.commands)
    small = gather(found, ["verdict"])
    assert small.differences == () and small.errors == {} and small.table is None and small.findings == ()


def test_a_report_on_recipes_tells_of_the_seeds(dataset: Dataset) -> None:
    sides = [
        [
            seeded(dataset, scale * noise(dataset, 10 * k + seed), seed, f"{k} {seed}", batch_size=64 + k)
            for seed in range(3)
        ]
        for k, scale in enumerate((1.0, 0.5))
    ]
    found = compare_runs(sides[0], sides[1], dataset, "all")
    told = gather(found, ["differences", "errors", "learning", "methods"])
    assert [each.by for each in told.differences] == ["size", "element", "size_element"]
    assert all(each.about == "recipes" for each in told.differences)
    table = told.errors["element"][0]
    row = table.filter(table["group"] == "C").row(0, named=True)
    inside = dataset.molecules.contains(6)[found.paired.rows]
    errors = np.abs(found.paired.errors[:3, inside]).mean(axis=1)
    assert row["mae"] == pytest.approx(errors.mean())
    assert row["mae_low"] < errors.min() and row["mae_high"] > errors.max()  # of other seeds, with Student's t
    text = dict(told.methods)
    assert "two recipes, 3 and 3 seeds" in text["Verdict"] and "3 seeds (0, 1, 2)" in text["Split and training"]
    assert "Sidak" in text["Intervals"] and "the narrower one holds" in text["Intervals"]
    assert "hold each by itself, so two of them say nothing about a difference" in text["Intervals"]


def test_a_run_of_unknown_split_gets_no_verdict_and_is_not_said_to_have_held_out_anything(dataset: Dataset) -> None:
    known = seeded(dataset, noise(dataset, 2), 2, "known")
    unknown = of_unknown_split(seeded(dataset, noise(dataset, 1), 1, "foreign"))
    told = gather(compare_runs(unknown, known, dataset))
    text = dict(told.methods)
    assert told.comparison.verdict is None
    assert "It is not known which of them foreign has seen" in text["Molecules that are compared"]
    assert "all runs hold out" not in text["Molecules that are compared"]
    assert "A: it is not known which molecules it has seen" in text["Split and training"]
    assert len(told.hashes) == 2 and told.table is not None and told.faults == {}


def test_hashes_are_those_of_the_files(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 1), 1, "a")
    (run.path / "model.safetensors").write_bytes(b"weights")
    found = hashes_of(run, "A", dataset)
    assert found.weights_hash == hashlib.sha256(b"weights").hexdigest()
    folder = predictions_folder(run, dataset.name)
    assert folder is not None
    assert found.predictions_hash == hashlib.sha256((folder / "predicted.npy").read_bytes()).hexdigest()
    assert found.dataset_sha256 == dataset.card.sha256 and found.split_hash == run.split_hash
    recipe = json.dumps(run.recipe_values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.recipe_hash == hashlib.sha256(recipe.encode()).hexdigest()
    (run.path / "model.safetensors").unlink()
    assert hashes_of(run, "A", dataset).weights_hash == ""
