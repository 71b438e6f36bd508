"""Predictions of another program as a run: judged like any other, by the functions that judge all runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.data.predicted import Choices
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.files import plain_disk_errors
from core.judge.comparing.compare import compare_runs
from core.judge.errors import report
from core.judge.held_out import held_out, split_known
from core.judge.inspect.outliers import worst_molecules
from core.runs import writer
from core.runs.folder import list_runs, open_run
from core.runs.predictions import NONE, read_predictions
from core.train.foreign_predictions import load_predictions
from tests.conftest import save_some
from tests.fake_runs import fake_run


@pytest.fixture
def some(demo: Dataset) -> Dataset:
    return save_some(demo, "some", 400)


@pytest.fixture
def labels(some: Dataset) -> np.ndarray:
    return np.asarray(some.molecules.columns["energy"])


def write(path: Path, ids: np.ndarray, values: np.ndarray) -> Path:
    pl.DataFrame({"id": ids, "prediction": values}).write_csv(path)
    return path


def test_a_stated_split_makes_a_run_like_any_other(tmp_path: Path, some: Dataset, labels: np.ndarray) -> None:
    errors = 0.03 * np.random.default_rng(1).standard_normal(len(labels))
    path = write(tmp_path / "p.csv", some.molecules.ids, labels + errors)
    run = load_predictions(path, some, "default", "theirs", Choices(split="default", unit="eV"))
    own = fake_run(some, errors, "own")
    assert run.origin == "predictions" and run.status().state == "finished" and run.target == "energy"
    assert run.split_hash == own.split_hash and split_known(run, some)
    mine, theirs = report(own, some, "size"), report(run, some, "size")
    for key in ("n", "mae", "rmse", "unit", "split"):
        assert theirs[key] == pytest.approx(mine[key], abs=1e-9) if key in ("mae", "rmse") else theirs[key] == mine[key]
    counts = [(group["group"], group["n_held_out"], group["n_train"]) for group in mine["groups"]]
    assert [(group["group"], group["n_held_out"], group["n_train"]) for group in theirs["groups"]] == counts
    # its baseline is the linear fit on the training molecules
    split, molecules = open_split(some), some.molecules
    features = molecules.element_counts.astype(float)
    train, test = molecules.rows_of(split.train), molecules.rows_of(split.test)
    fit = np.linalg.lstsq(features[train], labels[train], rcond=None)[0]
    assert theirs["baseline_mae"] == pytest.approx(np.abs(features[test] @ fit - labels[test]).mean(), rel=1e-6)
    found = compare_runs(run, own, some)
    assert found.whole.difference == pytest.approx(0, abs=1e-9) and found.verdict is not None
    worst = worst_molecules(run, some).table
    assert abs(worst["error"][0]) == pytest.approx(np.abs(errors[test]).max(), abs=1e-9)


def test_molecules_without_a_prediction_count_as_seen_and_are_not_judged(
    tmp_path: Path, some: Dataset, labels: np.ndarray
) -> None:
    split, ids = open_split(some), some.molecules.ids
    half = split.test[::2]
    rows = some.molecules.rows_of(half)
    path = write(tmp_path / "p.csv", half, labels[rows] + 0.01)
    run = load_predictions(path, some, "energy", "half", Choices(split="default", unit="eV"))
    source = held_out(run, some)
    assert source.ids.tolist() == half.tolist()
    np.testing.assert_allclose(source.error, 0.01, atol=1e-9)
    assert np.sort(ids[source.train_rows]).tolist() == split.train.tolist()
    assert set(ids[source.seen_rows]) == {*split.train, *split.validation}
    with pytest.raises(MollensError, match="validation"):
        held_out(run, some, "validation")


def test_without_a_split_all_are_judged_without_verdict_and_baseline(
    tmp_path: Path, some: Dataset, labels: np.ndarray
) -> None:
    path = write(tmp_path / "p.csv", some.molecules.ids, labels + 0.02)
    run = load_predictions(path, some, "energy", "unknown", Choices(unit="eV"))
    assert not split_known(run, some) and not split_known(run)
    stored = read_predictions(run)
    assert stored is not None and set(np.asarray(stored.split)) == {NONE} and np.isnan(stored.baseline).all()
    told = report(run, some, "size")
    assert told["n"] == len(labels) and told["mae"] == pytest.approx(0.02) and told["baseline_mae"] is None
    found = compare_runs(run, fake_run(some, np.full(len(labels), 0.5), "own"), some)
    assert found.warnings and "not known" in found.sentence


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, some: Dataset, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "p.csv", some.molecules.ids, labels)

    def full(folder: Path, *_: object) -> None:
        with plain_disk_errors(folder):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "write_predictions", full)
    before = [run.id for run in list_runs()]
    with pytest.raises(MollensError, match="no space left"):
        load_predictions(path, some, "energy", "theirs", Choices(unit="eV"))
    assert [run.id for run in list_runs()] == before


def test_what_was_in_the_file_is_kept(tmp_path: Path, some: Dataset, labels: np.ndarray) -> None:
    path = write(tmp_path / "p.csv", some.molecules.ids, labels * 1000)
    run = open_run(load_predictions(path, some, "energy", "theirs").id)
    source = run.recipe_file["source"]
    assert (source["file"], source["unit"], source["matched"], source["kind"]) == ("p.csv", "meV", 400, "target")
    assert run.recipe_file["unit"] == "eV" and run.recipe_values["model"] == "unknown"
