"""The download of QM9: what it is, how much of it is here already, and its start."""

from __future__ import annotations

import shlex

import streamlit as st

from core.data.download import QM9_FILES, base_address, missing_bytes
from core.errors import MollensError
from core.figures.numbers import number
from core.tasks import start_task
from pages.common.appearance import plain
from pages.common.furniture import Fact, card, card_head, facts
from pages.explore.parts.add_name import name_field
from pages.explore.parts.add_source import size_text

N_MOLECULES = 133_885
N_UNCHARACTERIZED = 3_054


def download_card() -> None:
    """Facts, name, the one choice there is, and the button."""
    missing = missing_bytes()
    whole = sum(file.size for file in QM9_FILES.values())
    with card("qm9", gap="small"):
        card_head(
            "QM9",
            "Small organic molecules of H, C, N, O and F with up to nine heavy atoms, B3LYP/6-31G(2df,p) · "
            "R. Ramakrishnan et al., Sci. Data 1, 140022 (2014)",
            "qm9",
        )
        facts(
            [
                Fact("Molecules", number(N_MOLECULES)),
                Fact("Download", size_text(whole)),
                Fact("Still to fetch", size_text(missing) if missing else "nothing, it is here"),
                Fact("From", base_address().split("/")[2]),
                Fact("Licence", "CC0"),
            ]
        )
        left, right = st.columns([2, 3], gap="medium", vertical_alignment="top")
        with left:
            name = name_field("qm9", "download")
        with right:
            exclude = st.toggle(
                f"Leave out the {number(N_UNCHARACTERIZED)} uncharacterized molecules",
                key="add_exclude_uncharacterized",
                help="They failed a consistency check of the authors. By default they are kept and marked, and every "
                "page can leave them out.",
            )
            kept = N_MOLECULES - N_UNCHARACTERIZED if exclude else N_MOLECULES
            st.caption(
                f"{number(kept)} molecules" + ("" if exclude else f", {number(N_UNCHARACTERIZED)} of them marked")
            )
        if st.button(
            "Download and import" if missing else "Import", type="primary" if name else "secondary",
            icon=":material/download:", disabled=name is None, key="add_download",
        ):  # fmt: skip
            start(str(name), exclude)
        words = ["python", "-m", "core", "download", "qm9"]
        words += ["--name", shlex.quote(name)] if name not in (None, "qm9") else []
        words += ["--exclude-uncharacterized"] if exclude else []
        st.code(" ".join(words), language="bash", wrap_lines=True)


def start(name: str, exclude: bool) -> None:
    """Start the download in the background."""
    try:
        start_task(
            "download", f"Download of QM9 as {name}", {"name": name, "exclude_uncharacterized": exclude, "index": True}
        )
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    st.rerun()
