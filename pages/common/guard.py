"""Faults on a page: a sentence with a way on, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import MollensError
from pages.common.appearance import plain
from pages.common.furniture import style


@contextmanager
def guard(way_on: str = "pages/start/welcome.py", label: str = "To the start") -> Iterator[None]:
    """Show a MollensError or a fault of the disk raised in the block as a sentence, with a link to another page."""
    try:
        yield
    except (MollensError, OSError) as error:
        style()
        st.error(plain(error), icon=":material/error:")
        st.page_link(way_on, label=label, icon=":material/arrow_forward:")
