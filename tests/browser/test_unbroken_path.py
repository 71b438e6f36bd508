"""From a wrong group to the wrong molecules to a run that weighs them more, without leaving the path, on shipped runs.

Every step keeps the selection, and its address opened anew shows the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from core.files import CHECKOUT
from tests.browser.conftest import Visitor, served, wait_for

SCHNET, PAINN = "20261121-074206-schnet-small-seed-1-4490", "20261121-075543-painn-small-seed-1-8e95"
CELLS = '[class*="st-key-errors_by_cell"] .js-plotly-plot'
MAP = '[class*="st-key-error_map"] .js-plotly-plot'


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an app with the shipped runs only; the worse of both models has been looked into by the command."""
    home = tmp_path_factory.mktemp("path") / "home"
    environment = {**os.environ, "MOLLENS_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "core", "look-inside"]
    subprocess.run([*command, SCHNET, "--json"], cwd=CHECKOUT, env=environment, check=True, capture_output=True)
    with served(Path(home)) as address:
        yield address


def asked(visitor: Visitor) -> dict[str, list[str]]:
    """The parameters of the address."""
    return parse_qs(visitor.page.evaluate("location.search").lstrip("?"))


def arrives(visitor: Visitor, place: str) -> dict[str, list[str]]:
    """Wait for another page, and for all that it has to say; the parameters of its address."""
    wait_for(f"the page {place}", lambda: visitor.page.evaluate("location.pathname") == f"/{place}")
    visitor.is_done()
    visitor.is_content()
    return asked(visitor)


def worst_cell(visitor: Visitor) -> tuple[list[float], str, str]:
    """Where the cell of the largest error among those that are filled is, its size and its element."""
    visitor.page.locator(CELLS).scroll_into_view_if_needed()
    x, y, size, element = visitor.page.evaluate(
        """(selector) => {
            const plot = document.querySelector(selector), layout = plot._fullLayout;
            const cells = plot._fullData.find((trace) => trace.type === "heatmap");
            let best = [-Infinity, 0, 0];
            cells.z.forEach((line, row) => [...line].forEach((value, column) => {
                if (value !== null && value > best[0]) best = [value, row, column];
            }));
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            const size = cells.x[best[2]], row = cells.y[best[1]];
            return [box.x + layout.xaxis.d2p(size), box.y + layout.yaxis.d2p(row), size, layout.yaxis.ticktext[row]];
        }""",
        CELLS,
    )
    return [x, y], str(size), element


def test_from_the_worst_cell_to_a_run_that_weighs_its_like_more(shipped: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{shipped}/errors?dataset=demo&models={SCHNET},{PAINN}")
    page.wait_for_selector(f"{CELLS} .nsewdrag", timeout=30_000)
    visitor.is_done()

    # the worst cell, and its curve over the epochs
    place, size, element = worst_cell(visitor)
    page.mouse.move(*place)
    page.mouse.click(*place)
    wait_for("the cell as filters", lambda: (asked(visitor).get("size"), asked(visitor).get("element")) != (None, None))
    group = {"size": [size], "element": [element]}
    assert {key: asked(visitor).get(key) for key in group} == group
    page.wait_for_selector(".st-key-curve_selected .js-plotly-plot", timeout=30_000)
    chosen = page.locator(".st-key-note_plain_selected")
    wait_for("the chosen group", lambda: f"{size} atoms · with {element}" in chosen.inner_text())
    visitor.is_done()

    # the verdict between the two models, of this group
    chosen.locator("a", has_text="Which is better there?").click()
    query = arrives(visitor, "compare")
    assert query["group"] == [f"size_element:{element} {size}"]
    assert page.locator(".cmp-sentence").inner_text()
    beside = page.locator(".st-key-note_plain_group")
    wait_for("the group in the comparison", lambda: element in beside.inner_text() and size in beside.inner_text())

    # its molecules, and the worst of them
    beside.locator("a", has_text="Show these molecules").click()
    query = arrives(visitor, "outliers")
    assert {key: query[key] for key in group} == group and query["run"] == [SCHNET]
    worst = page.locator(".card").first
    wait_for("the molecules", lambda: worst.count() == 1)
    molecule = worst.get_attribute("data-id")
    worst.click()
    wait_for("the molecule in the address", lambda: asked(visitor).get("molecule") == [molecule])
    near = page.locator(".st-key-card_neighbours")
    wait_for("its nearest training molecules", lambda: near.locator(".card").count() >= 5)
    visitor.is_done()
    assert {key: asked(visitor)[key] for key in group} == group
    visitor.is_content()

    # the same address, opened anew
    visitor.goes_to(page.evaluate("location.href"))
    wait_for("them again", lambda: page.locator(".st-key-card_neighbours .card").count() >= 5)
    assert f"id {molecule}" in page.locator(".st-key-card_help").inner_text()

    # a run that weighs what is like it more, filled in
    page.locator(".st-key-card_help a", has_text="New run, filled in").first.click()
    query = arrives(visitor, "new-run")
    assert query["set"] and query["from"] == [SCHNET]
    changes = page.locator(".st-key-newrun_changes")
    wait_for("the change", lambda: "with" in changes.inner_text() and "change" in changes.inner_text())


def test_a_point_and_a_region_of_the_map(shipped: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{shipped}/outliers?dataset=demo&run={SCHNET}")
    page.wait_for_selector(f"{MAP} .nsewdrag", timeout=30_000)
    visitor.is_done()
    page.locator(MAP).scroll_into_view_if_needed()
    x, y, molecule = page.evaluate(
        """(selector) => {
            const plot = document.querySelector(selector), layout = plot._fullLayout;
            const points = plot._fullData.find((trace) => trace.name === "judged"), last = points.x.length - 1;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            return [box.x + layout.xaxis.d2p(points.x[last]), box.y + layout.yaxis.d2p(points.y[last]),
                    points.customdata[last][0]];
        }""",
        MAP,
    )
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    wait_for("the worst molecule", lambda: asked(visitor).get("molecule") == [str(molecule)])
    wait_for("it on the map", lambda: page.locator(f"{MAP} .annotation").count() == 1)
    visitor.is_done()
    visitor.is_content()

    page.locator(MAP).scroll_into_view_if_needed()
    box = page.locator(f"{MAP} .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.98 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    wait_for("the region as a filter", lambda: "id" in asked(visitor))
    bar = page.locator(".st-key-filterbar")
    wait_for("its chip", lambda: "molecules by id" in bar.inner_text())
    told = page.locator(".st-key-card_map")
    wait_for("its error", lambda: "training molecules pass: mean absolute error" in told.inner_text())
    assert asked(visitor)["id"] != [""] and asked(visitor)["run"] == [SCHNET]
    visitor.is_content()
