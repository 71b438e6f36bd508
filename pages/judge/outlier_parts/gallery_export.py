"""Export of the list of molecules: CSV, extended xyz, or one HTML page in 3D that opens anywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from core.figures.html_gallery import MOST, gallery_html
from core.figures.numbers import number
from core.judge.inspect.gallery import export_gallery
from core.judge.inspect.outliers import OutlierPage
from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.gallery_order import PER_PAGE, Listing
from pages.judge.outlier_parts.gallery_summary import list_command

FORMATS = {
    "csv": ("CSV", ":material/table_view:", "text/csv", "a row for each molecule, with all its values"),
    "extxyz": ("Extended xyz", ":material/deployed_code:", "chemical/x-xyz", "geometries, with the errors beside them"),
    "html": ("HTML page", ":material/language:", "text/html", "in 3D, opens anywhere without a network"),
}
AMOUNTS = {"page": "This page", "hundred": "First 100", "all": "All"}
_MOST_ALL = 10_000


def export_list(asked: Asked, listing: Listing, page: OutlierPage) -> None:
    """A button that opens the ways to take the list away."""
    with st.popover("Export", icon=":material/download:", key="export_outliers"):
        amount = st.segmented_control(
            "Which of them", list(AMOUNTS), format_func=AMOUNTS.__getitem__, default="page", required=True,
            key="export_amount",
        )  # fmt: skip
        offset = int(page.table["rank"][0]) - 1 if amount == "page" and len(page.table) else 0
        most = {"page": PER_PAGE, "hundred": 100}.get(str(amount), _MOST_ALL)
        limit = max(min(listing.total - offset, most), 1)
        st.markdown(
            f"**{number(limit)}** {'molecule' if limit == 1 else 'molecules'}, {listing.words}, as "
            f"{'the model of this page predicts them' if limit > 1 else 'the model predicts it'}"
        )
        name = f"{asked.dataset.name}-{asked.order.replace(' ', '-')}"
        for key, (title, icon, kind, words) in FORMATS.items():
            st.download_button(
                title, _content(asked, listing, key, limit, offset), f"{name}.{key}", kind, icon=icon, width="stretch",
                on_click="ignore", key=f"export_outliers_{key}", help=words,
            )  # fmt: skip
        if amount == "all" and listing.total > limit:
            st.caption(f"At most {number(limit)} of {number(listing.total)} at once; `--offset {limit}` goes on.")
        if limit > MOST:
            st.caption(f"The HTML page holds the first {MOST}.")
        st.code(
            f"{list_command(asked)} --limit {limit} --offset {offset} --to {name}.html",
            language="bash",
            wrap_lines=True,
        )


def _content(asked: Asked, listing: Listing, key: str, limit: int, offset: int) -> Callable[[], bytes]:
    """What makes the file when it is asked for."""
    return partial(_html if key == "html" else _file, asked, listing, key, limit, offset)


def _html(asked: Asked, listing: Listing, key: str, limit: int, offset: int) -> bytes:
    label = asked.label if asked.selection else ""
    return gallery_html(asked.source, listing.page(limit, offset), listing.words, label).encode()


def _file(asked: Asked, listing: Listing, key: str, limit: int, offset: int) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"molecules.{key}"
        return export_gallery(asked.source, listing.page(limit, offset), path).read_bytes()
