"""Weights that a formula does not give: which molecules they concern, and the ways out."""

from __future__ import annotations

import streamlit as st

from core.data.store import Dataset
from core.figures.numbers import number, percent
from core.recipes.preview import Preview
from core.recipes.ways_out import CLIPPED_TO, ways_out
from pages.common.appearance import unbroken
from pages.common.furniture import note
from pages.train.parts.recipe_state import Draft, set_fields

_ICONS = {"clip": ":material/vertical_align_bottom:", "rate": ":material/speed:", "sizes": ":material/filter_alt:"}


def by_rate(found: Preview) -> bool:
    """Whether it is the weights at the recipe's rate that the run is refused for."""
    return bool(found.curve.refused.any()) and "weighting" in found.refusal


def show_refusal(draft: Draft, dataset: Dataset, found: Preview) -> None:
    """The sentence, and a button for each way out."""
    curve = found.curve
    n = int(curve.counts[curve.refused].sum())
    note(
        unbroken(
            f"**No weight for {curve.named(curve.refused)}.** At rate {found.recipe.weight_rate:g} the formula is "
            f"undefined, negative or zero there: {number(n)} of {number(found.n_train)} molecules "
            f"({percent(n / max(found.n_train, 1), 1)}). Nothing is clipped unless you say so."
        ),
        "refused",
        "failed",
    )
    with st.container(horizontal=True, gap="small", key="ways_out"):
        for way in ways_out(found.recipe, dataset):
            st.button(
                way.title,
                key=f"way_{way.kind}",
                icon=_ICONS[way.kind],
                help=way.help[:1].upper() + way.help[1:],
                on_click=set_fields,
                args=(way.fields, draft.start),
            )


def show_refused_rates(draft: Draft, sentence: str) -> None:
    """The same for a search: some of its rates give some molecules no weight."""
    note(
        f"**{unbroken(sentence)}.** Leave these rates out, or clip; nothing is clipped unless you say so.",
        "refused",
        "failed",
    )
    with st.container(horizontal=True, gap="small", key="ways_out"):
        st.button(
            f"Clip to {CLIPPED_TO:g}",
            key="way_clip",
            icon=_ICONS["clip"],
            help="Molecules without a weight count so much, before the mean is made 1; the recipe records it",
            on_click=set_fields,
            args=({"least_weight": CLIPPED_TO}, draft.start),
        )
