from __future__ import annotations

import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.splits import make_split, open_split
from core.data.store import Dataset, delete_dataset
from core.files import CHECKOUT
from core.recipes.recipe import Recipe
from core.runs.folder import Run
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


def show(page: str = "pages/judge/errors.py", **query: str) -> AppTest:
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
    finished_run(dataset, "second", 0.02)
    app = show()
    text = words(app)
    mean = 10 * dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)].mean()
    assert "Where are the models wrong?" in text
    assert "test molecules of the default split: 150, seen by none of these models" in text
    assert f">{mean:.0f}</span> meV" in text and f">{2 * mean:.0f}</span> meV" in text
    assert "still falling" in text
    assert "better than baseline" in text
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
    half = finished_run(dataset, "cut")
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
    finished_run(dataset, "first")
    app = show()
    for measure in ("rmse", "median", "p95", "bias"):
        app.session_state["measure"] = measure
        assert not app.run().exception
    app.session_state["measure"], app.session_state["scale"], app.session_state["per"] = "mae", "linear", "atom"
    assert not app.run().exception
    assert "meV/atom" in words(app)


def test_a_split_without_test_part_is_judged_on_validation_and_says_so(dataset: Dataset) -> None:
    make_split(dataset, "thesis", train=0.8, validation=0.2)
    finished_run(dataset, "first", recipe=Recipe(split="thesis"))
    assert "300 **validation** molecules: this split has no test part" in words(show())


def test_models_of_different_splits_share_molecules(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5)
    finished_run(dataset, "first")
    finished_run(dataset, "second", recipe=Recipe(split="other"))
    assert "test molecules that these models share, seen by none of them" in words(show())


def test_models_that_share_no_molecule_can_be_unpicked(dataset: Dataset) -> None:
    ids = dataset.molecules.ids
    make_split(dataset, "other", seed=5)
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
