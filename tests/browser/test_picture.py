"""A visitor saves a figure as SVG and as PNG."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.browser.conftest import Visitor

CHART = ".st-key-card_cells .js-plotly-plot"


def saved(visitor: Visitor, button: str) -> Path:
    with visitor.page.expect_download(timeout=60_000) as download:
        visitor.page.get_by_role("button", name=button, exact=True).click()
    name = str(download.value.suggested_filename)
    assert name.split(".")[0] == "size_and_element"
    return Path(download.value.path())


def test_a_figure_is_saved_as_it_stands(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/dataset?dataset=small")
    page.wait_for_selector(f"{CHART} .xtick", timeout=30_000)
    visitor.is_done()
    shown = page.locator(CHART).bounding_box()
    page.locator(".st-key-image_size_and_element button").first.click()

    text = saved(visitor, "SVG").read_text()
    assert text.startswith("<svg")
    picture = ElementTree.fromstring(text)
    words = {node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"atoms in the molecule", "H", "C"} <= words
    assert float(picture.get("width", "0")) == round(shown["width"])
    assert picture.findtext("{http://www.w3.org/2000/svg}desc") == "python -m core describe small --json"

    png = saved(visitor, "PNG 2×").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (2 * round(shown["width"]), 2 * round(shown["height"]))
    page.keyboard.press("Escape")
    page.wait_for_selector('[role="dialog"]', state="detached")
    visitor.is_content()
