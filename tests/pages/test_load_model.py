"""The page "Load a model": choosing a model, what was found in it, the form, and what came out."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.cli.tasks import KINDS
from core.data.store import Dataset
from core.data.uploads import save_upload, upload_key
from core.errors import MollensError
from core.runs.folder import open_run
from core.tasks import Task, list_tasks, new_task, work_on
from core.tasks.folder import TaskStatus, write_status
from models.schnetpack_compat import Atomwise
from pages.train.parts.load_source import together
from tests.models.foreign_models import Runs, foreign_model, offsets, saved, torch_file
from tests.pages.reading import facts, figures, open_page, words

PAGE = "train/load_model.py"
CONFIG = "data:\n  property_units: {energy: eV}\n  batch_size: 25\n"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are carried out where they are started, before the page goes on."""

    def start(kind: str, title: str, arguments: dict[str, Any]) -> Task:
        task = new_task(kind, title, arguments)
        work_on(task.id, KINDS)
        return next(each for each in list_tasks() if each.id == task.id)

    for part in ("load_found", "load_form"):
        monkeypatch.setattr(f"pages.train.parts.{part}.start_task", start)


@pytest.fixture
def incoming(home: Path, tiny: Dataset) -> Path:
    """A run folder that the page may read."""
    folder = home / "incoming" / "abc"
    folder.mkdir(parents=True)
    energies = offsets("energy")
    energies.atomref[:] = 0.0
    for symbol, value in tiny.card.atomic_energies["energy"].items():
        energies.atomref[{"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}[symbol]] = value
    model = foreign_model(output=Atomwise(n_in=16, output_key="energy"), postprocessors=[energies])
    saved(folder / "best_model", model)
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def button(app: AppTest, key: str) -> Any:
    return next(b for b in app.button if b.key == key)


def box(app: AppTest, label: str) -> Any:
    return next(b for b in app.selectbox if b.label == label)


def test_a_model_on_the_server_is_looked_into_and_loaded(incoming: Path) -> None:
    app = open_page(PAGE)
    next(c for c in app.get("button_group") if c.key == "load_way").set_value("server").run()
    assert box(app, "Model").options == ["MOLLENS_HOME/incoming/abc · best_model"]
    app = open_page(PAGE, path="abc")
    assert "**SchNet**, predicts **Total energy** in eV, sum over atoms" in words(app)
    found = facts(app)
    assert (found["Features"], found["Interactions"], found["Cutoff"]) == ("16", "2", "4 Å")
    text = words(app)
    assert "No split.npz: nobody knows what it was trained on" in text and "No log (metrics.csv" in text
    box(app, "Dataset").set_value("tiny").run()
    assert button(app, "load_start").disabled  # nobody has said what it has learned
    app.checkbox[0].check().run()
    assert app.checkbox[0].label == "It has learned: Total energy, GFN2-xTB"
    next(t for t in app.text_input if t.label == "Name of the run").set_value("theirs").run()
    assert "load-model" in words(app) and "--name theirs --dataset tiny" in words(app)
    button(app, "load_start").click().run()
    assert not app.exception and "path" not in app.query_params
    assert open_run("theirs").origin == "schnetpack"
    text = words(app)
    assert "MAE" in text and "on 120 labelled molecules" in text
    assert "What it was trained on is not known: its errors may be optimistic" in text.replace("\\", "")
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    run = open_run("theirs").id
    assert links["Errors"] == f"run={run}&dataset=tiny" and links["Run"] == f"run={run}"


def test_a_unit_that_no_file_says_is_told_by_its_atoms_or_asked_for(incoming: Path) -> None:
    (incoming / "config.yaml").unlink()
    app = open_page(PAGE, path="abc")
    box(app, "Dataset").set_value("tiny").run()
    assert box(app, "Unit of what it predicts: Total energy").value == "eV"
    assert "Its atomic energies are those of tiny in eV." in words(app).replace("\\", "")
    bare = foreign_model(output=Atomwise(n_in=16, output_key="energy"), postprocessors=[])
    saved(incoming / "best_model", bare)
    app = open_page(PAGE, path="abc")
    assert box(app, "Unit of what it predicts: Total energy").value is None and button(app, "load_start").disabled


def test_a_split_asks_for_its_database(incoming: Path) -> None:
    np.savez(incoming / "split.npz", train_idx=[0, 1], val_idx=[2], test_idx=[3])
    app = open_page(PAGE, path="abc")
    assert "split.npz counts rows of it" in words(app) and facts(app)["Trained on"] == "2"
    next(t for t in app.text_input if t.key == "load_database").set_value("/etc/passwd").run()
    assert "not found in" in words(app) and button(app, "load_start").disabled


def test_a_hostile_upload_is_refused_by_name_and_not_run(tmp_path: Path, tiny: Dataset) -> None:
    touched = tmp_path / "touched"
    path = torch_file(tmp_path / "best_model", Runs(open, str(touched), "w"))
    upload = save_upload(io.BytesIO(path.read_bytes()), "best_model", path.stat().st_size, 1 << 20)
    app = open_page(PAGE, upload=str(upload_key(upload)))
    text = words(app).replace("\\", "")
    assert "**Not loaded.**" in text and "which no model of SchNetPack needs; nothing of it was run" in text
    assert not touched.exists() and not [b for b in app.button if b.key == "load_start"]
    button(app, "load_other").click().run()
    assert not upload.exists() and "upload" not in app.query_params


def test_uploads_of_one_model_lie_together(incoming: Path) -> None:
    def upload(name: str, content: bytes) -> Path:
        return save_upload(io.BytesIO(content), name, len(content), 1 << 24)

    model, config = (upload(name, (incoming / name).read_bytes()) for name in ("best_model", "config.yaml"))
    first = together([model, config])
    assert sorted(path.name for path in first.parent.iterdir()) == ["best_model", "config.yaml"]
    shutil.rmtree(incoming)
    app = open_page(PAGE, upload=str(upload_key(first)))
    assert "in eV, sum over atoms" in words(app) and "best_model, config.yaml" in words(app).replace("\\", "")
    twice = [upload("best_model", b"a"), upload("best_model", b"b")]
    with pytest.raises(MollensError, match="two files have the same name"):
        together(twice)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("run/best_model", b"x")
    mixed = [upload("run.zip", content.getvalue()), upload("config.yaml", b"a: 1")]
    with pytest.raises(MollensError, match="a zip of a run folder comes alone"):
        together(mixed)
    assert not any(path.exists() for path in (*twice, *mixed))


def test_what_failed_leads_back_to_its_form(incoming: Path) -> None:
    task = new_task("load-model", "theirs on tiny", {"path": str(incoming), "run_name": "theirs", "dataset": "tiny"})
    write_status(task.path, TaskStatus("failed", error=f"{incoming}: labels differ; judge it elsewhere"))
    app = open_page(PAGE)
    assert "abc: labels differ; judge it elsewhere" in words(app) and str(incoming) not in words(app)
    button(app, f"change_{task.id}").click().run()
    assert not app.exception and "On what is it judged?" in [s.value for s in app.subheader]


def test_paths_outside_are_refused(incoming: Path) -> None:
    for path in ("/etc", "../.."):
        app = open_page(PAGE, path=path)
        assert "not found in" in words(app) and "path" not in app.query_params


def test_the_run_says_where_it_comes_from(incoming: Path, tiny: Dataset) -> None:
    from core.train.foreign_load import Choice, load_foreign

    load_foreign(incoming, Choice("theirs", "tiny"), lambda done, total, text: None)
    app = open_page("train/runs.py", run="theirs")
    text = words(app)
    assert "SchNet of SchNetPack · judged on tiny · Total energy · loaded" in text
    assert "**What it was trained on is not known.**" in text and "Where does it come from?" in text
    assert "Training loss" not in text and "Log" not in [e.label for e in app.expander]
    assert "python -m core load-model best_model --name theirs --dataset tiny --unit eV" in text
    labels = [link.proto.label for link in app.get("page_link")]
    assert "Errors" in labels and "Clone" not in labels


def test_a_log_from_elsewhere_is_drawn_without_a_band(incoming: Path, tiny: Dataset) -> None:
    from core.train.foreign_load import Choice, load_foreign

    rows = "".join(f"{k},{10 * k + 4},{1 / (k + 1)},,\n{k},{10 * k + 9},,0.5,{0.5 / (k + 1)}\n" for k in range(8))
    (incoming / "metrics.csv").write_text("epoch,step,train_loss,val_loss,val_energy_mae\n" + rows)
    load_foreign(incoming, Choice("theirs", "tiny"), lambda done, total, text: None)
    app = open_page("train/runs.py", run="theirs")
    assert {"fig_loss", "fig_validation"} <= set(figures(app))
    chart = next(c for c in app.get("plotly_chart") if c.key == "fig_loss")
    drawn = json.loads(chart.proto.spec)
    notes = [str(note.get("text")) for note in drawn["layout"].get("annotations", [])]
    assert any("mean" in note for note in notes) and not any("5 largest" in note for note in notes)
    assert "mean of a batch" in words(app) and "5 of a batch" not in str(app.get("button_group"))
    assert "Where is it wrong while it learns?" not in words(app)
