"""Molecules in 3D: one large view, and a gallery of small ones; drawn by 3Dmol.js with one shared WebGL context.

A drawn molecule carries `data-ready="1"` and `data-atoms="N"` once its pixels are on the screen.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.molecules import SYMBOLS, Molecules
from core.figures.numbers import number
from core.figures.theme import OTHER_ELEMENT, colours, element_colours
from core.files import CHECKOUT
from pages.common.appearance import dark

_ACROSS, _DOWN = np.radians(18), np.radians(-14)
_TILT = np.array([[np.cos(_ACROSS), 0, -np.sin(_ACROSS)], [0, 1, 0], [np.sin(_ACROSS), 0, np.cos(_ACROSS)]]) @ np.array(
    [[1, 0, 0], [0, np.cos(_DOWN), np.sin(_DOWN)], [0, -np.sin(_DOWN), np.cos(_DOWN)]]
)

_BROWSER = Path(__file__).parent / "browser"
_LIBRARY = (_BROWSER / "library.js").read_text()

_view = st.components.v2.component(
    "mollens_viewer",
    html='<div class="view" role="img"></div>',
    css=(_BROWSER / "viewer.css").read_text(),
    js=_LIBRARY + (_BROWSER / "viewer.js").read_text(),
)
_molecule = st.components.v2.component(
    "mollens_molecule",
    html="""<div class="molecule">
<div class="tools"><span>Labels <span class="labels" role="group" aria-label="Labels"></span></span>
<button type="button" class="spin">Spin</button>
<button type="button" class="clear" title="Esc" hidden>Clear</button></div>
<div class="view" role="img" tabindex="0"></div><div class="measured" aria-live="polite"></div></div>""",
    css=(_BROWSER / "viewer.css").read_text() + (_BROWSER / "molecule.css").read_text(),
    js=_LIBRARY + (_BROWSER / "molecule.js").read_text(),
)
_gallery = st.components.v2.component(
    "mollens_gallery",
    html='<div class="gallery" role="listbox"></div><div class="remark" hidden></div>',
    css=(_BROWSER / "gallery.css").read_text(),
    js=_LIBRARY + (_BROWSER / "gallery.js").read_text(),
)


@dataclass(frozen=True)
class AtomLabel:
    """A short text beside one atom."""

    atom: int
    """index within the molecule"""
    text: str


@dataclass(frozen=True)
class GalleryItem:
    """One small molecule of a gallery with the words around it."""

    id: str
    """what a click gives back"""
    row: int
    """row in the Molecules that are shown"""
    title: str
    right: str = ""
    """muted, at the right end of the title's line"""
    lines: tuple[str, ...] = ()
    """muted lines under the molecule"""
    picture: str | None = None
    """address of a flat picture to show in place of the molecule in 3D; empty where there is none to show"""
    flat: str = ""
    """address of a flat picture for browsers that cannot draw in 3D"""
    bar: float | None = None
    """length from 0 to 1 of a bar under the molecule; None for no bar"""


@dataclass(frozen=True)
class AtomColumn:
    """One value for each atom of a molecule."""

    key: str
    label: str
    unit: str
    values: tuple[float | None, ...]
    decimals: int = 2
    """beside the atoms; two more where one atom is told of alone"""
    signed: bool = False
    """write a plus as well"""


def molecule_view(
    molecules: Molecules,
    row: int,
    key: str,
    height: int = 380,
    atom_colours: Sequence[str] | None = None,
    labels: Sequence[AtomLabel] = (),
) -> int | None:
    """Show one molecule, to be turned with the mouse.

    Args:
        row: which of `molecules`.
        key: unique on the page; keep it the same for different molecules, so that the view is used again.
        height: pixels.
        atom_colours: `#RRGGBB` per atom instead of the element's colour; bonds become grey.
        labels: texts beside atoms.

    Returns:
        Index of the atom that was just clicked, else None.
    """
    drawing = _drawing(molecules, row)
    drawing["colours"] = list(atom_colours) if atom_colours is not None else None
    drawing["labels"] = [asdict(label) for label in labels]
    result = _view(
        data={**_common(zoom=1.35, stick=0.10, sphere=0.26), "molecule": drawing, "height": height},
        key=key,
        on_picked_change=_nothing,
    )
    picked = getattr(result, "picked", None)
    return int(picked["atom"]) if picked else None


def molecule_explorer(
    molecules: Molecules,
    row: int,
    key: str,
    columns: Sequence[AtomColumn] = (),
    picture: str = "",
    height: int = 340,
    atom_colours: Sequence[str] | None = None,
    marks: Sequence[AtomLabel] = (),
) -> None:
    """Show one molecule with tools: labels, spin, and distances, angles and dihedrals between clicked atoms.

    All of it happens in the browser, from the stored coordinates.

    Args:
        key: unique on the page; keep it the same for different molecules, so that the view is used again.
        columns: values of its atoms, for labels and for the words about a clicked atom.
        picture: address of a flat picture, shown where there can be no 3D view.
        atom_colours: `#RRGGBB` per atom instead of the element's colour; bonds become grey.
        marks: texts beside a few atoms, shown until the reader asks for other labels.
    """
    positions = molecules.positions[molecules.atoms(row)]
    drawing = {
        **_drawing(molecules, row),
        "positions": lay_flat(positions).tolist(),  # not rounded: distances are computed from them
        "stored": positions.tolist(),
        "columns": [asdict(column) for column in columns],
        "picture": picture,
        "colours": list(atom_colours) if atom_colours is not None else None,
        "marks": [asdict(mark) for mark in marks],
    }
    _molecule(data={**_common(zoom=1.35, stick=0.10, sphere=0.26), "molecule": drawing, "height": height}, key=key)


def molecule_gallery(
    molecules: Molecules,
    items: Sequence[GalleryItem],
    key: str,
    selected: str | None = None,
    columns: int | str = 9,
    smallest: int | str = 104,
    height: int = 76,
) -> str | None:
    """Show several small molecules, one of them selected; a click or Enter gives its id back, arrow keys move.

    The same molecules under the same key keep their drawings when their words, their size or the selection change.

    Args:
        selected: id of the item with the frame.
        columns: how many side by side, or "auto-fill" for as many as fit.
        smallest: least width of one, in pixels or as CSS writes a length; below it a row of a fixed number of columns
            scrolls sideways.
        height: of each drawing, pixels.

    Returns:
        Id of the item that was just clicked, else None.
    """
    shown = [_shown(molecules, item) for item in items]
    result = _gallery(
        data={
            **_common(zoom=1.45, stick=0.13, sphere=0.27),
            "items": shown,
            "selected": selected,
            "columns": str(columns),
            "smallest": smallest,
            "height": height,
        },
        key=key,
        on_picked_change=_nothing,
    )
    picked = getattr(result, "picked", None)
    return str(picked) if picked is not None else None


def _shown(molecules: Molecules, item: GalleryItem) -> dict[str, Any]:
    words = {
        "id": item.id,
        "title": item.title,
        "right": item.right,
        "lines": list(item.lines),
        "picture": item.picture,
        "flat": item.flat,
        "bar": None if item.bar is None else min(max(item.bar, 0.0), 1.0),
    }
    drawing = _drawing(molecules, item.row)
    return {**words, "label": drawing["title"], "molecule": drawing if item.picture is None else None}


def _nothing() -> None:
    """A component reports clicks only if it has a callback."""


def _drawing(molecules: Molecules, row: int) -> dict[str, Any]:
    atoms = molecules.atoms(row)
    title = f"{molecules.formula(row)}, {number(int(molecules.sizes[row]))} atoms"
    return {
        "key": str(molecules.ids[row]),
        "title": title,
        "symbols": [SYMBOLS[int(z)] for z in molecules.numbers[atoms]],
        "positions": np.round(lay_flat(molecules.positions[atoms]), 4).tolist(),
    }


def lay_flat(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_atoms, 3) the same molecule centred, turned so that its longest axis lies across and its shortest towards us.

    It is then tilted a little, so that atoms behind each other part. It is only turned, never mirrored.
    """
    centred = positions - positions.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=True)
    if np.linalg.det(axes) < 0:
        axes = axes * np.array([[1.0], [1.0], [-1.0]])
    return centred @ axes.T @ _TILT


def _common(zoom: float, stick: float, sphere: float) -> dict[str, Any]:
    c = colours(dark())
    return {
        "scripts": list(_scripts()),
        "colours": {"page": c.page, "line": c.line, "ink": c.ink, "muted": c.muted, "faint": c.faint, "hover": c.hover},
        "look": {
            "zoom": zoom,
            "stick": stick,
            "sphere": sphere,
            "ink": c.ink,
            "page": c.page,
            "bond": c.faint,
            "mark": c.ink if dark() else c.muted,
            "elements": element_colours(dark()),
            "other_element": OTHER_ELEMENT,
        },
    }


@cache
def _public_script() -> str:
    import py3Dmol

    return str(inspect.signature(py3Dmol.view.__init__).parameters["js"].default)


def _scripts() -> tuple[str, ...]:
    """Where the browser may find 3Dmol.js, best first: our static folder, then the address that py3Dmol names."""
    prefix = (st.get_option("server.baseUrlPath") or "").strip("/")
    local = f"/{prefix}/app/static/3Dmol-min.js" if prefix else "/app/static/3Dmol-min.js"
    return (local, _public_script()) if (CHECKOUT / "static" / "3Dmol-min.js").exists() else (_public_script(),)
