from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.figures.error_axes import View
from core.files import CHECKOUT
from core.judge.errors import report
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from pages.judge.parts.controls import _beside_baseline
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(1500)))


def finished_run(dataset: Dataset, name: str, scale: float = 0.01, recipe: Recipe | None = None) -> Run:
    """Errors of `scale` eV per atom; the validation error falls as 1 / epoch."""
    sizes = dataset.molecules.sizes
    split = open_split(dataset, recipe.split if recipe else "default")
    validation = dataset.molecules.sizes[dataset.molecules.rows_of(split.validation)]
    curves = np.stack([scale * validation * (1 + 10 / epoch) for epoch in range(1, 13)])
    return fake_run(dataset, scale * sizes, name, validation=curves, recipe=recipe)


def show(page: str = "pages/judge/errors.py", /, **query: str) -> AppTest:
    app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=60)
    app.query_params["dataset"] = query.pop("dataset", "judged")
    app.run().switch_page(page)
    for key, value in query.items():
        app.query_params[key] = value
    app.query_params["dataset"] = "judged"
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything a reader can read, in one text."""
    kinds = (app.title, app.caption, app.markdown, app.warning, app.error, app.info, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_two_models_with_their_numbers(dataset: Dataset) -> None:
    finished_run(dataset, "first", 0.01)
    finished_run(dataset, "second", 0.02, Recipe(learning_rate=2e-3))
    app = show()
    text = words(app)
    mean = 10 * dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)].mean()
    assert "Where are the models wrong?" in text
    assert "test molecules of the default split: 150, seen by none of these models" in text
    assert f">{mean:.0f}</span> meV" in text and f">{2 * mean:.0f}</span> meV" in text
    assert "still falling" in text
    assert re.search(r"[0-9.]+× smaller than the baseline [0-9.]+ meV", text)
    assert "(provisional: still falling)" in text
    assert len(app.get("plotly_chart")) >= 8
    assert "Not enough data" in text  # few molecules with F


def test_no_run_offers_to_start_one(dataset: Dataset) -> None:
    app = show()
    assert "No model has been trained on judged yet." in words(app)
    assert [link.label for link in app.get("page_link")] == ["Start a run"]


def test_unfinished_run_says_its_state(dataset: Dataset) -> None:
    fake_run(dataset, dataset.molecules.sizes * 0.0, "half", state="stopped", write=False)
    assert "No run on judged has predictions yet: half (stopped)" in words(show())
    finished_run(dataset, "whole")
    text = words(show())
    assert "Not judged yet, without predictions: half (stopped)." in text and "meV" in text


def test_damaged_run_is_told_and_does_not_stop_the_others(dataset: Dataset) -> None:
    finished_run(dataset, "whole")
    broken = finished_run(dataset, "broken")
    (broken.path / "recipe.json").write_text("{")
    half = finished_run(dataset, "cut", recipe=Recipe(learning_rate=2e-3))
    (half.path / "predictions" / "judged" / "predicted.npy").write_bytes(b"x")
    text = words(show())
    assert "recipe.json is damaged" in text.replace("\\", "")
    assert "predicted.npy is damaged or missing" in text.replace("\\", "")
    assert "meV" in text


def test_runs_elsewhere_are_pointed_to(dataset: Dataset) -> None:
    other = fake_dataset("other", fake_molecules(qm9_like(300)))
    finished_run(other, "there")
    app = show()
    assert "1 run on other" in [link.label for link in app.get("page_link")]


def test_missing_dataset(dataset: Dataset) -> None:
    run = finished_run(dataset, "orphan")
    delete_dataset("judged")
    app = show(run=run.id)
    assert "judged" in words(app)


def test_changed_dataset_is_a_sentence(dataset: Dataset) -> None:
    finished_run(dataset, "old")
    shutil.rmtree(dataset.folder)
    fake_dataset("judged", fake_molecules(qm9_like(1400)))
    assert "dataset judged has changed since the training" in words(show())


def test_selected_group_shows_its_numbers_and_leads_to_its_molecules(dataset: Dataset) -> None:
    run = finished_run(dataset, "first")
    app = show(size="17", element="N")
    held = dataset.molecules.rows_of(open_split(dataset).test)
    n = int(((dataset.molecules.sizes == 17) & dataset.molecules.contains(7))[held].sum())
    assert "**N, 17 atoms**" in words(app) and "**170** meV" in words(app)
    link = next(link for link in app.get("page_link") if "molecules" in link.label)
    assert link.label == f"{n} molecules"
    assert all(part in link.proto.query_string for part in ("size=17", "element=N", f"run={run.id}"))


def test_nonsense_in_the_address_is_a_warning(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    text = words(show(size="many", models="nobody"))
    assert "expected a number of atoms such as 17" in text and "meV" in text
    assert "not found" in words(show(run="nobody"))


def test_every_measure_and_scale(dataset: Dataset) -> None:
    finished_run(dataset, "first")  # predicted too high by 10 meV an atom
    errors = 10.0 * dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)]
    expected = {
        "rmse": np.sqrt(np.mean(errors**2)),
        "median": np.median(errors),
        "p95": np.quantile(errors, 0.95),
        "bias": errors.mean(),
    }
    app = show()
    for measure, value in expected.items():
        app.session_state["measure"] = measure
        assert not app.run().exception
        assert f">{value:{'+' if measure == 'bias' else ''}.0f}</span> meV" in words(app)
        assert axis_of_sizes(app)["type"] == ("linear" if measure == "bias" else "log")
    app.session_state["measure"], app.session_state["scale"], app.session_state["per"] = "mae", "linear", "atom"
    assert not app.run().exception
    assert re.search(">10.00?</span> meV/atom", words(app))
    axis = axis_of_sizes(app)
    assert axis["type"] == "linear" and axis["range"][0] == 0 < 10 < axis["range"][1] < 100


def axis_of_sizes(app: AppTest) -> dict:
    """The error axis of the figure of errors by size."""
    chart = next(e for e in app.get("plotly_chart") if "errors_by_size" in e.proto.id)
    return json.loads(chart.proto.spec)["layout"]["yaxis"]


def test_the_command_of_a_figure_prints_what_it_shows(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5, together="none")
    first = finished_run(dataset, "first")
    second = finished_run(dataset, "second", recipe=Recipe(split="other"))
    app = show(per="atom", models=f"{first.id},{second.id}")
    app.session_state["measure"] = "rmse"
    app.run()
    wanted = f"report {first.id} --by size --measure rmse --per atom --with {second.id} --json"
    assert wanted in "\n".join(element.value for element in app.code)
    told = report(first, dataset, "size", "rmse", "test", "atom", [second])
    assert told["rmse"] == pytest.approx(0.01) and told["unit"] == "eV/atom"
    shared = np.intersect1d(open_split(dataset).test, open_split(dataset, "other").test)
    assert told["n"] == len(shared) == sum(group["n_held_out"] for group in told["groups"])
    assert f"{len(shared)} test molecules that these models share" in words(app)


def test_different_splits_are_told_where_numbers_are_of_one_model(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    assert "splits differ" not in words(show())
    finished_run(dataset, "second", recipe=Recipe(split="other"))
    text = words(show())
    assert "splits differ: bars and baseline are those of" in text
    assert "splits differ: each curve is over its own run's molecules" in text


def test_nothing_is_claimed_of_fewer_than_ten(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    assert "fewer than 10: points only, nothing can be said" in words(show(size="12"))


@pytest.mark.parametrize(
    ("high", "expected"), [(0.6, "baseline 500 meV"), (0.3, "2.5× smaller than the baseline 500 meV")]
)
def test_the_baseline_is_compared_only_outside_the_interval(high: float, expected: str) -> None:
    overall = {"mae": 0.2, "mae_low": 0.1, "mae_high": high, "baseline_mae": 0.5}
    assert _beside_baseline(overall, View("mae", 1000.0, "meV", dark=False)) == expected


def test_chemical_accuracy_comes_with_its_hint_and_only_where_it_is_drawn() -> None:
    hint = "1 kcal/mol: here against this dataset's labels, not experiment"
    for name, level in (("judged", "B3LYP/6-31G(2df,p)"), ("xtb", "GFN2-xTB")):
        dataset = fake_dataset(name, fake_molecules(qm9_like(600)), level_of_theory=level)
        finished_run(dataset, f"on-{name}", 0.0025)
        app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=60)
        app.query_params["dataset"] = name
        app.run().switch_page("pages/judge/errors.py")
        app.query_params["dataset"] = name
        assert not app.run().exception
        assert (hint in words(app)) == (name == "judged")
        chart = next(e for e in app.get("plotly_chart") if "errors_by_size" in e.proto.id)
        notes = [note["text"] for note in json.loads(chart.proto.spec)["layout"]["annotations"]]
        assert ("1 kcal/mol" in notes) == (name == "judged")


def test_a_split_without_test_part_is_judged_on_validation_and_says_so(dataset: Dataset) -> None:
    make_split(dataset, "thesis", train=0.8, validation=0.2, together="none")
    finished_run(dataset, "first", recipe=Recipe(split="thesis"))
    assert "300 **validation** molecules: this split has no test part" in words(show())


def test_models_of_different_splits_share_molecules(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    finished_run(dataset, "second", recipe=Recipe(split="other"))
    assert "test molecules that these models share, seen by none of them" in words(show())


def test_models_that_share_no_molecule_can_be_unpicked(dataset: Dataset) -> None:
    ids = dataset.molecules.ids
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    second = finished_run(dataset, "second", recipe=Recipe(split="other"))
    codes = np.zeros(len(ids), dtype=np.uint8)
    codes[np.isin(ids, open_split(dataset).train[:100])] = 2
    np.save(second.path / "predictions" / "judged" / "split.npy", codes)
    app = show()
    assert "have no test molecule in common" in words(app)
    assert "Pick one or more models above" in words(app)
    assert app.get("button_group")


@pytest.mark.parametrize(
    "numbers",
    [qm9_like(40), [[6, 1, 1, 1, 1]] * 60, [[1, 1]] * 11 + [[8, 1, 1]], [[6, 8], [7, 7], [6, 1, 1, 1, 1]] * 200],
    ids=["few", "one-size", "nearly-one", "alike"],
)
@pytest.mark.parametrize("page", ["pages/judge/errors.py", "pages/judge/outliers.py"])
def test_small_and_uniform_datasets(page: str, numbers: list[list[int]]) -> None:
    dataset = fake_dataset("judged", fake_molecules(numbers))
    finished_run(dataset, "first")
    for scale in ("log", "linear"):
        assert "eV" in words(show(page, scale=scale))


def test_names_are_shown_as_typed(dataset: Dataset) -> None:
    finished_run(dataset, "a <img src=x onerror=1> **b** %{x} $c$")
    app = show(size="17")
    assert "\\<img" in words(app) and "<img" not in words(app).replace("\\<img", "")
