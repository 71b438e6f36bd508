"""Molecules as a table: one row each, for lists that a person reads and sorts."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.errors import MollensError

Rows = NDArray[np.int64]
ALWAYS = ("id", "formula", "atoms", "heavy_atoms", "smiles")
"""columns that every dataset has"""


def table_keys(dataset: Dataset) -> list[str]:
    """Columns of the table: those that all datasets have, then single-valued properties, the default target first."""
    molecules, card = dataset.molecules, dataset.card
    keys = [p.key for p in card.properties if p.key in molecules.columns and molecules.columns[p.key].ndim == 1]
    keys.sort(key=lambda key: key != card.default_target)  # stable: only the target moves
    return [*ALWAYS, *(key for key in keys if key not in ALWAYS)]


def molecule_table(dataset: Dataset, rows: Rows) -> pl.DataFrame:
    """Table of the molecules at `rows` (n,): id, formula, atoms, heavy atoms, SMILES, then every property per molecule.

    Values are in the property's unit, a missing one is null; the default target comes first.
    """
    molecules = dataset.molecules
    assert molecules.smiles is not None
    keys = table_keys(dataset)[len(ALWAYS) :]
    return pl.DataFrame(
        {
            "id": molecules.ids[rows],
            "formula": formulas(molecules, rows),
            "atoms": molecules.sizes[rows],
            "heavy_atoms": molecules.heavy_atoms[rows],
            "smiles": np.char.decode(molecules.smiles[rows], "utf-8", "replace"),
            **{key: np.asarray(molecules.columns[key][rows]) for key in keys},
        }
    ).fill_nan(None)


def sorted_rows(dataset: Dataset, rows: Rows, key: str, descending: bool = False) -> Rows:
    """The same rows (n,) in the order of the column `key`; equal ones stay as they were, missing ones come last.

    Raises:
        MollensError: for a column that the table does not have.
    """
    if key not in table_keys(dataset):
        raise MollensError(f"sort {key[:40]!r}: not a column; expected one of {', '.join(table_keys(dataset))}")
    values, missing = _sortable(dataset.molecules, rows, key)
    order = np.argsort(-values if descending else values, kind="stable")
    return rows[np.concatenate([order[~missing[order]], np.flatnonzero(missing)])]


def _sortable(molecules: Molecules, rows: Rows, key: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers that sort as the column does, and which of them are missing."""
    assert molecules.smiles is not None
    if key == "id":  # ids may be too large for a float
        ids = np.unique(molecules.ids[rows], return_inverse=True)[1]
        return ids.astype(np.float64), np.zeros(len(rows), dtype=bool)
    if key in ("atoms", "heavy_atoms"):
        column = molecules.sizes if key == "atoms" else molecules.heavy_atoms
        return column[rows].astype(np.float64), np.zeros(len(rows), dtype=bool)
    if key == "formula":
        which, names = _compositions(molecules, rows)
        place = np.empty(len(names), dtype=np.int64)
        place[np.argsort(np.array(names, dtype=str), kind="stable")] = np.arange(len(names))
        return place[which].astype(np.float64), np.zeros(len(rows), dtype=bool)
    if key == "smiles":
        texts, which = np.unique(molecules.smiles[rows], return_inverse=True)
        empty: NDArray[np.bool_] = np.char.str_len(texts) == 0
        return which.ravel().astype(np.float64), empty[which.ravel()]
    values = np.asarray(molecules.columns[key][rows], dtype=np.float64)
    return values, np.isnan(values)


def formulas(molecules: Molecules, rows: Rows) -> list[str]:
    """Sum formulas of the molecules at `rows` (n,); each distinct one is made once."""
    which, names = _compositions(molecules, rows)
    return [names[place] for place in which]


def _compositions(molecules: Molecules, rows: Rows) -> tuple[NDArray[np.int64], list[str]]:
    """Which sum formula each of `rows` (n,) has, and the formulas."""
    counts = molecules.element_counts[rows]
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64), []
    bases = counts.max(axis=0).astype(object) + 1
    if np.prod(bases) < 2**62:  # one number for each composition sorts faster than a row of them
        steps = np.concatenate([[1], np.cumprod(bases[:-1])]).astype(np.int64)
        _, first, which = np.unique(counts @ steps, return_index=True, return_inverse=True)
    else:
        _, first, which = np.unique(counts, axis=0, return_index=True, return_inverse=True)
    return which.ravel(), [molecules.formula(int(row)) for row in rows[first]]
