"""The cards below the molecules of the page Outliers: what would help, map, uncertainty, labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.store import Dataset
from core.files import CHECKOUT, write_json
from core.judge.held_out import held_out
from core.judge.inspect.suspicious import label_suspicions
from core.runs.folder import Run
from core.tasks import Task
from pages.common.appearance import plain
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, seeded
from tests.pages.test_errors import show, words

PAGE = "pages/judge/outliers.py"
N = 500


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("judged", N)


@pytest.fixture
def runs(dataset: Dataset) -> list[Run]:
    """Two seeds that agree on thirty molecules with large errors."""
    return [seeded(dataset, errors(k), k) for k in range(2)]


def errors(seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(0, 0.02, N)
    found[:30] = 0.5 + 0.001 * np.arange(30)
    return found


def charts(app: AppTest) -> dict[str, dict]:
    """Figures of the page by the key that their element was given."""
    return {chart.proto.id: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def figure(app: AppTest, key: str) -> dict:
    return next(spec for name, spec in charts(app).items() if key in name)


def test_all_four_cards_of_a_run_that_was_looked_into(dataset: Dataset, runs: list[Run]) -> None:
    look_inside(runs[0], dataset, np.random.default_rng(0).normal(size=(N, 4)))
    source = held_out(runs[0], dataset)
    molecule = int(source.ids[np.abs(source.error).argmax()])
    app = show(PAGE, run=runs[0].id, molecule=str(molecule))
    text = words(app)
    for title in (
        "What would help?", "Where is it wrong?", "Can the error be told without a label?", "Which labels look wrong?",
    ):  # fmt: skip
        assert title in text
    marks = {trace.get("name"): trace for trace in figure(app, "error_map")["data"]}
    assert len(marks["judged"]["customdata"]) == len(source.ids) == N // 2
    assert marks["judged"]["customdata"][-1] == [molecule] and len(marks["nearest"]["text"]) == 10
    assert "chosen" in marks and "points: 250 test molecules" in text
    panels = {trace["name"] for trace in figure(app, "uncertainty")["data"]}
    assert {"spread", "distance"} <= panels
    row = int(dataset.molecules.rows_of(np.array([molecule]))[0])
    found = label_suspicions(runs, dataset)
    assert len(found.found) == 1 and f"Both runs miss **{found.n_same_direction}** of 250" in text
    assert plain(found.found[0].reasons[0]) in text
    bars = figure(app, "training_counts")
    assert f"{dataset.molecules.sizes[row]} atoms" in bars["layout"]["yaxis"]["ticktext"]
    app.button(key=f"open_suspicious_{found.found[0].id}").click().run()
    assert app.query_params["molecule"] == str(found.found[0].id)


def test_filters_narrow_the_map_and_are_what_help_is_asked_for(dataset: Dataset, runs: list[Run]) -> None:
    sizes = dataset.molecules.sizes[:, None]
    look_inside(runs[0], dataset, sizes + 0.1 * np.random.default_rng(0).normal(size=(N, 4)))
    source = held_out(runs[0], dataset)
    inside = source.sizes <= 13
    app = show(PAGE, run=runs[0].id, size="1-13", map="size")
    text = words(app)
    mean = 1000 * np.abs(source.error[inside]).mean()
    assert f"**{inside.sum()}** test and" in text and f"**{mean:.3g} meV**" in text
    marks = {trace.get("name"): trace for trace in figure(app, "error_map")["data"]}
    assert len(marks["judged"]["customdata"]) == inside.sum() and "size" in marks
    assert f"{inside.sum()} test molecules: 1 to 13 atoms" in text
    links = [link.proto.query_string for link in app.get("page_link") if link.label == "New run, filled in"]
    assert links and all(f"from={runs[0].id}" in link and "set=" in link for link in links)


def test_without_latents_a_sentence_and_the_task(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [seeded(dataset, np.random.default_rng(k).normal(0, 0.02, N), k) for k in range(2)]
    started: list[tuple[str, dict]] = []

    def start(kind: str, title: str, arguments: dict) -> Task | None:
        started.append((kind, arguments))
        return None

    app = show(PAGE, run=runs[0].id)
    assert "holds predictions only: there is no network to look into" in words(app)
    assert "None with independent evidence." in words(app)
    write_json(runs[0].path / "model.json", {"weights_sha256": "0" * 64})
    monkeypatch.setattr("pages.judge.outlier_parts.inside_task.start_task", start)
    app.run()
    assert "Nobody has looked inside run 0 yet" in words(app)
    app.button(key="look_map").click().run()
    assert started == [("inside", {"run": runs[0].id, "dataset": "judged"})]
    assert "Distances are not computed yet: look inside the network, above." in words(app)
