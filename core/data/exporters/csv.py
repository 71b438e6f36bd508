"""CSV: one line per molecule, without geometries; one head line with every property's unit, as in `homo [eV]`.

A missing value is an empty cell. Text that a spreadsheet would take for a formula gets an apostrophe in front, which
spreadsheets hide and no SMILES begins with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from core.data.exporters.chosen import Chosen, Progress
from core.data.molecules import Molecules
from core.data.table import formulas

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(chosen: Chosen, path: Path, progress: Progress) -> None:
    """Write the file, as UTF-8."""
    n = len(chosen.rows)
    with open(path, "wb") as file:
        for start, molecules in chosen.chunks():
            table = _table(chosen, molecules)
            file.write(table.write_csv(include_header=start == 0, line_terminator="\n").encode())
            progress(start + molecules.n_molecules, n)


def left_out(chosen: Chosen) -> tuple[str, ...]:
    """Geometries and whatever belongs to atoms."""
    return ("geometries" + "".join(f", {key}" for key in chosen.atom_keys) + ": a table of molecules has no atoms",)


def _table(chosen: Chosen, molecules: Molecules) -> pl.DataFrame:
    assert molecules.smiles is not None
    rows = np.arange(molecules.n_molecules)
    columns = {
        "id": molecules.ids,
        "formula": formulas(molecules, rows),
        "atoms": molecules.sizes,
        "heavy_atoms": molecules.heavy_atoms,
        "smiles": [_harmless(text.decode(errors="replace")) for text in molecules.smiles.tolist()],
    }
    for key in chosen.keys:
        values = molecules.columns[key].reshape(molecules.n_molecules, -1)
        unit = f" [{chosen.unit(key)}]" if chosen.unit(key) else ""
        for k, column in enumerate(values.T, start=1):
            name = f"{key} {k}{unit}" if molecules.columns[key].ndim > 1 else f"{key}{unit}"
            columns[_harmless(name)] = np.ascontiguousarray(column)
    return pl.DataFrame(columns).fill_nan(None)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
