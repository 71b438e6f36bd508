"""The Splits page in a browser: a new split is seen, saved and trained on, in both widths and appearances."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Visitor

WIDEST = "document.querySelector('.stMain').scrollWidth - document.querySelector('.stMain').clientWidth"


def test_a_split_is_made_and_leads_to_a_run(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/splits?dataset=small")
    page.get_by_role("button", name="New split").click()
    page.wait_for_selector(".st-key-card_split_form")
    visitor.is_done()
    visitor.goes_to(f"{app}/splits?dataset=small&new=leave_out_sizes")
    page.get_by_role("textbox", name="Tested sizes").fill("20-29")
    page.get_by_role("textbox", name="Tested sizes").press("Enter")
    page.wait_for_selector(".st-key-fig_split_sizes .js-plotly-plot")
    page.get_by_role("textbox", name="Name", exact=True).fill("large")
    page.get_by_role("textbox", name="Name", exact=True).press("Enter")
    page.get_by_role("button", name="Save the split").click()
    page.wait_for_selector("text=Saved as large.")
    visitor.is_done()
    assert "split=large" in page.url and "new=" not in page.url
    assert "Tested but never trained: 20" in page.inner_text(".stMain")
    page.get_by_role("link", name="Train on this split").click()
    page.wait_for_selector("h1:has-text('New run')")
    visitor.is_done()
    assert "--split large" in page.inner_text(".stMain")
    visitor.is_content()


@pytest.mark.parametrize("query", ["", "&new=stratified"])
def test_nothing_is_wider_than_a_narrow_window(app: str, browser: Any, query: str) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 1000}, color_scheme="dark")
    visitor = Visitor(context.new_page())
    visitor.goes_to(f"{app}/splits?dataset=small{query}")
    visitor.page.wait_for_selector(".st-key-fig_split_sizes .js-plotly-plot")
    assert visitor.page.evaluate(WIDEST) <= 0
    visitor.is_content()
    context.close()
