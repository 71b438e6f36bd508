"""The training molecules nearest to the one that is shown: what the model could have learned it from."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import streamlit as st

from core.data.search import coverage, index_ready
from core.errors import MollensError
from core.figures.numbers import formula, number, significant, unit_text
from core.judge.inspect.bench import Bench
from core.judge.inspect.causes import percent
from core.judge.inspect.molecule import MoleculeErrors
from core.judge.inspect.nearest_training import NearestTraining, NearTraining, nearest_by_latents, nearest_by_morgan
from core.judge.inspect.suggestions import Suggestion
from core.judge.inspect.what_helps import what_helps
from pages.common.address import kept
from pages.common.appearance import plain
from pages.common.furniture import card_head
from pages.common.indexing import offer_index
from pages.common.viewer import GalleryItem, molecule_gallery
from pages.explore.parts.molecule_shown import picture_of
from pages.judge.outlier_parts.gallery_asked import Asked
from pages.judge.outlier_parts.inside_task import inside_or_start

WAYS = {"latents": "Model’s features", "morgan": "Morgan fingerprint"}
CAPTIONS = {
    "latents": "What the model could have learned it from, by its own features (latents) · bar: distance, full width = "
    "the farthest held-out molecule · click one to see all of it",
    "morgan": "What is most alike by structure: Tanimoto similarity of Morgan fingerprints, radius 2, 2,048 bits · "
    "bar: what it lacks of 1 · click one to see all of it",
}


def show_neighbours(asked: Asked, errors: MoleculeErrors) -> None:
    """The card of the nearest training molecules."""
    way = str(st.session_state.get("kept_near", st.query_params.get("near", "latents")))
    way = way if way in WAYS else "latents"
    card_head(
        "Which training molecules is it nearest to?",
        CAPTIONS[way],
        "nearest_training",
        command=asked.molecule_command(errors.id),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Nearest by", list(WAYS), format_func=WAYS.__getitem__, required=True, label_visibility="collapsed",
            **kept("near", list(WAYS), "latents"),
        )  # fmt: skip
        sentence = st.container(width="stretch")
        action = st.container(width="content")
    found = _by_latents(asked, errors) if way == "latents" else _by_morgan(asked, errors)
    if found is None:
        return
    with sentence:
        _sentence(found, way)
    with action:
        _weight_more(asked, errors)
    _molecules(asked, found, way)


def _by_latents(asked: Asked, errors: MoleculeErrors) -> NearestTraining | None:
    if asked.bench.first.code(errors.row) == "training":
        st.caption(f"{plain(asked.run.name)} was trained on this molecule, so the nearest one is itself.")
        return None
    if inside_or_start(asked.run, asked.dataset, "near", "the nearest training molecules") is None:
        return None
    try:
        return nearest_by_latents(asked.bench.first, errors.row)
    except MollensError as error:
        st.caption(plain(error))
        return None


def _by_morgan(asked: Asked, errors: MoleculeErrors) -> NearestTraining | None:
    dataset = asked.dataset
    if coverage(dataset).n_empty == dataset.molecules.n_molecules:
        st.caption(f"{plain(dataset.name)} has no SMILES, so its molecules cannot be compared by structure.")
        return None
    if not index_ready(dataset):
        why = f"Comparing {number(dataset.molecules.n_molecules)} molecules by structure needs an index."
        offer_index(dataset, "outlier", why, lambda: index_ready(dataset))
        return None
    try:
        return nearest_by_morgan(asked.bench.first, errors.row)
    except MollensError as error:
        st.caption(plain(error))
        return None


def _sentence(found: NearestTraining, way: str) -> None:
    if way == "morgan" or found.share is None:
        return
    whose = f"{number(found.n_held_out)} {found.part} molecules"
    if found.share * found.n_held_out > found.n_held_out - 1:
        text = f"Farther from the training molecules than any other of {whose}."
    elif found.share <= 0:
        text = f"Nearer to the training molecules than all {whose}."
    else:
        text = f"Farther from the training molecules than **{percent(found.share)}** of {whose}."
    st.markdown(text)


def _molecules(asked: Asked, found: NearestTraining, way: str) -> None:
    items = [_item(asked, found, near, way) for near in found.molecules]
    clicked = molecule_gallery(
        found.dataset.molecules, items, "nearest_training_3d", columns="auto-fill", smallest="max(150px, 18%)",
        height=128,
    )  # fmt: skip
    if clicked is not None:
        query = {"dataset": found.dataset.name, "molecule": clicked}
        st.switch_page("pages/explore/molecules.py", query_params=query)


def _item(asked: Asked, found: NearestTraining, near: NearTraining, way: str) -> GalleryItem:
    factor, unit = asked.unit()
    molecules = found.dataset.molecules
    label = unit_text(asked.source.target.unit)
    residual = "no label"
    if near.residual is not None:
        residual = f"residual {significant(near.residual * factor, 2, sign=True)} {unit} in training"
    far = found.farthest or near.apart or 1.0
    return GalleryItem(
        id=str(near.id),
        row=near.row,
        title=f"{near.apart:.2f}" if way == "morgan" else significant(near.apart, 3),
        right=f"id {near.id}",
        lines=(
            residual,
            f"target {number(near.target, 3)} {label}",
            f"{formula(molecules.formula(near.row))} · {molecules.sizes[near.row]} atoms",
            molecules.smiles_of(near.row) or "no SMILES",
        ),
        flat=picture_of(found.dataset, near.row, 200, 128),
        bar=1 - near.apart if way == "morgan" else near.apart / far,
    )


def _weight_more(asked: Asked, errors: MoleculeErrors) -> None:
    """The way to a new run that counts what is like it more, filled in; or that changes what else may help."""
    suggestion = _best(asked.bench, errors.row, index_ready(asked.dataset))
    if suggestion is None:
        return
    label = "Weight these more in a new run" if suggestion.gain > 1 else f"{suggestion.label}, in a new run"
    st.page_link(
        "pages/train/new_run.py",
        label=plain(label),
        icon=":material/add_circle:",
        help=plain(suggestion.reason),
        query_params=[(key, value) for key, values in suggestion.query.items() for value in values],
    )


@lru_cache(maxsize=64)
def _best(bench: Bench, row: int, indexed: bool) -> Suggestion | None:
    try:
        found = what_helps(bench, np.array([row], dtype=np.int64)).suggestions
    except MollensError:
        return None
    return found[0] if found else None
