import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import app as command_line
from core.data.store import Dataset, delete_dataset
from core.errors import MollensError
from core.recipes.cost import Cost, write_cost
from core.recipes.presets import preset
from core.runs.devices import Device
from core.runs.folder import Run, list_runs
from core.runs.queue import turn_on
from core.runs.status import read_status
from core.tasks import new_task
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like
from tests.pages.new_run_form import PAGE, labels, open_clone, start_button, told_lines, trained_sizes
from tests.pages.reading import facts, open_page, words

pytestmark = pytest.mark.usefixtures("no_shipped_runs", "cpu_only")


def test_start_makes_the_run_and_goes_to_it(dataset: Dataset, started: list[str]) -> None:
    app = open_page(PAGE, dataset="learned")
    app.text_input(key="run_name").input("from the page").run()
    start_button(app).click().run()
    (run,) = list_runs()
    assert started == [run.id]
    assert (run.name, run.dataset_name) == ("from the page", "learned")
    assert run.recipe_values == preset("schnet-small").model_dump()
    assert read_status(run.path / "status.json", "").state == "created"
    assert [title.value for title in app.title] == ["Runs"]
    assert app.query_params["run"] in (run.id, [run.id])


def test_several_seeds_are_as_many_runs(dataset: Dataset, started: list[str]) -> None:
    app = open_page(PAGE, dataset="learned", seeds="3", csv="1", set=["seed=5"])
    assert start_button(app).label == "Start 3 runs"
    commands = app.code[0].value.splitlines()
    same = "python -m core train --recipe schnet-small --dataset learned"
    assert commands[1] == f"{same} --set seed=6 --name 'schnet-small seed 6' --logs csv"
    start_button(app).click().run()
    runs = sorted(list_runs(), key=lambda run: run.seed)
    assert [(run.name, run.seed) for run in runs] == [(f"schnet-small seed {k}", k) for k in (5, 6, 7)]
    assert len(started) == 3 and all(run.logs == ["csv"] for run in runs)


def test_the_control_is_started_beside_the_choice(dataset: Dataset, started: list[str]) -> None:
    app = open_page(PAGE, dataset="learned", set=["most_per_size=20"], with_control="1")
    start_button(app).click().run()
    chosen, control = sorted(list_runs(), key=lambda run: run.recipe_values["control"])
    assert (chosen.name, control.name) == ("schnet-small seed 0", "schnet-small control seed 0")
    assert chosen.n_trained == control.n_trained < 320 and len(started) == 2


def test_a_search_is_one_run_for_each_rate(dataset: Dataset, started: list[str]) -> None:
    recipe = preset("thesis-rate-search").model_copy(update={"reference": "composition"})
    write_cost(recipe, dataset, Cost(100.0, 1000.0, 10**9, 5 * 10**8, "cpu", 1, "2026-11-21T09:00:00.000Z"))
    app = open_page(PAGE, dataset="learned", recipe="thesis-rate-search", set=["reference=composition"])
    sizes = trained_sizes(dataset)
    n = int(((sizes >= 13) & (sizes <= 23)).sum())
    assert start_button(app).label == "Start 11 runs" and facts(app)["Trained on"] == f"{n} of 320"
    seconds = 22 * (n / 100 + int(facts(app)["Validation"]) / 1000)
    assert facts(app)["Time each"] == f"{seconds:.0f} s" and facts(app)["Time in all"] == f"{11 * seconds / 60:.0f} min"
    assert facts(app)["Memory"] == "1.5 GB"
    assert "core search --recipe thesis-rate-search --dataset learned" in words(app) and "--rates 0-10" in words(app)
    app.text_input(key="kept_rates").input("0,2.5").run()
    start_button(app).click().run()
    assert [run.recipe_values["weight_rate"] for run in sorted(list_runs(), key=lambda r: r.name)] == [0.0, 2.5]
    assert len(started) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"set": ["most_per_size=20", "learning_rate=0.0005", "target=gap"], "with_control": "1", "device": "cpu"},
        {"recipe": "thesis-size-weights", "set": ["reference=composition", "normalise_weights=false"], "seeds": "2"},
        {"recipe": "thesis-rate-search", "set": ["reference=composition"], "seeds": "2", "rates": "0-1,2.5"},
        {"recipe": "thesis-rate-search", "set": ["reference=composition"], "rates": "1-2", "csv": "1"},
    ],
    ids=["control", "seeds", "search", "search with a log"],
)
def test_the_commands_do_the_same_as_the_button(
    dataset: Dataset, started: list[str], query: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.cli.recipes.start_job", lambda run: None)
    monkeypatch.setattr("core.cli.training.begin", lambda run, background: None)
    app = open_page(PAGE, dataset="learned", **query)
    for line in app.code[0].value.splitlines():
        program, *words = shlex.split(line.removeprefix("python -m "))
        assert program == "core"
        command_line(words, standalone_mode=False)
    by_commands = made_runs()
    for run in list_runs():
        shutil.rmtree(run.path)
    start_button(app).click().run()
    assert by_commands == made_runs() and len(by_commands) == len(started) > 1


def made_runs() -> list[tuple[Any, ...]]:
    return sorted(
        (run.name, sorted(run.recipe_values.items()), run.recipe_file["device"], run.logs) for run in list_runs()
    )


def test_a_search_over_rates_without_weights_is_refused(dataset: Dataset) -> None:
    app = open_page(
        PAGE, dataset="learned", recipe="thesis-rate-search-frequency", rates="4,15",
        set=["reference=composition", "least_weight=0"],
    )  # fmt: skip
    assert "**At rate 4 some molecules have no weight.**" in words(app) and start_button(app).disabled
    app.text_input(key="kept_rates").input("0-").run()
    assert "is no rate; write for example 0-10" in told_lines(app)[0] and start_button(app).disabled


@pytest.fixture
def run(dataset: Dataset) -> Run:
    curve = np.stack([np.full(40, 1.0 / epoch) for epoch in range(1, 13)])
    return fake_run(dataset, np.full(400, 0.1), "first", validation=curve)


def test_a_clone_starts_from_the_recipe_of_its_run(run: Run, started: list[str]) -> None:
    app = open_clone(run)
    assert app.query_params["dataset"] in ("learned", ["learned"])
    assert "as run **first**, unchanged" in words(app) and app.number_input(key="field_epochs").value == 12
    app.number_input(key="field_epochs").set_value(20).run()
    assert "as run **first** with 1 change: epochs" in words(app)
    assert "The run has: 12" in app.number_input(key="field_epochs").help
    assert "--recipe schnet-small" in words(app) and "--set epochs=20" in words(app)
    start_button(app).click().run()
    made = next(other for other in list_runs() if other.id != run.id)
    assert made.name == "first, epochs=20" and made.recipe_values["epochs"] == 20 and started == [made.id]


def test_a_name_that_is_taken_is_told(run: Run) -> None:
    app = open_page(PAGE, dataset="learned")
    assert "already" not in words(app)
    app.text_input(key="run_name").input("first").run()
    assert "There is a run with the name first already" in words(app) and not start_button(app).disabled


def test_a_run_that_cannot_be_cloned_is_told(run: Run) -> None:
    assert "not found" in told_lines(open_page(PAGE, dataset="learned", **{"from": "nobody"}))[0]
    text = (run.path / "recipe.json").read_text()
    (run.path / "recipe.json").write_text(text.replace('"epochs": 12', '"epochs": -12'))
    app = open_page(PAGE, dataset="learned", **{"from": run.id})
    assert "epochs is -12" in told_lines(app)[0] and "SchNet, small" in words(app)
    (run.path / "recipe.json").write_text("{")
    assert "damaged" in told_lines(open_page(PAGE, dataset="learned", **{"from": run.id}))[0]


def test_a_clone_whose_dataset_is_gone_says_so(run: Run) -> None:
    delete_dataset("learned")
    fake_dataset("other", fake_molecules(qm9_like(50)))
    app = open_clone(run)
    assert "was trained on the dataset learned, which is not here" in told_lines(app)[0]


def test_what_stops_a_start_is_a_sentence(
    dataset: Dataset, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(PAGE, dataset="learned")
    app.text_input(key="run_name").input("a/b").run()
    start_button(app).click().run()
    assert "not allowed" in told_lines(app)[0] and list_runs() == []

    def full(*_: Any, **__: Any) -> None:
        raise MollensError("run x: the disk is full; make room")

    monkeypatch.setattr("core.recipes.create.new_run", full)
    app.text_input(key="run_name").input("fine").run()
    start_button(app).click().run()
    assert told_lines(app) == ["run x: the disk is full; make room"] and started == []


def test_a_dataset_that_vanishes_before_the_start_is_a_sentence(
    dataset: Dataset, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> None:
        raise MollensError(f"dataset {name!r}: not found")

    app = open_page(PAGE, dataset="learned")
    monkeypatch.setattr("pages.train.parts.start_card.load_dataset", gone)
    start_button(app).click().run()
    assert told_lines(app) == ["dataset 'learned': not found"] and list_runs() == []
    delete_dataset("learned")
    start_button(app).click().run()  # the page shows another dataset; the click was not meant for it
    assert "There is no dataset learned" in told_lines(app)[0] and list_runs() == []


@pytest.fixture
def busy_cpu() -> Iterator[None]:
    with turn_on(["cpu"], lambda device, ahead: False, run="another") as mine:
        assert mine
        yield


def test_the_start_says_what_it_waits_for(dataset: Dataset) -> None:
    assert "On cpu, which is free" in words(open_page(PAGE, dataset="learned"))


@pytest.mark.usefixtures("busy_cpu")
def test_the_start_says_behind_how_many_it_waits(dataset: Dataset) -> None:
    assert "cpu is busy: waits behind 1 run" in words(open_page(PAGE, dataset="learned"))


def test_time_and_memory_from_a_measurement(dataset: Dataset, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("core.recipes.cost.start_task", lambda *given: asked.append(given))
    app = open_page(PAGE, dataset="learned")
    assert "Time" not in facts(app) and "Time and memory are not known yet" in words(app)
    app.button(key="measure").click().run()
    ((kind, _, arguments),) = asked
    assert kind == "calibrate" and arguments["dataset"] == "learned" and arguments["recipe"]["preset"] == "schnet-small"

    new_task("calibrate", "Measure the speed on learned", arguments)
    app.run()
    assert "Measuring the speed" in "".join(element.proto.body for element in app.get("html"))
    assert [button for button in app.button if button.key == "measure"] == []

    write_cost(
        preset("schnet-small"), dataset, Cost(80.0, 400.0, 2 * 10**9, 10**9, "cpu", 1, "2026-11-21T09:00:00.000Z")
    )
    shutil.rmtree(home / "tasks")
    app.run()
    found = facts(app)
    assert found["Time"] == "3 min"  # 40 x (320 / 80 + 40 / 400) = 164 s
    assert found["Memory"] == "3.0 GB" and "80 molecules per second on cpu with 1 thread" in words(app)


def test_several_gpus_may_share_a_batch(dataset: Dataset, started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [Device(f"cuda:{k}", f"GPU {k}, fast", 10**11, 10**11, 0.0) for k in range(3)]
    monkeypatch.setattr("core.runs.devices._gpus", lambda: gpus)
    app = open_page(PAGE, dataset="learned", device="cuda:1", devices="2")
    assert app.selectbox(key="kept_devices").options == ["1", "2"]  # cuda:1 and cuda:2
    assert "--device cuda:1 --devices 2" in words(app) and "On cuda:1, which is free" in words(app)
    start_button(app).click().run()
    (run,) = list_runs()
    assert (run.recipe_file["device"], run.devices) == ("cuda:1", 2)
    assert "GPUs that share each batch" not in labels(open_page(PAGE, dataset="learned", device="cuda:2"))
