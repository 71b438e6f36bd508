"""seen/: the molecules that a model from elsewhere was trained on, by what makes a molecule the same in any dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import write_array
from core.runs.folder import Run

FOLDER = "seen"
HASHES, CODES = "hashes.npy", "codes.npy"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model has seen, and in which part of its split; no dataset is needed to recognise it."""

    hashes: NDArray[np.uint64]
    """(n, n_roundings) of `core.data.identity.identities`: the same molecule agrees in a column"""
    codes: NDArray[np.uint8]
    """(n,) of the split: 0 training, 1 validation, 2 test; see `core.runs.predictions`"""


def write_seen(folder: Path, seen: Seen) -> None:
    """Write `seen/` into a run's folder, which may still be a draft.

    Raises:
        MollensError: for arrays that do not belong together.
    """
    if seen.hashes.ndim != 2 or seen.codes.shape != (len(seen.hashes),):
        raise MollensError(
            f"molecules seen by a model: hashes have the shape {seen.hashes.shape} and codes {seen.codes.shape}; "
            "expected (n, n_roundings) and (n,)"
        )
    (folder / FOLDER).mkdir(exist_ok=True)
    write_array(folder / FOLDER / HASHES, np.ascontiguousarray(seen.hashes, dtype=np.uint64))
    write_array(folder / FOLDER / CODES, np.ascontiguousarray(seen.codes, dtype=np.uint8))


def read_seen(run: Run) -> Seen | None:
    """What a run from elsewhere has seen; None where its folder does not say.

    Raises:
        MollensError: if a file is damaged, or one of the two is missing.
    """
    folder = run.path / FOLDER
    return read_seen_files(folder, run.what) if folder.is_dir() else None


def read_seen_files(folder: Path, what: str) -> Seen:
    """The two files of a `seen/`, memory-mapped; `what` they belong to begins the sentence of a refusal.

    Raises:
        MollensError: if one is damaged or missing.
    """
    try:
        hashes, codes = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (HASHES, CODES))
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"{what}: {folder} is damaged or incomplete ({error}); load the model again") from error
    if (hashes.dtype, codes.dtype, hashes.ndim, codes.shape) != (np.uint64, np.uint8, 2, hashes.shape[:1]):
        raise MollensError(
            f"{what}: {folder} is damaged (hashes {hashes.dtype} {hashes.shape}, codes {codes.dtype} "
            f"{codes.shape}); load the model again"
        )
    return Seen(hashes, codes)
