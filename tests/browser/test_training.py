"""A visitor starts a run, watches it learn, and looks at the molecules that it predicts worst."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from core.runs.folder import list_runs, rename_run
from tests.browser.conftest import Visitor, wait_for

MARKUP = 'a <img src=x onerror="window.harmed=1"> b'


def points(visitor: Visitor, figure: str, trace: int) -> int:
    """Points of one trace of a figure on the page; 0 while there is none."""
    return int(
        visitor.page.evaluate(
            "([key, k]) => document.querySelector(`.st-key-${key} .js-plotly-plot`)?.calcdata?.[k]?.length ?? 0",
            [figure, trace],
        )
    )


def test_a_run_is_started_watched_and_judged(
    app: str, small_home: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/new-run?dataset=small")
    command = page.locator('[data-testid="stCode"]').first
    for field, value in (("Features", "16"), ("Epochs", "150"), ("Batch size", "8")):
        page.locator(f'[data-testid="stNumberInput"] input[aria-label^="{field}"]').fill(value)
        page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Name").fill("browser run")
    page.keyboard.press("Enter")
    wanted = ("--set n_atom_basis=16", "--set epochs=150", "--set batch_size=8", "--name 'browser run'")
    wait_for("the changes in the command", lambda: all(part in command.inner_text() for part in wanted))
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url("**/runs?run=*")

    seen = wait_for("the first points of the loss", lambda: points(visitor, "fig_loss", 2), 120)
    wait_for("more points of the loss", lambda: points(visitor, "fig_loss", 2) > seen)
    wait_for("the validation curve", lambda: points(visitor, "fig_validation", 0) >= 2)
    wait_for("the end of the run", lambda: "finished" in page.locator("h3").first.inner_text(), 240)
    wait_for("all epochs", lambda: points(visitor, "fig_validation", 0) == 150)

    page.get_by_role("link", name="Outliers").last.click()
    page.wait_for_url("**/outliers**")
    drawn = page.locator('.view[data-ready="1"]')
    wait_for("nine drawn molecules", lambda: drawn.count() >= 9)
    atoms = [int(drawn.nth(k).get_attribute("data-atoms")) for k in range(drawn.count())]
    assert min(atoms) >= 3
    picture = Image.open(io.BytesIO(drawn.last.screenshot())).convert("RGB")
    assert len(picture.getcolors(1 << 24)) > 100  # balls with light and shade, not an empty ground

    monkeypatch.setenv("MOLLENS_HOME", str(small_home))
    run = next(run for run in list_runs() if not run.shipped and run.name == "browser run")
    rename_run(run, MARKUP)
    visitor.goes_to(f"{app}/runs?run={run.id}")
    assert page.locator(".row.selected .title").inner_text() == MARKUP
    assert MARKUP in page.locator("h3").first.inner_text()
    assert page.evaluate("window.harmed") is None
    visitor.is_content()
