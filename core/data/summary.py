"""What a dataset holds, in numbers: the counts behind the Dataset page and `describe`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.splits import list_splits
from core.data.store import Dataset


def count_by_size(molecules: Molecules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sizes that occur, ascending, and the number of molecules of each; both (n_sizes,)."""
    counts = np.bincount(molecules.sizes)
    sizes = np.flatnonzero(counts)
    return sizes, counts[sizes]


def molecules_by_element(molecules: Molecules) -> dict[str, int]:
    """Element symbol -> number of molecules that contain it, by atomic number."""
    counts = (molecules.element_counts > 0).sum(axis=0)
    return {symbol: int(n) for symbol, n in zip(molecules.symbols, counts, strict=True)}


def size_element_counts(
    molecules: Molecules,
) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.int64]]:
    """Sizes, symbols, and how many molecules of each size contain each element, (n_symbols, n_sizes)."""
    sizes, _ = count_by_size(molecules)
    contained = molecules.element_counts > 0
    table = np.stack([np.bincount(molecules.sizes[has], minlength=sizes[-1] + 1)[sizes] for has in contained.T])
    return sizes, molecules.symbols, table


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts and properties of a dataset, as `describe --json` prints them."""
    molecules, card = dataset.molecules, dataset.card
    sizes, counts = count_by_size(molecules)
    return {
        "name": dataset.name,
        "title": card.title,
        "level_of_theory": card.level_of_theory,
        "license": card.license,
        "citation": card.citation,
        "n_molecules": molecules.n_molecules,
        "n_atoms": molecules.n_atoms,
        "sizes": {str(size): int(n) for size, n in zip(sizes, counts, strict=True)},
        "elements": molecules_by_element(molecules),
        "properties": [p.model_dump() for p in card.properties],
        "default_target": card.default_target,
        "targets": [p.key for p in dataset.targets()],
        "splits": list_splits(dataset),
        "missing": {
            key: int(np.isnan(values).sum()) for key, values in molecules.columns.items() if np.isnan(values).any()
        },
        "known_defects": card.known_defects,
        "sha256": card.sha256,
    }
