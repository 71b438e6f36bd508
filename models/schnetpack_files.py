"""Files that `torch.save` wrote for SchNetPack, read without running anything that is in them.

Such a file is a zip with a pickle, and a pickle is a program that names what is to be called. Here nothing that it
names is ever imported or called. Its instructions are looked through first: names outside NAMES and PACKAGES, odd
instructions and sizes are refused before the first one is carried out. Then every class and function of SchNetPack,
torch and Lightning becomes a `Record`, an inert note of its name, arguments and attributes, and every tensor a
`Stored`, a description of where its numbers lie; the numbers are read later, and only those of the network. So files of
any version can be read, also of versions whose classes are not installed, and a checkpoint (`.ckpt`) with its
optimizer, metrics and configuration objects is no more dangerous than a model.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.schnetpack_files_records import Reader, Record, Stored, checked_names

__all__ = ["MOST_PICKLE", "MOST_TENSORS", "Record", "SavedFile", "Stored", "opened"]

MOST_PICKLE = 4 << 20
"""bytes of the pickle inside a file, without its tensors; those of SchNetPack have 10 to 200 thousand"""
MOST_ENTRIES = 20_000
_MOST_DIRECTORY = 8 << 20  # bytes of the list of a zip's entries
MOST_TENSORS = 1 << 30
"""bytes of the tensors of one network"""


class _Cautious:
    """A stream for ZipFile, which reads the list of entries in one go: a long one would take ten times its bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._stream = stream
        self.most: int | None = _MOST_DIRECTORY

    def read(self, size: int = -1) -> bytes:
        """As of a file; refused beyond `most` bytes as long as that is set."""
        if self.most is None:
            return self._stream.read(size)
        content = self._stream.read(size if 0 <= size <= self.most else self.most + 1)
        if len(content) > self.most:
            raise ValueError(f"the list of its entries has more than {self.most:,} bytes")
        return content


class SavedFile:
    """A file of `torch.save`, its objects as records; use `opened`.

    Attributes:
        content: what was saved.
        names: all classes and functions that it names, sorted.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(_Cautious(stream))  # type: ignore[arg-type]
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise ModelError(
                f"{path.name}: is no file that torch.save has written since torch 1.6 ({error}); expected best_model "
                "or a .ckpt of SchNetPack 2"
            ) from error
        self._zip.fp.most = None  # type: ignore[union-attr]
        entries = self._zip.infolist()
        if len(entries) > MOST_ENTRIES:
            raise ModelError(f"{path.name}: holds {len(entries):,} parts; a model has at most {MOST_ENTRIES:,}")
        self._entries = {entry.filename: entry for entry in entries}
        pickles = [name for name in self._entries if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1 or len(self._entries) != len(entries):
            raise ModelError(f"{path.name}: holds {len(pickles)} pickles; expected one, as torch.save writes it")
        self._root = pickles[0].removesuffix("data.pkl")
        order = self._entries.get(self._root + "byteorder")
        if order is not None and self._part(order, 16).strip() != b"little":
            raise ModelError(f"{path.name}: its numbers are not little-endian; save it on another machine")
        instructions = self._part(self._entries[pickles[0]], MOST_PICKLE)
        self.names = checked_names(instructions, path.name)
        self.content = Reader(instructions, path.name).load_all()

    def _part(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        """The bytes of one entry; torch.save compresses nothing, so that no size can be a lie."""
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size or entry.flag_bits & 1:
            raise ModelError(f"{self.path.name}: {entry.filename} is compressed or encrypted; torch.save does neither")
        if entry.file_size > most:
            raise ModelError(
                f"{self.path.name}: {entry.filename} has {entry.file_size:,} bytes; at most {most:,} are read"
            )
        try:
            return self._zip.read(entry)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise ModelError(f"{self.path.name}: damaged ({error}); copy the file again") from error

    def array(self, stored: Stored) -> NDArray[Any]:
        """The numbers of a tensor, a copy of their own.

        Raises:
            ModelError: if they reach beyond their storage, or are of a type that numpy does not have.
        """
        entry = self._entries.get(f"{self._root}data/{stored.key}")
        if entry is None or not stored.dtype:
            raise ModelError(f"{self.path.name}: tensor {stored.key} is missing or of a type that is not read")
        dtype = np.dtype(stored.dtype)
        count = math.prod(stored.shape)
        last = stored.offset + sum((n - 1) * step for n, step in zip(stored.shape, stored.strides, strict=True))
        # no more elements than numbers in the storage: a tensor of stride 0 would unfold into any size
        if count * dtype.itemsize > entry.file_size or (count and (last + 1) * dtype.itemsize > entry.file_size):
            raise ModelError(
                f"{self.path.name}: a tensor of shape {stored.shape} does not fit into its {entry.file_size:,} bytes"
            )
        values = np.frombuffer(self._part(entry, MOST_TENSORS), dtype, entry.file_size // dtype.itemsize)
        steps = tuple(step * dtype.itemsize for step in stored.strides)
        return np.lib.stride_tricks.as_strided(values[stored.offset :], stored.shape, steps).copy()

    def size_of(self, stored: Stored) -> int:
        """Bytes of a tensor's numbers."""
        return math.prod(stored.shape) * (np.dtype(stored.dtype).itemsize if stored.dtype else 2)


@contextmanager
def opened(path: Path) -> Iterator[SavedFile]:
    """A file of `torch.save`, open for reading; nothing in it is run.

    Raises:
        ModelError: if it cannot be read, is damaged or no such file, or names something that is refused.
    """
    try:
        stream = open(path, "rb")
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read ({error.strerror}); check the path") from error
    with stream:
        yield SavedFile(path, stream)
