"""The filter bar of the Explore pages: chips that can be taken away, a form to add filters, all kept in the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.selection import Selection, Span
from core.data.splits import PARTS, list_splits
from core.data.store import Dataset
from core.data.where import parse_selection
from core.errors import MollensError
from core.figures.filters import PART_NAMES, chips
from core.figures.numbers import number, percent, unit_text
from pages.common.appearance import plain

KEYS = tuple(Selection.__dataclass_fields__)
_KEPT = "_selections"
_PAGE = "_filtered_page"


@dataclass(frozen=True, eq=False)
class Picked:
    """What the reader has filtered."""

    selection: Selection
    rows: NDArray[np.int64]
    """(n,) rows of the molecules that pass, ascending"""


def pick_selection(dataset: Dataset, page: str) -> Picked:
    """Show the filter bar and give back what passes, see `read_selection`."""
    picked = read_selection(dataset, page)
    show_bar(dataset, picked.selection, len(picked.rows))
    return picked


def read_selection(dataset: Dataset, page: str) -> Picked:
    """What the filters leave, for pages that show the filter bar in another place.

    The filters stand in the address. A reader who comes from another page without any finds those set there.

    Args:
        page: name of the page, the same on every run.
    """
    selection = _read(dataset, page)
    while True:
        try:
            rows = _rows(dataset, selection)
            break
        except MollensError as error:
            selection = _without_fault(dataset, selection, error)
    _keep(dataset, selection)
    return Picked(selection, rows)


def set_selection(selection: Selection) -> None:
    """Put a selection into the address in place of the one before, and forget the page and molecule that it showed."""
    forgotten = {*KEYS, "molecule", "page"}
    rest = {key: st.query_params.get_all(key) for key in st.query_params if key not in forgotten}
    # in one go: each change of the address is a step of its own for the browser's Back
    st.query_params.from_dict({**rest, **selection.query()})


def selection_query(dataset: Dataset, selection: Selection) -> dict[str, str]:
    """Parameters of an address that shows this selection on another page."""
    return {"dataset": dataset.name, **selection.query()}


def _read(dataset: Dataset, page: str) -> Selection:
    given = {key: st.query_params.get_all(key) for key in KEYS if key in st.query_params}
    kept: dict[str, dict[str, str]] = st.session_state.setdefault(_KEPT, {})
    arrived = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE] = page
    if not given and arrived and kept.get(dataset.name):
        given = {key: [value] for key, value in kept[dataset.name].items()}
        st.query_params.update(kept[dataset.name])
    selection = Selection()
    for key, values in given.items():  # one by one, so that a bad one does not take the others away
        try:
            read = parse_selection({key: values}, dataset)
            selection = replace(selection, **{key: getattr(read, key)})
        except MollensError as error:
            st.warning(plain(error), icon=":material/info:")
            st.query_params.pop(key, None)
    return selection


def _keep(dataset: Dataset, selection: Selection) -> None:
    st.session_state.setdefault(_KEPT, {})[dataset.name] = selection.query()


def _rows(dataset: Dataset, selection: Selection) -> NDArray[np.int64]:
    place = st.empty()

    def progress(done: int, total: int) -> None:
        place.progress(min(done / max(total, 1), 1.0), f"Searching {number(done)} of {number(total)} molecules")

    try:
        return selection.rows(dataset, progress)
    finally:
        place.empty()


def _without_fault(dataset: Dataset, selection: Selection, error: MollensError) -> Selection:
    """The selection without the first filter that the dataset cannot answer, which is told."""
    for kind in selection.kinds():
        only = replace(Selection(), **{kind: getattr(selection, kind)})
        try:
            only.mask(dataset)
        except MollensError as fault:
            st.warning(plain(fault), icon=":material/info:")
            st.query_params.pop(kind, None)
            return selection.but(kind)
    raise error


def show_bar(dataset: Dataset, selection: Selection, n: int, end: Callable[[], None] | None = None) -> None:
    """Chips of what is set, the form to change it, and how many molecules are left, or what `end` puts there."""
    total = dataset.molecules.n_molecules
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="filterbar"):
        stamp = _stamp(dataset, selection)  # a new key closes the form once its filters hold
        with st.popover("Filter", icon=":material/filter_alt:", key=f"filter_form_{stamp}", type="secondary"):
            show_form(dataset, selection, stamp)
        for i, chip in enumerate(chips(selection, dataset)):
            st.button(
                plain(chip.text),
                key=f"chip_{i}_{chip.kind}",
                icon=":material/close:",
                icon_position="right",
                help="Take this filter away",
                on_click=set_selection,
                args=(selection.drop(chip.kind, chip.part),),
            )
        if selection:
            st.button("Clear all", key="chips_clear", type="tertiary", on_click=set_selection, args=(Selection(),))
        if end is not None:
            end()
        elif selection:
            st.caption(f"**{number(n)}** of {number(total)} molecules, {percent(n / total, 1)}")
        else:
            st.caption(f"All **{number(total)}** molecules")
    tell_substructure(dataset, selection.substructure)


def tell_substructure(dataset: Dataset, query: str) -> None:
    """How the substructure filter was understood, and which molecules it cannot find."""
    if not query:
        return
    from core.data.search import coverage, understood_as  # brings RDKit along

    kind = understood_as(query)
    meaning = "capital letters match outside aromatic rings only, small ones within"
    if kind == "SMILES":
        meaning = "an element matches in aromatic rings and outside"
    lacking = str(coverage(dataset))
    st.caption(
        f"**{plain(query)}** was read as {kind}: {meaning}; hydrogens are implicit."
        + (f" {lacking}; they are never found." if lacking else "")
    )


def _stamp(dataset: Dataset, selection: Selection) -> str:
    """For keys of widgets that begin anew whenever the filters change."""
    return f"{dataset.name}_{abs(hash(tuple(selection.query().items())))}"


def show_form(dataset: Dataset, selection: Selection, stamp: str) -> None:
    """Every kind of filter, as it is set now."""
    query = selection.query()
    properties = {
        p.key: p
        for p in (dataset.property(listed.key) for listed in dataset.card.properties)
        if p.key in dataset.molecules.columns and not p.shape
    }
    with st.form(f"filters_{stamp}", border=False, enter_to_submit=True):
        form: dict[str, Any] = {}
        left, right = st.columns(2, gap="small")
        form["size"] = left.text_input("Atoms", query.get("size", ""), placeholder="17 or 17-19", key=f"size_{stamp}")
        form["heavy"] = right.text_input("Heavy atoms", query.get("heavy", ""), placeholder="9", key=f"heavy_{stamp}")
        symbols = list(dict.fromkeys([*dataset.molecules.symbols, *selection.element, *selection.without]))
        form["element"] = ",".join(
            left.multiselect("Contains", symbols, selection.element, key=f"element_{stamp}", placeholder="any")
        )
        form["without"] = ",".join(
            right.multiselect("Does not contain", symbols, selection.without, key=f"without_{stamp}", placeholder="any")
        )
        form["formula"] = left.text_input(
            "Formula", query.get("formula", ""), placeholder="C7H10O2", key=f"formula_{stamp}"
        )
        form["id"] = right.text_input("Ids", query.get("id", ""), placeholder="1, 5-9", key=f"id_{stamp}")
        form["substructure"] = st.text_input(
            "Substructure",
            selection.substructure,
            placeholder="C=O",
            key=f"substructure_{stamp}",
            help="SMILES of a part that the molecule has, or SMARTS",
        )
        form["range"] = _range_fields(properties, selection, stamp)
        parts = ["", *(f"{name}:{part}" for name in list_splits(dataset) for part in PARTS)]
        if selection.split and selection.split not in parts:
            parts.append(selection.split)
        form["split"] = st.selectbox(
            "Part of a split",
            parts,
            parts.index(selection.split),
            format_func=lambda text: _part_text(text),
            key=f"split_{stamp}",
        )
        sound = st.toggle(
            "Leave known defects out",
            selection.sound,
            key=f"sound_{stamp}",
            help="Uncharacterized molecules, duplicate geometries, close contacts, no value of the default target",
        )
        form["sound"] = "1" if sound else ""
        if st.form_submit_button("Apply", type="primary", width="stretch"):
            _apply(dataset, {key: text for key, text in form.items() if text})


def _part_text(text: str) -> str:
    if not text:
        return "any"
    name, _, part = text.rpartition(":")
    return f"{PART_NAMES[part]} of {name}"


def _range_fields(properties: dict[str, Any], selection: Selection, stamp: str) -> str:
    """A property and its two ends; the other ranges that are set stay."""
    if not properties:
        return ""
    ranges = {r.key: r for r in selection.range}
    keys = list(properties)
    first = next(iter(ranges), None)
    wide, low, high = st.columns([2, 1, 1], gap="small")
    key = wide.selectbox(
        "Property",
        keys,
        keys.index(first) if first in keys else None,
        format_func=lambda k: (
            properties[k].label + (f", {unit_text(properties[k].unit)}" if properties[k].unit else "")
        ),
        placeholder="none",
        key=f"property_{stamp}",
    )
    shown = ranges.get(key) if key else None
    ends = [
        place.text_input(label, "" if end is None else f"{end:.6g}", key=f"{label}_{stamp}")
        for place, label, end in (
            (low, "From", shown.low if shown else None),
            (high, "To", shown.high if shown else None),
        )
    ]
    rest = [str(r) for k, r in ranges.items() if k != key]
    if key and any(end.strip() for end in ends):
        rest.append(":".join((key, *(end.strip() for end in ends))))
    return ",".join(rest)


def _apply(dataset: Dataset, query: dict[str, str]) -> None:
    """Take the form's filters, or say in the form what is wrong with them."""
    try:
        selection = parse_selection(query, dataset)
        if selection.substructure or selection.sound:
            _rows(dataset, replace(Selection(), substructure=selection.substructure, sound=selection.sound))
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    set_selection(selection)
    st.rerun()


def toggle_span(selection: Selection, kind: str, low: int, high: int) -> Selection:
    """The selection with the filter `kind` set to one span, or without it where it is just that."""
    wanted = (Span(low, high),)
    return replace(selection, **{kind: () if getattr(selection, kind) == wanted else wanted})


def toggle_element(selection: Selection, symbol: str) -> Selection:
    """The selection with one more element that must occur, or without it where it is set."""
    if symbol in selection.element:
        return replace(selection, element=tuple(s for s in selection.element if s != symbol))
    return replace(
        selection, element=(*selection.element, symbol), without=tuple(s for s in selection.without if s != symbol)
    )
