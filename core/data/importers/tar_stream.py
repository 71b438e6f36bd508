"""Members of a compressed tar archive, one after the other, without loading it whole.

Python's tarfile costs 30 to 60 microseconds a member, several seconds for the 134k members of QM9; this walks the
headers itself and checks each by its own checksum.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from core.errors import MollensError

_BLOCK = 512
_READ = 1 << 22
_REGULAR = (b"0", b"\0")
_OCTAL = re.compile(rb"[ \0]*([0-7]+)[ \0]*")
_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"BZh": lambda file: bz2.BZ2File(file),
    b"\x1f\x8b": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    b"\xfd7zXZ": lambda file: lzma.LZMAFile(file),
}
_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)


def open_compressed(file: IO[bytes]) -> IO[bytes]:
    """The decompressed content of an open file, told by its first bytes; plain if they are of no known kind."""
    head = file.read(8)
    file.seek(0)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return opener(file)
    return file


def is_tar(path: Path) -> bool:
    """Whether the (decompressed) file begins with the header of a tar member."""
    with open(path, "rb") as file:
        try:
            header = open_compressed(file).read(_BLOCK)
        except _DAMAGED:
            return False
    return len(header) == _BLOCK and _checksum_holds(header)


def read_members(
    path: Path, suffix: str, largest: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every regular member whose name ends in `suffix`; the others are skipped unread.

    Args:
        largest: bytes that such a member may have, so that a hostile archive cannot fill the memory.

    Raises:
        MollensError: if the archive is cut short or damaged, or a member is too large; it names the last whole member.
    """
    with open(path, "rb") as file:
        walk = _Walk(path, file, progress)
        while (header := walk.take(_BLOCK)).count(0) != _BLOCK:
            if not _checksum_holds(header):
                raise MollensError(
                    f"{path}: damaged after {walk.last}: no tar header where one was expected; copy it again"
                )
            name = header[:100].rstrip(b"\0").decode(errors="replace")
            written = _OCTAL.fullmatch(header[124:136])
            if written is None:
                raise MollensError(f"{path}: {name!r}: its size is no octal number; the archive is damaged or foreign")
            size = int(written[1], 8)
            padding = -size % _BLOCK
            if header[156:157] in _REGULAR and name.endswith(suffix):
                if size > largest:
                    raise MollensError(
                        f"{path}: {name}: has {size:,} bytes; expected at most {largest:,} for a molecule"
                    )
                content = walk.take(size + padding)[:size]
                walk.last = name
                yield name, content
            else:
                walk.skip(size + padding)


class _Walk:
    """A position in the decompressed archive."""

    def __init__(self, path: Path, file: IO[bytes], progress: Callable[[int, int], None]) -> None:
        self._path, self._file, self._progress = path, file, progress
        self._stream, self._total = open_compressed(file), path.stat().st_size
        self._buffer, self._at = b"", 0
        self.last = "the beginning"

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if len(self._buffer) - self._at < size:
            pieces, have = [self._buffer[self._at :]], len(self._buffer) - self._at
            while have < size:
                pieces.append(self._read(max(_READ, size - have)))
                have += len(pieces[-1])
            self._buffer, self._at = b"".join(pieces), 0
        self._at += size
        return self._buffer[self._at - size : self._at]

    def skip(self, size: int) -> None:
        """Pass over `size` bytes, a piece at a time."""
        while size:
            step = min(size, _READ)
            self.take(step)
            size -= step

    def _read(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except _DAMAGED as error:
            raise self._cut_short(f" ({error})") from error
        self._progress(self._file.tell(), self._total)
        if not piece:
            raise self._cut_short("")
        return piece

    def _cut_short(self, detail: str) -> MollensError:
        return MollensError(
            f"{self._path}: is cut short or damaged after {self.last}{detail}; download or copy it again"
        )


def _checksum_holds(header: bytes) -> bool:
    """Whether the header's sum, with its own field counted as blanks, is the one written in it."""
    stored = _OCTAL.fullmatch(header[148:156])
    return stored is not None and sum(header) - sum(header[148:156]) + 8 * 32 == int(stored[1], 8)
