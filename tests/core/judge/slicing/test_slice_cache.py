from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from core.data.search import index_ready
from core.data.split_making import make_split
from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.files import home
from core.judge.slicing.slice_cache import (
    save_slices,
    search_and_save,
    slices_of,
    slices_task,
    start_slices,
    work_on_slices,
)
from core.judge.slicing.slices import find_slices
from core.runs.folder import Run
from core.runs.predictions import predictions_folder
from core.tasks import new_task
from tests.core.judge.judged_runs import distinct, noise, seeded
from tests.fake_runs import fake_dataset, qm9_like

N = 1200


@pytest.fixture
def ketone() -> np.ndarray:
    return np.random.default_rng(5).random(N) < 0.3


@pytest.fixture
def dataset(ketone: np.ndarray) -> Dataset:
    smiles = np.where(ketone, b"CC(C)=O", b"CCCC")
    dataset = fake_dataset("sliced", dataclasses.replace(distinct(qm9_like(N)), smiles=smiles))
    make_split(dataset, "half", train=0.3, validation=0.2, together="none")
    return dataset


@pytest.fixture
def run(dataset: Dataset, ketone: np.ndarray) -> Run:
    return seeded(dataset, noise(dataset, 1) * np.where(ketone, 4, 1))


def test_functional_groups_are_searched_once_the_index_is_made(dataset: Dataset, run: Run, ketone: np.ndarray) -> None:
    before = find_slices([run], dataset)[0]
    assert "left out" in before.left_out
    save_slices(before, dataset, "molecule")
    assert slices_of(run, dataset) is not None
    steps: list[str] = []
    found = search_and_save(run, dataset, progress=lambda done, total, text: steps.append(text))
    assert index_ready(dataset) and found.left_out == ""
    assert steps[0] == "preparing searches" and steps[-1] == "looking for the worst groups"
    first = found.slices[0]
    assert "ketone" in first.label and first.state == "confirmed" and first.where is not None
    assert np.array_equal(parse_where(first.where, dataset).mask(dataset), ketone)
    kept = slices_of(run, dataset)
    assert kept is not None and kept.slices == found.slices and kept.sentence == found.sentence
    save_slices(before, dataset, "molecule")  # what was left out can be searched now, so it is looked for again
    assert slices_of(run, dataset) is None


def test_kept_slices_end_with_the_predictions(dataset: Dataset, run: Run) -> None:
    within = parse_where(["size=15-22"], dataset)
    found = search_and_save(run, dataset, "atom", within)
    kept = slices_of(run, dataset, "atom", within)
    assert kept is not None and kept.within == ("size=15-22",) == found.within and kept.unit == "eV/atom"
    assert slices_of(run, dataset, "molecule", within) is slices_of(run, dataset, "atom") is None
    folder = predictions_folder(run, dataset.name)
    assert folder is not None
    os.utime(folder / "about.json", ns=(1, 1))
    assert slices_of(run, dataset, "atom", within) is None


def test_a_damaged_file_is_looked_for_again(dataset: Dataset, run: Run) -> None:
    search_and_save(run, dataset)
    path = next((home() / "judged" / run.id).glob("slices-*.json"))
    path.write_text(path.read_text().replace("n_test", "n_tests"))
    assert slices_of(run, dataset) is None
    path.write_text("{")
    assert slices_of(run, dataset) is None


def test_the_task_looks_for_slices_and_is_found_again(
    dataset: Dataset, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.judge.slicing.slice_cache.start_task", new_task)  # made, and worked on here
    within = parse_where(["size=15-22"], dataset)
    task = start_slices(run, dataset, within=within)
    assert task.kind == "slices" and start_slices(run, dataset, within=within).id == task.id
    assert slices_task(run, dataset) is None
    assert slices_task(run, dataset, within=within) == task
    told = work_on_slices(task.arguments, lambda *words: None)
    kept = slices_of(run, dataset, within=within)
    assert kept is not None and told["found"] == len(kept.slices) and told["run"] == run.id
    with pytest.raises(MollensError):
        work_on_slices({**task.arguments, "where": ["size=1"]}, lambda *words: None)
