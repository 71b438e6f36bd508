from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from core.data.card import Card
from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.judge.comparing.pairing import pair_up
from core.judge.held_out import held_out
from core.runs.folder import Run, open_run
from tests.core.judge.judged_runs import distinct, half_tested, noise, seeded
from tests.fake_runs import qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("paired", 800)


def test_errors_are_those_of_the_molecules(dataset: Dataset) -> None:
    a, b = noise(dataset, 1), noise(dataset, 2)
    paired = pair_up([seeded(dataset, a, 1), seeded(dataset, b, 2)], dataset)
    assert np.array_equal(paired.ids, open_split(dataset, "half").test) and paired.left_out == 0
    assert np.allclose(paired.errors, [a[paired.rows], b[paired.rows]])
    assert np.allclose(paired.scaled("atom")[0], a[paired.rows] / dataset.molecules.sizes[paired.rows])
    assert not paired.converted and paired.unknown == ()
    assert np.array_equal(np.sort(dataset.molecules.ids[paired.train_rows[0]]), open_split(dataset, "half").train)


def test_what_either_has_seen_is_left_out(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=1, train=0.3, validation=0.2, together="none")
    runs = [seeded(dataset, noise(dataset, 1)), seeded(dataset, noise(dataset, 2), name="b", split="other")]
    paired = pair_up(runs, dataset)
    half, other = (open_split(dataset, name) for name in ("half", "other"))
    assert np.array_equal(paired.ids, np.intersect1d(half.test, other.test))
    assert paired.left_out == 400 - len(paired.ids) > 100


def test_copies_of_what_was_seen_are_left_out() -> None:
    molecules = distinct(qm9_like(400))
    rows = np.concatenate([np.arange(400), np.arange(100)])  # the first hundred are there twice
    twice = dataclasses.replace(molecules.take(rows), ids=np.arange(500))
    card = Card(name="twice", title="Twice", n_molecules=500, n_atoms=twice.n_atoms, default_target="energy",
                properties=({"key": "energy", "label": "Total energy", "unit": "eV"},))  # type: ignore[arg-type]  # fmt: skip
    dataset = save_dataset(twice, card)
    make_split(dataset, "half", train=0.3, validation=0.2, together="none")
    paired = pair_up([seeded(dataset, noise(dataset, 1), 1), seeded(dataset, noise(dataset, 2), 2)], dataset)
    split = open_split(dataset, "half")
    seen = np.concatenate([split.train, split.validation])
    copies = split.test[np.isin(split.test % 400, seen % 400) & (split.test % 400 < 100)]
    assert len(copies) > 20 and paired.left_out == len(copies)
    assert not np.isin(copies, paired.ids).any()


def test_the_same_run_twice(dataset: Dataset) -> None:
    run = seeded(dataset, noise(dataset, 1), name="one")
    with pytest.raises(MollensError, match="run one: is given twice"):
        pair_up([run, run], dataset)


def test_no_molecule_in_common(dataset: Dataset) -> None:
    for name, sizes in (("large", "18-29"), ("small", "3-17")):
        make_split(dataset, name, "leave_out_sizes", sizes=sizes, validation=0.2)
    runs = [seeded(dataset, noise(dataset, 1), name=name, split=name) for name in ("large", "small")]
    with pytest.raises(MollensError, match="runs large, small: have no test molecule in common"):
        pair_up(runs, dataset)


def with_atomisation_energy(noise_of_labels: float) -> Dataset:
    """Total energies that are those of free atoms plus an atomisation energy."""
    molecules = distinct(qm9_like(600))
    random = np.random.default_rng(0)
    free = molecules.element_counts @ np.linspace(-13.0, -2000.0, len(molecules.elements))
    bound = -4.0 * molecules.sizes + random.normal(0, 1, 600)
    columns = {"energy": free + bound + random.normal(0, noise_of_labels, 600), "atomization_energy": bound}
    changed = dataclasses.replace(molecules, columns={**columns, "gap": molecules.columns["gap"]})
    keys = ("energy", "atomization_energy", "gap")
    card = Card(name="both", title="Both", n_molecules=600, n_atoms=molecules.n_atoms, default_target="energy",
                properties=tuple({"key": key, "label": key, "unit": "eV"} for key in keys))  # type: ignore[arg-type]  # fmt: skip
    dataset = save_dataset(changed, card)
    make_split(dataset, "half", train=0.3, validation=0.2, together="none")
    return dataset


def test_total_and_atomisation_energy_are_converted() -> None:
    dataset = with_atomisation_energy(0.0)
    errors = [noise(dataset, 1), noise(dataset, 2)]
    runs = [seeded(dataset, errors[0]), seeded(dataset, errors[1], target="atomization_energy")]
    paired = pair_up(runs, dataset)
    assert paired.converted
    assert np.allclose(paired.errors, [each[paired.rows] for each in errors])


def test_targets_that_differ_by_more_than_free_atoms_are_refused() -> None:
    dataset = with_atomisation_energy(0.1)
    runs = [seeded(dataset, noise(dataset, 1)), seeded(dataset, noise(dataset, 2), target="atomization_energy")]
    with pytest.raises(MollensError, match="learn different targets, Total energy and Atomisation energy"):
        pair_up(runs, dataset)
    runs[1] = seeded(dataset, noise(dataset, 2), target="gap")
    with pytest.raises(MollensError, match="learn different targets"):
        pair_up(runs, dataset)


def test_levels_of_theory_and_datasets(dataset: Dataset) -> None:
    other = half_tested("dft", 200, level_of_theory="B3LYP/6-31G(2df,p)")
    same = half_tested("same", 200)
    run = seeded(dataset, noise(dataset, 1), name="a")
    with pytest.raises(MollensError, match=r"different levels of theory \(GFN2-xTB and B3LYP/6-31G\(2df,p\)\)"):
        pair_up([run, seeded(other, noise(other, 1), name="b")], dataset)
    with pytest.raises(MollensError, match="run c: was trained on dataset same, not on paired"):
        pair_up([run, seeded(same, noise(same, 1), name="c")], dataset)


def of_unknown_split(run: Run) -> Run:
    """The run as if it came from elsewhere, without a word on what it was trained on."""
    path = run.path / "recipe.json"
    content = json.loads(path.read_text())
    content["split"] |= {"hash": "", "known": False}
    path.write_text(json.dumps(content))
    codes = run.path / "predictions" / run.dataset_name / "split.npy"
    np.save(codes, np.full_like(np.load(codes), 255))
    return open_run(run.id)


def test_a_run_of_which_the_split_is_unknown_is_named(dataset: Dataset) -> None:
    known, foreign = (
        seeded(dataset, noise(dataset, 1)),
        of_unknown_split(seeded(dataset, noise(dataset, 2), name="far")),
    )
    paired = pair_up([known, foreign], dataset)
    assert paired.unknown == ("far",)
    assert np.array_equal(paired.ids, open_split(dataset, "half").test)
    alone = held_out(foreign, dataset)
    assert len(alone.ids) == len(alone.all_rows) == 800
