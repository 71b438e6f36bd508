"""The frames of an xyz text, one after the other from a stream, with bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.data.importers.archives import kind_of, open_joined
from core.data.importers.tar_stream import DAMAGED, open_compressed
from core.errors import MollensError

Progress = Callable[[int, int], None]

LARGEST_FRAME = 100_000  # atoms; molecules are far smaller
LONGEST_LINE = 1 << 20
_LARGEST_REST = 64 << 20  # bytes of one frame
_BLOCK = 4 << 20
_BLANK_LINES = 1000
_UNSUSPECTED = 32 << 20  # bytes that any file may unpack to
_LARGEST_RATIO = 250
_COUNT = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True)
class Block:
    """Some whole frames. A frame that begins at `starts[k]` has `counts[k]` atom lines, two lines further on."""

    lines: list[bytes]
    starts: list[int]
    counts: list[int]
    first_line: int
    """number in the text of `lines[0]`, from 1"""

    def line_number(self, k: int) -> int:
        """Where the frame `k` begins in the text, from 1."""
        return self.first_line + self.starts[k]


def read_frames(path: Path, progress: Progress) -> Iterator[Block]:
    """Blocks of whole frames of an xyz file (plain, gz, xz, bz2), or of all xyz files in an archive or folder.

    Raises:
        MollensError: naming the line, where a frame has no count, is cut short, or is larger than any molecule; for a
            damaged file; for one that unpacks to far more than molecules do.
    """
    if kind_of(path) is not None:
        with closing(open_joined(path, progress)) as joined:
            yield from _frames(path, lambda: joined.read(_BLOCK))
        return
    size = path.stat().st_size
    with open(path, "rb") as file:
        stream, unpacked = open_compressed(file), 0

        def read() -> bytes:
            nonlocal unpacked
            piece = _read(stream, path)
            unpacked += len(piece)
            progress(file.tell() if piece else size, size)
            if unpacked > _UNSUSPECTED and unpacked > _LARGEST_RATIO * size:
                raise MollensError(
                    f"{path}: unpacks to more than {_LARGEST_RATIO} times its {size:,} bytes, as no file of molecules "
                    "does; it may be a decompression bomb; unpack and check it by hand if you trust it"
                )
            return piece

        yield from _frames(path, read)


def _read(stream: IO[bytes], path: Path) -> bytes:
    try:
        return stream.read(_BLOCK)
    except DAMAGED as error:
        raise MollensError(f"{path}: is cut short or damaged ({error}); download or copy it again") from error


def _frames(path: Path, read: Callable[[], bytes]) -> Iterator[Block]:
    rest, first_line, blank = b"", 1, 0
    while True:
        piece = read()
        text = (rest + piece).replace(b"\r\n", b"\n")
        lines = text.split(b"\n")
        if not piece and not lines[-1]:
            lines.pop()  # behind the last line break there is no line
        # the last line may go on in the next piece; so may the count in it
        n_whole = len(lines) - 1 if piece else len(lines)
        if lines and len(lines[-1]) > LONGEST_LINE:
            raise _too_long(path, first_line + len(lines) - 1)
        starts, counts, at = [], [], 0
        while at < n_whole:
            if not lines[at].strip():
                at, blank = at + 1, blank + 1
                if blank > _BLANK_LINES:
                    raise MollensError(
                        f"{path}, line {first_line + at}: more than {_BLANK_LINES} blank lines; remove them"
                    )
                continue
            n = _count(path, lines[at], first_line + at)
            if at + n + 2 > n_whole:
                break
            if len(lines[at + 1]) > LONGEST_LINE:
                raise _too_long(path, first_line + at + 1)
            starts.append(at)
            counts.append(n)
            at, blank = at + n + 2, 0
        if starts:
            yield Block(lines, starts, counts, first_line)
        if not piece:
            if at < n_whole:
                n, there = _count(path, lines[at], first_line + at), sum(1 for line in lines[at + 2 :] if line.strip())
                raise MollensError(
                    f"{path}: is cut short in the frame at line {first_line + at}: {n:,} atoms are announced, "
                    f"{there:,} are there; download or copy it again"
                )
            return
        rest = b"\n".join(lines[at:])
        first_line += at
        if len(rest) > _LARGEST_REST:
            raise MollensError(
                f"{path}, line {first_line}: the frame has more than {_LARGEST_REST:,} bytes; expected a molecule"
            )


def _count(path: Path, line: bytes, number: int) -> int:
    word = line.strip()
    if not _COUNT.fullmatch(word) or int(word) == 0:
        shown = word[:40].decode(errors="replace")
        raise MollensError(f"{path}, line {number}: found {shown!r}; expected the number of atoms of the next molecule")
    if int(word) > LARGEST_FRAME:
        raise MollensError(
            f"{path}, line {number}: announces {int(word):,} atoms; expected at most {LARGEST_FRAME:,} for a molecule"
        )
    return int(word)


def _too_long(path: Path, number: int) -> MollensError:
    return MollensError(f"{path}, line {number}: has more than {LONGEST_LINE:,} characters; this is no xyz file")
