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

Progress = Callable[[int, int], None]

_BLOCK = 512
_READ = 1 << 22
_REGULAR = (b"0", b"\0")
_LONG_NAME = (b"L", b"x")  # GNU tar's and POSIX's way of writing names of more than 100 characters
_LONGEST_NAME = 1 << 16
_OCTAL = re.compile(rb"[ \0]*([0-7]+)[ \0]*")
_PAX_PATH = re.compile(rb"[0-9]+ path=([^\n]*)\n")
COMPRESSIONS: dict[bytes, tuple[str, Callable[[IO[bytes]], IO[bytes]]]] = {
    b"BZh": ("bz2", lambda file: bz2.BZ2File(file)),
    b"\x1f\x8b": ("gz", lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file))),
    b"\xfd7zXZ": ("xz", lambda file: lzma.LZMAFile(file)),
}
"""first bytes of a compressed file -> name, and what opens it"""
DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
"""what reading a damaged compressed file raises"""

UNSUSPECTED = 1 << 30
"""bytes that any archive may unpack to; beyond, its ratio is looked at"""
LARGEST_RATIO = 100
"""unpacked over packed; xyz files reach about 5, zeros 1,000 (gz) to 1,000,000 (bz2)"""


def compression_of(head: bytes) -> str:
    """Name of the compression that a file with these first bytes has; empty for none."""
    return next((name for magic, (name, _) in COMPRESSIONS.items() if head.startswith(magic)), "")


def open_compressed(file: IO[bytes]) -> IO[bytes]:
    """The decompressed content of an open file, told by its first bytes; plain if they are of no known kind."""
    head = file.read(8)
    file.seek(0)
    for magic, (_, opener) in COMPRESSIONS.items():
        if head.startswith(magic):
            return opener(file)
    return file


def check_ratio(unpacked: int, packed: int, path: Path) -> None:
    """Refuse an archive that unpacks to far more than molecules do.

    Raises:
        MollensError: above `UNSUSPECTED` bytes and `LARGEST_RATIO` times the packed size.
    """
    if unpacked > UNSUSPECTED and unpacked > LARGEST_RATIO * packed:
        raise MollensError(
            f"{path}: unpacks to more than {LARGEST_RATIO} times its {packed:,} bytes, as no file of molecules does; "
            "it may be a decompression bomb; unpack and check it by hand if you trust it"
        )


def is_tar(path: Path) -> bool:
    """Whether the (decompressed) file begins with the header of a tar member."""
    with open(path, "rb") as file:
        try:
            header = open_compressed(file).read(_BLOCK)
        except DAMAGED:
            return False
    return len(header) == _BLOCK and _checksum_holds(header)


def read_tar(
    path: Path, wanted: Callable[[str], bool], largest: int, progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every regular member whose name is `wanted`; the others, links too, are skipped unread.

    Args:
        largest: bytes that such a member may have, so that a hostile archive cannot fill the memory.

    Raises:
        MollensError: if the archive is cut short or damaged, a member is too large, or all of it unpacks to far more
            than molecules do; it names the last whole member.
    """
    with open(path, "rb") as file:
        walk = _Walk(path, file, progress)
        long_name = ""
        while (header := walk.take(_BLOCK)).count(0) != _BLOCK:
            if not _checksum_holds(header):
                raise MollensError(
                    f"{path}: damaged after {walk.last}: no tar header where one was expected; copy it again"
                )
            name = long_name or header[:100].rstrip(b"\0").decode(errors="replace")
            written = _OCTAL.fullmatch(header[124:136])
            if written is None:
                raise MollensError(f"{path}: {name!r}: its size is no octal number; the archive is damaged or foreign")
            size = int(written[1], 8)
            padding = -size % _BLOCK
            kind = header[156:157]
            if kind in _LONG_NAME and size <= _LONGEST_NAME:
                long_name = _long_name(kind, walk.take(size + padding)[:size]) or long_name
                continue
            long_name = ""
            if kind in _REGULAR and wanted(name):
                if size > largest:
                    raise MollensError(
                        f"{path}: {name}: has {size:,} bytes; expected at most {largest:,} for a molecule"
                    )
                content = walk.take(size + padding)[:size]
                walk.last = name
                yield name, content
            else:
                walk.skip(size + padding)


def _long_name(kind: bytes, content: bytes) -> str:
    """The name of the next member that a header of `kind` states; empty if it states none."""
    if kind == b"L":
        return content.rstrip(b"\0").decode(errors="replace")
    stated = _PAX_PATH.search(content)
    return stated[1].decode(errors="replace") if stated else ""


class _Walk:
    """A position in the decompressed archive."""

    def __init__(self, path: Path, file: IO[bytes], progress: Progress) -> None:
        self._path, self._file, self._progress = path, file, progress
        self._stream, self._total = open_compressed(file), path.stat().st_size
        self._buffer, self._at, self._unpacked = b"", 0, 0
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
        except DAMAGED as error:
            raise self._cut_short(f" ({error})") from error
        self._progress(self._file.tell(), self._total)
        if not piece:
            raise self._cut_short("")
        self._unpacked += len(piece)
        check_ratio(self._unpacked, self._total, self._path)
        return piece

    def _cut_short(self, detail: str) -> MollensError:
        return MollensError(
            f"{self._path}: is cut short or damaged after {self.last}{detail}; download or copy it again"
        )


def _checksum_holds(header: bytes) -> bool:
    """Whether the header's sum, with its own field counted as blanks, is the one written in it."""
    stored = _OCTAL.fullmatch(header[148:156])
    if stored is None:
        return False
    # the lower half of Adler-32 is one more than the sum, modulo 65521, and takes a tenth of the time of `sum`
    return ((zlib.adler32(header) & 0xFFFF) - 1 - sum(header[148:156]) + 8 * 32 - int(stored[1], 8)) % 65521 == 0
