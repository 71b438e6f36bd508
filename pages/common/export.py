"""Export of a selection: a format, a file made on the server, its download, and the command that does the same."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import streamlit as st

from core.data.exporters import EXPORTERS, export_for_download, left_out
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from pages.common.appearance import plain
from pages.common.filters import Picked

_MADE = "_export"


def export_popover(dataset: Dataset, picked: Picked) -> None:
    """A button that opens the export of the selected molecules."""
    with st.popover("Export", icon=":material/download:", key="export"):
        n = len(picked.rows)
        st.markdown(f"**{number(n)} {'molecule' if n == 1 else 'molecules'}** of {plain(dataset.name)}")
        if n == 0:
            st.caption("No molecule passes the filters.")
            return
        format = st.radio(
            "Format",
            list(EXPORTERS),
            format_func=lambda key: EXPORTERS[key].title,
            captions=[exporter.description for exporter in EXPORTERS.values()],
            key="export_format",
        )
        for sentence in left_out(dataset, picked.rows, format):
            st.caption(f":orange[Left out:] {plain(sentence)}")
        asked = (dataset.name, dataset.card.sha256, tuple(picked.selection.where()), format)
        if st.button("Make the file", key="export_make", width="stretch"):
            st.session_state[_MADE] = (asked, _make(dataset, picked, format))
        made = st.session_state.get(_MADE)
        if made and made[0] == asked and made[1] is not None and made[1].exists():
            st.download_button(
                f"Download {_size(made[1].stat().st_size)}",
                lambda: open(made[1], "rb"),
                f"{dataset.name}{'-selection' if picked.selection else ''}{''.join(made[1].suffixes)}",
                icon=":material/download:",
                type="primary",
                width="stretch",
                on_click="ignore",
                key="export_download",
            )
        where = "".join(f" --where {quote(word)}" for word in picked.selection.where())
        st.code(
            f"python -m core export-dataset {dataset.name} --to {dataset.name}.{format}{where}",
            language="bash",
            wrap_lines=True,
        )


def _make(dataset: Dataset, picked: Picked, format: str) -> Path | None:
    """The file, or nothing but a sentence."""
    bar = st.progress(0.0, "Writing")
    try:
        return export_for_download(
            dataset,
            picked.rows,
            format,
            progress=lambda done, total: bar.progress(min(done / max(total, 1), 1.0), "Writing"),
        )
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return None
    finally:
        bar.empty()


def _size(n_bytes: int) -> str:
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= limit:
            return f"{n_bytes / limit:.1f} {unit}"
    return f"{n_bytes} bytes"
