"""Molecules as rows of the table component: its columns, and the texts of its cells."""

from __future__ import annotations

import polars as pl

from core.data.store import Dataset
from core.data.table import table_keys
from core.figures.numbers import formula, number, significant, unit_text
from pages.common.table import Column

_HEADS = {
    "id": ("Id", "Identifier in the source"),
    "formula": ("Formula", "Sum formula"),
    "atoms": ("Atoms", "Atoms, hydrogens included"),
    "heavy_atoms": ("Heavy", "Atoms that are not hydrogen"),
    "smiles": ("SMILES", "Structure as SMILES"),
}


def table_columns(dataset: Dataset) -> list[Column]:
    """The columns of `core.data.table.molecule_table`."""
    properties = {key: dataset.property(key) for key in table_keys(dataset) if key not in _HEADS}
    columns = [Column(key, _HEADS[key][0], "", _HEADS[key][1], key in ("formula", "smiles")) for key in _HEADS]
    return columns + [Column(key, p.label, unit_text(p.unit), p.description) for key, p in properties.items()]


def table_rows(table: pl.DataFrame) -> list[list[str | None]]:
    """For each molecule its id and the text of each cell."""
    rows = []
    for values in table.iter_rows():
        identifier, composition, atoms, heavy, smiles, *numbers = values
        words = [str(identifier), formula(composition), str(atoms), str(heavy), smiles or None]
        rows.append([str(identifier), *words, *(None if v is None else value_text(v) for v in numbers)])
    return rows


def value_text(value: float) -> str:
    """A property's value as the page writes it."""
    return number(value, 4) if abs(value) >= 1 else significant(value, 4)
