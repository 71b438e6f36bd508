"""The row of controls: what the difference is divided by, measure, per molecule or atom, and the margin."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from core.data.store import Dataset
from core.figures.numbers import in_sentence, shown_unit, unit_text
from core.judge.comparing.compare import COMPARED
from pages.common.address import kept
from pages.common.appearance import plain
from pages.common.compared import groupings
from pages.common.indexing import groups_wait
from pages.judge.compare_parts.shown import Choice

_GROUPINGS = {
    "size": "size",
    "heavy": "heavy atoms",
    "element": "element",
    "functional_group": "functional group",
    "rings": "rings",
    "unsaturation": "rings and multiple bonds",
    "size_class": "size class",
    "rarity": "rare and common sizes",
}
_MEASURES = {"mae": "MAE", "rmse": "RMSE"}
MARGIN = "margin"


def choose(dataset: Dataset, target: str) -> Choice:
    """What the reader asks for; all of it stands in the address: by, measure, per, margin."""
    known = groupings(dataset)
    prop = dataset.property(target)
    options = [name for name in (*_GROUPINGS, *known) if name in known]
    options = [name for name in dict.fromkeys(options) if name not in ("all", "size_element")]

    def label(name: str) -> str:
        return _GROUPINGS.get(name) or plain(in_sentence(dataset.property(name).label))

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls_compare"):
        by = st.selectbox(
            "Divided by", options, format_func=label, width=176, **kept("by", options, "size", _another_grouping)
        )
        measure = st.segmented_control(
            "Measure", list(COMPARED), format_func=lambda name: _MEASURES.get(name, name.upper()), required=True,
            **kept("measure", COMPARED, "mae"),
        )  # fmt: skip
        per: Any = "molecule"
        if prop.extensive:
            choices = ["molecule", "atom"]
            per = st.segmented_control("Per", choices, required=True, **kept("per", choices, "molecule"))
        margin = _ask_margin(prop.unit, str(per))
    if groups_wait(st.container(), dataset, str(by)):
        by = "size"
    return Choice(str(by or "size"), str(measure or "mae"), str(per or "molecule"), margin)


def _another_grouping() -> None:
    st.query_params.pop("group", None)


def _ask_margin(unit: str, per: str) -> float | None:
    """The margin in the target's unit; None for the usual one."""
    factor, text = shown_unit(unit, 1e-3)
    value = _margin()
    key = "kept_margin"
    st.session_state[key] = None if value is None else float(f"{value * factor:.6g}")
    usual = "usual: 1 meV or 5 %" if unit == "eV" and per == "molecule" else "usual: 5 %"
    st.number_input(
        f"Equal within, {unit_text(text)}{'/atom' if per == 'atom' else ''}", min_value=0.0, value=None, step=1.0,
        format="%g", key=key, placeholder=usual, width=200, on_change=_keep_margin, args=(key, factor),
        help="Differences within this are called equal. Empty: 1 meV or 5 % of the smaller error, whichever is more; "
        "5 % per atom and for other properties.",
    )  # fmt: skip
    return value


def _margin() -> float | None:
    try:
        value = float(st.query_params.get(MARGIN, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _keep_margin(key: str, factor: float) -> None:
    value = st.session_state[key]
    if value is None:
        st.query_params.pop(MARGIN, None)
    else:
        st.query_params[MARGIN] = f"{value / factor:.6g}"
