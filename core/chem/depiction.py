"""Structural formulas: a SMILES as a drawing in the colours of the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rdkit.Chem import GetPeriodicTable, rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from core.chem.smiles import read_smiles

MOST_ATOMS = 200
"""heavy atoms; a drawing of more could not be read"""
LARGEST = 2000
"""pixels"""
_INK = {False: "#0F172A", True: "#E2E8F0"}


def depict(
    smiles: str,
    dark: bool,
    width: int,
    height: int,
    atom_colours: Mapping[str, str] | None = None,
    ink: str | None = None,
) -> str | None:
    """A drawing of a molecule as SVG text with a transparent ground.

    Letters are drawn as paths, so no text of others is in it.

    Args:
        dark: for a dark page.
        width, height: pixels.
        atom_colours: element symbol -> `#RRGGBB` of its letters; carbon and what is not named are drawn in ink.
        ink: `#RRGGBB` of bonds and other letters.

    Returns:
        None where the SMILES is empty, cannot be read, or has more than 200 heavy atoms.
    """
    chosen = tuple(sorted((atom_colours or {}).items()))
    size = (max(20, min(width, LARGEST)), max(20, min(height, LARGEST)))
    return _depict(smiles, *size, chosen, ink or _INK[dark])


@lru_cache(maxsize=2000)
def _depict(smiles: str, width: int, height: int, colours: tuple[tuple[str, str], ...], ink: str) -> str | None:
    mol = read_smiles(smiles)
    if mol is None or not 0 < mol.GetNumHeavyAtoms() <= MOST_ATOMS:
        return None
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.bondLineWidth = 1.5
    options.scaleBondWidth = False
    options.padding = 0.06
    options.fixedBondLength = 30.0
    options.minFontSize = 11
    options.maxFontSize = 16
    palette = {-1: _rgb(ink)}
    palette |= {_number(symbol): _rgb(colour) for symbol, colour in colours if symbol not in ("C", "H")}
    options.setAtomPalette(palette)
    try:
        rdDepictor.Compute2DCoords(mol, canonOrient=True)
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol)
    except (ValueError, RuntimeError):
        return None
    drawer.FinishDrawing()
    text = str(drawer.GetDrawingText())
    return text[text.index("<svg") :]


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _number(symbol: str) -> int:
    return int(GetPeriodicTable().GetAtomicNumber(symbol))
