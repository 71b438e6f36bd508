"""NumPy's npz with flat arrays: atoms of all molecules one after the other.

`R` (n_atoms, 3) in Angstrom, `Z` (n_atoms,), `N` (n,) atoms of each molecule, `id` (n,), `smiles` (n,) bytes, every
property under its key, (n, ...) or (n_atoms, ...), NaN where missing; `units` and `about`: JSON as text. No pickles.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.data.exporters.chosen import Chosen, Progress, as_json
from core.errors import MollensError

_RESERVED = ("R", "Z", "N", "id", "smiles", "units", "about")
_PIECE = 1 << 24  # bytes written at once


def write(chosen: Chosen, path: Path, progress: Progress) -> None:
    """Write the file.

    Raises:
        MollensError: for a property whose key is one of the names above.
    """
    clash = [key for key in (*chosen.keys, *chosen.atom_keys) if key in _RESERVED]
    if clash:
        raise MollensError(f"property {clash[0]!r}: has the name that an npz gives to something else; leave it out")
    molecules, rows, n = chosen.molecules, chosen.rows, len(chosen.rows)
    sizes = molecules.sizes[rows]
    atoms = np.arange(sizes.sum()) + np.repeat(molecules.first_atom[rows] - np.cumsum(sizes) + sizes, sizes)
    assert molecules.smiles is not None
    longest = max(1, int(np.char.str_len(molecules.smiles[rows]).max()))
    sources: dict[str, tuple[NDArray[Any], NDArray[np.int64]]] = {
        "R": (molecules.positions, atoms),
        "Z": (molecules.numbers, atoms),
        "N": (molecules.sizes, rows),
        "id": (molecules.ids, rows),
        "smiles": (molecules.smiles.astype(f"S{longest}"), rows),
        **{key: (molecules.columns[key], rows) for key in chosen.keys},
        **{key: (molecules.atom_columns[key], atoms) for key in chosen.atom_keys},
    }
    texts = {"units": as_json({"R": "Angstrom", **chosen.units()}), "about": as_json(chosen.about())}
    with open(path, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, text in texts.items():
            _write_array(archive, name, np.array(text))
        for k, (name, (values, where)) in enumerate(sources.items(), start=1):
            _write_array(archive, name, values[where])
            progress(n * k // len(sources), n)


def left_out(chosen: Chosen) -> tuple[str, ...]:
    """Nothing."""
    return ()


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    array = np.ascontiguousarray(array) if array.ndim else array
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(array))
        content = memoryview(array.tobytes()) if array.ndim == 0 or array.size == 0 else array.data.cast("B")
        for start in range(0, len(content), _PIECE):
            member.write(content[start : start + _PIECE])
