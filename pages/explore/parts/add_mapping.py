"""The form that says what the columns of a file are: a row for each, with a guess that the reader takes or changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st

from core.data.importers import ColumnMap, Inspection, Mapped, SourceColumn
from core.data.importers.columns import Length
from core.data.properties import PROPERTIES
from core.data.units import units_for
from core.figures.numbers import number, unit_text
from pages.common.appearance import plain
from pages.common.furniture import card, card_head, note

OWN = "own"
_KINDS = {"extensive": "grows with the molecule", "intensive": "does not", "other": "neither: to look at only"}
_LENGTHS: dict[Length, str] = {"Angstrom": "Å", "Bohr": "Bohr", "nm": "nm"}
_COMMON = {
    "": ("Ha", "eV", "kcal/mol", "kJ/mol", "eV/Angstrom", "Angstrom", "D", "e", "GHz", "cal/(mol K)", "a0^3", "a0^2"),
}


@dataclass(frozen=True)
class Mapping:
    """What the form says so far."""

    columns: ColumnMap | None
    """None while something is missing"""
    missing: str = ""
    """what is missing, as a sentence"""


def mapping_card(inspection: Inspection, source: str) -> Mapping:
    """Ask for every column what it is.

    Args:
        source: tells one file from another, so that the answers for one are not taken for the next.
    """
    with card("mapping", gap="small"):
        card_head(
            "What are the columns?",
            "Name in the file, first values and a guess · a column is left out until a property is chosen for it",
            "mapping",
        )
        guesses = [column.guess for column in inspection.columns if column.guess is not None]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Take the guesses" if guesses else "No guess to take", icon=":material/done_all:", key="add_take",
                disabled=not guesses and inspection.lengths is None, on_click=_take, args=(inspection, source),
            )  # fmt: skip
            st.caption(f"{number(len(guesses))} of {number(len(inspection.columns))} columns have one; look at each")
        missing: list[str] = []
        lengths = _ask_lengths(inspection, source, missing)
        chosen: list[Mapped] = []
        for column in inspection.columns:
            mapped = _row(column, source, missing)
            if mapped is not None:
                chosen.append(mapped)
        twice = {m.key for m in chosen if sum(other.key == m.key for other in chosen) > 1}
        missing += [f"{_label(key)} is chosen for two columns" for key in sorted(twice)]
        if missing:
            note("Still to say: " + "; ".join(missing) + ".", "mapping")
            return Mapping(None, "; ".join(missing))
        left = len(inspection.columns) - len(chosen)
        st.caption(f"{number(len(chosen))} used, {number(left)} left out")
        return Mapping(ColumnMap(columns=tuple(chosen), lengths=lengths or "Angstrom"))


def _key(source: str, *parts: str) -> str:
    return "_".join(("add_map", source, *(re.sub(r"\W", "_", part) for part in parts)))


def _row_key(column: SourceColumn, source: str, part: str) -> str:
    return _key(source, str(column.per_atom), column.name, part)


def _take(inspection: Inspection, source: str) -> None:
    """Fill the form with the guesses; what a person has chosen already stays."""
    guessed = inspection.guessed()
    if inspection.lengths is not None:
        st.session_state.setdefault(_key(source, "lengths"), None)
        if st.session_state[_key(source, "lengths")] is None:
            st.session_state[_key(source, "lengths")] = guessed.lengths
    taken = {mapped.source: mapped for mapped in guessed.columns}
    for column in inspection.columns:
        mapped = taken.get(column.name)
        chosen = st.session_state.get(_row_key(column, source, "property"))
        if mapped is None or chosen not in (None, mapped.key):
            continue
        if chosen is not None and st.session_state.get(_row_key(column, source, "unit")):
            continue
        known = mapped.key in PROPERTIES
        st.session_state[_row_key(column, source, "property")] = mapped.key if known else OWN
        st.session_state[_row_key(column, source, "unit")] = mapped.unit or None
        if not known:
            st.session_state[_row_key(column, source, "key")] = mapped.key
            st.session_state[_row_key(column, source, "kind")] = mapped.kind


def _ask_lengths(inspection: Inspection, source: str, missing: list[str]) -> Length | None:
    if inspection.lengths is None:
        return None
    row = st.container(key=f"column_{_key(source, 'lengths', 'row')}")
    left, right = row.columns([2, 3], gap="medium", vertical_alignment="center")
    told = next((n for n in inspection.notes if n.startswith("coordinates:")), "")
    words = left.container(gap=None)
    words.markdown("**Coordinates** :gray[of every atom]")
    words.caption(plain(told.replace("coordinates:", "guess:") or f"guess: {inspection.lengths}"))
    chosen = right.selectbox(
        "Unit of the coordinates", list(_LENGTHS), index=None, format_func=lambda unit: _LENGTHS[unit],
        placeholder=f"unit in the file (guess: {_LENGTHS[inspection.lengths]})", key=_key(source, "lengths"),
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    if chosen is None:
        missing.append("the unit of the coordinates")
    return chosen


def _row(column: SourceColumn, source: str, missing: list[str]) -> Mapped | None:
    """One column; None where it is left out."""
    with st.container(key=f"column_{_row_key(column, source, 'row')}", gap="xsmall"):
        left, right = st.columns([2, 3], gap="medium", vertical_alignment="center")
        with left, st.container(gap=None):
            form = f"{'per atom' if column.per_atom else 'per molecule'}{_shape(column.shape)}"
            st.markdown(f"**{plain(column.name)}** :gray[{form}]")
            st.caption(f"{plain(column.example)}  \n{plain(_told(column))}")
        with right:
            return _choose(column, source, missing)


def _shape(shape: tuple[int, ...]) -> str:
    return f", {' × '.join(map(str, shape))} values" if shape else ""


def _told(column: SourceColumn) -> str:
    if column.guess is None:
        return f"no guess: {column.reason}"
    unit = f" in {unit_text(column.guess.unit)}" if column.guess.unit else ""
    return f"guess: {_label(column.guess.key)}{unit} ({column.reason})"


def _label(key: str) -> str:
    return PROPERTIES[key].label if key in PROPERTIES else key


def _choose(column: SourceColumn, source: str, missing: list[str]) -> Mapped | None:
    possible = [p.key for p in PROPERTIES.values() if p.per_atom == column.per_atom and p.shape == column.shape]
    first, second = st.columns([3, 2], gap="small")
    key = first.selectbox(
        f"Property of {column.name}", [*possible, OWN], index=None,
        format_func=lambda key: "a key of its own" if key == OWN else _label(key),
        placeholder="left out", key=_row_key(column, source, "property"), label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    if key is None:
        return None
    house = PROPERTIES[key].unit if key in PROPERTIES else ""
    if key in PROPERTIES and not house:
        return Mapped(source=column.name, key=key)
    options = list(units_for(house)) if house else list(_COMMON[""])
    unit_key = _row_key(column, source, "unit")
    now = st.session_state.get(unit_key)
    if now and now not in options:
        options.append(now)
    unit = second.selectbox(
        f"Unit of {column.name}", options, index=None, format_func=unit_text, accept_new_options=key == OWN,
        placeholder="unit in the file" if house else "no unit", key=unit_key, label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    if key != OWN:
        if not unit:
            missing.append(f"the unit of {plain(column.name)}")
            return None
        return Mapped(source=column.name, key=key, unit=unit)
    name = first.text_input(
        f"Key of {column.name}", key=_row_key(column, source, "key"), max_chars=64, placeholder="key, e.g. ionisation",
        label_visibility="collapsed", persist_state="session",
    ).strip()  # fmt: skip
    kind = "other"
    if not column.per_atom and column.shape == ():
        kind = second.selectbox(
            f"Kind of {column.name}", list(_KINDS), index=None, format_func=_KINDS.__getitem__,
            placeholder="its kind", key=_row_key(column, source, "kind"), label_visibility="collapsed",
            help="What grows with the molecule is predicted as a sum over atoms, what does not as a mean",
            persist_state="session",
        )  # fmt: skip
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        missing.append(f"a key for {plain(column.name)} (a letter, then letters, digits and '_')")
        return None
    if kind is None:
        missing.append(f"the kind of {plain(column.name)}")
        return None
    return Mapped(source=column.name, key=name, unit=unit or "", kind=kind)  # type: ignore[arg-type]
