"""How the loops of this project are compiled, by numba."""

import os
import stat
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
    be written, it goes to a folder of the user's own in the system's temporary one.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # "no locator available"
        numba.config.CACHE_DIR = str(_temporary_folder())  # type: ignore[attr-defined]
        return njit(cache=True, **_OPTIONS)(function)


def _temporary_folder() -> Path:
    """A folder that nobody else can write to: machine code is loaded from it.

    Its name is the same for every process, so that the code is found again; where somebody else has taken that name, a
    fresh one.
    """
    folder = Path(tempfile.gettempdir()) / f"mollens-kernels-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:  # e.g. a file of that name
        return Path(tempfile.mkdtemp(prefix="mollens-kernels-"))
    own = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700 and found.st_uid == os.getuid()
    return folder if own else Path(tempfile.mkdtemp(prefix="mollens-kernels-"))
