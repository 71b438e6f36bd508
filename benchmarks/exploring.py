"""Counts of the Dataset page on the embedded molecules repeated to the size of QM9."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.timing import median_seconds
from core.data.molecules import Molecules
from core.data.store import open_dataset
from core.data.summary import count_by_size, molecules_by_element, size_element_counts

N = 133_885


def measure() -> dict[str, Any]:
    """Milliseconds of each count, nothing cached."""
    molecules = open_dataset("demo").molecules
    many = molecules.take(np.resize(np.arange(molecules.n_molecules), N))

    def fresh() -> Molecules:
        return Molecules(many.numbers, many.positions, many.first_atom, many.ids)

    return {
        "molecules": N,
        "size histogram, ms": round(1000 * median_seconds(lambda: count_by_size(fresh())), 2),
        "element share, ms": round(1000 * median_seconds(lambda: molecules_by_element(fresh())), 2),
        "size x element, ms": round(1000 * median_seconds(lambda: size_element_counts(fresh())), 2),
    }
