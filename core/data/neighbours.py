"""Neighbour lists of whole datasets: found once in float64, stored as local atom indices, mapped ever after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.errors import MollensError
from core.files import lock, new_folder, write_array

_CHUNK_CELLS = 2_000_000  # distances held at once, about 50 MB


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Directed pairs of atoms of one molecule that are closer than `cutoff`, sorted by molecule, i, j."""

    cutoff: float
    """Angstrom; a pair is in when its distance is below"""
    first_pair: NDArray[np.int64]
    """(n_molecules + 1,) index of each molecule's first pair"""
    i: NDArray[np.unsignedinteger]
    """(n_pairs,) receiving atom, counted from 0 within its molecule; uint8 up to 256 atoms, else uint16"""
    j: NDArray[np.unsignedinteger]
    """(n_pairs,) its neighbour, likewise"""


def find_neighbours(molecules: Molecules, cutoff: float) -> Neighbours:
    """All neighbours within `cutoff` Angstrom, from float64 positions as SchNetPack's own lists are.

    Molecules of equal size are searched together, so that the loop runs over sizes and not over molecules.

    Raises:
        MollensError: for a cutoff that is not positive, or a molecule of more than 65,536 atoms.
    """
    if not cutoff > 0:
        raise MollensError(f"cutoff is {cutoff} Angstrom; it must be positive")
    sizes = molecules.sizes
    if sizes.max() > 65_536:
        raise MollensError(f"molecule of {sizes.max():,} atoms: neighbours are found for at most 65,536")
    dtype = np.uint8 if sizes.max() <= 256 else np.uint16
    counts = np.zeros(molecules.n_molecules, dtype=np.int64)
    found = []  # for each chunk: the row of every pair, i, j
    for size in np.unique(sizes):
        rows_of_size = np.flatnonzero(sizes == size)
        step = max(1, _CHUNK_CELLS // int(size) ** 2)
        for start in range(0, len(rows_of_size), step):
            rows = rows_of_size[start : start + step]
            atoms = molecules.first_atom[rows][:, None] + np.arange(size)
            x = molecules.positions[atoms]  # (n_rows, size, 3)
            squared = np.zeros((len(rows), size, size))
            for axis in range(3):
                difference = x[:, :, None, axis] - x[:, None, :, axis]
                squared += difference * difference
            near = squared < cutoff * cutoff
            near[:, np.arange(size), np.arange(size)] = False
            row, i, j = np.nonzero(near)
            counts[rows] = np.bincount(row, minlength=len(rows))
            found.append((rows[row], i.astype(dtype), j.astype(dtype)))
    first_pair = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    all_i, all_j = np.empty(first_pair[-1], dtype), np.empty(first_pair[-1], dtype)
    for pair_rows, local_i, local_j in found:
        # pairs of one molecule are consecutive here: their places follow from where each molecule begins
        starts = np.flatnonzero(np.diff(pair_rows, prepend=-1))
        within = np.arange(len(pair_rows)) - np.repeat(starts, np.diff(np.append(starts, len(pair_rows))))
        place = first_pair[pair_rows] + within
        all_i[place], all_j[place] = local_i, local_j
    return Neighbours(float(cutoff), first_pair, all_i, all_j)


def open_neighbours(dataset: Dataset, cutoff: float) -> Neighbours:
    """The dataset's neighbour list, found once under a lock and kept beside it.

    Raises:
        MollensError: for a cutoff that is not positive, a damaged list, or a full disk.
    """
    # the checksum is in the name, so that a list never outlives the coordinates it was made from
    folder = dataset.folder / f"neighbours-{cutoff:g}-{dataset.card.sha256[:12]}"
    if not folder.is_dir():
        with lock(dataset.folder / ".neighbours.lock"):
            if not folder.is_dir():
                neighbours = find_neighbours(dataset.molecules, cutoff)
                with new_folder(folder) as draft:
                    for key in ("first_pair", "i", "j"):
                        write_array(draft / f"{key}.npy", getattr(neighbours, key))
    try:
        arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in ("first_pair", "i", "j")}
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(
            f"neighbour list {folder} is damaged ({error}); delete the folder, it is made anew"
        ) from error
    if len(arrays["first_pair"]) != dataset.molecules.n_molecules + 1 or len(arrays["i"]) != arrays["first_pair"][-1]:
        raise MollensError(f"neighbour list {folder} does not fit its dataset; delete the folder, it is made anew")
    return Neighbours(float(cutoff), **arrays)
