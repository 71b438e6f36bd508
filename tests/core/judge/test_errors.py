from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.errors import errors_of, errors_of_all, group_errors, report
from core.judge.grouping.filters import split_filters
from core.judge.grouping.groups import Group
from core.judge.held_out import held_out, shared_held_out
from core.judge.measures import MEASURES, measure_unit
from core.judge.residuals import residuals_report
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like

REPORT_KEYS = [
    "run", "dataset", "target", "split", "part", "per", "where", "relative", "unit", "measure", "measure_unit",
    "baseline_unit", "warnings", "n", "mae", "rmse", "baseline_mae", "mae_low", "mae_high", "groups",
]  # fmt: skip
GROUP_KEYS = ["group", "label", "where", "n_held_out", "n_train", "mae", "mae_low", "mae_high", "rmse"]


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


def test_errors_of_a_run_of_unknown_split_come_with_a_warning(run: Run, dataset: Dataset) -> None:
    assert report(run, dataset)["warnings"] == []
    far = of_unknown_split(fake_run(dataset, size_errors(dataset), "far"))
    assert report(far, dataset)["warnings"] == [
        "It is not known which molecules far was trained on, so its errors may be optimistic."
    ]
    spread = residuals_report([held_out(far, dataset)])
    assert spread["warnings"] == report(far, dataset)["warnings"]


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


BY = ("heavy", "unsaturation", "rings", "size_element", "gap", "where:size=17-19;element=N", "rare:60", "size_class")


@pytest.mark.parametrize("by", BY)
def test_every_grouping_has_the_values_of_its_molecules(dataset: Dataset, by: str) -> None:
    errors = np.random.default_rng(2).standard_t(4, dataset.molecules.n_molecules)
    run = fake_run(dataset, errors)
    source, table = held_out(run, dataset), group_errors(run, dataset, by)
    told = [row for row in table.iter_rows(named=True) if row["where"] is not None]
    if by not in ("unsaturation", "rings"):  # these two have no filter
        assert len(told) >= max(1, len(table) - 1)
    for found in told:
        inside = parse_where(split_filters(found["where"]), dataset).mask(dataset)
        size = np.abs(errors[source.rows[inside[source.rows]]])
        assert (found["n_held_out"], found["n_train"]) == (len(size), inside[source.train_rows].sum())
        if len(size) == 0:
            assert found["mae"] is None and found["max"] is None
            continue
        assert found["mae"] == pytest.approx(size.mean()) and found["mse"] == pytest.approx((size**2).mean())
        assert found["median"] == pytest.approx(np.median(size)) and found["max"] == pytest.approx(size.max())
        if len(size) >= 10:
            assert found["p95"] == pytest.approx(np.quantile(size, 0.95))
            assert found["mae_low"] < found["mae"] < found["mae_high"]
    if by in ("heavy", "gap", "rare:60", "size_class") or by.startswith("where"):
        assert table["n_held_out"].sum() == len(source.rows)  # each molecule in one group


def test_rare_by_a_number_of_training_molecules(run: Run, dataset: Dataset) -> None:
    counts = np.bincount(dataset.molecules.sizes[held_out(run, dataset).train_rows], minlength=40)
    table = group_errors(run, dataset, "rare:60")
    rare = counts[np.unique(dataset.molecules.sizes)]
    assert table["group"].to_list() == ["rare", "common"]
    assert table["n_train"].to_list() == [rare[rare < 60].sum(), rare[rare >= 60].sum()]
    assert group_errors(run, dataset, "rare:1000000")["group"].to_list() == ["rare"]
    for wrong in ("rare:0", "rare:x", "where:", "where:colour=red"):
        with pytest.raises(MollensError):
            group_errors(run, dataset, wrong)


def test_within_is_what_is_held_out_and_trained_on_inside(dataset: Dataset) -> None:
    errors = np.random.default_rng(3).normal(size=dataset.molecules.n_molecules)
    run = fake_run(dataset, errors)
    source, inside = held_out(run, dataset), dataset.molecules.contains(7)
    for by in ("size", "gap"):
        table = errors_of(source, by, within=inside)
        ids = source.ids[inside[source.rows]]
        same = group_errors(run, dataset, by, only=ids).filter(pl.col("group").is_in(table["group"].to_list()))
        assert table["n_held_out"].sum() == len(ids) and table["n_train"].sum() == inside[source.train_rows].sum()
        for measure in ("mae", "mse", "median", "p95", "bias", "max", "baseline_mae"):
            assert np.allclose(table[measure].fill_null(-1), same[measure].fill_null(-1)), (by, measure)
        both = table.drop_nulls("mae_low")
        assert len(both) > 4 and (both["mae_low"] < both["mae"]).all() and (both["mae"] < both["mae_high"]).all()
        assert table["share"].sum() == pytest.approx(1)
    nobody = errors_of(source, "all", within=np.zeros(len(inside), dtype=bool))
    assert nobody["n_held_out"].to_list() == [0] and nobody["mae"][0] is None
    kept = errors_of(source, (Group("17", 17, 17),), within=np.zeros(len(inside), dtype=bool))
    assert kept["n_held_out"].to_list() == [0] and kept["mae"][0] is None


def test_runs_together_have_the_tables_that_each_has_alone(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=1)
    random = np.random.default_rng(4)
    n = dataset.molecules.n_molecules
    runs = [fake_run(dataset, random.normal(size=n), f"run {k}", random.normal(size=n)) for k in range(2)]
    runs.append(fake_run(dataset, random.normal(size=n), "apart", recipe=Recipe(split="other")))
    sources = [held_out(run, dataset) for run in runs]
    for options in ({}, {"relative": "baseline", "simultaneous": True}):
        together = errors_of_all(sources, "size", **options)
        for source, table in zip(sources, together, strict=True):
            alone = errors_of(source, "size", **options)
            assert table.columns == alone.columns and len(table) == len(alone)
            for name in table.columns:
                if table[name].dtype == pl.Float64:
                    values, others = table[name].fill_null(-9), alone[name].fill_null(-9)
                    assert np.allclose(values, others, rtol=1e-3, atol=1e-4), name


def test_mse_is_a_measure_with_limits_and_a_unit(dataset: Dataset) -> None:
    errors = np.random.default_rng(5).normal(size=dataset.molecules.n_molecules)
    run = fake_run(dataset, errors)
    table = group_errors(run, dataset, "element").drop_nulls("mse_low")
    assert np.allclose(table["mse_low"].sqrt(), table["rmse_low"]) and np.allclose(table["mse"].sqrt(), table["rmse"])
    told = report(run, dataset, "element", "mse")
    assert (told["unit"], told["measure_unit"]) == ("eV", "eV^2")
    assert told["groups"][0]["mse_low"] < told["groups"][0]["mse"] < told["mse_high"] * 2
    assert "mse" in MEASURES and measure_unit("eV", "mse", "atom") == "(eV/atom)^2"
    assert measure_unit("a0^3", "mse") == "(a0^3)^2" and measure_unit("eV", "mse", relative="baseline") == ""


def test_relative_to_the_baseline(dataset: Dataset) -> None:
    """Errors that are 0.2 times those of the baseline, molecule by molecule, are so in every group, without doubt."""
    random = np.random.default_rng(6)
    fit = random.standard_t(5, dataset.molecules.n_molecules)
    by = (Group("all"), Group("17", 17, 17), Group("3", 3, 3))
    run = fake_run(dataset, 0.2 * fit, "exact", fit)
    exact = group_errors(run, dataset, by, relative="baseline", simultaneous=True)
    known = exact.drop_nulls("mae_low")
    assert set(known["interval"]) == {"bootstrap-t", "bca"}
    for name in ("mae", "mae_low", "mae_high", "mae_low_all", "mae_high_all", "rmse_low", "rmse_high"):
        assert np.allclose(known[name], 0.2, rtol=1e-3), name
    assert np.allclose(known["mse"], 0.04) and np.allclose(known["median"], 0.2) and np.allclose(known["max"], 0.2)
    assert exact["bias"].null_count() == len(exact) and "max_low" not in exact.columns
    errors = 0.3 * random.standard_t(5, len(fit))
    run = fake_run(dataset, errors, "noisy", fit)
    plain, ratio = (group_errors(run, dataset, "element", relative=relative) for relative in (None, "baseline"))
    for measure in ("mae", "rmse", "mse", "median"):
        assert np.allclose(ratio[measure], plain[measure] / plain[f"baseline_{measure}"])
    inside = ratio.drop_nulls("mae_low")
    assert (inside["mae_low"] < inside["mae"]).all() and (inside["mae"] < inside["mae_high"]).all()
    assert ratio["bias"].null_count() == len(ratio) and np.allclose(ratio["baseline_mae"], plain["baseline_mae"])
    told = report(run, dataset, "element", "median", relative="baseline")
    assert told["relative"] == "baseline" and told["unit"] == "" and told["baseline_unit"] == "eV"
    source = held_out(run, dataset)
    expected = np.median(np.abs(source.error)) / np.median(np.abs(source.baseline_error))
    assert told["median"] == pytest.approx(expected)
    for wrong in ({"measure": "bias", "relative": "baseline"}, {"relative": "mean"}):
        with pytest.raises(MollensError, match="ratio|not known"):
            report(run, dataset, **wrong)


def test_simultaneous_limits_are_wider_and_hold_together(dataset: Dataset) -> None:
    errors = np.random.default_rng(7).standard_t(4, dataset.molecules.n_molecules)
    run = fake_run(dataset, errors)
    table = group_errors(run, dataset, simultaneous=True).drop_nulls("mae_low_all")
    assert (table["n_held_out"] >= 10).all() and len(table) > 8
    for measure in ("mae", "rmse", "mse", "bias", "median"):
        known = table.drop_nulls(f"{measure}_low_all")
        alone, together = (known[f"{measure}_high{kind}"] - known[f"{measure}_low{kind}"] for kind in ("", "_all"))
        assert (together / alone).median() > 1.2, measure
    assert "max_low_all" not in table.columns
    whole = group_errors(run, dataset, "all", simultaneous=True).row(0, named=True)  # one group: nothing to correct
    width = whole["mae_high"] - whole["mae_low"]
    assert whole["mae_low_all"] == pytest.approx(whole["mae_low"], abs=0.15 * width)
    assert whole["mae_high_all"] == pytest.approx(whole["mae_high"], abs=0.15 * width)
    told = report(run, dataset, simultaneous=True)
    assert {"mae_low_all", "mae_high_all"} <= set(told["groups"][0])


def test_a_model_from_elsewhere_may_have_no_baseline(dataset: Dataset) -> None:
    errors = np.random.default_rng(8).normal(size=dataset.molecules.n_molecules)
    run = fake_run(dataset, errors, "elsewhere", np.full(len(errors), np.nan))
    plain, ratio = (group_errors(run, dataset, "element", relative=relative) for relative in (None, "baseline"))
    assert plain["mae"].null_count() == 0 and plain["baseline_mae"].null_count() == len(plain)
    for name in ("mae", "rmse_low", "median", "p95", "max", "baseline_median"):
        assert ratio[name].null_count() == len(ratio), name
    with pytest.raises(MollensError, match="has no baseline"):
        report(run, dataset, relative="baseline")
    assert report(run, dataset)["baseline_mae"] is None


def test_the_baseline_itself_is_1_beside_other_runs(dataset: Dataset) -> None:
    fit = np.random.default_rng(9).normal(size=dataset.molecules.n_molecules)
    runs = [fake_run(dataset, fit, "composition", fit), fake_run(dataset, 0.5 * np.abs(fit) + 0.1, "net", fit)]
    one, other = errors_of_all([held_out(run, dataset) for run in runs], "all", relative="baseline", simultaneous=True)
    ends = ("mae", "mae_low", "mae_high", "mae_low_all", "mae_high_all", "rmse_low", "median")
    assert [one[name][0] for name in ends] == pytest.approx([1.0] * len(ends))
    assert other["mae_low"][0] < other["mae"][0] < other["mae_high"][0] < 1
