"""The molecules most like the shown one, and how far the index is that finds them."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.search import coverage, index_ready, nearest_rows
from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import formula, number, unit_text
from pages.common.appearance import plain
from pages.common.furniture import card_head
from pages.common.indexing import offer_index
from pages.common.viewer import GalleryItem, molecule_gallery
from pages.explore.parts.molecule_list import show_molecule
from pages.explore.parts.molecule_rows import value_text
from pages.explore.parts.molecule_shown import NO_VALUE, picture_of

N_NEAREST = 8
CAPTION = "Tanimoto similarity of Morgan fingerprints, radius 2, 2,048 bits · click one to see it"


def show_nearest(dataset: Dataset, row: int) -> None:
    """A gallery of the nearest molecules, or what is missing for it."""
    lacking = coverage(dataset)
    card_head("Which molecules are most like it?", CAPTION, "nearest")
    if lacking.n_empty == lacking.n_molecules:
        st.caption(f"{plain(dataset.name)} has no SMILES, so its molecules cannot be compared by structure.")
        return
    if not index_ready(dataset):
        offer_index(
            dataset,
            "nearest",
            f"Finding the nearest of {number(dataset.molecules.n_molecules)} molecules needs an index; it makes "
            "substructure filters quick too.",
            lambda: index_ready(dataset),
        )
        return
    try:
        rows, similarities = _nearest(dataset.name, dataset.card.sha256, row, dataset)
    except MollensError as error:
        st.caption(plain(error))
        return
    picked = molecule_gallery(
        dataset.molecules,
        [_item(dataset, int(r), float(s)) for r, s in zip(rows, similarities, strict=True)],
        "nearest",
        columns="auto-fill",
        smallest=128,
        height=104,
    )
    if str(lacking):
        st.caption(f"{lacking}; they are left out.")
    if picked is not None:
        show_molecule(picked)
        st.rerun()


@st.cache_resource(max_entries=200, show_spinner=False)
def _nearest(name: str, sha256: str, row: int, _dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return nearest_rows(_dataset, row, N_NEAREST)


def _item(dataset: Dataset, row: int, similarity: float) -> GalleryItem:
    molecules = dataset.molecules
    identifier = str(molecules.ids[row])
    lines = [f"{formula(molecules.formula(row))} · {molecules.sizes[row]} atoms"]
    key = dataset.card.default_target
    if key is not None and key in molecules.columns and molecules.columns[key].ndim == 1:
        value, target = float(molecules.columns[key][row]), dataset.property(key)
        lines.append(f"{value_text(value)} {unit_text(target.unit)}" if np.isfinite(value) else NO_VALUE)
    picture = picture_of(dataset, row, 150, 104)
    return GalleryItem(identifier, row, f"{similarity:.2f}", f"id {identifier}", tuple(lines), picture)
