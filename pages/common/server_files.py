"""Files on the server that a page may read: how they are named, and the one that was asked for."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.data.uploads import resolve_inside
from core.errors import MollensError
from core.files import home
from pages.common.appearance import plain


def short(path: Path) -> str:
    """A path without the part that every path here has in common."""
    for folder, name in ((home(), "MOLLENS_HOME"), (Path.home(), "~")):
        if path.is_relative_to(folder):
            return str(Path(name) / path.relative_to(folder))
    return str(path)


def allowed_path(wanted: str) -> Path | None:
    """The file or folder that was picked or typed; None, and a sentence on the page, where it may not be read."""
    try:
        return resolve_inside(wanted)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return None
