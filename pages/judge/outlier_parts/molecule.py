"""One molecule of the page Outliers: its head, and the large 3D view coloured by what a reader asks for."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core.data.molecules import SYMBOLS
from core.errors import MollensError
from core.figures.numbers import formula, number, unit_text
from core.figures.theme import colours, mix
from core.judge.inspect.molecule import MoleculeErrors
from pages.common.address import kept
from pages.common.appearance import dark, plain
from pages.common.filters import selection_query
from pages.common.furniture import scale_strip
from pages.common.molecule_tools import address_and_xyz
from pages.common.viewer import AtomColumn, AtomLabel, molecule_explorer
from pages.explore.parts.molecule_shown import atom_columns, picture_of
from pages.judge.outlier_parts.gallery_asked import Asked, show_molecule
from pages.judge.outlier_parts.gallery_order import Listing
from pages.judge.outlier_parts.inside_task import inside_or_start
from pages.judge.outlier_parts.molecule_atoms import MODES, AtomView, atom_view, not_looked_into

HEIGHT = 430


def show_view(asked: Asked, listing: Listing, errors: MoleculeErrors) -> None:
    """The card with the molecule in 3D."""
    _head(asked, listing, errors)
    mode = st.segmented_control(
        "Colour by", list(MODES), format_func=MODES.__getitem__, required=True, label_visibility="collapsed",
        **kept("colour", list(MODES), "element"),
    )  # fmt: skip
    blind = not_looked_into(asked, errors.row, str(mode))
    shown, why = None, ""
    if blind is None:
        try:
            shown = atom_view(asked, errors.row, str(mode))
        except MollensError as error:
            why = str(error)
    columns = [_column(shown)] if shown is not None and shown.values is not None else []
    columns += [column for column in atom_columns(asked.dataset, errors.row) if column.key not in _keys(columns)]
    molecule_explorer(
        asked.dataset.molecules,
        errors.row,
        "outlier_3d",
        columns,
        picture_of(asked.dataset, errors.row, 300, 200),
        height=HEIGHT,
        atom_colours=None if shown is None else _colours(shown),
        marks=() if shown is None else _marks(asked, shown, errors.row),
    )
    if blind is not None:
        if mode == "difference":
            st.caption("A difference needs two seeds of one of the two models: they tell how much of it is noise.")
        inside_or_start(blind.run, asked.dataset, "atoms", "what each atom adds to its predictions")
    elif shown is None:
        st.caption(f"**{MODES[str(mode)]} is off:** {plain(why)}. The atoms are coloured by element.")
    elif shown.values is not None:
        ramp = colours(dark()).atom_difference
        factor, unit = shown.factor, shown.unit
        end = number(shown.values.reach * factor, _decimals(shown))
        scale_strip(ramp, f"−{end}", f"+{end} {unit}", shown.remark)
        if shown.note:
            st.caption(shown.note)


def _head(asked: Asked, listing: Listing, errors: MoleculeErrors) -> None:
    """Name of the molecule, and the ways from it to others."""
    place = listing.place_of(errors.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", wrap=False, key="head_molecule"):
        with st.container(gap=None, width="stretch", key="headtext_molecule"):
            st.subheader(f"{formula(errors.formula)} · id {errors.id}", anchor=False)
        _step(listing, place, -1, "P", ":material/chevron_left:", "Previous molecule in this order")
        _step(listing, place, 1, "N", ":material/chevron_right:", "Next molecule in this order")
        address_and_xyz(asked.dataset, errors.row, _address(asked, errors.id), "this molecule under this model")
    where = "not among the molecules of this order"
    if place is not None:
        where = f"{number(place + 1)} of {number(listing.total)} in this order"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{number(errors.size)} atoms · {where}", width="stretch")
        query = {**selection_query(asked.dataset, asked.selection), "molecule": str(errors.id)}
        st.page_link(
            "pages/explore/molecules.py", label="All its values", icon=":material/arrow_forward:",
            icon_position="right", query_params=query,
        )  # fmt: skip


def _step(listing: Listing, place: int | None, step: int, key: str, icon: str, text: str) -> None:
    other = None if place is None else listing.id_at(place + step)
    st.button(
        "", icon=icon, type="tertiary", key=f"step_{key}", help=text, disabled=other is None, shortcut=key,
        on_click=_go, args=(listing, other),
    )  # fmt: skip


def _go(listing: Listing, molecule: int | None) -> None:
    """Show a molecule of the order, and the page of the order that it is on."""
    show_molecule(molecule)
    if molecule is not None:
        listing.turn_to(molecule)


def _address(asked: Asked, identifier: int) -> str:
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({'dataset': asked.dataset.name, 'run': asked.run.id, 'molecule': identifier})}"


def _colours(shown: AtomView) -> list[str] | None:
    if shown.values is None:
        return None
    ramp = colours(dark()).atom_difference
    return [mix(ramp, 0.5 + 0.5 * float(v) / shown.values.reach) for v in shown.values.shown]


def _marks(asked: Asked, shown: AtomView, row: int) -> list[AtomLabel]:
    """The three atoms that stand out most."""
    if shown.values is None:
        return []
    molecules = asked.dataset.molecules
    symbols = [SYMBOLS[int(z)] for z in molecules.numbers[molecules.atoms(row)]]
    found = []
    for atom in shown.values.largest():
        value = number(float(shown.values.shown[atom]) * shown.factor, _decimals(shown), sign=True)
        found.append(AtomLabel(atom, f"{symbols[atom]}{atom + 1} {value}"))
    return found


def _column(shown: AtomView) -> AtomColumn:
    assert shown.values is not None
    values = tuple(float(v) * shown.factor for v in shown.values.values)
    return AtomColumn(shown.key, shown.label, unit_text(shown.unit), values, _decimals(shown), signed=True)


def _keys(columns: list[AtomColumn]) -> set[str]:
    return {column.key for column in columns}


def _decimals(shown: AtomView) -> int:
    """Digits behind the point that tell the atoms apart."""
    assert shown.values is not None
    reach = shown.values.reach * shown.factor
    return 0 if reach >= 20 else 1 if reach >= 2 else 2
