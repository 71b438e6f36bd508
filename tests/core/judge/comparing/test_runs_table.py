from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.comparing.runs_table import common_name, runs_table
from core.judge.comparing.training_facts import trained_on, training_facts
from core.judge.held_out import HeldOut, held_out
from core.judge.reporting.reports import runs_table_report
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from tests.core.judge.comparing.test_pairing import of_unknown_split
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("tabled", 900)


def test_seeds_of_a_recipe_are_one_row(dataset: Dataset) -> None:
    errors = [noise(dataset, k) for k in range(4)]
    runs = [seeded(dataset, errors[k], k, f"thesis default seed {k}") for k in (2, 0, 1)]
    other = seeded(dataset, errors[3], 0, "wide", n_atom_basis=48, batch_size=64)
    table = runs_table([*runs, other], dataset)
    rows = table.frame.to_dicts()
    test = dataset.molecules.rows_of(open_split(dataset, "half").test)
    assert [row["name"] for row in rows] == ["thesis default", "wide"]
    assert rows[0]["seeds"] == [0, 1, 2] and rows[0]["runs"] == [runs[k].id for k in (1, 2, 0)]
    maes = np.array([np.abs(errors[k][test]).mean() for k in range(4)])
    squares = np.array([(errors[k][test] ** 2).mean() for k in range(4)])
    assert rows[0]["mae"] == pytest.approx(maes[:3].mean()) == rows[0]["error"]
    assert rows[0]["mae_spread"] == pytest.approx(maes[:3].std(ddof=1))
    assert rows[0]["mse"] == pytest.approx(squares[:3].mean())
    assert rows[0]["mse_spread"] == pytest.approx(squares[:3].std(ddof=1))
    assert rows[0]["rmse"] == pytest.approx(np.sqrt(squares[:3]).mean())
    assert rows[1]["mae"] == pytest.approx(maes[3]) and rows[1]["mae_spread"] is None
    for row in rows:
        assert row["error_low"] < row["error"] < row["error_high"]
    assert (table.unit, table.mse_unit, table.n_shared) == ("eV", "eV^2", 450)
    assert table.recipe_fields == ["n_atom_basis", "batch_size"]
    assert [row["recipe.batch_size"] for row in rows] == [32, 64]


def test_errors_in_another_unit_are_not_put_beside_the_others(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = seeded(dataset, noise(dataset, 1), name="a"), seeded(dataset, noise(dataset, 2), name="b", target="gap")

    def in_debye(run: Run, of: Dataset, part: str) -> HeldOut:
        found = held_out(run, of, part)
        return (
            dataclasses.replace(found, target=dataclasses.replace(found.target, unit="D")) if run.id == b.id else found
        )

    assert [row["error"] is None for row in runs_table([a, b], dataset).frame.to_dicts()] == [False, False]
    monkeypatch.setattr("core.judge.comparing.runs_table.held_out", in_debye)
    table = runs_table([a, b], dataset)
    assert table.unit == "eV" and table.frame["error"].is_null().to_list() == [False, True]
    assert any("learn different targets" in note for note in table.notes)


def test_groups_have_columns_of_their_own(dataset: Dataset) -> None:
    errors = noise(dataset, 1)
    run = seeded(dataset, errors)
    test = dataset.molecules.rows_of(open_split(dataset, "half").test)
    sizes, fluorine = dataset.molecules.sizes[test], dataset.molecules.contains(9)[test]
    table = runs_table([run], dataset, groups=("with F", "18-20", "where:size=18-20;element=F", "rare"))
    row = table.frame.row(0, named=True)
    known = {
        "with F": fluorine, "18-20": (sizes >= 18) & (sizes <= 20),
        "where:size=18-20;element=F": fluorine & (sizes >= 18) & (sizes <= 20),
    }  # fmt: skip
    for key, inside in known.items():
        assert row[f"group.{key}"] == pytest.approx(np.abs(errors[test][inside]).mean())
        assert next(group.n for group in table.groups if group.key == key) == inside.sum() == row[f"group.{key}.n"]
    assert [group.label for group in table.groups][:2] == ["with F", "18 to 20 atoms"]
    usual = runs_table([run], dataset)
    assert [group.key for group in usual.groups] == ["rare", "with F"]
    assert runs_table([run], dataset, groups=()).groups == []
    with pytest.raises(MollensError, match="size 'colour': expected a number of atoms"):
        runs_table([run], dataset, groups=("colour",))


@pytest.mark.parametrize("measure", ["mae", "rmse", "mse", "median", "p95", "bias", "max"])
def test_every_measure(dataset: Dataset, measure: str) -> None:
    errors = noise(dataset, 1)
    row = runs_table([seeded(dataset, errors)], dataset, measure=measure).frame.row(0, named=True)
    own = errors[dataset.molecules.rows_of(open_split(dataset, "half").test)]
    known = {
        "mae": np.abs(own).mean(), "rmse": np.sqrt((own**2).mean()), "mse": (own**2).mean(), "bias": own.mean(),
        "median": np.median(np.abs(own)), "p95": np.quantile(np.abs(own), 0.95), "max": np.abs(own).max(),
    }  # fmt: skip
    assert row["error"] == pytest.approx(known[measure])
    assert (row["error_low"] is None) == (measure in ("median", "p95", "max"))
    assert row["mae"] == pytest.approx(known["mae"])


def test_per_atom_and_its_units(dataset: Dataset) -> None:
    errors = noise(dataset, 1)
    table = runs_table([seeded(dataset, errors)], dataset, per="atom")
    rows = dataset.molecules.rows_of(open_split(dataset, "half").test)
    assert (table.unit, table.mse_unit) == ("eV/atom", "(eV/atom)^2")
    assert table.frame["mae"][0] == pytest.approx(np.abs(errors[rows] / dataset.molecules.sizes[rows]).mean())
    with pytest.raises(MollensError, match="does not grow with the molecule"):
        runs_table([seeded(dataset, errors, target="gap")], dataset, per="atom")


def test_errors_are_on_molecules_that_all_share(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=1, train=0.3, validation=0.2, together="none")
    a, b = noise(dataset, 1), noise(dataset, 2)
    runs = [seeded(dataset, a, name="a"), seeded(dataset, b, name="b", split="other")]
    table = runs_table(runs, dataset)
    shared = np.intersect1d(open_split(dataset, "half").test, open_split(dataset, "other").test)
    rows = dataset.molecules.rows_of(shared)
    assert table.n_shared == len(shared) < 450
    assert table.frame["mae"].to_list() == pytest.approx([np.abs(each[rows]).mean() for each in (a, b)])
    assert table.frame["n"].to_list() == [len(shared)] * 2 and table.frame["own_n"].to_list() == [450, 450]
    assert table.frame["own"].to_list() == [False, False]


def test_a_run_that_cannot_share_stands_with_its_own(dataset: Dataset) -> None:
    runs = [seeded(dataset, noise(dataset, 1), name="a"), seeded(dataset, noise(dataset, 2), name="b", target="gap")]
    table = runs_table(runs, dataset)
    assert table.frame["own"].to_list() == [False, True] and table.n_shared == 450
    assert table.frame["mae"][1] == pytest.approx(np.abs(held_out(runs[1], dataset).error).mean())
    assert any("learn different targets" in note for note in table.notes)
    for name, sizes in (("large", "18-29"), ("small", "3-17")):
        make_split(dataset, name, "leave_out_sizes", sizes=sizes, validation=0.2)
    apart = [seeded(dataset, noise(dataset, 1), name=name, split=name) for name in ("large", "small")]
    table = runs_table(apart, dataset)
    assert table.n_shared == 0 and table.frame["own"].to_list() == [True, True]
    assert any("no held-out molecule in common" in note for note in table.notes)
    assert table.frame["n"].to_list() == [len(open_split(dataset, name).test) for name in ("large", "small")]


def test_a_run_without_errors_stays_with_a_note(dataset: Dataset) -> None:
    finished = seeded(dataset, noise(dataset, 1), name="done")
    running = fake_run(dataset, noise(dataset, 2), "young", state="running", write=False,
                       recipe=Recipe(preset="schnet-small", split="half", epochs=30))  # fmt: skip
    table = runs_table([finished, running], dataset)
    assert table.frame["mae"][1] is None and table.frame["n"].to_list() == [450, 0]
    assert any("run young: is " in note for note in table.notes)
    with pytest.raises(MollensError, match="no run is named"):
        runs_table([], dataset)
    with pytest.raises(MollensError, match="measure 'mode' is not known"):
        runs_table([finished], dataset, measure="mode")


def test_a_seed_counts_once(dataset: Dataset) -> None:
    runs = [seeded(dataset, noise(dataset, k), 1, f"try {k}") for k in range(2)]
    table = runs_table(runs, dataset)
    assert table.frame["runs"].to_list() == [[runs[0].id]] and "try 1" in table.notes[0]


def test_a_run_of_unknown_split_is_marked(dataset: Dataset) -> None:
    far = of_unknown_split(seeded(dataset, noise(dataset, 1), name="far"))
    table = runs_table([far, seeded(dataset, noise(dataset, 2), 1)], dataset)
    assert table.frame["known"].to_list() == [False, True]
    assert any("far" in note and "optimistic" in note for note in table.notes)


def from_elsewhere(run: Run, origin: str = "predictions") -> Run:
    about, recipe = run.path / "about.json", run.path / "recipe.json"
    about.write_text(about.read_text().replace('"mollens"', f'"{origin}"'))
    content = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**content, "recipe": {"model": "unknown"}}))
    return open_run(run.id)


def test_models_from_elsewhere_are_a_row_each(dataset: Dataset) -> None:
    runs = [from_elsewhere(seeded(dataset, noise(dataset, k), 0, f"x{k}")) for k in range(2)]
    mine = seeded(dataset, noise(dataset, 3), 0, "mine")
    table = runs_table([*runs, mine], dataset)
    assert table.frame["name"].to_list() == ["x0", "x1", "mine"]
    assert table.recipe_fields == ["model"]
    assert table.frame["recipe.model"].to_list() == ["unknown", "unknown", "schnet"]
    assert table.frame["parameters"].to_list() == [None] * 3
    json.dumps(runs_table_report(table), allow_nan=False)


def test_costs_are_means_over_seeds(dataset: Dataset) -> None:
    validation = np.full((30, 180), 0.2) * np.linspace(2, 1, 30)[:, None]
    runs = []
    for seed in range(2):
        recipe = Recipe(preset="schnet-small", split="half", epochs=30, seed=seed)
        run = fake_run(dataset, noise(dataset, seed), f"s {seed}", validation=validation, recipe=recipe)
        path = run.path / "metrics.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        told = [{**line, "seconds": 2.0 + seed, "validation_seconds": 0.5} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in told))
        runs.append(run)
    row = runs_table(runs, dataset).frame.row(0, named=True)
    assert row["train_seconds"] == pytest.approx(30 * (1.5 + 2.5) / 2)
    assert row["validation_seconds"] == pytest.approx(15) and row["molecules_per_second"] == pytest.approx(1000)
    assert (row["epochs"], row["steps"]) == (30, 3000)
    assert row["convergence"] == "still falling" and row["not_converged"] == 2
    assert row["curve"] == pytest.approx(np.log10(0.2 * np.linspace(2, 1, 30)).tolist())
    long = fake_run(dataset, noise(dataset, 5), "long", validation=np.full((70, 180), 0.2),
                    recipe=Recipe(preset="schnet-small", split="half", epochs=70))  # fmt: skip
    curve = runs_table([long], dataset).frame["curve"][0]
    assert len(curve) == 60


def test_facts_are_read_anew_when_the_run_goes_on(dataset: Dataset) -> None:
    recipe = Recipe(preset="schnet-small", split="half", epochs=9)
    run = fake_run(dataset, noise(dataset, 1), "a", validation=np.full((4, 180), 0.2), recipe=recipe)
    assert training_facts(run).epochs == 4
    line = {"kind": "epoch", "epoch": 5, "step": 500, "validation_mae": 0.1, "seconds": 1.0}
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    found = training_facts(run)
    assert (found.epochs, found.steps) == (5, 500) and found.curve[-1] == 0.1


def test_what_it_was_trained_on_in_words(dataset: Dataset) -> None:
    zeros = np.zeros(900)
    told = {
        "270 of tabled": {},
        "18 atoms or more": {"min_atoms": 18},
        "16 to 18 atoms": {"min_atoms": 16, "max_atoms": 18},
        "at most 20 per size": {"most_per_size": 20},
        "drawn by lot": {"most_per_size": 20, "control": True},
        "weighted by size": {"weighting": "size", "weight_rate": 1.0},
        "drawn by inverse frequency of the element":
            {"weighting": "inverse_frequency", "weight_by": "element", "weights_in": "sampling"},
    }  # fmt: skip
    for words, fields in told.items():
        assert trained_on(seeded(dataset, zeros, **fields)).endswith(words)
    assert trained_on(of_unknown_split(seeded(dataset, zeros))) == "not known"


def test_common_names() -> None:
    assert common_name(["thesis default seed 0", "thesis default seed 1"]) == "thesis default"
    assert common_name(["SchNet small, seed 1", "SchNet small, seed 2"]) == "SchNet small"
    assert common_name(["a", "b"]) == "a" and common_name(["run 10", "run 11"]) == "run 1"


def test_the_frame_is_not_changed_by_the_order_of_runs(dataset: Dataset) -> None:
    runs = [seeded(dataset, noise(dataset, k), k) for k in range(3)]
    one, other = (runs_table(each, dataset).frame for each in (runs, runs[::-1]))
    assert dataclasses.asdict(runs_table(runs, dataset).groups[0])["key"] == "rare"
    assert one["mae"][0] == pytest.approx(other["mae"][0]) and one["seeds"].to_list() == other["seeds"].to_list()
