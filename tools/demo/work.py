"""The work folder: which graphs a run relaxes and the chunks it has finished, safe against a kill."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""What `demo.relax.make_record` returns: one kept or dropped molecule as plain JSON types."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that `path` is either the old file or the complete new one."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def write_chunk(path: Path, records: list[Record]) -> None:
    """Write records as one JSON line under the SHA-256 of that line."""
    body = json.dumps(records, separators=(",", ":")).encode()
    write_atomically(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def read_chunk(path: Path, smiles: list[str]) -> list[Record] | None:
    """Records of a chunk that is complete and belongs to `smiles`; None when it is missing or damaged."""
    try:
        checksum, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        return None
    records: list[Record] = json.loads(body)
    return records if [record["smiles"] for record in records] == smiles else None


def read_graphs(path: Path, request: dict[str, object]) -> list[str] | None:
    """The SMILES grown for `request` (seed, count, versions), or None when none were grown yet.

    Raises `ValueError` when the file was grown for another request: mixing them would not be reproducible.
    """
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["request"] != request:
        raise ValueError(
            f"{path}: grown for {stored['request']}, but {request} was asked for; use another --work folder"
        )
    return list(stored["smiles"])


def write_graphs(path: Path, request: dict[str, object], smiles: list[str]) -> None:
    """Keep the grown graphs so that a resumed run works on the same list."""
    write_atomically(path, json.dumps({"request": request, "smiles": smiles}).encode())
