"""How benchmarks measure: wall time of a call, the median of several."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from core.files import CHECKOUT

ARCHIVE = CHECKOUT.parent / "shared" / "data" / "qm9" / "dsgdb9nsd_subset.xyz.tar.bz2"
"""16,882 real QM9 molecules in the official layout, where the optional folder of data is there"""


def median_seconds(call: Callable[[], object], times: int = 5) -> float:
    """Median wall time in seconds of `times` calls."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def archive() -> Path:
    """The archive of real molecules.

    Raises:
        SystemExit: where it is not there.
    """
    if not ARCHIVE.exists():
        raise SystemExit("this benchmark needs the archive of real molecules in ../shared/data")
    return ARCHIVE
