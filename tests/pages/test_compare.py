from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset
from core.figures.theme import model_style
from core.judge.comparing.compare import compare_runs
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from pages.judge.compare_parts.heads import differing
from pages.judge.compare_parts.sides import find_side, offered
from pages.judge.compare_parts.verdict import coloured
from tests.core.judge.judged_runs import distinct
from tests.fake_runs import fake_dataset, fake_run, qm9_like
from tests.pages.reading import component, figures, open_page, words

pytestmark = pytest.mark.usefixtures("no_shipped_runs")
PAGE = "judge/compare.py"


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("compared", distinct(qm9_like(1500)))


def finished(dataset: Dataset, name: str, scale: float, noise: int = 0, **changes: object) -> Run:
    """A run with errors of about `scale` eV, whose validation error has stopped falling."""
    random = np.random.default_rng(noise)
    n = len(open_split(dataset, str(changes.get("split", "default"))).validation)
    curves = random.normal(0, 0.02, (1, n)).repeat(30, axis=0) * (1 + np.exp(-np.arange(30)))[:, None]
    recipe = Recipe(epochs=30, **changes)  # type: ignore[arg-type]
    return fake_run(
        dataset, random.normal(0, scale, dataset.molecules.n_molecules), name, validation=curves, recipe=recipe
    )


def html(app: AppTest) -> str:
    """Everything that is written as HTML, without its tags."""
    return unescape(re.sub(r"<[^>]*>", " ", "\n".join(element.proto.body for element in app.get("html"))))


def links(app: AppTest) -> dict[str, dict[str, list[str]]]:
    """Label -> parameters of the address of every link."""
    return {link.label: parse_qs(link.proto.query_string.lstrip("?")) for link in app.get("page_link")}


def asks(app: AppTest, **query: str) -> AppTest:
    """The same page with other parameters in its address."""
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def test_two_recipes_with_all_their_seeds_are_compared_first(dataset: Dataset) -> None:
    a = [finished(dataset, f"wide seed {k}", 0.05, k, seed=k) for k in range(3)]
    b = [finished(dataset, f"narrow seed {k}", 0.02, 10 + k, seed=k, n_atom_basis=48) for k in range(3)]
    single = finished(dataset, "single", 0.02, 9, seed=1, n_rbf=30)
    keys = f"seeds:{b[0].id}", f"seeds:{a[0].id}"
    app = open_page(PAGE, dataset="compared")
    assert sorted(box.value for box in app.selectbox if box.label in "AB") == sorted(keys)
    text = html(asks(app, a=keys[0], b=keys[1]))
    assert "✓ A is better" in text and "on recipes, 3 seeds each" in text
    assert " ".join(compare_runs(b, a, dataset).sentence.split()) in " ".join(text.split())
    assert "1 of" in words(app) and re.search(r"Features\s+48\s+64", text)
    assert {"difference_main", "difference_beside", "difference_cells", "learning_by_epoch"} <= set(figures(app))
    text = html(asks(app, a=keys[1], b=single.id))
    assert "B is one run, so A is seed 1 of its recipe" in text and "✓ B is better" in text


def test_all_that_is_asked_stands_in_the_address(dataset: Dataset) -> None:
    a, b = finished(dataset, "one", 0.05), finished(dataset, "other", 0.047, 1, n_rbf=30)
    third = finished(dataset, "third", 0.03, 2, n_rbf=40)
    app = open_page(
        PAGE, dataset="compared", a=a.id, b="other", margin="0.02", measure="rmse", by="element", group="element:N"
    )
    text = html(app)
    assert "✓ equal" in text and "±20.0 meV" in text and "as set above" in text
    assert "one seed each, so nothing is said about the recipes" in text
    n = int((dataset.molecules.contains(7)[dataset.molecules.rows_of(open_split(dataset).test)]).sum())
    assert f"{n} compared" in words(app)
    found = links(app)
    assert found["Show these molecules"]["element"] == ["N"]
    assert found["Errors of both"]["models"] == [f"{a.id},{b.id}"]

    told = f"write-report {a.id} {b.id} --by element --measure rmse --margin 0.02 --to report.html"
    assert f"python -m core {told}" in words(app)

    table = component(app, "mollens_compare_table")
    assert {row["id"]: row["side"] for row in table["rows"]} == {a.id: "A", b.id: "B", third.id: ""}
    labels = [column["label"] for column in table["columns"]]
    assert "Radial functions" in labels and "Batch size" not in labels

    started = [query for query in found.values() if "with_control" in query]
    settings = " ".join(setting for query in started for setting in query["set"])
    assert all(query["from"] == [a.id] and query["dataset"] == ["compared"] for query in started)
    assert "most_per_size=" in settings and "min_atoms=" in settings and "not enough data" in text

    app.number_input[0].set_value(None).run()
    assert "margin" not in app.query_params and "✓ equal" not in html(app)
    path = b.path / "recipe.json"
    content = json.loads(path.read_text())
    content["split"] |= {"known": False, "hash": ""}
    path.write_text(json.dumps(content))
    (b.path / "predictions" / "compared" / "about.json").touch()
    text = html(app.run())
    assert "no verdict" in text and "not known which molecules other was trained on" in text and "✓" not in text


def test_of_two_runs_with_one_seed_the_one_in_the_address_stands_for_it(dataset: Dataset) -> None:
    twin = finished(dataset, "twin", 0.04, 7, seed=1)
    seeds = [finished(dataset, f"wide seed {k}", 0.05, k, seed=k) for k in range(3)]
    other = [finished(dataset, f"narrow seed {k}", 0.02, 10 + k, seed=k, n_atom_basis=48) for k in range(3)]
    sides = offered([*seeds, *other, twin])
    assert not any(twin in side.runs for key, side in sides.items() if key != twin.id)
    asked = find_side(sides, f"seeds:{twin.id}")
    assert asked is not None and asked is sides[f"seeds:{twin.id}"]
    assert {run.id for run in asked.runs} == {seeds[0].id, twin.id, seeds[2].id} and "with twin" in asked.label
    app = open_page(PAGE, dataset="compared", a=f"seeds:{twin.id}", b=f"seeds:{other[0].id}")
    assert f"seeds:{twin.id}" in app.query_params["a"] and "on recipes, 3 seeds each" in html(app)
    table = component(app, "mollens_compare_table")
    assert sorted(row["side"] for row in table["rows"]) == ["A", "B"]


def test_what_a_model_from_elsewhere_does_not_state_is_not_said_to_differ(dataset: Dataset) -> None:
    ours = finished(dataset, "ours", 0.03, n_atom_basis=48)
    theirs = finished(dataset, "theirs", 0.03, 1)
    about, recipe = (theirs.path / f"{name}.json" for name in ("about", "recipe"))
    about.write_text(json.dumps(json.loads(about.read_text()) | {"origin": "predictions"}))
    recipe.write_text(json.dumps(json.loads(recipe.read_text()) | {"recipe": {"model": "unknown"}}))
    n_stated, rows = differing(ours, Run(theirs.path))
    assert n_stated == 3 and [title for title, *_ in rows] == ["Model"]  # target and split are the same


def test_what_cannot_be_compared_is_told_with_a_way_on(dataset: Dataset) -> None:
    one = finished(dataset, "alone", 0.03)
    app = open_page(PAGE, dataset="compared")
    assert "a comparison needs two" in words(app)
    assert links(app)["Start from this run"]["from"] == [one.id]

    gap = finished(dataset, "gaps", 0.03, 1, target="gap")
    assert "A and B are the same run" in words(asks(app, a=one.id, b=one.id))
    assert "learn different targets" in words(asks(app, b=gap.id))
    assert links(app)["Train B on Total energy too"]["set"] == ["target=energy"]

    small, large = (
        make_split(dataset, name, "leave_out_sizes", sizes=sizes)
        for name, sizes in (("small", "3-16"), ("large", "17-29"))
    )
    sides = [finished(dataset, split.name, 0.03, 2, split=split.name) for split in (small, large)]
    assert "no test molecule in common" in words(asks(app, a=sides[0].id, b=sides[1].id))
    assert links(app)["Train B on A's split"]["split"] == ["small"]


def test_the_sentence_is_coloured_by_the_winner_and_keeps_its_words() -> None:
    a, b = model_style(0, False), model_style(1, False)
    sentence = (
        "Overall, A is better by 2.2 to 8.5 meV. B is better above 19 atoms by 12 to 18 meV; worse below 17 atoms by 1 "
        "to 2 meV; undecided for 17 to 19 atoms. Provisional: A had not converged."
    )
    text = coloured(sentence, a, b)
    assert re.sub(r"<[^>]*>", "", text) == sentence
    bold = re.findall(r"<b style='color:(#\w+)'>(.*?)</b>", text)
    assert bold == [(a.colour, "Overall, A is better"), (b.colour, "B is better"), (a.colour, "worse")]
