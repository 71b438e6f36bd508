"""A visitor picks another run in the table, clicks a size where one is better, and looks at its molecules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import open_dataset
from core.recipes.recipe import Recipe
from tests.browser.conftest import Visitor, served, wait_for
from tests.conftest import save_some
from tests.fake_runs import fake_run

FIGURE = ".st-key-difference_main .js-plotly-plot"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an app with three finished runs on 1,500 molecules."""
    folder = tmp_path_factory.mktemp("compared") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder))
        dataset = save_some(open_dataset("demo"), "compared", 1500)
        random = np.random.default_rng(0)
        n_validation = len(open_split(dataset).validation)
        for k, name in enumerate(("first", "second", "third")):
            curves = random.normal(0, 0.02, (12, n_validation)) / np.sqrt(np.arange(1, 13))[:, None]
            recipe = Recipe(epochs=12, n_rbf=20 + k)
            fake_run(dataset, random.normal(0, 0.02 * (k + 1), 1500), name, validation=curves, recipe=recipe)
    with served(Path(folder)) as address:
        yield address


def asked(visitor: Visitor) -> dict[str, str]:
    """The parameters of the address."""
    query = visitor.page.evaluate("location.search")  # page.url stands still while nobody asks the browser
    return {key: values[0] for key, values in parse_qs(query.lstrip("?")).items()}


def test_from_the_table_over_a_size_to_its_molecules(compared: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{compared}/compare?dataset=compared&a=first&b=second")
    page.wait_for_selector(f"{FIGURE} .nsewdrag", timeout=30_000)
    visitor.is_done()
    verdict = page.locator(".cmp-sentence")
    assert "A is better" in verdict.inner_text()

    row = page.locator(".compare-runs tbody tr", has_text="third")
    row.scroll_into_view_if_needed()
    row.locator("button", has_text="B").click()
    wait_for("the third run as B", lambda: "-third-" in asked(visitor)["b"])
    wait_for("its row marked", lambda: row.get_attribute("class") == "picked")
    wait_for("its figure", lambda: "B better third" in page.locator(FIGURE).text_content())
    visitor.is_done()

    page.locator(FIGURE).scroll_into_view_if_needed()
    place = page.evaluate(
        """(selector) => {
            const plot = document.querySelector(selector), axes = plot._fullLayout;
            const trace = plot._fullData.find((each) => (each.customdata ?? []).some((data) => data[0] === "18"));
            const at = trace.customdata.findIndex((data) => data[0] === "18");
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            return [box.x + axes.xaxis.d2p(trace.x[at]), box.y + axes.yaxis.d2p(trace.y[at])];
        }""",
        FIGURE,
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    wait_for("the size in the address", lambda: asked(visitor).get("group") == "size:18")
    chosen = page.locator(".st-key-note_plain_group")
    wait_for("the size in numbers", lambda: "18 atoms" in chosen.inner_text())
    visitor.is_content()

    chosen.locator("a", has_text="Show these molecules").click()
    page.wait_for_url("**/outliers?**size=18**", timeout=30_000)
    visitor.is_content()
