"""The tab "Predictions only": guesses and what they give, refusals and how they are overruled, and the start."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.cli.loading_predictions import load_predictions_task
from core.data.predicted import Choices
from core.data.splits import open_split
from core.data.store import Dataset
from core.runs.folder import open_run
from core.tasks import new_task
from core.tasks.folder import TaskStatus, write_status
from tests.pages.reading import facts, open_page, words

PAGE = "train/load_model.py"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of the tasks that would have been started."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "pages.train.parts.predictions_found.start_task", lambda kind, title, arguments: found.append(arguments)
    )
    return found


def incoming(home: Path, dataset: Dataset, factor: float = 1.0, **more: Any) -> Path:
    """A table of predictions that are 0.02 eV too high, where the page may read it."""
    (home / "incoming").mkdir(parents=True, exist_ok=True)
    path = home / "incoming" / "theirs.csv"
    values = (np.asarray(dataset.molecules.columns["energy"]) + 0.02) * factor
    pl.DataFrame({"id": dataset.molecules.ids, "prediction": values, **more}).write_csv(path)
    return path


def show(path: Path, dataset: Dataset) -> AppTest:
    return open_page(PAGE, kind="predictions", path=str(path), dataset=dataset.name)


def box(app: AppTest, label: str) -> Any:
    return next(b for b in app.selectbox if b.label == label)


def button(app: AppTest, key: str) -> Any:
    return next(b for b in app.button if b.key == key)


def test_guesses_are_shown_with_their_reasons_and_make_a_run(
    home: Path, dataset: Dataset, started: list[dict[str, Any]]
) -> None:
    codes = open_split(dataset).codes(dataset.molecules.ids)
    path = incoming(home, dataset, 1 / 27.211386024, part=np.array(["train", "valid", "test"])[codes])
    app = show(path, dataset)
    found = facts(app)
    assert (found["Molecules"], found["Median error"], found["Largest error"]) == ("400", "20.0 meV", "20.0 meV")
    assert found["Test"] == str(int((codes == 2).sum()))
    told = words(app)
    assert "So the values fit the labels best: median error 0.02 eV" in told and "Its name says prediction" in told
    assert "--name theirs --split-column part" in told
    button(app, "predictions_load").click().run()
    assert not app.exception and len(started) == 1
    assert {key: started[0][key] for key in ("source", "dataset", "target", "run")} == {
        "source": str(path), "dataset": dataset.name, "target": "energy", "run": "theirs",
    }  # fmt: skip
    done = load_predictions_task(started[0], lambda *_: None)
    assert open_run(done["run"]).split_name == "default" and done["matched"] == 400
    # the list of what was loaded leads to the errors
    task = new_task("load-predictions", "Predictions theirs", started[0])
    write_status(task.path, TaskStatus("finished", result=done))
    listed = open_page(PAGE, kind="predictions")
    links = [link.proto.page for link in listed.get("page_link")]
    assert "errors" in links and "400 molecules" in words(listed)


def test_a_wrong_unit_is_refused_until_it_is_insisted_on(
    home: Path, dataset: Dataset, started: list[dict[str, Any]]
) -> None:
    app = show(incoming(home, dataset), dataset)
    assert not button(app, "predictions_load").disabled
    box(app, "Unit in the file").set_value("Ha").run()
    told = words(app)
    assert "The values do not fit the labels" in told and "as eV it would be 0.02 eV" in told and "--unit" not in told
    assert button(app, "predictions_load").disabled
    app.checkbox[0].set_value(True).run()
    button(app, "predictions_load").click().run()
    assert Choices(**started[0]["choices"]) == Choices(unit="Ha", anyway=True, split_column="")
    assert asdict(Choices()).keys() == started[0]["choices"].keys()


def test_a_file_that_is_no_table_and_a_hostile_name_are_told_in_a_sentence(home: Path, dataset: Dataset) -> None:
    path = incoming(home, dataset)
    path.write_text("")
    assert "is empty (0 bytes)" in words(show(path, dataset))
    path.write_text("id,<b>[x](http://y) :red[z]\n1,2\n")
    app = show(path, dataset)
    assert "<b>[x]" not in "".join(e.proto.body for e in app.get("html")) and not app.exception
