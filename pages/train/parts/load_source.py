"""Choosing the model that is loaded: files from the reader's computer, or a run folder that the server may read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.data.uploads import (
    find_upload,
    incoming_folder,
    remove_upload,
    resolve_inside,
    save_upload,
    source_folders,
    upload_key,
)
from core.errors import MollensError
from core.figures.numbers import number
from core.files import plain_disk_errors
from core.runs.foreign_files import is_archive, list_models
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, empty
from pages.common.server_files import allowed_path, short

_ROUND = "_load_upload_round"  # an uploader with a new key is empty and gives its memory back
WAYS = {"upload": "Upload it", "server": "On the server"}


@dataclass(frozen=True)
class Chosen:
    """The model that somebody has chosen."""

    path: Path
    """what is inspected and loaded: a folder, a zip of one, or a file"""
    upload: Path | None = None
    """one of its files, if it was uploaded"""

    @property
    def shown(self) -> str:
        """How the page names it."""
        if self.upload is None:
            return short(self.path)
        if self.path.is_dir():
            return ", ".join(sorted(each.name for each in self.path.iterdir()))
        return self.path.name


def chosen_source() -> Chosen | None:
    """The model that the address names by `upload` or `path`; None where none is chosen."""
    text = st.query_params.get("upload")
    if text:
        found = find_upload(text)
        if found is None:
            st.warning("That upload is not there any more; choose the files again.", icon=":material/info:")
            forget_source()
            return None
        several = sum(each.is_file() for each in found.parent.iterdir()) > 1
        return Chosen(found.parent if several else found, found)
    text = st.query_params.get("path")
    if not text:
        return None
    try:
        return Chosen(resolve_inside(text))
    except MollensError as error:
        st.warning(plain(error), icon=":material/info:")
        forget_source()
        return None


def forget_source() -> None:
    """Choose no model."""
    for key in ("upload", "path", "looked"):
        st.query_params.pop(key, None)


def choose_source() -> None:
    """The card in which a model is chosen."""
    with card("source", gap="small"):
        card_head(
            "Which model?",
            "SchNet or PaiNN of SchNetPack 2.0 to 2.2, or an export of Mollens. SchNetPack's file is a pickle, which "
            "can run commands when it is opened the usual way; here it is only read, and names that it does not need "
            "are refused.",
            "source",
        )
        way = st.segmented_control(
            "From", list(WAYS), default="upload", format_func=WAYS.__getitem__, key="load_way", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        (_upload if way == "upload" else _server)()


def _upload() -> None:
    """Where files are dropped; they are written to the disk of the server at once."""
    limit = int(st.get_option("server.maxUploadSize"))
    place = st.session_state.setdefault(_ROUND, 0)
    uploaded = st.file_uploader(
        "The run folder or an export as zip, or its files: best_model or a .ckpt, config.yaml, split.npz, log, the .db",
        key=f"load_upload_{place}",
        accept_multiple_files=True,
    )
    st.caption(
        f"At most {number(limit)} MB each. With config.yaml its units are known, with split.npz and the database its "
        "training molecules."
    )
    if not uploaded or not st.button("Look into it", type="primary", icon=":material/search:", key="load_look"):
        return
    try:
        paths = [save_upload(one, one.name, one.size, limit << 20) for one in uploaded]
        first = together(paths)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    st.session_state[_ROUND] = place + 1
    st.query_params["upload"] = str(upload_key(first))
    st.rerun()


def together(paths: list[Path]) -> Path:
    """Put uploads that belong to one model into the folder of the first, and give that one.

    Raises:
        MollensError: if two have the same name, or a zip of a folder comes with other files; all are removed then.
    """
    names = [path.name for path in paths]
    refused = ""
    if len(set(names)) < len(names):
        refused = "two files have the same name; upload those of one run"
    elif len(paths) > 1 and any(is_archive(path) for path in paths):
        refused = "a zip of a run folder comes alone; upload the zip, or the files themselves"
    if refused:
        for path in paths:
            remove_upload(path)
        raise MollensError(f"{', '.join(names)}: {refused}")
    for path in paths[1:]:
        with plain_disk_errors(path):
            path.rename(paths[0].parent / path.name)
        path.parent.rmdir()
    return paths[0]


def _server() -> None:
    """Run folders that the server may read, and a field for a path."""
    folders = source_folders()
    found = {str(model.path): model for model in _models(tuple(str(folder) for folder in folders))}
    picked = None
    if found:
        picked = st.selectbox(
            "Model", list(found), index=None, format_func=lambda key: f"{short(Path(key))} · {found[key].model}",
            placeholder=f"{number(len(found))} found", key="load_pick",
        )  # fmt: skip
    else:
        where = ", ".join(plain(short(folder)) for folder in folders)
        empty(f"No model of SchNetPack in {where}. Put a run folder into {plain(incoming_folder())}.", "models")
    typed = st.text_input(
        "Or its path: a run folder or an export, a zip of one, best_model or a .ckpt",
        key=f"load_path_{st.session_state.get(_ROUND)}",
    ).strip()
    wanted = typed or picked
    if not wanted:
        return
    path = allowed_path(wanted)
    if path is None:
        return
    st.query_params["path"] = str(path)
    st.session_state[_ROUND] = secrets.randbits(31)
    st.rerun()


@st.cache_data(ttl=10, max_entries=4, show_spinner="Looking into the folders")
def _models(folders: tuple[str, ...]) -> list:  # type: ignore[type-arg]
    return list_models([Path(folder) for folder in folders])
