import io
import json
import shutil
import socket
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.files import CHECKOUT
from core.judge.reporting.report_hashes import repeat_command
from core.recipes.create import create_run
from core.recipes.recipe import Recipe
from core.runs.folder import Run, list_runs, open_run
from core.runs.full_disk import PAUSED
from core.runs.status import read_status, write_status
from core.runs.trash import list_trash
from core.runs.writer import RunWriter
from pages.train.parts.run_actions import zipped
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.reading import component, facts, figures, open_page, words

pytestmark = pytest.mark.usefixtures("no_shipped_runs")


@pytest.fixture
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("learned", fake_molecules(qm9_like(400)))


def a_run(dataset: Dataset, name: str = "first", epochs: int = 12, state: str = "finished") -> Run:
    """Validation error 1 eV / epoch on all 40 validation molecules; baseline off by 2 eV."""
    curve = np.stack([np.full(40, 1.0 / epoch) for epoch in range(1, epochs + 1)])
    return fake_run(dataset, np.full(400, 0.1), name, 2.0, curve, state=state)


def learn(run: Run, n: int, **more: Any) -> None:
    """Append n logged steps: the mean loss is 1 / step."""
    lines = [
        {"kind": "step", "step": k, "epoch": k / 100, "loss_mean": 1 / k, "loss_low5": 0.1 / k, "loss_high5": 9 / k,
         "loss_quantiles": [0.1 / k, 0.5 / k, 0.8 / k, 1.2 / k, 3 / k], "learning_rate": 1e-3, **more}
        for k in range(1, n + 1)
    ]  # fmt: skip
    epochs = (run.path / "metrics.jsonl").read_bytes()
    (run.path / "metrics.jsonl").write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + epochs)


def traces(app: AppTest, key: str) -> list[str]:
    """Names of the traces of a figure."""
    (chart,) = [c for c in app.get("plotly_chart") if c.key == key]
    return [trace.get("name") for trace in json.loads(chart.proto.spec)["data"]]


def way(app: AppTest) -> str:
    """What stands in the strip of what was trained, and in the diagram of the network."""
    return "\n".join(
        e.proto.body for e in app.get("html") if "mo-steps" in e.proto.body or "mo-network" in e.proto.body
    )


def links(app: AppTest) -> dict[str, str]:
    """Label -> query of every link to a page."""
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


def test_without_a_run_the_page_leads_to_a_new_one() -> None:
    app = open_page("train/runs.py")
    assert "No model has been trained yet." in words(app)
    assert app.get("page_link")[0].proto.label == "Start the first run"


def test_a_finished_run_with_its_numbers(dataset: Dataset) -> None:
    run = a_run(dataset)
    app = open_page("train/runs.py")
    found = facts(app)
    assert found["Validation MAE"] == "83.3 meV" and found["Best, epoch 12"] == "83.3 meV"
    assert (found["Baseline"], found["Of the baseline"]) == ("2.00 eV", "4 %")
    text = words(app)
    assert "first" in text and "finished" in text and "**Still falling.** The mean validation MAE of the last" in text
    assert {"runs", "fig_validation", "fig_learning", "fig_groups"} <= set(figures(app))
    assert "python -m core train --recipe schnet-small --dataset learned --set epochs=12" in text
    assert not [button for button in app.button if button.label in ("Stop", "Resume")]
    assert links(app)["Errors"] == f"run={run.id}" and links(app)["Clone"] == f"from={run.id}"


def test_the_address_chooses_the_run_by_id_or_name(dataset: Dataset) -> None:
    first, second = a_run(dataset, "first"), a_run(dataset, "second", epochs=20)
    assert "Best, epoch 20" in facts(open_page("train/runs.py", run=second.id))
    assert "Best, epoch 12" in facts(open_page("train/runs.py", run=first.id))
    assert "Best, epoch 12" in facts(open_page("train/runs.py", run="first"))
    assert "There is no run" in words(open_page("train/runs.py", run="third"))


def test_a_failed_run_says_why_and_can_be_resumed(dataset: Dataset) -> None:
    run = a_run(dataset, state="failed")
    with RunWriter(run) as writer:
        writer.set_status(state="failed", error="loss is NaN at step 1,204", pid=0)
    app = open_page("train/runs.py", run=run.id)
    assert "**Failed.** Loss is NaN at step 1,204" in words(app)
    assert [button.label for button in app.button if button.label == "Resume"] == ["Resume"]


def test_a_run_of_a_dataset_that_is_gone_is_still_shown(dataset: Dataset) -> None:
    a_run(dataset)
    delete_dataset("learned")
    app = open_page("train/runs.py")
    assert facts(app)["Validation MAE"] == "83.3 meV"
    assert "learned" in app.warning[0].value and "fig_learning" not in figures(app)


def test_a_damaged_run_does_not_hide_the_others(dataset: Dataset) -> None:
    good, bad = a_run(dataset, "good"), a_run(dataset, "bad")
    (bad.path / "recipe.json").write_text("{")
    assert "Validation MAE" in facts(open_page("train/runs.py", run=good.id))
    app = open_page("train/runs.py", run=bad.id)
    assert "damaged" in app.error[0].value


def test_a_run_is_renamed_and_deleted(dataset: Dataset) -> None:
    run = a_run(dataset)
    app = open_page("train/runs.py", run=run.id)
    app.text_input(key=f"name_{run.id}").input("renamed").run()
    app.button(key=f"rename_{run.id}").click().run()
    assert open_run(run.id).name == "renamed" and "renamed" in words(app)
    app.button(key=f"delete_{run.id}").click().run()
    assert list_runs() == [] and not app.exception


def test_a_shipped_run_can_only_be_looked_at(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(dataset)
    shutil.move(run.path, tmp_path / "shipped" / run.id)
    monkeypatch.setattr("core.runs.folder.SHIPPED", tmp_path / "shipped")
    app = open_page("train/runs.py")
    assert "ships with Mollens" in words(app) and facts(app)["Validation MAE"] == "83.3 meV"
    assert {button.label for button in app.button} == {"New run"}


def test_the_loss_has_the_band_of_the_extremes_or_of_the_quantiles(dataset: Dataset) -> None:
    run = a_run(dataset)
    assert "No step was recorded." in words(open_page("train/runs.py"))
    learn(run, 700, memory=8e8, molecules_per_second=900.0)
    app = open_page("train/runs.py")
    assert traces(app, "fig_loss") == ["5 smallest to 5 largest", "least mean to largest mean", "mean"]
    assert "Bands compare only at equal batch size and weights." in words(app) and "a point is 4 steps" in words(app)
    assert facts(app)["Memory"] != "" and "fig_gpu_load" not in figures(app)
    assert {"fig_learning_rate", "fig_molecules_per_second"} <= set(figures(app))
    late = open_page("train/runs.py", span="half")
    assert "a point is" not in words(late)  # the steps from 600 on, of 1,200: so few that each is drawn
    app = open_page("train/runs.py", band="quantiles", axis="linear")
    assert traces(app, "fig_loss") == ["5 % to 95 %", "25 % to 75 %", "median"]


def test_up_to_two_other_runs_of_the_same_data_stand_beside(dataset: Dataset) -> None:
    runs = [a_run(dataset, name) for name in ("a", "b", "c", "d")]
    other = fake_dataset("other", fake_molecules(qm9_like(400, seed=1)))
    elsewhere = a_run(other, "elsewhere")
    for run in runs:
        learn(run, 20)
    first = runs[0]
    app = open_page("train/runs.py", run=first.id)
    assert set(app.multiselect[0].options) == {"b", "c", "d"}
    wanted = ",".join(run.id for run in (elsewhere, *runs[1:]))
    app = open_page("train/runs.py", run=first.id, beside=wanted)
    assert app.multiselect[0].value == [runs[1].id, runs[2].id]
    assert sorted(name for name in traces(app, "fig_validation") if name != "now") == ["a", "b", "c"]
    assert traces(app, "fig_loss") == [
        "b",
        "c",
        "5 smallest to 5 largest",
        "least mean to largest mean",
        "c",
        "b",
        "mean",
    ]
    app.multiselect[0].unselect(runs[1].id).run()
    assert app.query_params["beside"] in (runs[2].id, [runs[2].id])


def test_what_does_not_compare_is_said_or_left_out(dataset: Dataset) -> None:
    usual = a_run(dataset, "usual")
    curve = np.ones((12, 40))

    def made(name: str, **changes: Any) -> Run:
        recipe = Recipe(preset="schnet-small", epochs=12, **changes)
        return fake_run(dataset, np.full(400, 0.1), name, 2.0, curve, recipe=recipe)

    weighted = made("weighted", weighting="size", weight_rate=2.0)
    batches = made("batches", batch_size=64)
    absolute = made("absolute", loss="mae")
    for run in (usual, weighted, batches, absolute):
        learn(run, 20, loss_unweighted=5.0)
    app = open_page("train/runs.py", run=usual.id, beside=f"{weighted.id},{batches.id}")
    assert "losses are shown without weights" in words(app) and "Batches of 32 and 64 molecules" in words(app)
    assert "5 smallest to 5 largest" not in words(app)
    app = open_page("train/runs.py", run=usual.id, beside=absolute.id)
    assert "absolute minimises another loss, which is not drawn here." in words(app)
    assert "absolute" not in traces(app, "fig_loss") and "absolute" in traces(app, "fig_validation")


def test_groups_are_told_as_a_map_or_as_curves(dataset: Dataset) -> None:
    a_run(dataset)
    assert "fig_group_lines" not in figures(open_page("train/runs.py"))
    app = open_page("train/runs.py", **{"as": "curves", "by": "element", "scale": "error"})
    assert "fig_learning" not in figures(app) and {"C", "H", "all"} <= set(traces(app, "fig_group_lines"))


def test_a_deleted_run_is_brought_back(dataset: Dataset) -> None:
    a_run(dataset, "other")
    run = a_run(dataset, "precious")
    app = open_page("train/runs.py", run=run.id)
    app.button(key=f"delete_{run.id}").click().run()
    assert "**precious** is in the trash." in words(app) and len(list_runs()) == 1
    (trashed,) = list_trash()
    app.button(key="undo_delete").click().run()
    assert len(list_runs()) == 2 and list_trash() == [] and "is in the trash" not in words(app)
    app.button(key=f"delete_{run.id}").click().run()
    app.button(key="close_deleted").click().run()
    assert "is in the trash" not in words(app)
    (trashed,) = list_trash()
    app.button(key=f"restore_{trashed.id}").click().run()
    assert open_run(run.id).name == "precious" and not app.exception


def test_a_note_is_written_and_shown(dataset: Dataset) -> None:
    run = a_run(dataset)
    app = open_page("train/runs.py", run=run.id)
    app.text_area(key=f"remark_{run.id}").input("rate too high?\n[see](http://x)").run()
    app.button(key=f"save_remark_{run.id}").click().run()
    assert open_run(run.id).note == "rate too high?\n[see](http://x)"
    assert "rate too high?" in words(app) and "[see](http" not in words(app)


def test_an_error_s_molecules_are_links(dataset: Dataset) -> None:
    run = a_run(dataset)
    with RunWriter(run) as writer:
        error = "step 1,204: the loss is not a number for molecules 1001, 1007 and 3 more; lower the learning rate"
        writer.set_status(state="failed", error=error, pid=0)
    found = links(open_page("train/runs.py", run=run.id))
    assert found["Molecule 1007"] == "dataset=learned&molecule=1007"
    assert found["All of them"] in ("dataset=learned&id=1001,1007", "dataset=learned&id=1001%2C1007")
    assert "Molecule 1204" not in found


@pytest.mark.parametrize(
    ("state", "phase", "told", "button"),
    [
        ("running", PAUSED, "**Paused.** The disk is full. Nothing is lost", "Stop"),
        ("queued", "waits for cpu, 2 jobs ahead", "**Queued.** Waits for cpu, 2 jobs ahead", "Cancel"),
        ("lost", "", "**Lost.** Its job has gone silent", "Resume"),
        ("stopped", "", "", "Resume"),
        ("created", "", "", "Start"),
    ],
)
def test_each_state_has_its_sentence_and_its_way_on(
    dataset: Dataset, state: str, phase: str, told: str, button: str
) -> None:
    run = a_run(dataset)
    path = run.path / "status.json"
    status = read_status(path, "")
    pid = 2**22 + 7 if state == "lost" else 0  # no such process
    changes = {
        "state": "running" if state == "lost" else state,
        "phase": phase,
        "pid": pid,
        "steps": 2400,
        "step": 1200,
    }
    write_status(path, type(status)(**{**vars(status), **changes, "host": socket.gethostname()}))
    app = open_page("train/runs.py", run=run.id)
    assert told in words(app)
    assert button in [b.label for b in app.button]


def test_the_way_of_the_data_and_the_network_with_its_sizes(dataset: Dataset) -> None:
    recipe = Recipe(preset="schnet-small", min_atoms=18, weighting="size", weight_rate=10.0, n_atom_basis=38)
    run = create_run(recipe, dataset, "above", device="cpu", devices=2, logs=["csv"])
    app = open_page("train/runs.py", run=run.id)
    strip = way(app)
    molecules = dataset.molecules
    n = int((molecules.sizes[molecules.rows_of(open_split(dataset).train)] >= 18).sum())
    assert "<b>18 atoms and more</b>" in strip and f"{n} trained on" in strip and f"{320 - n} left out" in strip
    assert "by size, r 10" in strip and "effective " in strip and f"of {n}" in strip
    assert "SchNet 38" in strip and "3 × 6,688 = 20,064 numbers" in strip and "20 → 38" in strip
    command = repeat_command(run)
    for part in ("--set min_atoms=18", "--set weighting=size", "--device cpu", "--devices 2", "--logs csv"):
        assert part in command


def test_many_runs_are_searched_and_shown_in_part(dataset: Dataset) -> None:
    for k in range(34):
        create_run(Recipe(preset="composition", model="composition"), dataset, f"fit {k}")
    for run in list_runs():
        status = read_status(run.path / "status.json", "")
        write_status(run.path / "status.json", type(status)(**{**vars(status), "state": "finished"}))
    app = open_page("train/runs.py")

    def shown() -> list[str]:
        return [row["title"] for group in component(app, "mollens_rows")["groups"] for row in group["rows"]]

    assert len(shown()) == 30
    app.button(key="more_runs").click().run()
    assert len(shown()) == 34
    app.text_input(key="find_run").input("fit 33").run()
    assert shown() == ["fit 33"]
    app.text_input(key="find_run").input("nothing like it").run()
    assert "No run has all of these words" in words(app)


def test_metrics_are_exported_for_other_programs(dataset: Dataset) -> None:
    run = a_run(dataset)
    learn(run, 5)
    with zipfile.ZipFile(io.BytesIO(zipped(run, "csv"))) as archive:
        tables = {Path(name).name: archive.read(name).decode().splitlines() for name in archive.namelist()}
    assert len(tables["steps.csv"]) == 6 and len(tables["epochs.csv"]) == 13
    with zipfile.ZipFile(io.BytesIO(zipped(run, "tensorboard"))) as archive:
        assert any("tfevents" in name for name in archive.namelist())
