"""validation.npy: the signed error of every validation molecule, epoch by epoch.

Rows are appended while a reader may look on: first the data, then the header, then validation.json which lists the
epochs. A reader trusts the shortest of the three, so that a job killed in between leaves nothing half told.
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
    path = run.path / "validation.npy"
    if not path.exists() or not (run.path / "validation.json").exists():
        return None
    epochs = [int(e) for e in read_json(run.path / "validation.json", run.what)["epochs"]]
    try:
        errors = np.load(path, mmap_mode="r", allow_pickle=False)
        ids = np.load(run.path / "validation_ids.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"{run.what}: {path} is damaged ({error}); resume or delete the run") from error
    if errors.ndim != 2 or errors.shape[1] != len(ids):
        raise MollensError(
            f"{run.what}: {path} has shape {errors.shape}; expected a column for each of {len(ids)} molecules"
        )
    n = min(len(epochs), len(errors))
    return ValidationErrors(np.array(epochs[:n], dtype=np.int64), ids, errors[:n])


class ValidationFile:
    """The writing side, used by the job alone."""

    def __init__(self, folder: Path, ids: NDArray[np.int64]) -> None:
        self._data, self._index, self._ids = (
            folder / "validation.npy",
            folder / "validation.json",
            folder / "validation_ids.npy",
        )
        self._width = len(ids)
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(ids, dtype=np.int64), allow_pickle=False)
        write_bytes(self._ids, buffer.getvalue())
        if self._index.exists():
            content = read_json(self._index, str(folder.name))
            self._epochs, self._stride = [int(e) for e in content["epochs"]], int(content["stride"])
        else:
            self._epochs, self._stride = [], 1

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
        with plain_disk_errors(self._data):
            self._write_row(row)
        self._epochs.append(epoch)
        self._write_index()

    def rewind(self, epoch: int) -> None:
        """Forget every epoch after `epoch`."""
        self._epochs = [e for e in self._epochs if e <= epoch]
        self._write_index()

    def _write_row(self, row: NDArray[np.float32]) -> None:
        n = len(self._epochs)
        header = _header(n + 1, self._width)
        with open(self._data, "r+b" if n and self._data.exists() else "w+b") as file:
            file.seek(len(header) + n * row.nbytes)
            file.write(row.tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            file.write(header)

    def _write_index(self) -> None:
        write_json(self._index, {"epochs": self._epochs, "stride": self._stride})

    def _thin(self) -> None:
        kept = [k for k, epoch in enumerate(self._epochs) if epoch % (2 * self._stride) == 0]
        rows = np.load(self._data, mmap_mode="r")[kept]
        self._epochs, self._stride = [self._epochs[k] for k in kept], 2 * self._stride
        write_bytes(self._data, _header(len(rows), self._width) + np.ascontiguousarray(rows).tobytes())
        self._write_index()


def _header(n_rows: int, width: int) -> bytes:
    """The npy header of (n_rows, width) float32; numpy pads it so that its length does not depend on n_rows."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)})
    return buffer.getvalue()
