"""A visitor looks at what a model says about molecules of one's own, and goes on to a training molecule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.own_molecules import answer_token, save_text, write_answer
from core.data.store import open_dataset
from core.data.uploads import upload_key
from pages.judge.predict_parts.asking import EXAMPLE
from tests.browser.conftest import Visitor, served, wait_for
from tests.conftest import save_some
from tests.core.judge.known_run import ask, known_run


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an answer about two molecules."""
    folder = tmp_path_factory.mktemp("predict") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLLENS_HOME", str(folder))
        dataset = save_some(open_dataset("demo"), "asked", 600)
        known = known_run(dataset)
        content, molecules = ask(known, dataset, [[17.0, 0.1], [17.0, 30.0]], [1.5] * 16, [2.0] * 4)
        upload = str(upload_key(save_text(EXAMPLE)))
        write_answer(
            answer_token(known[0].id, upload, "Angstrom", "00"),
            content | {"file": "pasted.xyz", "lengths": "Angstrom", "notes": []}, molecules,
        )  # fmt: skip
    with served(Path(folder)) as address:
        yield f"{address}/predict?dataset=asked&run={known[0].id}&upload={upload}"


def test_from_an_answer_to_a_training_molecule(answered: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(answered)
    page.wait_for_selector('.st-key-card_own .view[data-ready="1"][data-atoms="17"]', timeout=60_000)
    page.wait_for_selector(".st-key-own_distance .js-plotly-plot", timeout=60_000)
    page.locator(".st-key-card_answer tbody tr").nth(1).click()
    page.wait_for_url("**molecule=2**", timeout=60_000)
    trust = page.locator(".st-key-card_trust")
    wait_for("the second molecule", lambda: "seen nothing like it" in trust.inner_text())
    page.wait_for_selector('.st-key-card_own .view[data-ready="1"][data-atoms="5"]', timeout=60_000)
    first = page.locator('.st-key-card_own_nearest [role="option"]').first
    first.scroll_into_view_if_needed()
    nearest = first.get_attribute("data-id")
    first.click()
    page.wait_for_url("**/molecules?**molecule=**", timeout=60_000)
    visitor.is_done()
    assert nearest is not None and f"molecule={nearest}" in page.url
    visitor.is_content()
