"""Choosing the file of an import: an upload, or a file in the folders that the server may read."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.data.importers import IMPORTERS
from core.data.uploads import (
    Source,
    find_upload,
    incoming_folder,
    list_sources,
    resolve_inside,
    save_upload,
    source_folders,
    upload_key,
)
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, empty
from pages.common.server_files import allowed_path, short

_ROUND = "_add_upload_round"  # an uploader with a new key is empty and gives its memory back


def source_of(way: str) -> Path | None:
    """The chosen file, which the address names by `upload` or `file`; None where none is chosen."""
    if way == "upload":
        text = st.query_params.get("upload")
        found = find_upload(text) if text else None
        if text and found is None:
            st.warning("That upload is not there any more; choose the file again.", icon=":material/info:")
            forget_source()
        return found
    text = st.query_params.get("file")
    if not text:
        return None
    try:
        return resolve_inside(text)
    except MollensError as error:
        st.warning(plain(error), icon=":material/info:")
        forget_source()
        return None


def forget_source() -> None:
    """Choose no file."""
    for key in ("upload", "file"):
        st.query_params.pop(key, None)


def upload_card() -> None:
    """Where a file is dropped; it is written to the disk of the server at once."""
    limit = int(st.get_option("server.maxUploadSize"))
    with card("upload", gap="small"):
        formats = ", ".join(importer.title for importer in IMPORTERS.values())
        card_head("Which file?", f"The format is found out by content: {plain(formats)}", "upload")
        found = st.session_state.setdefault(_ROUND, 0)
        uploaded = st.file_uploader(
            f"A file of at most {number(limit)} MB", key=f"add_upload_{found}", label_visibility="visible"
        )
        if uploaded is None:
            st.caption(
                f"For a larger one: put it into {plain(incoming_folder())} on the server, or use "
                "`python -m core import FILE --name NAME`"
            )
            return
        try:
            path = save_upload(uploaded, uploaded.name, uploaded.size, limit << 20)
        except MollensError as error:
            st.error(plain(error), icon=":material/error:")
            return
        st.session_state[_ROUND] = found + 1
        st.query_params["upload"] = str(upload_key(path))
        st.rerun()


def server_card() -> None:
    """Files that the server may read, and a field for a path."""
    with card("server", gap="small"):
        folders = source_folders()
        where = ", ".join(plain(short(folder)) for folder in folders)
        card_head("Which file?", f"In {where}; more folders by MOLLENS_DATA when the app is started", "server")
        sources = _sources(tuple(str(folder) for folder in folders))
        if sources:
            shown = {str(source.path): source for source in sources}
            picked = st.selectbox(
                "File", list(shown), index=None, format_func=lambda key: _line(shown[key]),
                placeholder=f"{number(len(shown))} that can be imported", key="add_file_pick",
            )  # fmt: skip
        else:
            picked = None
            empty(f"No file here that can be imported. Put one into {plain(incoming_folder())}.", "sources")
        typed = st.text_input("Or its path, also of a folder of xyz files", key="add_file_path").strip()
        wanted = typed or picked
        if not wanted:
            return
        path = allowed_path(wanted)
        if path is None:
            return
        st.query_params["file"] = str(path)
        st.rerun()


@st.cache_data(ttl=10, max_entries=4, show_spinner="Looking into the folders")
def _sources(folders: tuple[str, ...]) -> list[Source]:
    return list_sources()


def _line(source: Source) -> str:
    return f"{short(source.path)} · {size_text(source.size)} · {IMPORTERS[source.format].title}"


def size_text(n_bytes: int) -> str:
    """Bytes for people."""
    from core.data.fetching import size_words

    return size_words(n_bytes)
