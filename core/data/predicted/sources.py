"""Tables in the folders that the server may read."""

from __future__ import annotations

import os
from pathlib import Path

from core.data.uploads import resolve_inside, source_folders
from core.errors import MollensError

MOST_LISTED = 200
_MOST_LOOKED_AT = 5000
_DEPTH = 3
_ENDINGS = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq")
_PACKED = (".gz", ".bz2", ".xz")


def list_tables() -> list[Path]:
    """Files that are called like a table, at most MOST_LISTED, by their paths; `resolve_inside` reads each."""
    found: set[Path] = set()
    looked_at = 0
    for folder in source_folders():
        for root, folders, names in os.walk(folder):
            deep = len(Path(root).relative_to(folder).parts) >= _DEPTH
            folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                looked_at += 1
                if looked_at > _MOST_LOOKED_AT or len(found) >= MOST_LISTED:
                    return sorted(found)
                if not name.startswith(".") and _is_table(name):
                    try:
                        found.add(resolve_inside(str(Path(root) / name)))
                    except MollensError:
                        continue  # a link that leads outside
    return sorted(found)


def _is_table(name: str) -> bool:
    plain = name.lower()
    for ending in _PACKED:
        plain = plain.removesuffix(ending)
    return plain.endswith(_ENDINGS)
