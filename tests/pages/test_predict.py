from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.data.own_molecules import answer_token, save_text, write_answer
from core.data.store import Dataset
from core.data.uploads import upload_key
from core.files import CHECKOUT
from core.runs.folder import Run
from core.tasks import list_tasks
from pages.judge.predict_parts.asking import EXAMPLE
from tests.core.judge.known_run import ask, known_run
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.reading import component, facts, figures, open_page, table, words

PAGE = "judge/predict.py"


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(600)))


@pytest.fixture
def asked(dataset: Dataset) -> tuple[Run, Path]:
    """A run with an answer about three molecules, the last of which was not predicted."""
    known = known_run(dataset)
    content, molecules = ask(
        known, dataset, [[17.0, 0.1], [17.0, 0.0], [40.0, 0.0]], [2.0] * 16, [2.0, 1.5], [2.0] * 39
    )
    refused = "contains Cl, which the model was not trained on; it knows H, C"
    content["molecules"][2] |= {"refused": refused, "predicted": None, "warnings": [], "nearest": [], "expected": None}
    content |= {"n_refused": 1, "n_warned": 1, "file": "<b>own.xyz", "lengths": "Angstrom", "notes": ["a [note](x)"]}
    path = save_text(EXAMPLE)
    write_answer(answer_token(known[0].id, str(upload_key(path)), "Angstrom", "00"), content, molecules)
    return known[0], path


def show(path: Path, run: Run, **query: str) -> Any:
    return open_page(PAGE, dataset="judged", run=run.id, upload=str(upload_key(path)), **query)


def test_the_answer_with_what_it_rests_on(dataset: Dataset, asked: tuple[Run, Path]) -> None:
    run, path = asked
    app = show(path, run)
    text = words(app)
    assert "**Of 3 molecules 1 without a remark, 1 with warnings, 1 not predicted.**" in text
    assert "a \\[note\\](x)" in text and "**Usually off by" in text and "held-out molecules" in text
    assert f"python -m core predict-molecules {run.id} pasted.xyz" in text
    rows = table(app)["rows"]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert rows[0][4] == "−100.0000" and rows[0][7] == "none" and rows[2][7] == "not predicted"
    assert rows[1][5] is None and "geometry" in str(rows[1][7])  # no usual error of what is unusual
    assert facts(app)["Predicted"] == "−100.0000 eV"
    nearest = component(app, "mollens_gallery")["items"]
    assert len(nearest) == 10 and "target" in nearest[0]["lines"][1] and "own_distance" in figures(app)


def test_another_molecule_and_another_order(dataset: Dataset, asked: tuple[Run, Path]) -> None:
    run, path = asked
    text = words(show(path, run, molecule="2", sort="-n_atoms"))
    assert "It is unlike most molecules of the dataset" in text and "C and C (atoms 2 and 3) are 1.50 Å apart" in text
    app = show(path, run, molecule="3", sort="-n_atoms")
    assert [row[0] for row in table(app)["rows"]] == ["3", "1", "2"]
    assert "**Not predicted:** it contains Cl" in words(app) and "own_distance" not in figures(app)
    assert "C₁₇" in words(show(path, run, molecule="<script>", sort="nonsense"))


def test_a_model_that_was_not_asked_yet(dataset: Dataset, asked: tuple[Run, Path]) -> None:
    run, path = asked
    app = show(path, run, lengths="Bohr")
    assert "Ask judged" in [button.label for button in app.button] and "What does it predict?" not in words(app)
    app = open_page(PAGE, dataset="judged", run=run.id, upload="0123456789abcdef/gone.xyz")
    assert "are not there any more" in words(app) and "Which molecules?" in words(app)


def test_a_pasted_text_starts_a_task(
    dataset: Dataset, asked: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.tasks import new_task

    monkeypatch.setattr("pages.judge.predict_parts.asking.start_task", new_task)
    app = open_page(PAGE, dataset="judged", run=asked[0].id, way="text")
    next(b for b in app.button if b.label == "Predict").click().run()
    assert "pasted text: is empty" in words(app)
    next(b for b in app.button if b.label == "Fill in an example").click().run()
    assert app.text_area[0].value == EXAMPLE
    next(b for b in app.button if b.label == "Predict").click().run()
    assert not app.exception
    (task,) = list_tasks()
    assert task.kind == "predict-molecules" and task.arguments["run"] == asked[0].id
    assert Path(task.arguments["file"]).read_text() == EXAMPLE and len(task.arguments["token"]) == 32
    assert "pasted.xyz" in words(app)


def test_runs_without_a_network(dataset: Dataset) -> None:
    assert "No model has been trained on judged yet." in words(open_page(PAGE, dataset="judged"))
    import numpy as np

    from core.recipes.recipe import Recipe

    fake_run(dataset, np.zeros(600), "only predictions")
    assert "has a trained network to ask: only predictions hold" in words(open_page(PAGE, dataset="judged"))
    baseline = fake_run(dataset, np.zeros(600), "linear", recipe=Recipe(model="composition"))
    (baseline.path / "model.json").write_text(json.dumps({"weights_sha256": "00"}))
    assert "linear is the baseline, a linear fit of the atom counts" in words(open_page(PAGE, dataset="judged"))


def test_predictions_without_training_molecules(dataset: Dataset, asked: tuple[Run, Path]) -> None:
    run, path = asked
    content, molecules = ask((run, None, None), dataset, [[1.0, 1.0]], [2.0] * 3)  # type: ignore[arg-type]
    content |= {"file": "own.xyz", "lengths": "Angstrom", "notes": [], "why_no_nearest": "the dataset is gone"}
    write_answer(answer_token(run.id, str(upload_key(path)), "nm", "00"), content, molecules)
    app = show(path, run, lengths="nm")
    text = words(app)
    assert "Predictions only: the dataset is gone. So nothing can be said" in text
    assert "**1 of 1 predicted; nothing else could be looked at.**" in text
    assert table(app)["rows"][0][7] == "not looked at" and "own_distance" not in figures(app)
