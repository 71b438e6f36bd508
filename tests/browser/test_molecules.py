"""Molecules are really drawn, and where they cannot be the page says so."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from tests.browser.conftest import Visitor, wait_for


def test_a_molecule_is_drawn_and_its_atoms_can_be_clicked(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/molecules?dataset=small")
    view = page.locator('.view[data-ready="1"]')
    wait_for("the drawn molecule", view.count)
    assert view.get_attribute("data-atoms") == "3"
    box = view.bounding_box()
    ground = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    middle = ground.crop((int(box["x"]), int(box["y"]), int(box["x"] + box["width"]), int(box["y"] + box["height"])))
    assert len(middle.getcolors(1 << 24)) > 100
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_for("the clicked atom in words", lambda: page.get_by_text("Atom ").filter(has_text="Å").count())
    visitor.is_content()


def test_a_clicked_bar_leads_to_its_molecules(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/dataset?dataset=small")
    page.wait_for_selector(".st-key-fig_elements .bars .point")
    page.locator(".st-key-fig_elements .bars .point").first.click(force=True)
    page.wait_for_url("**/molecules?**element=F**")
    visitor.is_done()
    assert page.locator("h3").first.inner_text().endswith("molecules")
    visitor.is_content()


def test_without_the_script_a_sentence_stands_in_the_view(app: str, visitor: Visitor) -> None:
    visitor.page.route("**/3Dmol*", lambda route: route.abort())
    visitor.page.route("**/3dmol*", lambda route: route.abort())
    visitor.goes_to(f"{app}/molecules?dataset=small")
    said = visitor.page.get_by_text("3Dmol.js could not be loaded")
    said.wait_for(timeout=30_000)
    assert said.is_visible() and visitor.page.locator('[data-ready="1"]').count() == 0


def test_without_webgl_a_sentence_stands_in_the_view(app: str, chromium: Any) -> None:
    browser = chromium("--disable-3d-apis")
    visitor = Visitor(browser.new_page())
    visitor.goes_to(f"{app}/molecules?dataset=small")
    said = visitor.page.get_by_text("WebGL switched off")
    said.wait_for(timeout=30_000)
    assert said.is_visible() and visitor.page.locator('[data-ready="1"]').count() == 0
    browser.close()
