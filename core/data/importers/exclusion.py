"""Lists of molecules to leave out or to mark, such as QM9's uncharacterized.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.errors import MollensError


def read_excluded_ids(path: Path) -> NDArray[np.int64]:
    """(n,) ids listed in a text file: the first word of every line where that is a whole number.

    Other lines are headings, as in the official list.

    Raises:
        MollensError: if the file is missing, is no text, or lists no id.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MollensError(
            f"{path}: cannot be read as a text file ({error}); give a list of ids, one per line"
        ) from error
    words = (line.split(maxsplit=1) for line in text.splitlines())
    ids = [int(word[0]) for word in words if word and word[0].isascii() and word[0].isdigit() and len(word[0]) < 19]
    if not ids:
        raise MollensError(f"{path}: lists no ids; expected lines that begin with the number of a molecule")
    return np.unique(np.array(ids, dtype=np.int64))


def leave_out(
    molecules: Molecules, listed: NDArray[np.int64], path: Path, source: Path
) -> tuple[Molecules, dict[str, Any]]:
    """The molecules without those that are listed, and what the card says about it.

    Raises:
        MollensError: if nothing would be left.
    """
    keep = ~np.isin(molecules.ids, listed)
    if not keep.any():
        raise MollensError(f"{path}: lists every molecule of {source.name}; nothing would be left")
    told = {"list": path.name, "listed": len(listed), "dropped": int((~keep).sum())}
    return molecules if keep.all() else molecules.take(np.flatnonzero(keep)), told


def note_flagged(
    molecules: Molecules, listed: NDArray[np.int64], path: Path
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Ids (n,) ascending of the listed molecules that are there, and what the card says about them."""
    present = np.intersect1d(molecules.ids, listed)
    return present, {"list": path.name, "listed": len(listed), "present": len(present)}
