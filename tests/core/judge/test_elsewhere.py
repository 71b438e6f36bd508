"""Runs judged on datasets that they were not trained on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.judge.comparing.compare import compare_runs
from core.judge.comparing.pairing import pair_up
from core.judge.comparing.seeds import trained_molecules
from core.judge.held_out import check_dataset, held_out, shared_held_out, split_known
from core.judge.hypotheses.asking import ask_hypotheses
from core.judge.reporting.reports import comparison_report
from core.runs.folder import Run, open_run
from core.runs.predictions import NONE, TEST, TRAIN, VALIDATION, Predictions, predicted_datasets
from core.runs.writer import replace_predictions
from tests.core.judge.judged_runs import distinct, half_tested, noise, seeded
from tests.fake_runs import fake_dataset, qm9_like

LEVEL = "GFN2-xTB"


@pytest.fixture
def here() -> Dataset:
    return half_tested("here", 600)


def predict(run: Run, dataset: Dataset, codes: np.ndarray, how: str = "geometry", scale: float = 0.1) -> np.ndarray:
    """Write predictions of a run for another dataset, with these split codes; gives their errors."""
    molecules = dataset.molecules
    errors = noise(dataset, 7 + run.seed, scale)
    target = np.asarray(molecules.columns[run.target])
    values = Predictions(molecules.ids, codes, target, target + errors, target)
    replace_predictions(run, values, dataset.name, dataset.card.sha256, how)
    return errors


def elsewhere(n: int = 300, level: str = LEVEL) -> Dataset:
    return fake_dataset("there", distinct(qm9_like(n, 5), 9), level_of_theory=level)


def some_codes(n: int) -> np.ndarray:
    return np.where(np.arange(n) < 40, TRAIN, np.where(np.arange(n) < 60, VALIDATION, TEST)).astype(np.uint8)


def test_what_it_has_not_seen_of_another_dataset_is_held_out(here: Dataset) -> None:
    there = elsewhere()
    run = seeded(here, noise(here, 1))
    errors = predict(run, there, some_codes(300))
    source = held_out(run, there)
    assert np.array_equal(source.ids, there.molecules.ids[60:]) and source.elsewhere
    assert np.allclose(source.error, errors[60:])
    assert source.train_rows.tolist() == list(range(40)) and source.seen_rows.tolist() == list(range(60))
    assert len(held_out(run, there, "validation").ids) == 20
    assert split_known(run) and split_known(run, here) and split_known(run, there)
    assert predicted_datasets(run) == ["here", "there"]
    with pytest.raises(MollensError, match="was trained on dataset here, not on there; what it recorded"):
        check_dataset(run, there)


def test_of_unknown_codes_all_are_judged_and_nothing_is_said(here: Dataset) -> None:
    there = elsewhere()
    runs = [seeded(here, noise(here, k), k, name) for k, name in ((1, "a"), (2, "b"))]
    for run in runs:
        predict(run, there, np.full(300, NONE, dtype=np.uint8), "unknown")
    assert not split_known(runs[0], there) and split_known(runs[0])
    assert len(held_out(runs[0], there).ids) == 300
    found = compare_runs(*runs, there)
    assert found.verdict is None and len(found.warnings) == 2
    unanswered = ask_hypotheses(runs[:1], there, only=["H1", "H2"])
    assert [each.state for each in unanswered] == ["not enough data"] * 2


def test_an_older_prediction_without_a_word_on_its_codes_is_unknown(here: Dataset) -> None:
    there = elsewhere()
    run = seeded(here, noise(here, 1))
    predict(run, there, np.full(300, NONE, dtype=np.uint8))
    for name in ("here", "there"):
        path = run.path / "predictions" / name / "about.json"
        path.write_text(json.dumps({key: v for key, v in json.loads(path.read_text()).items() if key != "codes"}))
    assert split_known(run, here) and not split_known(run, there)


def test_why_there_are_no_errors(here: Dataset) -> None:
    run = seeded(here, noise(here, 1), name="one")
    there = elsewhere(level="B3LYP")
    with pytest.raises(MollensError, match=r"has no predictions for it; write them with: python -m core predict one"):
        held_out(run, there)
    predict(run, there, some_codes(300))
    folder = run.path / "predictions" / "there"
    np.save(folder / "target.npy", np.full(300, np.nan))
    sentence = r"has learned labels of GFN2-xTB, and those of dataset there are of B3LYP; energies of different levels"
    with pytest.raises(MollensError, match=sentence):
        held_out(run, there)
    with pytest.raises(
        MollensError, match=r"different levels of theory \(B3LYP and GFN2-xTB\), whose energies are never"
    ):
        pair_up([run, seeded(here, noise(here, 2), 1)], there)
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "dataset_sha256": "0" * 64}))
    with pytest.raises(MollensError, match="dataset there has changed since it was predicted .*then 00000000"):
        held_out(run, there)
    (folder / "about.json").write_text(json.dumps(about))
    bare = dataclasses.replace(there.molecules, columns={"gap": there.molecules.columns["gap"]})
    card = there.card.model_copy(
        update={"name": "bare", "default_target": "gap", "properties": there.card.properties[1:]}
    )
    without = save_dataset(bare, card)
    (run.path / "predictions" / "bare").mkdir()
    for path in folder.iterdir():
        (run.path / "predictions" / "bare" / path.name).write_bytes(path.read_bytes())
    path = run.path / "predictions" / "bare" / "about.json"
    path.write_text(json.dumps({**about, "dataset_sha256": without.card.sha256}))
    with pytest.raises(MollensError, match="dataset bare has no energy, which it predicts"):
        held_out(run, without)


def test_another_unit_is_no_label(here: Dataset) -> None:
    run = seeded(here, noise(here, 1), name="one")
    there = elsewhere()
    predict(run, there, some_codes(300))
    np.save(run.path / "predictions" / "there" / "target.npy", np.full(300, np.nan))
    recipe = run.path / "recipe.json"
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "unit": "kcal/mol"}))
    with pytest.raises(MollensError, match="has learned energy in kcal/mol, and dataset there has it in eV"):
        held_out(open_run(run.id), there)


def test_all_seen_is_said(here: Dataset) -> None:
    there = elsewhere()
    run = seeded(here, noise(here, 1))
    predict(run, there, np.zeros(300, dtype=np.uint8))
    with pytest.raises(MollensError, match="has seen every labelled molecule of dataset there"):
        held_out(run, there)


def test_runs_of_different_datasets_are_compared_on_a_third(here: Dataset) -> None:
    other = half_tested("other", 500)
    there = elsewhere(800)
    a, b = seeded(here, noise(here, 1), 1, "a"), seeded(other, noise(other, 2), 2, "b")
    codes_a, codes_b = some_codes(800), some_codes(800)[::-1].copy()
    errors = predict(a, there, codes_a, scale=0.2), predict(b, there, codes_b)
    found = compare_runs(a, b, there)
    rows = np.flatnonzero((codes_a == TEST) & (codes_b == TEST))
    assert np.array_equal(found.paired.rows, rows) and len(rows) == 680
    assert np.allclose(found.paired.errors, [each[rows] for each in errors])
    assert found.whole.state == "B better" and found.about == "networks"
    assert found.notes[0].startswith("a was trained on here: 40 molecules of there were among those")
    assert comparison_report(found)["notes"] == found.notes
    assert {group.where for group in found.groups} == {f"size={group.group}" for group in found.groups}
    assert found.spans is not None and len(found.spans) == len(found.groups) and found.noun == "atoms"


def test_a_copy_of_what_another_has_seen_is_left_out_of_what_is_shared(here: Dataset) -> None:
    molecules = distinct(qm9_like(300))
    rows = np.concatenate([np.arange(300), np.arange(100)])
    there = fake_dataset("twice", dataclasses.replace(molecules.take(rows), ids=np.arange(400)))
    runs = [seeded(here, noise(here, k), k, name) for k, name in ((1, "a"), (2, "b"))]
    codes = np.where(np.arange(400) < 50, TRAIN, TEST).astype(np.uint8)  # a has seen the first copies only
    predict(runs[0], there, codes)
    predict(runs[1], there, np.full(400, TEST, dtype=np.uint8))
    assert len(shared_held_out(runs[:1], there)) == 350
    shared = shared_held_out(runs, there)
    assert np.array_equal(shared, np.setdiff1d(np.arange(50, 400), np.arange(300, 350)))
    paired = pair_up(runs, there)
    assert np.array_equal(paired.ids, shared) and paired.copies == 50
    assert any("50 held-out molecules are left out as a copy" in note for note in compare_runs(*runs, there).notes)


def test_training_counts_are_those_of_its_own_dataset(here: Dataset) -> None:
    there = elsewhere()
    run = seeded(here, noise(here, 1))
    predict(run, there, some_codes(300))
    found = trained_molecules(held_out(run, there))
    assert found is not None
    assert np.array_equal(np.sort(found[0].ids[found[1]]), open_split(here, "half").train)
    asked = ask_hypotheses([run], there, only=["H1"])[0]
    counts = np.bincount(found[0].sizes[found[1]], minlength=30)
    assert asked.details["sizes"] and all(row["n_train"] == counts[row["size"]] for row in asked.details["sizes"])


def test_a_stated_split_without_a_hash_is_known(here: Dataset) -> None:
    run = seeded(here, noise(here, 1))
    path = run.path / "recipe.json"
    content = json.loads(path.read_text())
    for split, known in (({"hash": "", "known": True}, True), ({"hash": ""}, False), ({"known": False}, False)):
        path.write_text(json.dumps({**content, "split": {**content["split"], **split}}))
        assert split_known(open_run(run.id)) is known


def test_recipes_compared_on_another_dataset(here: Dataset) -> None:
    there = elsewhere()
    a = [seeded(here, noise(here, k), k) for k in range(3)]
    b = [seeded(here, noise(here, k), k, batch_size=64) for k in range(3)]
    for run in [*a, *b]:
        predict(run, there, some_codes(300), scale=0.1 if run in a else 0.02)
    found = compare_runs(a, b, there, "all")
    assert found.about == "recipes" and found.whole.state == "B better"
