"""Open a page through app.py as a visitor does, and read what is on it."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from streamlit.testing.v1 import AppTest

from core.files import CHECKOUT


def open_page(page: str, /, **query: str) -> AppTest:
    """Show `page` (a path under pages/) with these parameters in its address; it may not raise."""
    app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=60).run().switch_page(f"pages/{page}")
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything that stands on the page in text elements, with plain blanks."""
    kinds = (app.title, app.subheader, app.caption, app.markdown, app.warning, app.error, app.info, app.code)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\N{NO-BREAK SPACE}", " ")


def facts(app: AppTest) -> dict[str, str]:
    """Label -> value with unit of every fact strip."""
    found = re.findall(r"<div><span>(.*?)</span><b>(.*?)</b></div>", "".join(e.proto.body for e in app.get("html")))
    return {unescape(label): re.sub(r"<.*?>", "", unescape(value)) for label, value in found}


def figures(app: AppTest) -> list[str]:
    """Keys of the figures and components on the page."""
    return [str(e.key) for kind in ("plotly_chart", "bidi_component") for e in app.get(kind) if e.key]


def component(app: AppTest, name: str) -> dict[str, Any]:
    """The data that a component of the page was given."""
    return next(json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name == name)


def table(app: AppTest) -> dict[str, Any]:
    """The data of the page's table of molecules."""
    return component(app, "mollens_table")


def column(app: AppTest, key: str) -> list[str | None]:
    """One column of the table of molecules."""
    place = 1 + [c["key"] for c in table(app)["columns"]].index(key)
    return [row[place] for row in table(app)["rows"]]
