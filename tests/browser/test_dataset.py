"""Every chart of the Dataset page is a filter: clicks and drags in a real browser; charts and address follow."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from core.data.store import open_dataset
from core.data.where import parse_where
from tests.browser.conftest import Visitor, wait_for


@pytest.fixture(scope="module")
def counts(small_home: Any) -> Any:
    """How many molecules of `small` pass some filters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(small_home))
        dataset = open_dataset("small")
    return lambda *where: len(parse_where(where, dataset).rows(dataset))


def place(visitor: Visitor, chart: str, x: float, y: float) -> tuple[float, float]:
    """Pixels of a point of a chart, given in units of its axes."""
    found = f'[class*="st-key-{chart}"] .js-plotly-plot'
    visitor.page.wait_for_selector(f"{found} .nsewdrag", timeout=60_000)
    visitor.page.locator(found).scroll_into_view_if_needed()
    box = visitor.page.locator(f"{found} .nsewdrag")
    seen: list[Any] = [None]
    wait_for("the chart standing still", lambda: seen.append(box.bounding_box()) or seen[-1] == seen[-2])
    return tuple(
        visitor.page.evaluate(
            """([selector, x, y]) => {
                const plot = document.querySelector(selector), layout = plot._fullLayout;
                const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
                return [box.x + layout.xaxis.d2p(x), box.y + layout.yaxis.d2p(y)];
            }""",
            [found, x, y],
        )
    )


def click(visitor: Visitor, chart: str, x: float, y: float) -> None:
    """Click a point of a chart."""
    visitor.page.mouse.move(*place(visitor, chart, x, y))
    visitor.page.mouse.click(*place(visitor, chart, x, y))


def drag(visitor: Visitor, chart: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over a part of a chart."""
    first, last = place(visitor, chart, *start), place(visitor, chart, *end)
    visitor.page.mouse.move(*first)
    visitor.page.mouse.down()
    for share in np.linspace(0, 1, 12):
        visitor.page.mouse.move(*(a + share * (b - a) for a, b in zip(first, last, strict=True)))
    visitor.page.mouse.up()


def query(visitor: Visitor) -> dict[str, str]:
    """Parameters of the address."""
    return {key: values[0] for key, values in parse_qs(urlparse(visitor.page.url).query).items()}


def _soon(visitor: Visitor, key: str) -> bool:
    """Whether the address names a range of this property within a few seconds."""
    for _ in range(20):
        if f"{key}:" in query(visitor).get("range", ""):
            return True
        visitor.page.wait_for_timeout(200)
    return False


def told(visitor: Visitor, n: int) -> None:
    """Wait until the page says that `n` molecules pass."""
    wait_for(f"{n} of 150 molecules", visitor.page.get_by_text(f"{n} of 150 molecules").count)
    visitor.is_done()


def test_clicks_and_drags_on_sizes_elements_and_cells_are_filters(app: str, visitor: Visitor, counts: Any) -> None:
    visitor.goes_to(f"{app}/dataset?dataset=small")
    click(visitor, "fig_sizes", 17, 1)
    told(visitor, counts("size=17"))
    assert query(visitor)["size"] == "17"
    click(visitor, "fig_sizes", 17, 1)  # again: the filter is taken away
    visitor.page.get_by_text("All 150 molecules").wait_for()
    visitor.is_done()
    drag(visitor, "fig_sizes", (14.6, 1), (18.4, 1))
    told(visitor, counts("size=15-18"))
    assert query(visitor)["size"] == "15-18"
    click(visitor, "fig_elements", 5, 1)  # the second rarest of H, C, N, O, F: N
    told(visitor, counts("size=15-18", "element=N"))
    assert query(visitor)["element"] == "N"
    click(visitor, "fig_cells", 16, 3)  # O
    told(visitor, counts("size=16", "element=O"))
    assert (query(visitor)["size"], query(visitor)["element"]) == ("16", "O")
    visitor.page.locator('[class*="st-key-chip_"] button').first.click()
    told(visitor, counts("element=O"))
    visitor.is_content()


def test_back_undoes_one_filter_after_the_other(app: str, visitor: Visitor, counts: Any) -> None:
    visitor.goes_to(f"{app}/dataset?dataset=small")
    click(visitor, "fig_elements", 5, 1)
    told(visitor, counts("element=N"))
    click(visitor, "fig_sizes", 17, 1)
    told(visitor, counts("element=N", "size=17"))
    visitor.page.go_back()
    told(visitor, counts("element=N"))
    assert "size" not in query(visitor) and query(visitor)["element"] == "N"
    visitor.page.go_back()
    wait_for("no filter", visitor.page.get_by_text("All 150 molecules").count)
    assert "element" not in query(visitor)


def test_a_range_of_values_and_a_region_of_two_are_filters(app: str, visitor: Visitor, counts: Any) -> None:
    visitor.goes_to(f"{app}/dataset?dataset=small&view=properties&property=gap&x=energy&y=gap")
    drag(visitor, "fig_distribution", (8.2, 1), (20.8, 1))
    visitor.page.wait_for_url("**range=gap**")
    visitor.is_done()
    key, low, high = query(visitor)["range"].split(":")
    assert key == "gap" and float(low) < float(high)
    n = counts(f"range={query(visitor)['range']}")
    assert 0 < n < 150
    told(visitor, n)
    # a chart gets a new key with a new filter; under load the old one may still take the drag and be gone with it
    wait_for(
        "a range of both",
        lambda: drag(visitor, "fig_density", (2.2, 2.2), (30.8, 30.8)) or _soon(visitor, "energy"),
        every=1.0,
    )
    visitor.is_done()
    both = query(visitor)["range"]
    assert {part.split(":")[0] for part in both.split(",")} == {"gap", "energy"}
    told(visitor, counts(f"range={both}"))
    visitor.is_content()


def test_an_address_with_filters_opens_as_it_was_and_leads_to_the_molecules(
    app: str, visitor: Visitor, counts: Any
) -> None:
    n = counts("element=O", "size=15-18")
    visitor.goes_to(f"{app}/dataset?dataset=small&element=O&size=15-18")
    told(visitor, n)
    visitor.page.get_by_text("Sort them, see them in 3D").click()
    visitor.page.wait_for_url("**/molecules?**element=O**")
    told(visitor, n)
    visitor.page.get_by_role("link", name="Dataset").click()
    visitor.page.wait_for_url("**/dataset**")
    told(visitor, n)
    assert (query(visitor)["element"], query(visitor)["size"]) == ("O", "15-18")
    visitor.is_content()


def test_the_form_finds_a_substructure(app: str, visitor: Visitor, counts: Any) -> None:
    n = counts("substructure=C=O")
    assert 0 < n < 150
    visitor.goes_to(f"{app}/dataset?dataset=small")
    visitor.page.locator('[class*="st-key-filter_form"] button').first.click()
    visitor.page.get_by_role("textbox", name="Substructure").fill("C=O")
    visitor.page.get_by_role("button", name="Apply").click()
    visitor.page.wait_for_url("**substructure=**")
    told(visitor, n)
    visitor.is_content()


def test_the_export_of_a_selection_can_be_downloaded(app: str, visitor: Visitor, counts: Any) -> None:
    visitor.goes_to(f"{app}/dataset?dataset=small&element=O&size=15-18")
    visitor.page.locator(".st-key-export button").first.click()
    visitor.page.get_by_role("button", name="Make the file").click()
    button = visitor.page.locator(".st-key-export_download button")
    button.wait_for(timeout=60_000)
    with visitor.page.expect_download(timeout=60_000) as loading:
        button.click()
    assert loading.value.suggested_filename == "small-selection.extxyz"
    text = loading.value.path().read_text()
    assert text.count("Properties=") == counts("element=O", "size=15-18")
    assert visitor.complaints == []
