from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.splits import open_split
from core.data.store import Dataset
from core.files import CHECKOUT
from core.runs.folder import Run
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.test_errors import show, words

PAGE = "pages/judge/outliers.py"


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(1500)))


@pytest.fixture
def run(dataset: Dataset) -> Run:
    return fake_run(dataset, np.random.default_rng(0).normal(0, 0.02, 1500), "first")


def worst(dataset: Dataset, run: Run) -> np.ndarray:
    held = dataset.molecules.rows_of(open_split(dataset).test)
    errors = np.random.default_rng(0).normal(0, 0.02, 1500)[held]
    return dataset.molecules.ids[held[np.argsort(-np.abs(errors))]]


def gallery(app: AppTest) -> list[dict]:
    """The molecules that the gallery was given."""
    import json

    component = next(e for e in app.get("bidi_component") if "gallery" in e.proto.component_name)
    return json.loads(component.proto.json)["items"]


def test_nine_worst_molecules_with_their_facts(dataset: Dataset, run: Run) -> None:
    app = show(PAGE)
    text = words(app)
    assert "Which molecules are predicted worst?" in text
    assert "150 **test** molecules, seen by this model in neither training nor validation" in text
    assert "**1 to 9** :gray[of 150" in text
    items = gallery(app)
    assert [item["id"] for item in items] == [str(i) for i in worst(dataset, run)[:9]]
    first = dataset.molecules.rows_of(np.array([int(items[0]["id"])]))[0]
    assert "meV" in items[0]["title"]
    assert f"{dataset.molecules.sizes[first]} atoms · id {items[0]['id']}" in items[0]["lines"][0]
    assert items[0]["lines"][1] == dataset.molecules.smiles_of(int(first))
    assert items[0]["lines"][2].startswith("target") and items[0]["lines"][3].startswith("predicted")


def test_the_address_keeps_filter_and_order(dataset: Dataset, run: Run) -> None:
    app = show(PAGE, size="17", element="N", order="too low", run=run.id)
    for item in gallery(app):
        row = int(dataset.molecules.rows_of(np.array([int(item["id"])]))[0])
        assert dataset.molecules.sizes[row] == 17 and dataset.molecules.contains(7)[row]
        assert item["title"].startswith("\N{MINUS SIGN}")


def test_next_page(dataset: Dataset, run: Run) -> None:
    app = show(PAGE)
    app.session_state["page"] = 2
    app.run()
    assert not app.exception
    assert [item["id"] for item in gallery(app)] == [str(i) for i in worst(dataset, run)[9:18]]


@pytest.mark.parametrize(
    ("asked", "shown"), [("9999", 17), ("3", 3), ("²", 1), ("9" * 5000, 1), ("-3", 1), ("0", 1), ("", 1)]
)
def test_any_page_in_the_address_becomes_one_that_is_there(dataset: Dataset, run: Run, asked: str, shown: int) -> None:
    app = show(PAGE, page=asked)
    assert [item["id"] for item in gallery(app)] == [str(i) for i in worst(dataset, run)[9 * shown - 9 : 9 * shown]]
    assert app.session_state["page"] == shown


def test_a_page_beyond_a_small_group_is_its_last(dataset: Dataset, run: Run) -> None:
    app = show(PAGE, page="3", size="12")
    held = dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)]
    assert 0 < len(gallery(app)) == int((held == 12).sum()) <= 9


def test_nothing_fits_the_filter(dataset: Dataset, run: Run) -> None:
    app = show(PAGE, size="29-40")
    assert "No test molecule fits: 29 to 40 atoms" in words(app)
    assert "All molecules" in [link.label for link in app.get("page_link")]


def test_states_without_predictions(dataset: Dataset) -> None:
    assert "No model has been trained on judged yet." in words(show(PAGE))
    half = fake_run(dataset, np.zeros(1500), "half", state="failed", write=False)
    assert "No run on judged has predictions yet: half (failed)" in words(show(PAGE))
    fake_run(dataset, np.full(1500, 0.01), "whole")
    text = words(show(PAGE, run=half.id))
    assert "half is failed and has no predictions yet; others are shown" in text
    broken = fake_run(dataset, np.full(1500, np.nan), "diverged")
    assert "predictions for test molecules are not numbers" in words(show(PAGE, run=broken.id))
