"""What a run has seen is recognised in other datasets, whatever their order, place, turn and rounding."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from core.data.identity import identities
from core.data.molecules import Molecules
from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset, save_dataset
from core.errors import MollensError
from core.judge.held_out import held_out, split_known
from core.runs.folder import Run, open_run
from core.runs.predictions import NONE, TEST, TRAIN, UNUSED, VALIDATION, read_about, read_predictions
from core.runs.seen import Seen, write_seen
from core.train.job import run_job
from core.train.predict import predict_dataset
from core.train.seen import codes_on
from tests.core.train.small_dataset import new_small_run, organic_molecules, save_small
from tests.fake_runs import fake_dataset


@pytest.fixture
def small() -> Dataset:
    return save_small(organic_molecules())


def moved(molecules: Molecules, decimals: int, seed: int = 0) -> Molecules:
    """The same molecules in another order, each turned or mirrored, shifted, its atoms shuffled, rounded, new ids."""
    random = np.random.default_rng(seed)
    shuffled = molecules.take(random.permutation(molecules.n_molecules))
    numbers, positions = shuffled.numbers.copy(), np.array(shuffled.positions)
    for first, last in zip(shuffled.first_atom[:-1], shuffled.first_atom[1:], strict=True):
        order = first + random.permutation(last - first)
        turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
        positions[first:last] = np.round(shuffled.positions[order] @ turn + random.normal(0, 5, 3), decimals)
        numbers[first:last] = shuffled.numbers[order]
    return dataclasses.replace(
        shuffled, numbers=numbers, positions=positions, ids=5000 + np.arange(shuffled.n_molecules)
    )


@pytest.mark.parametrize("decimals", [10, 4, 3])
def test_copies_are_recognised(small: Dataset, decimals: int) -> None:
    run = new_small_run(small, epochs=1)
    copy = moved(small.molecules, decimals)
    order = np.random.default_rng(0).permutation(small.molecules.n_molecules)
    calls: list[tuple[int, int]] = []
    codes, how = codes_on(run, save_small(copy, "copy"), lambda done, total: calls.append((done, total)))
    assert how == "geometry"
    assert codes.tolist() == open_split(small).codes(small.molecules.ids[order]).tolist()
    n_learned = int((codes <= VALIDATION).sum())
    assert {total for _, total in calls} == {n_learned + copy.n_molecules} and calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_what_only_looks_alike_is_not_recognised(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    stretched = dataclasses.replace(small.molecules, positions=small.molecules.positions * 1.03)
    codes, how = codes_on(run, save_small(stretched, "stretched"))
    assert how == "geometry" and set(codes.tolist()) == {TEST}


def test_its_own_split_is_taken_as_it_is(small: Dataset) -> None:
    run = new_small_run(small, epochs=1, max_atoms=8)
    codes, how = codes_on(run, small)
    split = open_split(small)
    large = small.molecules.sizes > 8
    assert how == "split" and set(codes[large & np.isin(small.molecules.ids, split.train)]) == {UNUSED}
    elsewhere, how = codes_on(run, save_small(small.molecules, "again"))
    assert how == "geometry"  # what sampling left out of the training has not been seen
    assert np.array_equal(elsewhere, np.where(codes == UNUSED, TEST, codes))


def test_nobody_knows_once_the_training_data_are_gone(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    copy = save_small(moved(small.molecules, 4), "copy")
    delete_dataset(small.name)
    codes, how = codes_on(run, copy)
    assert how == "unknown" and set(codes.tolist()) == {NONE}
    save_small(small.molecules.take(np.arange(50)))  # other data under the name
    assert codes_on(open_run(run.id), copy)[1] == "unknown"


def from_elsewhere(run: Run, **split: object) -> Run:
    """The run as a model that SchNetPack has made."""
    about, recipe = run.path / "about.json", run.path / "recipe.json"
    about.write_text(about.read_text().replace('"mollens"', '"schnetpack"'))
    content = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**content, "recipe": {"model": "schnet"}, "split": {**content["split"], **split}}))
    return open_run(run.id)


def test_a_model_from_elsewhere_brings_what_it_has_seen(small: Dataset) -> None:
    run = from_elsewhere(new_small_run(small, epochs=1), name="from split.npz", hash="", known=True)
    assert codes_on(run, small)[1] == "unknown"
    split = open_split(small)
    ids = np.concatenate([split.train, split.validation])
    of_split = np.repeat(np.array([TRAIN, VALIDATION], dtype=np.uint8), [len(split.train), len(split.validation)])
    write_seen(run.path, Seen(identities(small.molecules.take(small.molecules.rows_of(ids))), of_split))
    for dataset in (small, save_small(moved(small.molecules, 4), "copy")):
        codes, how = codes_on(run, dataset)
        counts = np.bincount(codes, minlength=3)
        assert how == "geometry" and counts.tolist() == [len(split.train), len(split.validation), len(split.test)]
    assert np.array_equal(codes_on(run, small)[0], split.codes(small.molecules.ids))


def test_a_model_from_elsewhere_may_have_been_trained_on_a_named_split(small: Dataset) -> None:
    run = from_elsewhere(new_small_run(small, epochs=1), known=True)
    codes, how = codes_on(run, small)
    assert how == "split" and np.array_equal(codes, open_split(small).codes(small.molecules.ids))
    changed = from_elsewhere(new_small_run(small, epochs=1), known=True, hash="0" * 64)
    assert codes_on(changed, small)[1] == "unknown"


def test_predictions_say_how_it_is_known(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    assert read_about(run)["codes"] == "split"  # type: ignore[index]
    part = moved(small.molecules, 4)
    energy = np.array(part.columns["energy"])
    energy[:10] = np.nan
    unlabelled = dataclasses.replace(part, columns={**part.columns, "energy": energy})
    there = save_small(unlabelled, "part")
    predict_dataset(run, there)
    stored = read_predictions(run, "part")
    assert stored is not None and read_about(run, "part")["codes"] == "geometry"  # type: ignore[index]
    codes, _ = codes_on(run, there)
    assert set(np.asarray(stored.split)[:10]) <= {TRAIN, VALIDATION, NONE}
    assert np.array_equal(np.asarray(stored.split)[10:], codes[10:])
    source = held_out(run, there)
    assert np.array_equal(source.rows, 10 + np.flatnonzero(codes[10:] == TEST)) and split_known(run, there)


def test_other_data_of_the_same_name_are_refused(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    delete_dataset(small.name)
    changed = save_small(small.molecules.take(np.arange(40)))
    with pytest.raises(MollensError, match="was trained on other data of the name small"):
        codes_on(open_run(run.id), changed)


def test_an_atom_and_an_empty_overlap(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    single = fake_dataset("single", Molecules(
        numbers=np.array([6], dtype=np.uint8), positions=np.zeros((1, 3)), first_atom=np.array([0, 1]),
        ids=np.array([1]), columns={"energy": np.array([-1.0]), "gap": np.array([1.0])}, smiles=np.array([b"C"]),
    ))  # fmt: skip
    assert codes_on(run, single)[0].tolist() == [TEST]


def test_saving_leaves_the_molecules_as_they_were(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    before = np.array(small.molecules.positions)
    there = save_dataset(moved(small.molecules, 4), small.card.model_copy(update={"name": "kept"}))
    codes_on(run, there)
    assert np.array_equal(before, small.molecules.positions)
