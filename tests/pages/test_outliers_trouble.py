from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.figures.html_gallery import gallery_html
from core.files import CHECKOUT, write_array
from core.judge.held_out import held_out
from core.judge.inspect.outliers import page_of
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from core.runs.predictions import read_predictions
from core.runs.writer import replace_predictions
from pages.judge.outlier_parts.evidence_tasks import without_commands
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.looked_into import look_into
from tests.pages.test_errors import show, words
from tests.pages.test_outliers import gallery, html, worst

PAGE = "pages/judge/outliers.py"
HOSTILE = "<img src=x onerror=alert(1)> **bold** `code` $x$ [a](b)"


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(1500)))


def errors() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.02, 1500)


def test_a_hostile_run_name_is_only_a_name(dataset: Dataset) -> None:
    run = fake_run(dataset, errors(), HOSTILE)
    look_into(run, dataset, np.tile(-1.0, dataset.molecules.n_atoms))
    fake_run(dataset, 0.5 * errors(), f"other {HOSTILE}", recipe=Recipe(epochs=3))
    for query in ({}, {"colour": "difference"}, {"near": "morgan"}):
        if query:
            query["molecule"] = str(worst(dataset, run)[0])
        app = show(PAGE, run=run.id, **query)
        assert "<img src=x" not in html(app)
        assert "**bold**" not in words(app) and "[a](b)" not in words(app) and "$x$" not in words(app)
    source = held_out(run, dataset)
    written = gallery_html(source, page_of(source, None, "worst", 3), "worst", HOSTILE)
    assert "<img src=x" not in written and "&lt;img src=x onerror=alert(1)&gt;" in written


def unknown_run(dataset: Dataset) -> Run:
    """Predictions only, of which nobody knows what they have seen."""
    run = fake_run(dataset, errors(), "elsewhere")
    stored = read_predictions(run)
    assert stored is not None
    columns = replace(stored, split=np.full(1500, 255, dtype=np.uint8))
    replace_predictions(run, columns, "judged", dataset.card.sha256, codes="unknown")
    recipe = json.loads((run.path / "recipe.json").read_text())
    recipe["split"] = {"name": "not known", "hash": "", "known": False, "train": 0, "validation": 0, "test": 0}
    (run.path / "recipe.json").write_text(json.dumps(recipe))
    return run


def test_predictions_of_an_unknown_split(dataset: Dataset) -> None:
    run = unknown_run(dataset)
    source = held_out(run, dataset)
    written = gallery_html(source, page_of(source, None, "worst", 3), "worst")
    assert "<p class='notice'>It is not known which molecules elsewhere was trained on" in written
    text = words(show(PAGE, run=run.id))
    assert "of which it is not known whether this model has seen them" in text and "may be optimistic" in text
    for near in ("latents", "morgan"):
        app = show(PAGE, run=run.id, molecule=str(dataset.molecules.ids[5]), colour="contribution", near=near)
        text = words(app)
        assert "elsewhere holds predictions only: there is no network to look into" in text
        assert "It is not known whether the run was trained on it" in text and "look-inside" not in text + html(app)


def test_latents_of_other_weights_are_stale_and_damaged_ones_told(dataset: Dataset) -> None:
    run = fake_run(dataset, errors(), "first")
    molecule = str(worst(dataset, run)[0])
    look_into(run, dataset, np.tile(-1.0, dataset.molecules.n_atoms))
    assert "Nearer" in (text := words(show(PAGE, run=run.id, molecule=molecule))) or "Farther" in text
    (run.path / "model.json").write_text(json.dumps({"weights_sha256": "11"}))
    text = words(show(PAGE, run=run.id, molecule=molecule))
    assert "have changed since its network was looked into" in text and "Farther" not in text and "Nearer" not in text
    look_into(run, dataset, np.tile(-1.0, dataset.molecules.n_atoms))
    folder = run.path / "predictions" / "judged"
    write_array(folder / "nearest.npy", np.full((1500, 10), 99_999, dtype=np.int32))
    (folder / "inside.json").write_text((folder / "inside.json").read_text() + " ")
    app = show(PAGE, run=run.id, molecule=molecule)
    assert "do not fit" in words(app) + html(app)


def test_a_target_that_is_no_sum_over_atoms(dataset: Dataset) -> None:
    run = fake_run(dataset, errors(), "gaps", recipe=Recipe(preset="schnet-small", target="gap"))
    look_into(run, dataset)
    app = show(PAGE, run=run.id, molecule=str(worst(dataset, run)[0]), colour="contribution")
    assert "Contribution is off:**" in words(app) and gallery(app)


def test_epochs_without_numbers_are_left_out(dataset: Dataset) -> None:
    split = open_split(dataset)
    curves = np.linspace(0.5, 0.02, 6)[:, None] * np.ones(len(split.validation))
    curves[[1, 5]] = np.nan
    run = fake_run(dataset, errors(), "first", validation=curves)
    app = show(PAGE, run=run.id, molecule=str(split.validation[0]))
    assert "How did its error change during training?" in words(app)


@pytest.mark.parametrize("query", [{"molecule": "-1"}, {"run": "nothing<b>"}, {"order": "<b>", "page": "x"}])
def test_addresses_that_mean_nothing(dataset: Dataset, query: dict[str, str]) -> None:
    fake_run(dataset, errors(), "first")
    app = show(PAGE, **query)
    assert len(gallery(app)) == 9 and "<b>" not in html(app)


def test_a_selection_of_nothing_with_a_molecule(dataset: Dataset) -> None:
    run = fake_run(dataset, errors(), "first")
    app = show(PAGE, run=run.id, size="29-40", molecule=str(worst(dataset, run)[0]))
    assert "not among the molecules of this order" in words(app)


def test_a_dataset_that_was_replaced_under_its_name(dataset: Dataset) -> None:
    run = fake_run(dataset, errors(), "first")
    show(PAGE, run=run.id)
    delete_dataset("judged")
    fake_dataset("judged", fake_molecules(qm9_like(900)))
    text = words(show(PAGE, run=run.id, molecule="3"))
    assert "first" in text and "not known" not in text
    assert "changed" in text or "other" in text


def test_what_the_evidence_waits_for_is_a_button() -> None:
    dataset = fake_dataset("judged", fake_molecules(qm9_like(1500)), level_of_theory="B3LYP/6-31G(2df,p)")
    fake_dataset("second", fake_molecules(qm9_like(1500)), level_of_theory="G4MP2")
    run = fake_run(dataset, errors(), "first")
    fake_run(dataset, errors(), "again", recipe=Recipe(preset="schnet-small", epochs=1, seed=2))
    app = show(PAGE, run=run.id, molecule=str(worst(dataset, run)[0]))
    assert "Not yet set beside" in html(app) and "second, another level of theory." in html(app)
    text = words(app) + html(app)
    assert "second-levels" not in text and "run `" not in text and "<code>" not in html(app)
    keys = [button.key for button in app.button]
    assert {"make_levels_evidence", "make_levels_suspicion", "make_index_evidence"} <= set(keys)
    assert without_commands("It is so: run `index judged`.") == "It is so."
