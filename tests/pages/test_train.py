import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data.store import Dataset, delete_dataset
from core.files import CHECKOUT
from core.recipes.presets import preset
from core.runs.folder import Run, list_runs, open_run
from core.runs.status import read_status
from core.runs.writer import RunWriter
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.reading import facts, figures, open_page, words

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
    assert "first" in text and "finished" in text and "**Still falling.** Validation MAE fell" in text
    assert {"runs", "fig_validation", "fig_learning", "fig_groups"} <= set(figures(app))
    assert "python -m core train --recipe schnet-small --dataset learned --set epochs=12" in text
    assert not [button for button in app.button if button.label in ("Stop", "Resume")]
    assert run.id in [link.proto.query_string.partition("run=")[2] for link in app.get("page_link")]


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
    assert "**Failed.** loss is NaN at step 1,204" in words(app)
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


def test_the_form_holds_every_field_of_the_recipe_with_its_help(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned")
    labels = {e.label for kind in (app.number_input, app.text_input, app.selectbox) for e in kind}
    assert {"Target", "Split", "Model", "Features", "Epochs", "Learning rate", "Seed", "Filter cutoff, Å"} <= labels
    told = app.number_input(key="recipe_schnet-small_epochs").help.replace("\\", "")
    assert told == "times that every training molecule is seen (1 to 100,000)"
    found = facts(app)
    assert (found["Trained on"], found["Validation"], found["Test"]) == ("320 molecules", "40", "40")
    assert found["Steps"] == f"{10 * preset('schnet-small').epochs:,}"  # 320 molecules in batches of 32
    assert "python -m core train --recipe schnet-small --dataset learned" in words(app)


def test_a_changed_field_stands_in_the_title_and_in_the_command(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned")
    app.number_input(key="recipe_schnet-small_epochs").set_value(3).run()
    assert facts(app)["Steps"] == "30"
    assert "with 1 change: epochs" in words(app) and "--set epochs=3" in words(app)
    next(button for button in app.button if button.label == "Reset").click().run()
    assert "unchanged" in words(app) and facts(app)["Steps"] == f"{10 * preset('schnet-small').epochs:,}"


def test_a_field_that_is_no_number_is_refused_in_a_sentence(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned")
    app.text_input(key="recipe_schnet-small_learning_rate").input("fast").run()
    assert "Learning rate is fast; it must be a valid number" in app.error[0].value.replace("\\", "")
    assert [button.disabled for button in app.button if button.label == "Start the run"] == [True]


def test_a_whole_number_out_of_range_is_refused_and_cannot_be_started(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned")
    app.number_input(key="recipe_schnet-small_batch_size").set_value(0).run()
    assert "Batch size is 0; it must be greater than or equal to 1" in app.error[0].value.replace("\\", "")
    assert [button.disabled for button in app.button if button.label == "Start the run"] == [True]


def test_a_linear_fit_asks_for_no_network(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned", recipe="composition")
    labels = {e.label for kind in (app.number_input, app.text_input, app.selectbox) for e in kind}
    assert "Target" in labels and not {"Features", "Epochs", "Filter cutoff, Å"} & labels
    assert "Steps" not in facts(app)


def test_start_makes_the_run_and_goes_to_it(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("core.runs.jobs.start_job", lambda run: started.append(run.id))
    app = open_page("train/new_run.py", dataset="learned")
    app.text_input(key="run_name").input("from the page").run()
    next(button for button in app.button if button.label == "Start the run").click().run()
    (run,) = list_runs()
    assert started == [run.id]
    assert (run.name, run.dataset_name, run.recipe_values) == (
        "from the page",
        "learned",
        preset("schnet-small").model_dump(),
    )
    assert read_status(run.path / "status.json", "").state == "created"
    assert [title.value for title in app.title] == ["Runs"]
    assert app.query_params["run"] in (run.id, [run.id])


def test_a_refused_name_is_a_sentence(dataset: Dataset) -> None:
    app = open_page("train/new_run.py", dataset="learned")
    app.text_input(key="run_name").input("a/b").run()
    next(button for button in app.button if button.label == "Start the run").click().run()
    assert "not allowed" in app.error[0].value and list_runs() == []
