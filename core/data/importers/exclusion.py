"""Lists of molecules to leave out, such as QM9's uncharacterized.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
