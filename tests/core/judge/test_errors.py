from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.errors import MollensError
from core.judge.errors import group_errors, report
from core.judge.held_out import held_out, shared_held_out
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like

REPORT_KEYS = [
    "run", "dataset", "target", "split", "part", "per", "unit", "n", "mae", "rmse", "baseline_mae", "mae_low",
    "mae_high", "groups",
]  # fmt: skip
GROUP_KEYS = ["group", "n_held_out", "n_train", "mae", "mae_low", "mae_high", "rmse"]


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(3000)))


def size_errors(dataset: Dataset) -> np.ndarray:
    """A hundredth of an eV per atom; molecules of odd id too high, of even id too low."""
    sign = np.where(dataset.molecules.ids % 2, 1, -1)
    return 0.01 * dataset.molecules.sizes * sign


@pytest.fixture
def run(dataset: Dataset) -> Run:
    return fake_run(dataset, size_errors(dataset), baseline_errors=0.5)


def row(table: pl.DataFrame, group: str) -> dict[str, object]:
    return table.row(by_predicate=pl.col("group") == group, named=True)


def test_known_errors_by_size(run: Run, dataset: Dataset) -> None:
    table = group_errors(run, dataset, "size")
    split = open_split(dataset)
    sizes = dataset.molecules.sizes
    for size in np.unique(sizes):
        found = row(table, str(size))
        n_test = int((sizes[dataset.molecules.rows_of(split.test)] == size).sum())
        assert found["n_held_out"] == n_test
        assert found["n_train"] == int((sizes[dataset.molecules.rows_of(split.train)] == size).sum())
        if n_test:
            assert found["mae"] == pytest.approx(0.01 * size)
            assert found["rmse"] == pytest.approx(0.01 * size)
            assert found["mse"] == pytest.approx(1e-4 * size**2)
            assert found["median"] == found["max"] == pytest.approx(0.01 * size)
            assert found["baseline_mae"] == pytest.approx(0.5)
            assert found["baseline_rmse"] == found["baseline_bias"] == pytest.approx(0.5)


def test_errors_of_training_molecules_change_nothing(run: Run, dataset: Dataset) -> None:
    """Huge errors on training and validation molecules must not show."""
    errors = size_errors(dataset)
    split = open_split(dataset)
    errors[dataset.molecules.rows_of(np.concatenate([split.train, split.validation]))] = 1e6
    spoiled = fake_run(dataset, errors, "spoiled")
    for by in ("size", "element", "size_element", "all"):
        assert group_errors(spoiled, dataset, by).equals(group_errors(run, dataset, by))


def test_training_molecules_are_refused(run: Run, dataset: Dataset) -> None:
    with pytest.raises(MollensError, match="only on those held out"):
        group_errors(run, dataset, split="train")


def test_null_where_science_allows_nothing() -> None:
    dataset = fake_dataset("large", fake_molecules(qm9_like(9000)))
    run = fake_run(dataset, size_errors(dataset))
    table = group_errors(run, dataset, "size_element")
    few = table.filter(pl.col("n_held_out") < 10)
    assert len(few) > 5
    for column in ("mae_low", "mae_high", "rmse_low", "bias_high", "median_low", "p95", "p95_low"):
        assert few[column].null_count() == len(few)
    some = table.filter(pl.col("n_held_out").is_between(10, 99))
    assert some["mae_low"].null_count() == 0 and some["p95_low"].null_count() == len(some)
    many = table.filter(pl.col("n_held_out") >= 100)
    assert len(many) > 5 and many["p95_low"].null_count() == 0
    assert set(some["interval"]) == {"bootstrap-t", "bca"} and set(few["interval"]) == {"none"}
    assert not table.select(pl.col(pl.Float64).is_nan().any()).to_numpy().any()


def test_a_group_without_held_out_molecules_stays_empty(run: Run, dataset: Dataset) -> None:
    table = group_errors(run, dataset, "size").filter(pl.col("n_held_out") == 0)
    assert len(table) > 0 and table["mae"].null_count() == len(table) and table["n_train"].sum() > 0


def test_limits_enclose_values(dataset: Dataset) -> None:
    errors = np.random.default_rng(2).standard_t(4, dataset.molecules.n_molecules)
    table = group_errors(fake_run(dataset, errors), dataset, "element")
    for measure in ("mae", "rmse", "median", "bias"):
        inside = table.drop_nulls(f"{measure}_low")
        assert (inside[f"{measure}_low"] <= inside[measure]).all()
        assert (inside[measure] <= inside[f"{measure}_high"]).all()
        assert len(inside) >= 4


def test_common_and_rare_sizes(run: Run, dataset: Dataset) -> None:
    table = group_errors(run, dataset, "size")
    _, counts = np.unique(dataset.molecules.sizes, return_counts=True)
    assert table["common"].to_list() == (counts > 0.01 * 3000).tolist()
    assert table["share"].sum() == pytest.approx(1)


def test_per_atom(run: Run, dataset: Dataset) -> None:
    table = group_errors(run, dataset, "size", per="atom").filter(pl.col("n_held_out") > 0)
    assert np.allclose(table["mae"], 0.01)
    assert np.allclose(table["baseline_mae"], 0.5 / table["lowest"].to_numpy())
    intensive = fake_run(dataset, size_errors(dataset), "gap", recipe=Recipe(target="gap"))
    with pytest.raises(MollensError, match="does not grow with the molecule"):
        group_errors(intensive, dataset, per="atom")


def test_report_has_the_keys_of_the_interface(run: Run, dataset: Dataset) -> None:
    found = report(run, dataset, "element")
    assert list(found) == REPORT_KEYS
    assert all(list(group) == GROUP_KEYS for group in found["groups"])
    test_rows = dataset.molecules.rows_of(open_split(dataset).test)
    assert found["n"] == len(test_rows) == 300
    assert found["mae"] == pytest.approx(0.01 * dataset.molecules.sizes[test_rows].mean())
    assert (found["run"], found["dataset"], found["target"], found["split"], found["unit"]) == (
        "fake", "judged", "energy", "default", "eV",
    )  # fmt: skip
    assert found["baseline_mae"] == pytest.approx(0.5)
    assert [g["group"] for g in found["groups"]] == ["H", "C", "N", "O", "F"]
    for measure in ("bias", "median", "p95"):
        told = report(run, dataset, measure=measure)
        assert told["groups"][0].keys() >= {measure, f"{measure}_low", f"{measure}_high"} <= told.keys()
    per_atom = report(run, dataset, split="validation", per="atom")
    assert (per_atom["part"], per_atom["unit"]) == ("validation", "eV/atom")
    assert per_atom["mae"] == pytest.approx(0.01)
    with pytest.raises(MollensError, match="measure 'r2' is not known"):
        report(run, dataset, measure="r2")


def test_validation_part(run: Run, dataset: Dataset) -> None:
    table = group_errors(run, dataset, "all", split="validation")
    assert table["n_held_out"].to_list() == [300]


def test_missing_labels_leave_the_judgement(dataset: Dataset) -> None:
    held = held_out(fake_run(dataset, size_errors(dataset)), dataset)
    columns = {**dataset.molecules.columns}
    columns["energy"] = np.array(columns["energy"])
    columns["energy"][held.rows[:7]] = np.nan
    thinned = fake_dataset("thinned", dataclasses.replace(dataset.molecules, columns=columns))
    assert len(held_out(fake_run(thinned, size_errors(thinned)), thinned).ids) == len(held.ids) - 7


def test_two_runs_share_only_what_none_has_seen(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=1)
    first = fake_run(dataset, size_errors(dataset), "first")
    second = fake_run(dataset, size_errors(dataset), "second", recipe=Recipe(split="other"))
    shared = shared_held_out([first, second], dataset)
    splits = [open_split(dataset, name) for name in ("default", "other")]
    assert 0 < len(shared) < 100
    for split in splits:
        assert np.isin(shared, split.test).all()
        assert not np.isin(shared, np.concatenate([split.train, split.validation])).any()
    table = group_errors(first, dataset, "all", only=shared)
    assert table["n_held_out"][0] == len(shared)


def test_a_split_without_test_molecules_says_so(dataset: Dataset) -> None:
    make_split(dataset, "thesis", train=0.8, validation=0.2, together="none")
    run = fake_run(dataset, size_errors(dataset), recipe=Recipe(split="thesis"))
    with pytest.raises(MollensError, match="has no test molecules to judge on; use validation"):
        group_errors(run, dataset)
    assert group_errors(run, dataset, "all", split="validation")["n_held_out"][0] == 600


def test_unfinished_damaged_and_foreign_runs(dataset: Dataset) -> None:
    errors = size_errors(dataset)
    stopped = fake_run(dataset, errors, "half", state="stopped", write=False)
    with pytest.raises(MollensError, match="run half: is stopped and has no predictions yet"):
        group_errors(stopped, dataset)
    failed = fake_run(dataset, errors, "broken", state="failed", write=False)
    with pytest.raises(MollensError, match="failed before it wrote predictions"):
        group_errors(failed, dataset)
    errors[dataset.molecules.rows_of(open_split(dataset).test[:3])] = np.nan
    diverged = fake_run(dataset, errors, "diverged")
    with pytest.raises(MollensError, match="3 of 300 predictions for test molecules are not numbers"):
        group_errors(diverged, dataset)
    other = fake_dataset("other", fake_molecules(qm9_like(200)))
    with pytest.raises(MollensError, match="was trained on dataset judged, not on other"):
        group_errors(stopped, other)


def test_changed_and_missing_dataset(run: Run, dataset: Dataset) -> None:
    molecules = dataset.molecules
    delete_dataset("judged")
    changed = fake_dataset("judged", dataclasses.replace(molecules, positions=molecules.positions + 0.1))
    with pytest.raises(MollensError, match="dataset judged has changed since the training"):
        group_errors(run, changed)


def test_damaged_predictions(run: Run, dataset: Dataset) -> None:
    path = run.path / "predictions" / "judged" / "predicted.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MollensError, match="damaged"):
        group_errors(run, dataset)
    shutil.rmtree(path.parent)
    with pytest.raises(MollensError, match="has no predictions"):
        group_errors(open_run(run.id), dataset)
