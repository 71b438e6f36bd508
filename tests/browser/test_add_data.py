"""A visitor uploads a file, says what its columns are, imports it and lands on the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.data.store import delete_dataset, list_datasets, open_dataset
from core.data.uploads import uploads_folder
from core.tasks import list_tasks, remove_task
from tests.browser.conftest import Visitor, wait_for
from tests.pages.test_add_data import ENERGIES, EXTXYZ

NAME = "from-the-browser"


@pytest.fixture(autouse=True)
def as_before(small_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The home that all browser tests share, and is left as it was found."""
    monkeypatch.setenv("MOLLENS_HOME", str(small_home))
    before = {entry.name for entry in list_datasets()}
    yield
    for name in {entry.name for entry in list_datasets()} - before:
        delete_dataset(name)
    for task in list_tasks():
        remove_task(task)


def test_a_file_is_uploaded_mapped_imported_and_opened(app: str, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    mine = tmp_path / 'two "<img src=x onerror=window.harmed=1>.extxyz'
    mine.write_text(EXTXYZ)
    visitor.goes_to(f"{app}/add-data")
    page.get_by_text("Upload a file").first.click()
    page.wait_for_url("**way=upload**")
    page.locator('input[type="file"]').set_input_files(str(mine))
    page.wait_for_url("**upload=**")
    page.get_by_text("What are the columns?").wait_for()
    page.get_by_text("Still to say: the unit of the coordinates.").wait_for()

    page.get_by_role("button", name="Take the guesses").click()
    page.get_by_text("2 used, 1 left out").wait_for()
    visitor.is_done()
    page.get_by_role("textbox", name="Name").fill(NAME)
    page.keyboard.press("Enter")
    command = page.locator('[data-testid="stCode"]').first
    wait_for("the name in the command", lambda: f"--name {NAME}" in command.inner_text())
    visitor.is_done()
    page.reload()  # the upload is still chosen, the answers are asked again
    page.get_by_role("button", name="Take the guesses").click()
    page.get_by_text("2 used, 1 left out").wait_for()
    page.get_by_role("textbox", name="Name").fill(NAME)
    page.keyboard.press("Enter")
    wait_for("the name in the command", lambda: command.count() and f"--name {NAME}" in command.inner_text())
    visitor.is_done()
    page.get_by_role("button", name="Import", exact=True).click()

    link = page.get_by_role("link", name="Open the dataset")
    wait_for("the end of the import, without a reload", link.count, 120)
    wait_for("an empty folder of uploads", lambda: not list(uploads_folder().iterdir()))
    link.first.click()
    page.wait_for_url(f"**/dataset?**{NAME}**")
    page.get_by_role("heading", level=1).wait_for()
    visitor.is_done()
    dataset = open_dataset(NAME)
    assert dataset.molecules.columns["energy"].tolist() == list(ENERGIES)
    assert np.flatnonzero(dataset.molecules.atom_columns["forces"].ravel()).tolist() == [2, 4]
    assert page.evaluate("window.harmed") is None
    wait_for("the end of the index", lambda: not any(task.status.active for task in list_tasks()))
    visitor.is_content()


def test_two_tabs_see_one_task_and_only_one_may_have_the_name(app: str, small_home: Path, visitor: Visitor) -> None:
    incoming = small_home / "incoming"
    incoming.mkdir(exist_ok=True)
    (incoming / "two.extxyz").write_text(EXTXYZ)
    first, second = visitor.page, visitor.page.context.new_page()
    for page in (first, second):
        page.goto(f"{app}/add-data?way=server&file=two.extxyz")
        page.get_by_role("button", name="Take the guesses").click()
        page.get_by_text("2 used, 1 left out").wait_for()
        page.get_by_role("textbox", name="Name").fill("tabs")
        page.keyboard.press("Enter")
        command = page.locator('[data-testid="stCode"]').first
        wait_for("the name in the command", lambda command=command: "--name tabs" in command.inner_text())
    for page in (first, second):
        page.get_by_role("button", name="Import", exact=True).click()
    first.close()  # the work goes on

    def settled() -> bool:
        mine = [task for task in list_tasks() if task.kind == "import" and task.arguments.get("name") == "tabs"]
        return bool(mine) and not any(task.status.active for task in list_tasks())

    wait_for("the end of the imports", settled, 120)
    ended = [task.status for task in list_tasks() if task.arguments.get("name") == "tabs" and task.kind == "import"]
    assert [status.state for status in ended].count("finished") == 1
    assert all("tabs" in status.error for status in ended if status.state == "failed")
    assert open_dataset("tabs").molecules.n_molecules == 2
