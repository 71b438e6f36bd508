"""validation.npy: the signed error of every validation molecule, epoch by epoch.

Rows are appended while a reader may look on: first the data, then the header, then validation.json which lists the
epochs. A reader trusts the shortest of the three, so that a job killed in between leaves nothing half told. A thinned
training goes on in validation-<stride>.npy.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import plain_disk_errors, read_json, write_bytes, write_json
from core.runs.folder import Run

MOST_EPOCHS = 1000  # beyond, every second recorded epoch is dropped and the stride doubles


@dataclass(frozen=True, eq=False)
class ValidationErrors:
    """Errors of the validation molecules over training."""

    epochs: NDArray[np.int64]
    """(n_epochs,) recorded epochs, counted from 1"""
    ids: NDArray[np.int64]
    """(n_molecules,) of the dataset"""
    errors: NDArray[np.float32]
    """(n_epochs, n_molecules) predicted minus target, in the target's unit; mapped"""


def read_validation(run: Run) -> ValidationErrors | None:
    """The recorded errors, or None where no epoch has ended yet.

    Raises:
        MollensError: if the files are damaged.
    """
    try:
        return _read(run)
    except FileNotFoundError:
        pass  # thinned between a look at the index and one at the data: look again
    try:
        return _read(run)
    except FileNotFoundError as error:
        raise MollensError(f"{run.what}: {error.filename} is missing; resume or delete the run") from error


def _read(run: Run) -> ValidationErrors | None:
    index = run.path / "validation.json"
    if not index.exists():
        return None
    epochs, stride = _read_index(index, run.what)
    path = _data_path(run.path, stride)
    try:
        errors = np.load(path, mmap_mode="r", allow_pickle=False) if epochs else np.zeros((0, 0), np.float32)
        ids = np.load(run.path / "validation_ids.npy", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"{run.what}: {path} is damaged ({error}); resume or delete the run") from error
    if not epochs:
        return None
    if errors.ndim != 2 or ids.ndim != 1 or errors.shape[1] != len(ids):
        raise MollensError(
            f"{run.what}: {path} has shape {errors.shape}; expected a column for each of {ids.size} molecules"
        )
    n = min(len(epochs), len(errors))
    return ValidationErrors(np.array(epochs[:n], dtype=np.int64), ids, errors[:n])


def _read_index(path: Path, what: str) -> tuple[list[int], int]:
    """Recorded epochs and the stride between them."""
    content = read_json(path, what)
    try:
        return [int(epoch) for epoch in content["epochs"]], int(content["stride"])
    except (KeyError, TypeError, ValueError) as error:
        raise MollensError(f"{what}: {path} is damaged ({error!r}); resume or delete the run") from error


def _data_path(folder: Path, stride: int) -> Path:
    # a thinned file has a name of its own, so that index and data can be replaced one after the other
    return folder / ("validation.npy" if stride == 1 else f"validation-{stride}.npy")


class ValidationFile:
    """The writing side, used by the job alone."""

    def __init__(self, folder: Path, ids: NDArray[np.int64]) -> None:
        self._folder, self._index = folder, folder / "validation.json"
        self._width = len(ids)
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(ids, dtype=np.int64), allow_pickle=False)
        write_bytes(folder / "validation_ids.npy", buffer.getvalue())
        self._epochs: list[int] = []
        self._stride = 1
        if self._index.exists():
            epochs, stride = _read_index(self._index, f"run {folder.name}")
            if _data_path(folder, stride).exists():
                self._epochs, self._stride = epochs, stride

    def append(self, epoch: int, errors: NDArray[np.floating]) -> None:
        """Record the errors (n_molecules,) of one epoch, unless thinning leaves it out."""
        if epoch % self._stride:
            return
        if len(self._epochs) >= MOST_EPOCHS:
            self._thin()
            if epoch % self._stride:
                return
        row = np.asarray(errors, dtype="<f4")
        if row.shape != (self._width,):
            raise ValueError(f"expected errors of {self._width} molecules, got shape {row.shape}")
        self._write_row(row)
        self._write_index([*self._epochs, epoch], self._stride)

    def rewind(self, epoch: int) -> None:
        """Forget every epoch after `epoch`."""
        self._write_index([e for e in self._epochs if e <= epoch], self._stride)

    def _write_row(self, row: NDArray[np.float32]) -> None:
        n, path = len(self._epochs), _data_path(self._folder, self._stride)
        header = _header(n + 1, self._width)
        if n == 0:
            write_bytes(path, header + row.tobytes())
            return
        # never made shorter: a reader may have mapped it
        with plain_disk_errors(path), open(path, "r+b") as file:
            file.seek(len(header) + n * row.nbytes)
            file.write(row.tobytes())
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            file.write(header)

    def _write_index(self, epochs: list[int], stride: int) -> None:
        # remembered after it is written, so that an append that found the disk full can be tried again
        write_json(self._index, {"epochs": epochs, "stride": stride})
        self._epochs, self._stride = epochs, stride

    def _thin(self) -> None:
        old, stride = _data_path(self._folder, self._stride), 2 * self._stride
        kept = [k for k, epoch in enumerate(self._epochs) if epoch % stride == 0]
        rows = np.ascontiguousarray(np.load(old, mmap_mode="r")[kept])
        write_bytes(_data_path(self._folder, stride), _header(len(rows), self._width) + rows.tobytes())
        self._write_index([self._epochs[k] for k in kept], stride)
        old.unlink()


def _header(n_rows: int, width: int) -> bytes:
    """The npy header of (n_rows, width) float32; numpy pads it so that its length does not depend on n_rows."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)})
    return buffer.getvalue()
