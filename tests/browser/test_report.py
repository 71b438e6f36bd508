"""A report is opened from the disk, without network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.figures.html_report import report_html
from core.judge.comparing.compare import compare_runs
from core.judge.reporting.report_content import gather
from tests.browser.conftest import Visitor
from tests.core.judge.judged_runs import half_tested, noise, seeded


def test_a_report_opens_anywhere(browser: Any, tmp_path: Path) -> None:
    dataset = half_tested("reported", 1200)
    a = seeded(dataset, noise(dataset, 1), 1, "<img src=x onerror=alert(1)>")
    b = seeded(dataset, 0.3 * noise(dataset, 2), 2, "b")
    path = tmp_path / "report.html"
    path.write_text(report_html(gather(compare_runs(a, b, dataset))))
    context = browser.new_context(viewport={"width": 1000, "height": 900}, offline=True)
    try:
        visitor = Visitor(context.new_page())
        page, asked = visitor.page, []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        places = page.locator(".plot")
        page.wait_for_function("document.querySelectorAll('.plot .main-svg .xtick').length > 20")
        assert places.count() == page.locator(".plot.js-plotly-plot").count() >= 7
        words = set(page.locator(".plot").first.locator("svg text").all_text_contents())
        assert any("B better" in text for text in words) and any("atoms in the molecule" in text for text in words)
        boxes = [places.nth(k).bounding_box() for k in range(places.count())]
        assert all(box["width"] > 200 and box["x"] + box["width"] <= 1000 for box in boxes)
        assert page.evaluate("document.body.scrollWidth") <= 1000
        assert (
            page.locator("body img").count() == 0
            and page.locator("h1").inner_text() == "Which model is better, and where?"
        )
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert visitor.complaints == []
    finally:
        context.close()
