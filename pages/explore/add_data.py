"""Add data: QM9 by download, a file from the reader's computer or from the server; imports in the background."""

from __future__ import annotations

import streamlit as st

from pages.common.furniture import page_head
from pages.common.guard import guard
from pages.explore.parts.add_file import import_file_card
from pages.explore.parts.add_qm9 import download_card
from pages.explore.parts.add_source import forget_source, server_card, source_of, upload_card
from pages.explore.parts.add_tasks import show_tasks_card

WAYS = {"download": "Download QM9", "upload": "Upload a file", "server": "A file on the server"}


def show_page() -> None:
    """The whole page: one of three ways to a dataset, and what is at work in the background."""
    page_head("Add data", "QM9 itself, or any file of molecules; the work goes on when this page is closed")
    way = choose_way()
    if way == "download":
        download_card()
    else:
        source = source_of(way)
        if source is None:
            (upload_card if way == "upload" else server_card)()
        else:
            with guard("pages/explore/add_data.py", "Choose another file"):
                import_file_card(source)
    show_tasks_card()


def choose_way() -> str:
    """The way to the data; it stands in the address."""
    wanted = st.query_params.get("way", "download")
    if wanted not in WAYS:
        wanted = "download"
    # a widget cannot be set by the address once it is there, so the address is part of its key
    picked = st.segmented_control(
        "How", list(WAYS), default=wanted, format_func=WAYS.__getitem__, key=f"way_{wanted}",
        label_visibility="collapsed", required=True,
    )  # fmt: skip
    if picked and picked != wanted:
        forget_source()
        st.query_params["way"] = picked
        st.rerun()
    return wanted


with guard():
    show_page()
