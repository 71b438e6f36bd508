"""A visitor goes from the gallery to a molecule, looks at its atoms, and goes on to a training molecule near it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.data.store import open_dataset
from core.judge.held_out import held_out
from core.judge.inspect.outliers import ids_in_order
from tests.browser.conftest import Visitor, served, wait_for
from tests.conftest import save_some
from tests.fake_runs import fake_run
from tests.looked_into import look_into

READY = '[data-ready="1"]'


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[int]]]:
    """Address of the page for a run on 400 molecules whose network has been looked into, and the worst molecules."""
    folder = tmp_path_factory.mktemp("outliers") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder))
        dataset = save_some(open_dataset("demo"), "inspected", 400)
        random = np.random.default_rng(0)
        run = fake_run(dataset, random.normal(0, 0.02, 400), "first")
        look_into(run, dataset, random.normal(-10, 0.1, dataset.molecules.n_atoms))
        ids = ids_in_order(held_out(run, dataset)).tolist()
    with served(Path(folder)) as address:
        yield f"{address}/outliers?dataset=inspected&run={run.id}", ids


def test_from_the_gallery_to_a_molecule_and_its_neighbour(inspected: tuple[str, list[int]], visitor: Visitor) -> None:
    address, ids = inspected
    page, card = visitor.page, visitor.page.locator(".gallery .card")
    visitor.goes_to(address)
    wait_for("nine molecules in 3D", lambda: page.locator(f".gallery {READY}").count() == 9)
    assert [each.get_attribute("data-id") for each in card.all()] == [str(i) for i in ids[:9]]

    card.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**molecule={ids[1]}**", timeout=60_000)
    page.wait_for_selector(f".st-key-card_view {READY}", timeout=60_000)
    strip = page.locator(".gallery").first
    wait_for("the strip", lambda: strip.locator(".card.selected").get_attribute("data-id") == str(ids[1]))
    assert strip.locator(".line").count() == 0 and strip.locator(READY).count() == 9  # the drawings were kept

    page.locator('.st-key-kept_colour button:has-text("Contribution")').click()
    page.wait_for_url("**colour=contribution**", timeout=60_000)
    page.wait_for_selector(".st-key-card_view .mo-scale", timeout=60_000)
    labels = "h => (window.__mollens_viewers.get(h)?.labels ?? []).length"
    wait_for("three labels", lambda: page.locator(".st-key-card_view .view").evaluate(labels) == 3)
    visitor.is_content()

    near = page.locator(".st-key-card_neighbours .card")
    wait_for("five neighbours", lambda: page.locator(f".st-key-card_neighbours {READY}").count() == 5)
    identifier = near.first.get_attribute("data-id")
    near.first.scroll_into_view_if_needed()
    near.first.click()
    page.wait_for_url(f"**/molecules?**molecule={identifier}**", timeout=60_000)
    visitor.is_done()
    visitor.is_content()
