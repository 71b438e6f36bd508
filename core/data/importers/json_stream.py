"""The entries of a JSON list of objects, one after the other from a stream, with bounded memory."""

from __future__ import annotations

import codecs
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from core.data.importers.tar_stream import DAMAGED, open_compressed
from core.errors import MollensError

Progress = Callable[[int, int], None]

_BLOCK = 4 << 20
_LARGEST_ENTRY = 32 << 20  # characters
_UNSUSPECTED = 256 << 20  # bytes
_LARGEST_RATIO = 250
_SPACE = " \t\r\n"
_BROKEN = (*DAMAGED, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, UnicodeDecodeError)


def first_text(path: Path, n: int = 1 << 16) -> str:
    """The first characters of a JSON file, compressed or zipped or plain; empty where it cannot be read as text."""
    try:
        with ExitStack() as stack:
            return _open(path, stack)[0].read(n).decode("utf-8", errors="ignore").lstrip("\ufeff" + _SPACE)
    except (*_BROKEN, MollensError, ValueError):
        return ""


def read_entries(path: Path, progress: Progress) -> Iterator[dict[str, Any]]:
    """Every object of the list in a .json, .json.gz, .json.bz2, .json.xz or .json.zip file.

    Raises:
        MollensError: naming the entry, where the text is no list of objects, is cut short or damaged, has an entry
            larger than any molecule, or unpacks to far more than molecules do.
    """
    with ExitStack() as stack:
        try:
            stream, file = _open(path, stack)
        except _BROKEN as error:
            raise MollensError(f"{path}: is cut short or damaged ({error}); download or copy it again") from error
        yield from _Entries(path, stream, file, progress)


def _open(path: Path, stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """The text as bytes, and the file whose position tells how far it was read."""
    file = stack.enter_context(open(path, "rb"))
    if file.read(4) != b"PK\x03\x04":
        file.seek(0)
        return open_compressed(file), file
    archive = stack.enter_context(zipfile.ZipFile(file))
    members = [m for m in archive.infolist() if m.filename.lower().endswith(".json") and "__MACOSX/" not in m.filename]
    if len(members) != 1:
        raise MollensError(f"{path}: holds {len(members)} .json files; expected one")
    return stack.enter_context(archive.open(members[0])), file


class _Entries:
    def __init__(self, path: Path, stream: IO[bytes], file: IO[bytes], progress: Progress) -> None:
        self._path, self._stream, self._file, self._progress = path, stream, file, progress
        self._size, self._unpacked = path.stat().st_size, 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended, self._entry = "", 0, False, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._next_mark() != "[":
            raise self._wrong("is no JSON list; expected [{...}, {...}] as JARVIS serves it")
        self._at += 1
        if self._next_mark() == "]":
            return
        while True:
            self._entry += 1
            yield self._decode()
            mark = self._next_mark()
            self._at += 1
            if mark == "]":
                self._progress(self._size, self._size)
                return
            if mark != ",":
                raise self._wrong(f"found {mark!r} after it; expected a comma or the end of the list")

    def _decode(self) -> dict[str, Any]:
        if self._next_mark() != "{":
            raise self._wrong(f"begins with {self._next_mark()!r}; expected an object {{...}}")
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
                break
            except json.JSONDecodeError as error:
                if not self._more():
                    raise self._wrong(f"is cut short or damaged ({error.msg})") from error
            except (RecursionError, ValueError) as error:  # nested without end; a number of thousands of digits
                raise self._wrong(f"cannot be read ({error})") from error
        if not isinstance(value, dict):
            raise self._wrong("is no object")
        return value

    def _next_mark(self) -> str:
        """The next character that is no space, which is not passed over."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise self._wrong("is cut short: the list does not end")

    def _more(self) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        if len(self._text) - self._at > _LARGEST_ENTRY:
            raise self._wrong(f"has more than {_LARGEST_ENTRY:,} characters, or no end; expected a molecule")
        try:
            piece = self._stream.read(_BLOCK)
            text = self._decoder.decode(piece, final=not piece)
        except _BROKEN as error:
            raise self._wrong(f"is cut short or damaged ({error})") from error
        self._unpacked += len(piece)
        self._progress(min(self._file.tell(), self._size), self._size)
        if self._unpacked > _UNSUSPECTED and self._unpacked > _LARGEST_RATIO * self._size:
            raise MollensError(
                f"{self._path}: unpacks to more than {_LARGEST_RATIO} times its {self._size:,} bytes, as no file of "
                "molecules does; it may be a decompression bomb; unpack and check it by hand if you trust it"
            )
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(piece)

    def _wrong(self, what: str) -> MollensError:
        place = f"entry {self._entry} " if self._entry else ""
        return MollensError(f"{self._path}: {place}{what}")


_DECODER = json.JSONDecoder()
