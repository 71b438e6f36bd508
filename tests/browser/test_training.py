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


def last_x(visitor: Visitor, figure: str, trace: int) -> float:
    """Where one trace of a figure ends; 0 while there is none. Its count of points is halved now and then."""
    return float(
        visitor.page.evaluate(
            "([key, k]) => document.querySelector(`.st-key-${key} .js-plotly-plot`)?.calcdata?.[k]?.at(-1)?.x ?? 0",
            [figure, trace],
        )
    )


def x_range(visitor: Visitor, figure: str) -> list[float]:
    """The part of the x axis that a figure shows."""
    found = visitor.page.evaluate(
        "key => document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout.xaxis.range", figure
    )
    return [float(end) for end in found]


def zoom_in(visitor: Visitor, figure: str) -> list[float]:
    """Drag over the middle of a figure, too quickly for a drawing to come between; gives the part of x shown then."""
    visitor.page.evaluate(
        """key => {
          const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`), drag = plot.querySelector(".nsewdrag");
          const { x, y } = plot.getBoundingClientRect(), { l, t, w, h } = plot._fullLayout._size;
          const at = share => ({
            bubbles: true, cancelable: true, button: 0, buttons: 1,
            clientX: x + l + share * w, clientY: y + t + h / 2,
          });
          drag.dispatchEvent(new MouseEvent("mousedown", at(0.25)));
          for (const share of [0.4, 0.6, 0.75]) document.dispatchEvent(new MouseEvent("mousemove", at(share)));
          document.dispatchEvent(new MouseEvent("mouseup", at(0.75)));
        }""",
        figure,
    )
    wait_for("the zoom", lambda: x_range(visitor, figure)[0] > 0, 20)  # the whole axis begins a little before 0
    return x_range(visitor, figure)


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

    seen = wait_for("the first points of the loss", lambda: last_x(visitor, "fig_loss", 2), 120)
    wait_for("more points of the loss", lambda: last_x(visitor, "fig_loss", 2) > seen)
    wait_for("the validation curve", lambda: points(visitor, "fig_validation", 0) >= 2)
    wait_for("the end of the run", lambda: "finished" in page.locator("h3").first.inner_text(), 240)
    wait_for("all epochs", lambda: points(visitor, "fig_validation", 0) == 150)
    page.get_by_role("radio", name="Last ½").or_(page.get_by_role("button", name="Last ½")).first.click()
    wait_for("the last half", lambda: points(visitor, "fig_validation", 0) == 76)
    zoom_in(visitor, "fig_validation")

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

    page.locator('[class*="st-key-command_more"] button').first.click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    wait_for("the run that was brought back", lambda: MARKUP in page.locator("h3").first.inner_text())
    wait_for("its curves", lambda: points(visitor, "fig_validation", 0) == 150)
    assert [run.id for run in list_runs() if not run.shipped].count(run.id) == 1
    assert page.evaluate("window.harmed") is None
    visitor.is_content()
