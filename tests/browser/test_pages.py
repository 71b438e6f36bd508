"""Every page by its address, from the first request on, in both appearances and in a narrow window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Visitor, served

PAGES = {
    "": "Mollens",
    "dataset": "Demo: small organic molecules at GFN2-xTB",
    "molecules": "Molecules",
    "new-run": "New run",
    "runs": "Runs",
    "errors": "Where are the models wrong?",
    "compare": "Which model is better, and where?",
    "outliers": "Which molecules are predicted worst, and why?",
}


@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_every_page_has_an_address(app: str, visitor: Visitor, path: str, title: str) -> None:
    visitor.goes_to(f"{app}/{path}")
    assert visitor.page.locator("h1").first.inner_text() == title
    visitor.is_content()


def test_the_first_request_of_a_new_server_may_be_a_deep_link(tmp_path: Path, visitor: Visitor) -> None:
    with served(tmp_path / "home") as address:
        visitor.goes_to(f"{address}/runs")
        assert visitor.page.locator("h1").first.inner_text() == "Runs"
        links = visitor.page.locator('[data-testid="stSidebarNavLink"]').all_inner_texts()
        assert [text.strip().splitlines()[-1] for text in links] == [
            "Mollens", "Dataset", "Molecules", "Splits", "Add data", "New run", "Runs", "Load a model", "Errors",
            "Compare", "Outliers", "Predict",
        ]  # fmt: skip
        visitor.is_content()


@pytest.mark.parametrize("path", ["dataset", "new-run"])
def test_nothing_is_wider_than_a_narrow_window_in_the_dark(app: str, browser: Any, path: str) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 1000}, color_scheme="dark")
    visitor = Visitor(context.new_page())
    visitor.goes_to(f"{app}/{path}")
    widest = "document.querySelector('.stMain').scrollWidth - document.querySelector('.stMain').clientWidth"
    assert visitor.page.evaluate(widest) <= 0
    ground = visitor.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert ground == "rgb(15, 20, 32)"
    visitor.is_content()
    context.close()
