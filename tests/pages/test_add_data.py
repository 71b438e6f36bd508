"""The page "Add data": the three ways, the mapping form, and what it says about tasks."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.data.download import USE_A_FILE
from core.data.store import open_dataset
from core.data.uploads import save_upload, upload_key
from core.tasks import list_tasks, new_task, reap_children
from core.tasks.folder import TaskStatus, write_status
from tests.core.data.test_qm9 import METHANE, WATER, archive
from tests.pages.reading import facts, open_page, words

PAGE = "explore/add_data.py"
ENERGIES = (-2078.5, -1101.7)
EXTXYZ = f"""3
Properties=species:S:1:pos:R:3:forces:R:3 energy={ENERGIES[0]} oddity=7 pbc="F F F"
O 0 0 0.119 0 0 1
H 0 0.763 -0.477 0 1 0
H 0 -0.763 -0.477 0 0 0
5
Properties=species:S:1:pos:R:3:forces:R:3 energy={ENERGIES[1]} oddity=8 pbc="F F F"
C 0 0 0 0 0 0
H 0.63 0.63 0.63 0 0 0
H -0.63 -0.63 0.63 0 0 0
H -0.63 0.63 -0.63 0 0 0
H 0.63 -0.63 -0.63 0 0 0
"""


@pytest.fixture
def incoming(home: Path) -> Path:
    """The folder that the page may read, with an archive and an extended xyz file."""
    folder = home / "incoming"
    folder.mkdir(parents=True)
    archive(folder / "a.tar.bz2", {"1.xyz": METHANE, "3.xyz": WATER})
    (folder / "two.extxyz").write_text(EXTXYZ)
    return folder


def button(app: AppTest, key: str) -> Any:
    return next(b for b in app.button if b.key == key)


def box(app: AppTest, label: str) -> Any:
    return next(b for b in app.selectbox if b.label == label)


def finished(count: int = 1, seconds: float = 60.0) -> None:
    """Wait until `count` tasks are there and none is at work."""
    deadline = time.monotonic() + seconds
    while len(list_tasks()) < count or any(task.status.active for task in list_tasks()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    reap_children()


def test_the_download_is_offered_first_with_its_size_and_command() -> None:
    app = open_page(PAGE)
    found = facts(app)
    assert (found["Molecules"], found["Download"], found["Still to fetch"]) == ("133,885", "86.6 MB", "86.6 MB")
    assert "python -m core download qm9" in words(app)
    app.toggle[0].set_value(True).run()
    assert "130,831 molecules" in words(app)
    assert "python -m core download qm9 --exclude-uncharacterized" in words(app)
    next(t for t in app.text_input if t.label == "Name").set_value("../x").run()
    assert "dataset name '../x': not allowed" in words(app).replace("\\", "")
    assert button(app, "add_download").disabled


def test_a_refused_network_is_told_with_a_way_on() -> None:
    task = new_task("download", "Download of QM9 as qm9", {"name": "qm9"})
    write_status(task.path, TaskStatus("failed", error=f"atomref.txt: x answered 403 Forbidden; {USE_A_FILE}"))
    text = words(open_page(PAGE)).replace("\\", "")
    assert "x answered 403 Forbidden. If this network refuses, get the file elsewhere and upload it." in text


def test_a_failed_import_leads_back_to_its_form(incoming: Path) -> None:
    source = incoming / "two.extxyz"
    task = new_task("import", "Import of two", {"source": str(source), "name": "two"})
    write_status(task.path, TaskStatus("failed", error=f"{source}: line 3: odd; repair it"))
    app = open_page(PAGE)
    assert "two.extxyz: line 3: odd; repair it" in words(app) and str(incoming) not in words(app)
    button(app, f"change_{task.id}").click().run()
    assert not app.exception and "What are the columns?" in [s.value for s in app.subheader]


def test_a_download_that_fails_offers_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLLENS_FIGSHARE", "ftp://nowhere")
    app = open_page(PAGE)
    button(app, "add_download").click().run()
    finished()
    task = list_tasks()[0]
    app = open_page(PAGE)
    assert "is no https address; correct MOLLENS_FIGSHARE" in words(app).replace("\\", "")
    button(app, f"instead_{task.id}").click().run()
    assert "upload" in app.query_params["way"]
    button(app, f"remove_{task.id}").click().run()
    assert list_tasks() == [] and "In the background" not in words(app)


def test_a_file_on_the_server_is_recognised_and_imported(incoming: Path) -> None:
    app = open_page(PAGE, way="server")
    assert len(box(app, "File").options) == 2
    app.text_input[0].set_value("a.tar.bz2").run()
    assert not app.exception
    assert "Recognised as **official QM9 layout" in words(app)
    next(t for t in app.text_input if t.label == "Name").set_value("demo").run()
    assert "the name belongs to the embedded dataset" in words(app) and button(app, "add_import").disabled
    next(t for t in app.text_input if t.label == "Name").set_value("two").run()
    button(app, "add_import").click().run()
    assert not app.exception and "file" not in app.query_params
    finished(2)
    assert open_dataset("two").molecules.ids.tolist() == [1, 3]
    app = open_page(PAGE, way="server")
    assert "2 molecules, 8 atoms" in words(app)
    links = app.get("page_link")
    assert [link.proto.label for link in links] == ["Open the dataset"]
    assert links[0].proto.query_string == "dataset=two"


def test_nothing_is_taken_before_the_reader_says_so(incoming: Path) -> None:
    app = open_page(PAGE, way="server", file="two.extxyz")
    assert [b.value for b in app.selectbox if b.label.startswith(("Property", "Unit"))] == [None] * 4
    assert "Still to say: the unit of the coordinates." in words(app)
    assert button(app, "add_import").disabled
    assert "guess: Total energy in eV" in words(app)
    button(app, "add_take").click().run()
    assert not app.exception
    assert (box(app, "Property of energy").value, box(app, "Unit of energy").value) == ("energy", "eV")
    assert (box(app, "Property of forces").value, box(app, "Unit of forces").value) == ("forces", "eV/Angstrom")
    assert box(app, "Property of oddity").value is None
    assert box(app, "Unit of the coordinates").value == "Angstrom"
    assert "2 used, 1 left out" in words(app)
    assert not button(app, "add_import").disabled
    box(app, "Unit of energy").set_value("Ha").run()
    assert not app.exception


def test_a_mapping_is_carried_out_with_a_key_of_its_own(incoming: Path) -> None:
    app = open_page(PAGE, way="server", file="two.extxyz")
    box(app, "Unit of the coordinates").set_value("Angstrom").run()
    assert "No column is used" in words(app) and button(app, "add_import").label == "Import without any property"
    box(app, "Property of energy").set_value("energy").run()
    assert "Still to say: the unit of energy." in words(app)
    box(app, "Unit of energy").set_value("eV").run()
    box(app, "Property of oddity").set_value("own").run()
    next(t for t in app.text_input if t.label == "Key of oddity").set_value("9 lives").run()
    assert "a key for oddity" in words(app)
    next(t for t in app.text_input if t.label == "Key of oddity").set_value("oddness").run()
    assert "the kind of oddity" in words(app)
    box(app, "Kind of oddity").set_value("other").run()
    next(t for t in app.text_input if t.label == "Title").set_value("Two of them").run()
    next(t for t in app.text_input if t.label == "Level of theory").set_value("guesswork").run()
    next(t for t in app.text_input if t.label == "Name").set_value("mapped").run()
    button(app, "add_import").click().run()
    assert not app.exception
    finished()
    dataset = open_dataset("mapped")
    assert dataset.molecules.columns["energy"].tolist() == list(ENERGIES)
    assert dataset.molecules.columns["oddness"].tolist() == [7, 8]
    assert "forces" not in dataset.molecules.atom_columns
    assert (dataset.card.title, dataset.card.level_of_theory) == ("Two of them", "guesswork")


def test_wrong_units_are_pointed_out_before_the_import(incoming: Path) -> None:
    app = open_page(PAGE, way="server", file="two.extxyz")
    button(app, "add_take").click().run()
    before = words(app)
    box(app, "Unit of the coordinates").set_value("Bohr").run()
    assert ":material/warning:" not in before and ":material/warning:" in words(app)


def test_an_upload_stays_chosen_after_a_reload_and_can_be_given_up() -> None:
    path = save_upload(io.BytesIO(EXTXYZ.encode()), "../../two.extxyz", len(EXTXYZ), 1 << 20)
    key = str(upload_key(path))
    app = open_page(PAGE, way="upload", upload=key)
    assert "two.extxyz" in words(app) and facts(app)["Columns"] == "3"
    button(app, "add_other").click().run()
    assert not path.exists() and "upload" not in app.query_params
    app = open_page(PAGE, way="upload", upload=key)
    assert "not there any more" in words(app)


@pytest.mark.parametrize("file", ["/etc/passwd", "../data", "none.npz"])
def test_a_path_outside_is_refused(incoming: Path, file: str) -> None:
    app = open_page(PAGE, way="server", file=file)
    assert "not found in" in app.warning[0].value and "file" not in app.query_params


def test_a_file_that_is_no_dataset_is_a_sentence(incoming: Path) -> None:
    (incoming / "notes.txt").write_text("nothing to see\n")
    app = open_page(PAGE, way="server", file="notes.txt")
    assert "**Not recognised.**" in words(app) and not [b for b in app.button if b.key == "add_import"]


def test_states_of_tasks(home: Path) -> None:
    states = {}
    for state, more in (
        ("running", {"done": 30, "total": 120, "text": "reading x", "host": "elsewhere"}),
        ("failed", {"error": "x: is empty; choose another"}),
        ("stopped", {}),
        ("finished", {"result": {"dataset": "gone", "n_molecules": 5, "n_atoms": 9}}),
    ):
        task = new_task("import", f"Import <b>{state}</b>", {"name": "x"})
        write_status(task.path, TaskStatus(state, **more))  # type: ignore[arg-type]
        states[state] = task.id
    (new_task("index", "Newer", {}).path / "task.json").write_text('{"format": 99}')
    app = open_page(PAGE, way="upload")
    text = words(app)
    for state in states:
        assert f"**Import \\<b\\>{state}\\</b\\>** &nbsp;:" in text and f"badge[{state}]" in text
    assert "x: is empty; choose another" in text
    assert "has format 99; this Mollens reads up to 1; update Mollens" in text.replace("\\", "")
    keys = {b.key for b in app.button}
    assert f"cancel_{states['running']}" in keys and f"retry_{states['failed']}" in keys
    assert f"retry_{states['finished']}" not in keys and not app.get("page_link")
    assert "25 %" in "".join(element.proto.body for element in app.get("html"))
    button(app, f"cancel_{states['running']}").click().run()
    assert (home / "tasks" / states["running"] / "stop").exists()
    assert button(app, f"cancel_{states['running']}").disabled
