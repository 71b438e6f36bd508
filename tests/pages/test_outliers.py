from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.files import CHECKOUT
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.looked_into import look_into
from tests.pages.test_errors import no_copies, show, words

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
    return component(app, "gallery")["items"]


def test_nine_worst_molecules_with_their_facts(dataset: Dataset, run: Run) -> None:
    app = show(PAGE)
    text = words(app)
    assert "Which molecules are predicted worst, and why?" in text
    assert "150 **test** molecules, seen by this model in neither training nor validation" in text
    assert "**1 to 9** :gray[of 150" in text
    export = f"python -m core outliers {run.id} --limit 9 --offset 0 --to judged-worst.html"
    assert export in [element.value for element in app.code]
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


def test_any_filter_narrows_the_molecules_and_leads_on(dataset: Dataset, run: Run) -> None:
    app = show(PAGE, without="N", range="gap:5.2:5.7", run=run.id)
    rows = dataset.molecules.rows_of(open_split(dataset).test)
    gap = np.asarray(dataset.molecules.columns["gap"])[rows]
    inside = ~dataset.molecules.contains(7)[rows] & (gap >= 5.2) & (gap <= 5.7)
    assert f"**{inside.sum()}** of 150 test molecules" in words(app)
    assert {int(item["id"]) for item in gallery(app)} <= set(dataset.molecules.ids[rows[inside]].tolist())
    links = {link.label: link.proto.query_string for link in app.get("page_link")}
    every = next(label for label in links if label.startswith("All ") and label.endswith("in Molecules"))
    assert (
        "without=N" in links[every]
        and "without=N" in links["Their errors"]
        and f"run={run.id}" in links["Their errors"]
    )
    assert "--where without=N --where range=gap:5.2:5.7" in "\n".join(element.value for element in app.code)


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


def component(app: AppTest, name: str, place: int = 0) -> dict:
    """What the browser was given for one drawing."""
    found = [e for e in app.get("bidi_component") if name in e.proto.component_name]
    return json.loads(found[place].proto.json)


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def test_a_molecule_with_its_place_its_runs_and_the_evidence(dataset: Dataset, run: Run) -> None:
    look_into(run, dataset, np.tile(-1.0, dataset.molecules.n_atoms))
    other = fake_run(dataset, np.full(1500, 0.01), "second", recipe=Recipe(epochs=3))
    ids = worst(dataset, run)
    app = show(PAGE, run=run.id, molecule=str(ids[1]), other=other.id)
    row = int(dataset.molecules.rows_of(ids[1:2])[0])
    size = dataset.molecules.sizes[row]
    items = component(app, "gallery")
    assert items["selected"] == str(ids[1]) and [item["id"] for item in items["items"]] == [str(i) for i in ids[:9]]
    assert all(item["lines"] == [] for item in items["items"])  # a strip
    assert component(app, "molecule")["molecule"]["key"] == str(ids[1])
    text, facts = words(app), html(app)
    assert f"id {ids[1]}" in text and "2 of 150 in this order" in text
    assert f"with {size} atoms" in facts and "the spread of its size" in facts
    for cause in ("Never seen anything like it", "Label suspicious", "Weakness of the model", "Noise between seeds"):
        assert cause in facts
    near = component(app, "gallery", 1)["items"]
    assert len(near) == 5 and all("in training" in item["lines"][0] and 0 <= item["bar"] <= 1 for item in near)
    trained = open_split(dataset).train
    assert {int(item["id"]) for item in near} <= set(trained.tolist())
    assert "of 150 test molecules" in text
    assert f"python -m core molecule {run.id} {ids[1]} --json" in [element.value for element in app.code]


def test_atoms_take_colours_or_say_why_not(dataset: Dataset, run: Run) -> None:
    molecule = str(worst(dataset, run)[0])
    (run.path / "model.json").write_text('{"weights_sha256": "00"}')
    assert "Nobody has looked inside first yet" in words(show(PAGE, molecule=molecule, colour="contribution"))
    values = np.where(dataset.molecules.numbers == 6, -38.0, -1.0)
    first = dataset.molecules.first_atom[dataset.molecules.rows_of(np.array([int(molecule)]))[0]]
    values[first] += 0.5
    look_into(run, dataset, values)
    app = show(PAGE, molecule=molecule, colour="contribution")
    drawn = component(app, "molecule")["molecule"]
    assert drawn["colours"] is not None and len(set(drawn["colours"])) > 1
    assert drawn["marks"][0] == {"atom": 0, "text": "C1 +500"} and len(drawn["marks"]) <= 3
    assert "not an atomic energy" in html(app)
    look_into(run, dataset, None, "the output is a mean over atoms")
    app = show(PAGE, molecule=molecule, colour="contribution")
    assert "Contribution is off:** contributions of atoms: the output is a mean over atoms" in words(app)
    assert component(app, "molecule")["molecule"]["colours"] is None
    assert "Charge is off:**" in words(show(PAGE, molecule=molecule, colour="charge"))
    assert "Difference is off:** no other recipe" in words(show(PAGE, molecule=molecule, colour="difference"))


def test_orders_of_several_runs_and_what_they_need() -> None:
    dataset = fake_dataset("judged", no_copies(1500))
    shift = np.random.default_rng(1).normal(0, 0.02, 1500)
    errors = np.random.default_rng(0).normal(0, 0.02, 1500)
    run = fake_run(dataset, errors, "first")
    text = words(show(PAGE, order="seeds"))
    assert "needs other seeds of the recipe" in text and "The worst molecules are shown" in text
    seed = fake_run(dataset, errors + shift, "first b", recipe=Recipe(preset="schnet-small", epochs=1, seed=5))
    held = dataset.molecules.rows_of(open_split(dataset).test)
    most = str(dataset.molecules.ids[held[np.abs(shift[held]).argmax()]])
    app = show(PAGE, run=run.id, order="seeds")
    assert gallery(app)[0]["id"] == most and "seeds spread by" in gallery(app)[0]["lines"][-1]
    app = show(PAGE, run=seed.id, order="seeds")
    assert gallery(app)[0]["id"] == most
    fake_run(dataset, errors + 3 * shift, "other", recipe=Recipe(preset="schnet-small", epochs=9))
    app = show(PAGE, run=run.id, order="differ")
    assert gallery(app)[0]["id"] == most and "apart" in gallery(app)[0]["lines"][-1]
    assert "--order differ --with" in "\n".join(element.value for element in app.code)


@pytest.mark.parametrize(
    ("asked", "told"),
    [("999999999", "has none of this id"), ("x<b>", "is no number of a molecule"), ("9" * 400, "is no number")],
)
def test_a_molecule_that_is_not_there(dataset: Dataset, run: Run, asked: str, told: str) -> None:
    app = show(PAGE, molecule=asked)
    assert told in words(app) and "The gallery is shown" in words(app)
    assert len(gallery(app)) == 9 and gallery(app)[0]["lines"] and "molecule" not in app.query_params


def test_what_is_not_held_out_is_called_so(dataset: Dataset) -> None:
    split = open_split(dataset)
    curves = np.linspace(0.5, 0.02, 6)[:, None] * np.ones(len(split.validation))
    run = fake_run(dataset, np.full(1500, 0.02), "first", validation=curves)
    app = show(PAGE, run=run.id, molecule=str(split.train[0]))
    assert "this is a training residual, not an error" in words(app) and "training residual" in html(app)
    app = show(PAGE, run=run.id, molecule=str(split.validation[0]))
    assert "validation error" in html(app) and "How did its error change during training?" in words(app)


def test_a_run_without_a_network_says_so(dataset: Dataset) -> None:
    run = fake_run(dataset, np.full(1500, 0.02), "first")
    text = words(show(PAGE, run=run.id, molecule=str(open_split(dataset).test[0])))
    assert "first holds predictions only: there is no network to look into" in text
    delete_dataset(dataset.name)
    text = words(show(PAGE, run=run.id))
    assert "judged" in text  # told, and no exception
