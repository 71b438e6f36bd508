"""The arrays of an npz file, looked at before they are read: nothing is unpickled, nothing larger than the file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.errors import MollensError

Progress = Callable[[int, int], None]

_UNSUSPECTED = 1 << 28  # bytes
_LARGEST_RATIO = 100  # unpacked over packed
_MOST_ARRAYS = 1000
_BAD = (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, struct.error,
        SyntaxError, KeyError)  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """One array as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}" if not self.dtype.hasobject else f"{self.shape} Python objects"


def is_npz(path: Path) -> bool:
    """Whether it is a zip archive of npy files."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except _BAD:
        return False


def list_arrays(path: Path) -> dict[str, Listed]:
    """Name -> header of every array, without reading any.

    Raises:
        MollensError: if it is no npz, a header promises more than its member holds, or it unpacks to far more than
            arrays of molecules do.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if len(members) > _MOST_ARRAYS:
                raise MollensError(f"{path}: holds {len(members):,} arrays; expected at most {_MOST_ARRAYS}")
            unpacked = sum(member.file_size for member in members)
            if unpacked > _UNSUSPECTED and unpacked > _LARGEST_RATIO * path.stat().st_size:
                raise MollensError(
                    f"{path}: unpacks to {unpacked:,} bytes, more than {_LARGEST_RATIO} times its own; "
                    "it may be a decompression bomb; unpack and check it by hand if you trust it"
                )
            return {member.filename[: -len(".npy")]: _header(archive, member, path) for member in members}
    except _BAD as error:
        raise MollensError(f"{path}: is no npz file, or is damaged ({error}); download or copy it again") from error


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Listed:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} is written in version {version}")
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
        begins = file.tell()
    there = member.file_size - begins
    if any(n < 0 for n in shape):
        raise MollensError(f"{path}: {member.filename} announces the shape {shape}; expected sizes from 0")
    needed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize if shape else dtype.itemsize
    if not dtype.hasobject and needed != there:
        raise MollensError(
            f"{path}: {member.filename} announces {needed:,} bytes in its header {shape} {dtype}, but holds {there:,}; "
            "the file is damaged or forged"
        )
    return Listed(tuple(int(n) for n in shape), dtype)


def read_arrays(path: Path, names: list[str], progress: Progress) -> dict[str, NDArray[Any]]:
    """The arrays of these names; `list_arrays` must have accepted the file.

    Raises:
        MollensError: for a damaged one, or more than fits into the memory.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [archive.getinfo(f"{name}.npy") for name in names]
            needed, free = sum(member.file_size for member in members), psutil.virtual_memory().available
            if 2 * needed > free:
                raise MollensError(
                    f"{path}: its arrays need {needed / 2**30:.1f} GB twice, {free / 2**30:.1f} GB of memory are free; "
                    "split the file"
                )
            total, done = path.stat().st_size, 0
            for name, member in zip(names, members, strict=True):
                with archive.open(member) as file:
                    arrays[name] = npy.read_array(file, allow_pickle=False)
                done += member.compress_size
                progress(min(done, total), total)
            progress(total, total)
    except _BAD as error:
        raise MollensError(f"{path}: an array is damaged ({error}); download or copy it again") from error
    return arrays
