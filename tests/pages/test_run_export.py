"""Giving a run back from the Runs page: refusals, the task that is started, and the download."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.folder import open_run
from core.runs.giving_back import export_file
from core.tasks import new_task
from core.tasks.folder import TaskStatus, write_status
from tests.pages.reading import words

SCHNET, COMPOSITION = "20261121-074206-schnet-small-seed-1-4490", "20261121-074206-composition-8edd"


def page(run_id: str) -> None:
    from core.runs.folder import open_run
    from pages.train.parts.run_export import export_popover

    export_popover(open_run(run_id))


def show(run_id: str) -> AppTest:
    app = AppTest.from_function(page, args=(run_id,), default_timeout=60).run()
    assert not app.exception
    return app


def test_a_run_without_a_network_says_why() -> None:
    app = show(COMPOSITION)
    assert "a linear fit in composition without a network" in words(app) and not app.button


def test_a_task_makes_the_file_that_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "pages.train.parts.run_export.start_task", lambda kind, title, arguments: asked.append((kind, arguments))
    )
    app = show(SCHNET)
    assert "Not for relaxation or dynamics" in words(app) and f"core export {SCHNET} --to" in words(app)
    app.radio[0].set_value("folder").run()
    assert "--as folder" in words(app)
    app.button[0].click().run()
    assert asked == [("export", {"run": SCHNET, "as": "folder"})]

    made = export_file(open_run(SCHNET), "both")
    made.parent.mkdir(parents=True)
    made.write_bytes(b"x" * 1_500_000)
    task = new_task("export", "Export", {"run": SCHNET, "as": "both"})
    write_status(task.path, TaskStatus("finished", result={"notes": ["split.npz is left out: <b>"]}))
    app = show(SCHNET)
    assert [b.label for b in app.get("download_button")] == ["Download 1.5 MB"] and "left out: \\<b\\>" in words(app)
    write_status(task.path, TaskStatus("failed", error="no space left on the disk"))
    assert "no space left on the disk" in words(show(SCHNET))
