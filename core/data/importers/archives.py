"""The xyz files in a tar or zip archive, compressed or not, or in a folder; one after the other, never written to disk.

Names only matter as text: no member is written anywhere, so a name such as ../../x.xyz leads nowhere. Links, hidden
files such as the resource forks ._x.xyz, and whatever is not named *.xyz are passed over.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.data.importers.tar_stream import Progress, check_ratio, compression_of, is_tar, read_tar
from core.errors import MollensError

LARGEST_MEMBER = 1 << 28
"""bytes that one file of many molecules may have"""
_LOOK = 1 << 25
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1
_KIND, _LINK = 0o170000, 0o120000
_BAD_ZIP = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, UnicodeDecodeError)


def is_xyz(name: str) -> bool:
    """Whether a member's name is that of an xyz file that is meant to be read."""
    last = name.rsplit("/", 1)[-1]
    return last.lower().endswith(".xyz") and not last.startswith(".") and "__MACOSX/" not in name


def kind_of(path: Path) -> str | None:
    """What kind of container it is, by its content: "folder", "zip archive", "tar.bz2 archive"...; None for no such."""
    if path.is_dir():
        return "folder"
    with open(path, "rb") as file:
        head = file.read(8)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip archive"
    if is_tar(path):
        compression = compression_of(head)
        return f"tar.{compression} archive" if compression else "tar archive"
    return None


def read_members(path: Path, largest: int, progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Name and content of every xyz file in a container; of a folder or zip by name, of a tar in its order.

    Args:
        largest: bytes that one may have.
        progress: told the bytes of the source that are read, and all its bytes.

    Raises:
        MollensError: naming container and member, for what is damaged, encrypted, too large or unpacks to far more than
            molecules do.
    """
    kind = kind_of(path)
    if kind == "folder":
        return _read_folder(path, largest, progress)
    if kind == "zip archive":
        return _read_zip(path, largest, progress)
    return read_tar(path, is_xyz, largest, progress)


class _Enough(Exception):
    """Looked far enough."""


def first_member(path: Path) -> tuple[str, bytes] | None:
    """Name and content of the first xyz file in a container; None where there is none in its first 32 MB.

    Raises:
        MollensError: as `read_members`.
    """

    def stop_far_in(done: int, total: int) -> None:
        if done > _LOOK:
            raise _Enough

    try:
        return next(read_members(path, LARGEST_MEMBER, stop_far_in), None)
    except _Enough:
        return None


def count_members(path: Path) -> int | None:
    """Number of xyz files where that is known without unpacking, in folders and zip archives."""
    kind = kind_of(path)
    if kind == "folder":
        return len(_files(path))
    return len(_zip_members(path)) if kind == "zip archive" else None


def open_joined(path: Path, progress: Progress) -> io.BufferedReader:
    """All xyz files of a container as one stream of bytes, each ending with a line break.

    Raises:
        MollensError: while reading, as `read_members`.
    """
    return io.BufferedReader(_Joined(read_members(path, LARGEST_MEMBER, progress)), 1 << 20)


class _Joined(io.RawIOBase):
    def __init__(self, members: Iterator[tuple[str, bytes]]) -> None:
        self._members, self._rest = members, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            member = next(self._members, None)
            if member is None:
                return 0
            text = member[1]
            self._rest = memoryview(text if text.endswith(b"\n") or not text else text + b"\n")
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n


def _files(folder: Path) -> list[tuple[str, int]]:
    """Paths relative to `folder` and sizes of all its xyz files, sub-folders included, by name."""
    found: list[tuple[str, int]] = []
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = list(os.scandir(folder / inside))
        except OSError as error:
            raise MollensError(
                f"{folder / inside}: cannot be listed ({error.strerror}); give read permission"
            ) from error
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                waiting.append(name)
            elif is_xyz(name) and entry.is_file(follow_symlinks=False):
                found.append((name, entry.stat(follow_symlinks=False).st_size))
    return sorted(found)


def _read_folder(folder: Path, largest: int, progress: Progress) -> Iterator[tuple[str, bytes]]:
    files = _files(folder)
    done, total = 0, sum(size for _, size in files)
    for k, (name, size) in enumerate(files):
        if size > largest:
            raise MollensError(f"{folder}: {name}: has {size:,} bytes; expected at most {largest:,} for a molecule")
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise MollensError(f"{folder}: {name}: cannot be read ({error.strerror}); give read permission") from error
        done += len(content)
        if k % 256 == 0 or k == len(files) - 1:
            progress(min(done, total), total)
        yield name, content


def _zip_members(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                m for m in archive.infolist() if is_xyz(m.filename) and m.external_attr >> 16 & 0o170000 != _LINK
            ]
    except _BAD_ZIP as error:
        raise MollensError(f"{path}: is cut short or damaged ({error}); download or copy it again") from error
    return sorted(members, key=lambda member: member.filename)


def _read_zip(path: Path, largest: int, progress: Progress) -> Iterator[tuple[str, bytes]]:
    members = _zip_members(path)
    packed = path.stat().st_size
    read = unpacked = 0
    with open(path, "rb") as file:
        for k, member in enumerate(members):
            where = f"{path}: {member.filename}"
            if member.file_size > largest:
                raise MollensError(
                    f"{where}: has {member.file_size:,} bytes; expected at most {largest:,} for a molecule"
                )
            content = _unpack(file, member, where)
            unpacked += len(content)
            check_ratio(unpacked, packed, path)
            read += member.compress_size
            if k % 256 == 0 or k == len(members) - 1:
                progress(packed if k == len(members) - 1 else min(read, packed), packed)
            yield member.filename, content


def _unpack(file: io.BufferedReader, member: zipfile.ZipInfo, where: str) -> bytes:
    """Content of a member; not by `ZipFile.open`, which costs more than all the rest of reading a molecule.

    Raises:
        MollensError: if it is encrypted, packed by a rare method, or not what its size and checksum say.
    """
    if member.flag_bits & _ENCRYPTED:
        raise MollensError(f"{where}: is encrypted; unpack the archive and give the folder")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise MollensError(
            f"{where}: is packed by method {member.compress_type}; expected deflate; unpack it and give the folder"
        )
    damaged = f"{where}: is cut short or damaged; download or copy the archive again"
    if member.compress_size > member.file_size + member.file_size // 8 + 1024:  # more than any packing adds
        raise MollensError(f"{damaged} (size or checksum is wrong)")
    try:
        file.seek(member.header_offset)
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(name_length + extra_length, os.SEEK_CUR)
        content = file.read(member.compress_size)
        if member.compress_type == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, member.file_size + 1)
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise MollensError(f"{damaged} ({error})") from error
    if signature != b"PK\x03\x04" or len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise MollensError(f"{damaged} (size or checksum is wrong)")
    return content
