from __future__ import annotations

import json
import re

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.figures import html_parts
from core.figures.html_report import report_html
from core.judge.comparing.compare import compare_runs
from core.judge.reporting.report_content import SECTIONS, gather
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from tests.core.judge.judged_runs import half_tested, noise, seeded
from tests.fake_runs import fake_run

HOSTILE = '<img src=x onerror=alert(1)>"&amp;'


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("reported", 1200)


@pytest.fixture
def runs(dataset: Dataset) -> tuple[Run, Run]:
    return seeded(dataset, noise(dataset, 1), 1, HOSTILE), seeded(dataset, 0.3 * noise(dataset, 2), 2, "b")


def test_one_file_that_needs_nothing(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    made = report_html(gather(compare_runs(*runs, dataset)))
    library, page = html_parts.get_plotlyjs(), made.replace(html_parts.get_plotlyjs(), "")
    assert made.count(library) == 1
    assert not re.search(r"(src|href)=[\"']", page) and "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert all(f"<h2>{title}</h2>" in page for title in SECTIONS.values())
    assert page.count('class="plot"') == page.count('<script type="application/json">') >= 7
    assert "Overall, B is better by" in page and "B better" in page
    assert page.count("95 % intervals, each by itself") == 2 and "95 % intervals, all groups at once" in page


def test_hypotheses_say_what_they_are_about_and_why_they_are_provisional(dataset: Dataset) -> None:
    n = len(open_split(dataset, "half").validation)
    falling = np.linspace(1.0, 0.1, 30)[:, None] * np.ones((1, n))
    half = Recipe(split="half", epochs=30)
    a = fake_run(dataset, noise(dataset, 1), "a", validation=falling, recipe=half)
    b = fake_run(dataset, noise(dataset, 2), "b", validation=falling, recipe=half.model_copy(update={"seed": 1}))
    made = report_html(gather(compare_runs(a, b, dataset), ["hypotheses"]))
    assert "a · on this network, not on its recipe" in made and "on the recipe" not in made
    assert "Provisional: a had not converged." in made


def test_names_are_text(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    made = report_html(gather(compare_runs(*runs, dataset))).replace(html_parts.get_plotlyjs(), "")
    assert "<img" not in made
    assert made.count("&lt;img src=x onerror=alert(1)&gt;&quot;&amp;amp;") >= 5
    figures = [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', made)]
    assert not any("<img" in note["text"] for fig in figures for note in fig["layout"].get("annotations", []))
    assert "B minus A" in made or "B \N{MINUS SIGN} A" in made


def test_only_the_chosen_sections(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    made = report_html(gather(compare_runs(*runs, dataset), ["methods", "verdict"]), ("one", "two"), title="Short")
    assert re.findall("<h2>(.*?)</h2>", made) == ["Verdict", "Methods"]
    assert "<h1>Short</h1>" in made and "<b>one</b>" in made and 'class="plot"' not in made
