"""Zips of strangers, opened with a limit on the list of their entries."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_DIRECTORY = 8 << 20
"""bytes of the list of entries, enough for 20,000 long names; in memory it takes ten times as much"""


class _Cautious:
    """A stream for ZipFile, which reads the whole list of entries at once; models/schnetpack_files.py has the same."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._stream = stream
        self.most: int | None = MOST_DIRECTORY

    def read(self, size: int = -1) -> bytes:
        """As of a file; refused beyond `most` bytes as long as that is set."""
        if self.most is None:
            return self._stream.read(size)
        content = self._stream.read(size if 0 <= size <= self.most else self.most + 1)
        if len(content) > self.most:
            raise zipfile.BadZipFile(f"the list of its entries has more than {self.most:,} bytes")
        return content


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip, open for reading.

    Raises:
        zipfile.BadZipFile: if it is none, or lists more entries than any file that Mollens takes.
    """
    with open(path, "rb") as stream:
        cautious = _Cautious(stream)
        with zipfile.ZipFile(cautious) as opened:  # type: ignore[call-overload]
            cautious.most = None
            yield opened
