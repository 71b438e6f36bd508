"""A zip that asks for far more memory than it has bytes."""

import struct
from pathlib import Path


def with_long_list(path: Path, n: int) -> Path:
    """A zip of nothing but a list of `n` entries, as in a file of zip64."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    size = n * len(entry)
    ends = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, 0)
    ends += struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
    ends += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(entry * n + ends)
    return path
