"""Choosing the table of predictions that is loaded: an upload, or a file that the server may read."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.data.predicted import list_tables
from core.data.uploads import incoming_folder, save_upload, source_folders, upload_key
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, empty
from pages.common.server_files import allowed_path, short

_WAYS = {"upload": "Upload it", "server": "On the server"}
_ROUND = "_predictions_round"  # an uploader with a new key is empty and gives its memory back


def choose_table() -> None:
    """The card in which a table is chosen; the address then names it by `upload` or `path`."""
    with card("predictions_source", gap="small"):
        card_head(
            "Which predictions?",
            "A table of any program, with a column of ids and one of values: CSV (also .gz, .bz2, .xz) or Parquet",
            "predictions_source",
        )
        way = st.segmented_control(
            "From", list(_WAYS), default="upload", format_func=_WAYS.__getitem__, key="predictions_way", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        (_upload if way == "upload" else _server)()


def _upload() -> None:
    limit, place = int(st.get_option("server.maxUploadSize")), st.session_state.setdefault(_ROUND, 0)
    uploaded = st.file_uploader(f"A table of at most {number(limit)} MB", key=f"predictions_upload_{place}")
    if uploaded is None:
        return
    try:
        path = save_upload(uploaded, uploaded.name, uploaded.size, limit << 20)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    st.session_state[_ROUND] = place + 1
    st.query_params["upload"] = str(upload_key(path))
    st.rerun()


def _server() -> None:
    found = {str(path): path for path in _tables(tuple(str(folder) for folder in source_folders()))}
    picked = None
    if found:
        picked = st.selectbox(
            "File", list(found), index=None, format_func=lambda key: short(found[key]),
            placeholder=f"{number(len(found))} tables", key="predictions_pick",
        )  # fmt: skip
    else:
        where = ", ".join(plain(short(folder)) for folder in source_folders())
        empty(f"No table in {where}. Put one into {plain(incoming_folder())}.", "predictions_tables")
    typed = st.text_input("Or its path", key=f"predictions_path_{st.session_state.get(_ROUND)}").strip()
    wanted = typed or picked
    if not wanted:
        return
    path = allowed_path(wanted)
    if path is None:
        return
    st.query_params["path"] = str(path)
    st.session_state[_ROUND] = int(st.session_state.get(_ROUND) or 0) + 1
    st.rerun()


@st.cache_data(ttl=10, max_entries=4, show_spinner="Looking into the folders")
def _tables(folders: tuple[str, ...]) -> list[Path]:
    return list_tables()
