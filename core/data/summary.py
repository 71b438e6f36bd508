"""What a dataset holds, in numbers: the counts behind the Dataset page and `describe`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.balance import Balance, element_balance, size_balance
from core.data.cells import Rows, cells_of
from core.data.molecules import SYMBOLS, Molecules
from core.data.splits import list_splits
from core.data.store import Dataset

Ints = NDArray[np.int64]


def count_by_size(molecules: Molecules, rows: Rows | None = None) -> tuple[Ints, Ints]:
    """Sizes of the dataset, ascending, and how many of the molecules at `rows`, or of all, have them; (n_sizes,) each.

    With `rows` a count may be 0, so that all and some molecules share one axis.
    """
    cells = cells_of(molecules)
    sizes = np.unique(cells.sizes)
    return sizes, np.bincount(cells.sizes, weights=cells.count(rows)).astype(np.int64)[sizes]


def count_by_heavy_atoms(molecules: Molecules, rows: Rows | None = None) -> tuple[Ints, Ints]:
    """Numbers of heavy atoms of the dataset, ascending, and how many molecules at `rows`, or of all, have them."""
    heavy = molecules.heavy_atoms
    every = np.bincount(heavy)
    known = np.flatnonzero(every)
    return known, (every if rows is None else np.bincount(heavy[rows], minlength=len(every)))[known]


def molecules_by_element(molecules: Molecules, rows: Rows | None = None) -> dict[str, int]:
    """Element symbol -> how many of the molecules at `rows`, or of all, contain it; by atomic number, 0 included."""
    cells = cells_of(molecules)
    counts = cells.count(rows) @ cells.contained
    return {symbol: int(n) for symbol, n in zip(molecules.symbols, counts, strict=True)}


def size_element_counts(molecules: Molecules, rows: Rows | None = None) -> tuple[Ints, tuple[str, ...], Ints]:
    """Sizes, symbols, and how many molecules of each size contain each element, (n_symbols, n_sizes).

    Sizes and symbols are those of the dataset, also where the molecules at `rows` have none of them.
    """
    cells = cells_of(molecules)
    sizes = np.unique(cells.sizes)
    place, counts = np.searchsorted(sizes, cells.sizes), cells.count(rows)
    table = [np.bincount(place, weights=counts * has, minlength=len(sizes)) for has in cells.contained.T]
    return sizes, molecules.symbols, np.stack(table).astype(np.int64)


def describe(dataset: Dataset, rows: Rows | None = None) -> dict[str, Any]:
    """Counts and properties of a dataset, or of its molecules at `rows`, as `describe --json` prints them."""
    molecules, card = dataset.molecules, dataset.card
    elements = element_balance(molecules, rows)
    columns = {key: values if rows is None else values[rows] for key, values in molecules.columns.items()}
    return {
        "name": dataset.name,
        "title": card.title,
        "level_of_theory": card.level_of_theory,
        "license": card.license,
        "citation": card.citation,
        "n_molecules": molecules.n_molecules if rows is None else len(rows),
        "n_atoms": molecules.n_atoms if rows is None else int(molecules.sizes[rows].sum()),
        "sizes": _by_number(count_by_size(molecules, rows)),
        "heavy_atoms": _by_number(count_by_heavy_atoms(molecules, rows)),
        "elements": molecules_by_element(molecules, rows),
        "balance": {
            "sizes": _balance(size_balance(molecules, rows)),
            "elements": _balance(elements) | {"rare": [SYMBOLS[number] for number in elements.rare]},
        },
        "properties": [p.model_dump(include={"key", "label", "unit"}) for p in card.properties],
        "default_target": card.default_target,
        "targets": [p.key for p in dataset.targets()],
        "splits": list_splits(dataset),
        "missing": {key: int(np.isnan(values).sum()) for key, values in columns.items() if np.isnan(values).any()},
        "known_defects": card.known_defects,
        "sha256": card.sha256,
    }


def _by_number(counted: tuple[Ints, Ints]) -> dict[str, int]:
    return {str(value): int(n) for value, n in zip(*counted, strict=True) if n}


def _balance(found: Balance) -> dict[str, Any]:
    return {
        "n_classes": found.n_classes,
        "effective": round(found.effective, 3),
        "inverse_simpson": round(found.simpson, 3),
        "rare": list(found.rare),
        "n_rare": found.n_rare,
        "rare_share": found.rare_share,
    }
