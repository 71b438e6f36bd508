"""A visitor uploads the zip of a SchNetPack run, sees what it is, loads it and looks at its errors."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.uploads import uploads_folder
from core.runs.folder import list_runs
from core.tasks import list_tasks, remove_task
from models.schnetpack_compat import Atomwise
from tests.browser.conftest import Visitor, wait_for
from tests.models.foreign_models import foreign_model, saved

NAME = "from elsewhere"


@pytest.fixture(autouse=True)
def as_before(small_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The home that all browser tests share, and is left as it was found."""
    monkeypatch.setenv("MOLLENS_HOME", str(small_home))
    before = {run.id for run in list_runs()}
    yield
    for run in list_runs():
        if run.id not in before:
            shutil.rmtree(run.path)
    for task in list_tasks():
        remove_task(task)


def test_a_zip_is_looked_into_loaded_and_judged(app: str, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    model = foreign_model(output=Atomwise(n_in=16, output_key="energy"), postprocessors=[])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.write(saved(tmp_path / "best_model", model), "abc/best_model")
        packed.writestr("abc/config.yaml", "data:\n  property_units: {energy: eV}\n")
    mine = tmp_path / 'run "<img src=x onerror=window.harmed=1>.zip'
    mine.write_bytes(content.getvalue())
    visitor.goes_to(f"{app}/load-model")
    page.locator('input[type="file"]').set_input_files(str(mine))
    page.get_by_role("button", name="Look into it").click()
    page.wait_for_url("**looked=**")
    page.get_by_text("in eV, sum over atoms").wait_for(timeout=120_000)
    page.get_by_text("No split.npz: nobody knows").wait_for()
    page.get_by_label("Dataset").click()
    page.get_by_role("option", name="small").click()
    visitor.is_done()
    page.get_by_text("It has learned: Total energy, GFN2-xTB").click()
    visitor.is_done()
    page.get_by_role("textbox", name="Name of the run").fill(NAME)
    page.keyboard.press("Enter")
    page.get_by_text(f"--name '{NAME}' --dataset small").wait_for()
    visitor.is_done()
    page.get_by_role("button", name="Load and judge").click()
    link = page.locator('[data-testid="stMain"]').get_by_role("link", name="Errors")
    wait_for("the end of the loading, without a reload", link.count, 180)
    wait_for("an empty folder of uploads", lambda: not list(uploads_folder().iterdir()))
    link.first.click()
    page.wait_for_url("**/errors?**")
    page.get_by_text("it is not known which molecules it was trained on").first.wait_for(timeout=60_000)
    assert page.evaluate("window.harmed") is None
    visitor.is_content()
