"""The colour and symbol of each model: given when it is first picked, and kept on every page of the session."""

from __future__ import annotations

import streamlit as st

from core.figures.theme import ModelStyle, model_style
from pages.common.appearance import dark

_KEY = "_model_places"
_EARLY = 2


def style_of(run_id: str) -> ModelStyle:
    """Colour and symbol of one model; the first time it takes the next free ones."""
    places: dict[str, int] = st.session_state.setdefault(_KEY, {})
    if run_id not in places:
        places[run_id] = len(places)
    return model_style(places[run_id], dark())


def known_style(run_id: str) -> ModelStyle | None:
    """Colour and symbol of a model that has been picked before, else None."""
    places: dict[str, int] = st.session_state.get(_KEY, {})
    return model_style(places[run_id], dark()) if run_id in places else None


def early_style(run_id: str) -> ModelStyle | None:
    """As `known_style`, but the first two models that are looked at take their colour by that."""
    places: dict[str, int] = st.session_state.get(_KEY, {})
    return style_of(run_id) if len(places) < _EARLY else known_style(run_id)
