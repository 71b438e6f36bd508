"""What stands in the form of a new run."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from core.data.splits import open_split
from core.data.store import Dataset
from core.runs.folder import Run
from tests.pages.reading import open_page

PAGE = "train/new_run.py"


def labels(app: AppTest) -> set[str]:
    kinds = (app.number_input, app.text_input, app.selectbox, app.toggle)
    return {element.label for kind in kinds for element in kind}


def settings(app: AppTest) -> list[str]:
    found: Any = app.query_params.get("set", [])
    return [found] if isinstance(found, str) else list(found)


def start_button(app: AppTest) -> Any:
    return next(button for button in app.button if str(button.key).startswith("start_run"))


def open_clone(run: Run) -> AppTest:
    """The page as a link from the run leads to it: nothing else stands in the address."""
    app = open_page(PAGE)
    app.query_params.clear()
    app.query_params["from"] = run.id
    app.run()
    assert not app.exception
    return app


def trained_sizes(dataset: Dataset) -> Any:
    molecules = dataset.molecules
    return molecules.sizes[molecules.rows_of(open_split(dataset, "default").train)]


def told_lines(app: AppTest) -> list[str]:
    return [element.value.replace("\\", "") for kind in (app.warning, app.error) for element in kind]
