"""Molecules of demo that tell something about networks."""

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset


def telling_rows(demo: Dataset) -> NDArray[np.int64]:
    """Rows, ascending, of the smallest and largest molecules, of some with fluorine, and of some all over demo."""
    molecules = demo.molecules
    by_size = np.argsort(molecules.sizes, kind="stable")
    fluorine = np.flatnonzero(molecules.contains(9))
    spread = np.linspace(0, molecules.n_molecules - 1, 16).astype(int)
    return np.unique(np.concatenate([by_size[:12], by_size[-12:], fluorine[:: max(1, len(fluorine) // 8)][:8], spread]))
