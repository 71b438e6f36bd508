"""The tool of a card that saves its figure as SVG or PNG, drawn by the reader's browser as it stands on the page.

The picture has the ground of the reader's page: white, or dark where the page is dark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.figures.theme import colours
from core.files import CHECKOUT
from pages.common.appearance import dark

PICTURE_CONFIG: dict[str, object] = {"displayModeBar": True, "modeBarButtons": [["toImage"]], "displayNotifier": False}
"""What a figure needs to be saved: plotly's own button, which the stylesheet of the house hides."""

_BROWSER = Path(__file__).parent / "browser"
_FONT = "inter.woff2"
_picture = st.components.v2.component(
    "mollens_picture",
    html="""<div class="picture"><button type="button" data-format="svg" title="Vector graphic">SVG</button>
<button type="button" data-format="png" data-scale="2" title="Two dots for one of the screen">PNG 2×</button>
<button type="button" data-format="png" data-scale="3" title="Three dots for one of the screen">PNG 3×</button>
<span class="said" aria-live="polite"></span></div>""",
    css=(_BROWSER / "picture.css").read_text(),
    js=(_BROWSER / "picture.js").read_text(),
)


def picture_button(charts: str | Mapping[str, str], key: str, title: str = "", description: str = "") -> None:
    """A button with the ways to save figures of this page; several become one picture, placed as they stand.

    Args:
        charts: key of a plotly chart, or of a container (a card) with some; or keys, each with the title above its
            figure (plain text, empty for none).
        key: unique on the page; also the name of the file.
        title, description: kept inside an SVG.
    """
    places = {charts: ""} if isinstance(charts, str) else charts
    c = colours(dark())
    with st.popover("", type="tertiary", key=f"image_{key}", icon=":material/image:", help="The figure as a picture"):
        _picture(
            data={
                "charts": [{"key": _css_name(chart), "title": _printable(text)} for chart, text in places.items()],
                "name": key,
                "title": _printable(title),
                "description": _printable(description),
                "font": _font(),
                "colours": {"page": c.page, "line": c.line, "ink": c.ink, "muted": c.muted, "hover": c.hover},
            },
            key=f"picture_{key}",
        )


def _css_name(key: str) -> str:
    """What Streamlit makes of a key in the name of a class."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


def _printable(text: str) -> str:
    """The text without what may not stand in XML."""
    return "".join(character if character.isprintable() else " " for character in text)


def _font() -> str:
    """Address of the font file, empty where it has not been fetched."""
    prefix = (st.get_option("server.baseUrlPath") or "").strip("/")
    local = f"/{prefix}/app/static/{_FONT}" if prefix else f"/app/static/{_FONT}"
    return local if (CHECKOUT / "static" / _FONT).exists() else ""
