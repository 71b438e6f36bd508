"""Molecules as a table: one row each, for lists that a person reads."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import Dataset

Rows = NDArray[np.int64]


def molecule_table(dataset: Dataset, rows: Rows) -> pl.DataFrame:
    """Table of the molecules at `rows` (n,): id, formula, atoms, heavy atoms, SMILES, then every property per molecule.

    Values are in the property's unit, a missing one is null; the default target comes first.
    """
    molecules, card = dataset.molecules, dataset.card
    assert molecules.smiles is not None
    keys = [p.key for p in card.properties if p.key in molecules.columns and molecules.columns[p.key].ndim == 1]
    keys.sort(key=lambda key: key != card.default_target)  # stable: only the target moves
    return pl.DataFrame(
        {
            "id": molecules.ids[rows],
            "formula": formulas(molecules, rows),
            "atoms": molecules.sizes[rows],
            "heavy_atoms": molecules.heavy_atoms[rows],
            "smiles": molecules.smiles[rows].astype(str),
            **{key: np.asarray(molecules.columns[key][rows]) for key in keys},
        }
    ).fill_nan(None)


def formulas(molecules: Molecules, rows: Rows) -> list[str]:
    """Sum formulas of the molecules at `rows` (n,); each distinct one is made once."""
    if len(rows) == 0:
        return []
    _, first, which = np.unique(molecules.element_counts[rows], axis=0, return_index=True, return_inverse=True)
    written = [molecules.formula(int(row)) for row in rows[first]]
    return [written[place] for place in which.ravel()]
