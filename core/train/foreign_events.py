"""TensorBoard's event files of a training elsewhere: the numbers at each step, read without TensorBoard.

The form is that of `core.runs.event_file`: records of protocol buffers. Checksums are not looked at: a record that does
not fit into its file ends the reading.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from core.errors import MollensError

MOST_EVENTS = 256 << 20
"""bytes"""
MOST_RECORD = 1 << 20
"""bytes of a record that is looked at; those of numbers have about 50, pictures are passed over"""
_HEAD, _TAIL = 12, 4  # length and its checksum before the data, a checksum after them


def event_rows(path: Path) -> Iterator[dict[str, float]]:
    """The numbers of an event file by tag, with the step they were logged at as "step".

    Raises:
        MollensError: if the file is too large.
    """
    if path.stat().st_size > MOST_EVENTS:
        raise MollensError(f"{path.name}: has {path.stat().st_size:,} bytes; logs of at most {MOST_EVENTS:,} are read")
    content = path.read_bytes()
    at = 0
    while at + _HEAD + _TAIL <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        start = at + _HEAD
        if length > len(content) - start - _TAIL:
            return  # cut off while it was written
        if length <= MOST_RECORD:
            row = _row(content[start : start + length])
            if row is not None:
                yield row
        at = start + length + _TAIL


def _row(event: bytes) -> dict[str, float] | None:
    """The numbers of an `Event`: step = 2, summary = 5, of which values (1) with tag (1) and simple_value (2)."""
    step, found = 0, {}
    try:
        for field, value in _fields(event):
            if field == 2 and isinstance(value, int):
                step = value
            elif field == 5 and isinstance(value, bytes):
                for _, summary in _fields(value):
                    if isinstance(summary, bytes):
                        parts = dict(_fields(summary))
                        tag, number = parts.get(1), parts.get(2)
                        if isinstance(tag, bytes) and isinstance(number, float):
                            found[tag.decode(errors="replace")] = number
    except (IndexError, struct.error):
        return None  # no event of a kind that is known
    return {**found, "step": float(step)} if found and step < 1 << 50 else None


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of the fields of a protocol buffer.

    Raises:
        IndexError, struct.error: where it is cut off or no protocol buffer.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        value: int | float | bytes
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 1:
            (value,), at = struct.unpack_from("<d", message, at), at + 8
        elif kind == 5:
            (value,), at = struct.unpack_from("<f", message, at), at + 4
        elif kind == 2:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise IndexError("cut off")
            value, at = message[at : at + length], at + length
        else:
            raise IndexError("no such kind of field")
        yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise IndexError("too long a number")
