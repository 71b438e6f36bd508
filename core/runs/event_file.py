"""TensorBoard's event files, written without TensorBoard: records of protocol buffers, each with its checksums.

A record is the length of its data (uint64), a checksum of that, the data, a checksum of those, all little-endian; the
checksum is CRC-32C, rotated and shifted (tensorflow/core/lib/io/record_writer.h). The data is an `Event`
(tensorflow/core/util/event.proto): wall_time = 1, step = 2, file_version = 3, summary = 5; a summary holds values
(repeated, 1) of a tag (1) and a simple_value (2).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_CASTAGNOLI = 0x82F63B78  # CRC-32C's polynomial, bits reversed


def first_record(wall_time: float) -> bytes:
    """The record that every event file begins with."""
    return _record(_double(1, wall_time) + _bytes(3, b"brain.Event:2"))


def scalars_record(wall_time: float, step: int, values: Mapping[str, float]) -> bytes:
    """The record of some numbers at one step.

    Args:
        wall_time: seconds since 1970.
        values: by tag, e.g. "train/loss_mean".
    """
    summary = b"".join(
        _bytes(1, _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value)) for tag, value in values.items()
    )
    return _record(_double(1, wall_time) + b"\x10" + _varint(step) + _bytes(5, summary))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def masked_crc32c(data: bytes) -> int:
    """CRC-32C of `data`, masked as event files want it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
