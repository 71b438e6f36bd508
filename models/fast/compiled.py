"""How the loops of this project are compiled, by numba."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit

# Multiply and add may be joined in one instruction; nothing else is relaxed, so that a NaN stays a NaN and equal
# input gives equal bits.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def compiled(function: Callable) -> Callable:
    """Compile at the first call, and keep the machine code on disk for the next process.

    numba keeps it in NUMBA_CACHE_DIR, else beside the source, else in the user's cache folder; where none of them can
    be written, it goes to the system's temporary folder.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # "no locator available"
        folder = Path(tempfile.gettempdir()) / f"mollens-kernels-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        return njit(cache=True, **_OPTIONS)(function)
