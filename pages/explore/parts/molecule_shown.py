"""One molecule with all that is known of it: in 3D, as a structural formula, its values, its files."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from core.chem.depiction import depict
from core.data.store import Dataset
from core.figures.numbers import formula, number, unit_text
from core.figures.theme import colours, element_colours
from pages.common.appearance import dark, plain, safe
from pages.common.furniture import Fact, card_head, facts
from pages.common.molecule_tools import address_and_xyz
from pages.common.viewer import AtomColumn, molecule_explorer
from pages.explore.parts.molecule_list import Listing, show_molecule
from pages.explore.parts.molecule_rows import value_text

MOST_WRITTEN = 9
"""numbers of a property with a shape that are written out"""
GROUPS = {
    "Energies": ("energy", "atomization_energy", "energy_U0", "energy_U", "enthalpy_H", "free_energy", "zpve"),
    "Orbitals": ("homo", "lumo", "gap"),
    "Charge distribution": ("dipole_moment", "isotropic_polarizability", "electronic_spatial_extent"),
    "Heat and rotation": (
        "heat_capacity",
        "rotational_constant_A",
        "rotational_constant_B",
        "rotational_constant_C",
    ),
}


def show_head(dataset: Dataset, shown: Listing) -> None:
    """Name of the molecule, and what can be done with it."""
    molecules, row = dataset.molecules, shown.row
    identifier = int(molecules.ids[row])
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", wrap=False, key="head_molecule"):
        with st.container(gap=None, width="stretch", key="headtext_molecule"):
            st.subheader(f"{formula(molecules.formula(row))} · id {identifier}", anchor=False)
        _step_button(dataset, shown, -1, "P", ":material/chevron_left:", "Previous molecule of the list")
        _step_button(dataset, shown, 1, "N", ":material/chevron_right:", "Next molecule of the list")
        address_and_xyz(dataset, row, own_address(dataset, identifier), "this molecule")
    where = "not among the molecules of the list"
    if shown.place is not None:
        where = f"{number(shown.place + 1)} of {number(len(shown.order))} in the list"
    st.caption(f"{number(int(molecules.sizes[row]))} atoms · {where}")


def _step_button(dataset: Dataset, shown: Listing, step: int, key: str, icon: str, text: str) -> None:
    place = None if shown.place is None else shown.place + step
    possible = place is not None and 0 <= place < len(shown.order)
    other = str(dataset.molecules.ids[shown.order[place]]) if possible else ""
    st.button(
        "",
        icon=icon,
        type="tertiary",
        key=f"step_{key}",
        help=text,
        disabled=not possible,
        shortcut=key,
        on_click=show_molecule,
        args=(other,),
    )


def own_address(dataset: Dataset, identifier: int) -> str:
    """Address that shows this molecule, whatever is filtered."""
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({'dataset': dataset.name, 'molecule': identifier})}"


def show_view(dataset: Dataset, shown: Listing) -> None:
    """The molecule in 3D."""
    picture = picture_of(dataset, shown.row, 300, 200)
    molecule_explorer(
        dataset.molecules, shown.row, "molecule_3d", atom_columns(dataset, shown.row), picture, height=520
    )


def atom_columns(dataset: Dataset, row: int) -> list[AtomColumn]:
    """Single values of each atom of the molecule."""
    molecules = dataset.molecules
    found = []
    for item in dataset.card.properties:
        values = molecules.atom_columns.get(item.key)
        if values is not None and values.ndim == 1:
            own = [float(v) if np.isfinite(v) else None for v in values[molecules.atoms(row)]]
            found.append(AtomColumn(item.key, item.label, unit_text(item.unit), tuple(own)))
    return found


def picture_of(dataset: Dataset, row: int, width: int, height: int) -> str:
    """Address of the structural formula, empty where there is none to draw."""
    ink = colours(dark()).ink
    svg = depict(dataset.molecules.smiles_of(row), dark(), width, height, element_colours(dark()), ink)
    # as a picture of its own, so that nothing in it can reach the page
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode() if svg else ""


def show_formula(dataset: Dataset, shown: Listing) -> None:
    """The structural formula with the SMILES that it was drawn from."""
    smiles = dataset.molecules.smiles_of(shown.row)
    card_head("Structure", "Drawn from the SMILES, without hydrogens on carbon", "structure")
    picture = picture_of(dataset, shown.row, 300, 190)
    if picture:
        alt = f"Structural formula of {dataset.molecules.formula(shown.row)}"
        st.html(
            f'<img src="{picture}" alt="{safe(alt)}" width="300" height="190" '
            'style="display:block;margin:0 auto;max-width:100%">'
        )
    if smiles:
        if not picture:
            st.caption("This SMILES cannot be read, so no structure is drawn.")
        st.code(smiles, language=None, wrap_lines=True)
    else:
        st.caption("The source gives no SMILES for this molecule, so no structure is drawn.")


def show_properties(dataset: Dataset, shown: Listing) -> None:
    """All values of the molecule with their units, in groups."""
    card_head("Values", dataset.card.level_of_theory and plain(dataset.card.level_of_theory), "values")
    groups = property_facts(dataset, shown.row)
    if not groups:
        st.caption("This dataset has geometries only.")
    for name, rows in groups.items():
        if len(groups) > 1:
            st.caption(f"**{name}**")
        facts(rows, columns=True)


def property_facts(dataset: Dataset, row: int) -> dict[str, list[Fact]]:
    """Group -> its properties of one molecule, each with its unit; the default target is marked."""
    group_of = {key: group for group, keys in GROUPS.items() for key in keys}
    found: dict[str, list[Fact]] = {group: [] for group in (*GROUPS, "Other values")}
    for item in dataset.card.properties:
        values: Any = dataset.molecules.columns.get(item.key)
        if values is None:
            continue
        text = _written(np.asarray(values[row]))
        label = f"{item.label} · default target" if item.key == dataset.card.default_target else item.label
        unit = unit_text(item.unit) if text != NO_VALUE else ""
        found[group_of.get(item.key, "Other values")].append(Fact(label, text, unit))
    return {group: rows for group, rows in found.items() if rows}


NO_VALUE = "no value"


def _written(value: np.ndarray) -> str:
    numbers = value.ravel()
    if not np.isfinite(numbers).any():
        return NO_VALUE
    if value.ndim == 0:
        return value_text(float(value))
    if len(numbers) > MOST_WRITTEN:
        return f"{len(numbers)} numbers"
    return ", ".join(value_text(float(v)) if np.isfinite(v) else NO_VALUE for v in numbers)
