"""Where a dataset comes from: the checksum of its source, and what the person who imports it says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from core.data.card import Card
from core.data.importers.columns import About
from core.data.molecules import Molecules
from core.errors import MollensError

_PIECE = 1 << 22
_LONGEST = 4000


def hash_source(source: Path) -> dict[str, Any]:
    """Name, size in bytes and SHA-256 of a file; of a folder those of all its files together, by name."""
    digest, size = hashlib.sha256(), 0
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        if path != source:
            digest.update(path.relative_to(source).as_posix().encode() + b"\0")
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
    return {"file": source.name or str(source), "size": size, "sha256": digest.hexdigest()}


def with_about(card: Card, about: About | None, molecules: Molecules) -> Card:
    """The card with what a person says about it.

    Raises:
        MollensError: for a default target that the dataset does not have or that no model predicts.
    """
    said = {key: value for key, value in (about.model_dump() if about else {}).items() if value}
    too_long = next((key for key, value in said.items() if len(value) > _LONGEST), None)
    if too_long:
        raise MollensError(f"{too_long}: has {len(said[too_long]):,} characters; expected at most {_LONGEST:,}")
    target = said.get("default_target")
    possible = [p.key for p in card.properties if p.output and p.key in molecules.columns]
    if target is not None and target not in possible:
        raise MollensError(f"target {target!r}: cannot be the default; possible are {', '.join(possible) or 'none'}")
    return card.model_copy(update=said)
