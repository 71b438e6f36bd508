"""The tools at the head of a molecule's card: its address, and its geometry as a file."""

from __future__ import annotations

import streamlit as st

from core.data.store import Dataset


def address_and_xyz(dataset: Dataset, row: int, address: str, shows: str) -> None:
    """A popover with the address of the molecule at `row`, and the download of its xyz file.

    shows: what the address shows, e.g. "this molecule".
    """
    with st.popover(
        "", icon=":material/link:", type="tertiary", key="command_link_molecule", help="Address of this molecule"
    ):
        st.caption(f"This address shows {shows}:")
        st.code(address, language=None, wrap_lines=True)
    st.download_button(
        "",
        dataset.molecules.xyz(row),
        f"{dataset.name}-{dataset.molecules.ids[row]}.xyz",
        "chemical/x-xyz",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key="xyz_molecule",
        help="The geometry as an xyz file, Å",
    )
