"""A visitor clicks a bad cell, sees its curve, and looks at its molecules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import open_dataset
from tests.browser.conftest import Visitor, served, wait_for
from tests.conftest import save_some
from tests.fake_runs import fake_run

CELLS = '[class*="st-key-errors_by_cell"] .js-plotly-plot'


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an app with two finished runs on 1,500 molecules."""
    folder = tmp_path_factory.mktemp("judged") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder))
        dataset = save_some(open_dataset("demo"), "judged", 1500)
        random = np.random.default_rng(0)
        n_validation = len(open_split(dataset).validation)
        for name in ("first", "second"):
            curves = random.normal(0, 0.02, (12, n_validation)) / np.sqrt(np.arange(1, 13))[:, None]
            fake_run(dataset, random.normal(0, 0.02, 1500), name, validation=curves)
    with served(Path(folder)) as address:
        yield address


def click_cell(visitor: Visitor, size: int, element: str) -> None:
    """Click the cell of one size and element in the heatmap."""
    visitor.page.locator(CELLS).scroll_into_view_if_needed()
    place = visitor.page.evaluate(
        """([selector, size, element]) => {
            const plot = document.querySelector(selector), layout = plot._fullLayout;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            const row = layout.yaxis.ticktext.indexOf(element);
            return [box.x + layout.xaxis.d2p(size), box.y + layout.yaxis.d2p(row)];
        }""",
        [CELLS, size, element],
    )
    visitor.page.mouse.move(*place)
    visitor.page.mouse.click(*place)


def test_from_a_cell_to_its_molecules(judged: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{judged}/errors?dataset=judged")
    page.wait_for_selector(f"{CELLS} .nsewdrag", timeout=30_000)
    visitor.is_done()
    click_cell(visitor, 18, "N")
    page.wait_for_url("**size=18&element=N**", timeout=30_000)
    chosen = page.locator(".st-key-note_plain_selected")
    wait_for("the chosen group", lambda: "18 atoms · with N" in chosen.inner_text())
    page.wait_for_selector(".st-key-curve_selected .js-plotly-plot", timeout=30_000)
    visitor.is_content()

    count = int(chosen.locator("a").inner_text().split()[0])
    chosen.locator("a").click()
    page.wait_for_url("**/outliers?**size=18**", timeout=30_000)
    drawn = page.locator('[data-ready="1"]')
    wait_for("the molecules in 3D", lambda: drawn.count() == min(count, 9))
    assert page.locator(".card .line").first.inner_text().count("18 atoms") == 1
    visitor.is_content()

    identifier = page.locator(".card").first.get_attribute("data-id")
    page.locator(".card").first.click()
    page.wait_for_url(f"**/outliers?**molecule={identifier}**", timeout=30_000)
    assert "size=18" in page.url and "element=N" in page.url
    visitor.is_content()


def test_a_second_click_clears_the_choice_and_chips_too(judged: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{judged}/errors?dataset=judged&size=18&element=N")
    page.wait_for_selector(f"{CELLS} .nsewdrag", timeout=30_000)
    visitor.is_done()
    bar = page.locator(".st-key-filterbar")
    assert "18 atoms" in bar.inner_text() and "with N" in bar.inner_text()
    click_cell(visitor, 18, "N")
    wait_for("the hint", lambda: "click a mark, cell, row or bar" in bar.inner_text())
    assert "size=" not in page.url
    visitor.is_content()
