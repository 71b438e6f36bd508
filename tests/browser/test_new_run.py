"""A visitor fills the form of a new run, goes back, meets weights that are refused and takes a way out."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.browser.conftest import Visitor, wait_for


def address(visitor: Visitor) -> dict[str, list[str]]:
    """Parameters of the address; asked of the page, for the tab's own copy lags behind while nobody asks."""
    return parse_qs(urlsplit(visitor.page.evaluate("location.href")).query)


def settings(visitor: Visitor) -> list[str]:
    """Changed fields as they stand in the address."""
    return address(visitor).get("set", [])


def beside(visitor: Visitor, field: str) -> str:
    """What stands beside the title of a field."""
    return str(
        visitor.page.evaluate(
            "(field) => getComputedStyle(document.querySelector(`.st-key-field_${field} label p`), '::after').content",
            field,
        )
    )


def test_typing_keeps_its_place_and_every_change_can_be_taken_back(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/new-run?dataset=small")
    batch = page.locator(".st-key-field_batch_size input")
    rate = page.locator(".st-key-field_learning_rate input")
    wait_for("the batch size of the recipe", lambda: batch.input_value() == "32")
    assert beside(visitor, "batch_size") == "none"
    batch.fill("64")
    rate.click()  # leaves the first field, which starts a rerun
    rate.press("Control+a")
    page.keyboard.type("0.00")
    wait_for("the change in the address", lambda: settings(visitor) == ["batch_size=64"])
    visitor.is_done()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Learning rate"
    assert rate.input_value() == "0.00" and beside(visitor, "batch_size") == '"changed"'
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    wait_for("both changes", lambda: settings(visitor) == ["batch_size=64", "learning_rate=0.003"])
    command = page.locator('[data-testid="stCode"]').first
    wait_for("both in the command", lambda: "--set batch_size=64 --set learning_rate=0.003" in command.inner_text())
    page.go_back()
    wait_for("the rate of the recipe", lambda: rate.input_value() == "0.004" and batch.input_value() == "64")
    page.go_back()
    wait_for("the batch size of the recipe", lambda: batch.input_value() == "32")
    for field, value in (("n_atom_basis", "16"), ("epochs", "3"), ("batch_size", "8")):  # faster than the page answers
        page.locator(f".st-key-field_{field} input").fill(value)
        page.keyboard.press("Enter")
    wanted = ["n_atom_basis=16", "epochs=3", "batch_size=8"]
    wait_for("all three changes", lambda: settings(visitor) == wanted)
    wait_for("all three in the command", lambda: all(f"--set {part}" in command.inner_text() for part in wanted))
    visitor.is_content()


def test_refused_weights_and_a_way_out(app: str, visitor: Visitor) -> None:
    page = visitor.page
    visitor.goes_to(f"{app}/new-run?dataset=small")
    thesis = page.locator(".head", has_text="From the thesis")
    wait_for("the sections of the list", thesis.count)
    recipe = page.locator('.recipe[data-id="thesis-size-frequency-weights"]')
    assert not recipe.is_visible()
    thesis.click()
    recipe.click()
    chosen = ["thesis-size-frequency-weights"]
    wait_for("the recipe in the address", lambda: address(visitor).get("recipe") == chosen)
    least = page.locator(".st-key-field_least_weight input")
    wait_for("the field of the least weight", least.count)
    least.fill("0")
    page.keyboard.press("Enter")
    start = page.get_by_role("button", name="Start the run")
    wait_for("the refusal", lambda: page.get_by_text("Nothing is clipped unless you say so").count())
    wait_for("no start", start.is_disabled)
    wait_for("the change in the address", lambda: settings(visitor) == ["least_weight=0"])
    wait_for("the curve with what is refused", lambda: page.locator(".st-key-fig_weight .js-plotly-plot").count())
    page.get_by_role("button", name="Clip to 0.1").click()
    wait_for("the start", start.is_enabled)
    wait_for("the recipe's own weight again", lambda: settings(visitor) == [] and least.input_value() == "0.1")
    visitor.is_content()
