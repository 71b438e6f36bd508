"""npz files of molecules: padded, frames of one molecule, or flat.

The three forms, told by the shapes of coordinates R, atomic numbers Z and counts N:
padded: R (n_molecules, most_atoms, 3), Z (n_molecules, most_atoms) with 0 where no atom is, N (n_molecules,) if given;
frames: R (n_molecules, n_atoms, 3), Z (n_atoms,) for all, as in MD17;
flat: R (n_atoms, 3), Z (n_atoms,), N (n_molecules,).
Integers whose name ends in _1e5A are in units of 1e-5 Angstrom. All other arrays of numbers with one entry per molecule
or per atom are columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card
from core.data.importers.columns import ColumnMap, Inspection, MappingNeeded
from core.data.importers.npz_arrays import Listed, Progress, is_npz, list_arrays, read_arrays
from core.data.importers.raw import Raw, inspection, smiles_array, to_molecules
from core.data.molecules import NUMBERS, SYMBOLS, Molecules
from core.errors import MollensError

TITLE = "npz with coordinates R, atomic numbers Z and counts N (.npz)"
_SAMPLE = 4000
_COORDINATES = ("r", "coords", "coordinates", "positions", "pos", "xyz", "geometries", "cartesian_coordinates")
_ELEMENTS = ("z", "numbers", "atomic_numbers", "nuclear_charges", "species", "elements", "atom_types")
_COUNTS = ("n", "n_atoms", "natoms", "num_atoms", "number_of_atoms", "atom_counts", "sizes")
_IDS = ("id", "ids", "index", "idx", "gdb_idx", "gdb_id", "mol_id", "inchi_index")
_SMILES = ("smiles", "smi", "canonical_smiles")
_SCALED = re.compile(r"(.+)_1e-?([0-9]{1,2})_?(a|ang|angstrom|bohr|nm)?", re.IGNORECASE)
_OF_MOLECULE = re.compile(r"dipole|^mu$", re.IGNORECASE)
_WIDEST = 1000  # values of one molecule or atom
_LARGEST_ID = 2**53


_FORMS = {
    "flat": "flat, with the number of atoms of each molecule",
    "padded": "padded to the largest molecule",
    "frames": "frames of one molecule",
}


@dataclass(frozen=True)
class _Plan:
    """Which array is what."""

    form: str
    """padded, frames or flat"""
    coordinates: str
    elements: str
    counts: str | None
    ids: str | None
    smiles: str | None
    n_molecules: int
    columns: tuple[str, ...]
    atom_columns: tuple[str, ...]
    passed_over: tuple[str, ...]
    texts: tuple[str, ...] = field(default=())
    """single words of text, such as MD17's theory"""


def accepts(path: Path) -> bool:
    """Whether it is a zip archive of npy files."""
    return path.is_file() and is_npz(path)


def inspect(path: Path) -> Inspection:
    """Columns and guesses from molecules spread over the file."""
    plan = _plan(path)
    return inspection(sample(path, _SAMPLE), "npz", TITLE, plan.n_molecules)


def sample(path: Path, n: int) -> Raw:
    """At most `n` molecules, evenly spread, with all their columns."""
    return _some(_read(path, None, lambda done, total: None), n)


def read(path: Path, columns: ColumnMap | None, progress: Progress) -> tuple[Molecules, Card]:
    """All molecules with the columns that were chosen.

    Raises:
        MappingNeeded: without `columns`.
        MollensError: for arrays that are in none of the three forms, do not fit together or are damaged.
    """
    if columns is None:
        raise MappingNeeded(str(path), inspect(path))
    return to_molecules(_read(path, {m.source for m in columns.columns}, progress), columns, path, "npz")


def _plan(path: Path) -> _Plan:
    listed = list_arrays(path)
    lower = {name.lower(): name for name in reversed(listed)}
    scaled = {
        m[1].lower(): name for name in listed if (m := _SCALED.fullmatch(name)) and listed[name].dtype.kind in "iu"
    }
    coordinates = _first(_COORDINATES, lower) or _first(_COORDINATES, scaled)
    elements = _first(_ELEMENTS, lower)
    if elements is None and "charges" in lower and listed[lower["charges"]].dtype.kind in "iu":
        elements = lower["charges"]
    counts = _first(_COUNTS, lower)
    if coordinates is None or elements is None:
        raise _foreign(path, listed, "coordinates" if coordinates is None else "atomic numbers")
    r, z = listed[coordinates], listed[elements]
    if r.dtype.kind not in "iuf" or z.dtype.kind not in "iufUS" or not r.shape or r.shape[-1] != 3:
        raise _foreign(path, listed, f"numbers (..., 3) in {coordinates} and numbers or symbols in {elements}")
    if counts is not None and (listed[counts].dtype.kind not in "iu" or len(listed[counts].shape) != 1):
        counts = None
    n_counts = listed[counts].shape[0] if counts else None
    if len(r.shape) == 3 and z.shape == (r.shape[1],):
        form, n = "frames", r.shape[0]
    elif len(r.shape) == 3 and z.shape == r.shape[:2] and n_counts in (None, r.shape[0]):
        form, n = "padded", r.shape[0]
    elif len(r.shape) == 2 and z.shape == r.shape[:1] and n_counts is not None:
        form, n = "flat", n_counts
    else:
        raise _foreign(path, listed, "shapes that fit each other")
    if n == 0 or 0 in r.shape:
        raise MollensError(f"{path}: holds no molecules; {coordinates} has shape {r.shape}")
    used = {coordinates, elements, counts}
    ids, smiles = _first(_IDS, lower), _first(_SMILES, lower)
    ids = ids if ids and listed[ids].shape == (n,) and listed[ids].dtype.kind in "iu" else None
    smiles = smiles if smiles and listed[smiles].shape == (n,) and listed[smiles].dtype.kind in "US" else None
    return _sorted(path, listed, _Plan(form, coordinates, elements, counts, ids, smiles, n, (), (), ()), used)


def _sorted(path: Path, listed: dict[str, Listed], plan: _Plan, used: set[str | None]) -> _Plan:
    """The plan with every further array put to the molecules, to the atoms, or aside."""
    n, r = plan.n_molecules, listed[plan.coordinates].shape
    columns, atom_columns, passed_over, texts = [], [], [], []
    for name, array in listed.items():
        shape, width = array.shape, int(np.prod(array.shape[1:], dtype=object)) if array.shape else 1
        if name in used | {plan.ids, plan.smiles}:
            continue
        if shape in ((), (1,)) and array.dtype.kind in "US" and array.dtype.itemsize < 1000:
            texts.append(name)
        elif array.dtype.kind not in "iufb" or not shape or not width:
            passed_over.append(f"{name} {array}")
        elif (plan.form == "flat" and shape[0] == r[0] and (r[0] != n) and width <= _WIDEST) or (
            plan.form != "flat" and shape[:2] == r[:2] and width <= _WIDEST * r[1] and not _per_molecule(name, shape)
        ):
            atom_columns.append(name)
        elif shape[0] == n and width <= _WIDEST:
            columns.append(name)
        else:
            passed_over.append(f"{name} {array}")
    fields = (plan.form, plan.coordinates, plan.elements, plan.counts, plan.ids, plan.smiles, n)
    return _Plan(*fields, tuple(columns), tuple(atom_columns), tuple(passed_over), tuple(texts))


def _per_molecule(name: str, shape: tuple[int, ...]) -> bool:
    """Whether (n, 3) of triatomic molecules is a vector of the molecule: its name must say so."""
    return len(shape) == 2 and _OF_MOLECULE.search(name) is not None


def _first(names: tuple[str, ...], there: dict[str, str]) -> str | None:
    return next((there[name] for name in names if name in there), None)


def _foreign(path: Path, listed: dict[str, Listed], lacking: str) -> MollensError:
    found = ", ".join(f"{name} {array}" for name, array in list(listed.items())[:20]) or "no arrays"
    return MollensError(
        f"{path}: lacks {lacking}; found {found}; expected R (n_molecules, most_atoms, 3) with Z (n_molecules, "
        "most_atoms), R (n_molecules, n_atoms, 3) with Z (n_atoms,), or R (n_atoms, 3), Z (n_atoms,), N (n_molecules,)"
    )


def _read(path: Path, wanted: set[str] | None, progress: Progress) -> Raw:
    plan = _plan(path)
    columns = [name for name in plan.columns if wanted is None or name in wanted]
    atom_columns = [name for name in plan.atom_columns if wanted is None or name in wanted]
    base = [name for name in (plan.coordinates, plan.elements, plan.counts, plan.ids, plan.smiles) if name]
    arrays = read_arrays(path, [*base, *columns, *atom_columns, *plan.texts], progress)
    numbers, sizes, mask = _atoms(path, plan, arrays)
    positions = _positions(plan.coordinates, arrays.pop(plan.coordinates), mask)
    ids, note = _ids(plan, arrays)
    passed = [f"passed over: {', '.join(plan.passed_over)}"] if plan.passed_over else []
    texts = [f"{name}: {str(arrays[name].reshape(-1)[0])[:80]}" for name in plan.texts]
    return Raw(
        numbers=numbers,
        positions=positions,
        first_atom=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        ids=ids,
        columns={name: _per(arrays.pop(name)) for name in columns},
        atom_columns={name: _per(_atom_rows(arrays.pop(name), plan, mask)) for name in atom_columns},
        smiles=smiles_array(_bytes(text) for text in arrays[plan.smiles]) if plan.smiles else None,
        not_read=tuple(name for name in (*plan.columns, *plan.atom_columns) if name not in (*columns, *atom_columns)),
        notes=(
            f"coordinates from {plan.coordinates}, atomic numbers from {plan.elements}; arrays are {_FORMS[plan.form]}",
            note,
            *texts,
            *passed,
        ),
    )


def _bytes(text: Any) -> bytes:
    return bytes(text) if isinstance(text, bytes) else str(text).encode()


def _atoms(
    path: Path, plan: _Plan, arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Atomic numbers (n_atoms,), sizes (n_molecules,) and, of padded arrays, where atoms are (n_molecules, most)."""
    z = _numbers(path, plan.elements, arrays[plan.elements])
    counts = arrays[plan.counts].astype(np.int64) if plan.counts else None
    mask: NDArray[np.bool_] | None = None
    if plan.form == "frames":
        sizes = np.full(plan.n_molecules, len(z))
        z = np.tile(z, plan.n_molecules)
    elif plan.form == "flat":
        assert counts is not None
        sizes = counts
        if (counts < 1).any():
            raise MollensError(
                f"{path}: {plan.counts} gives molecule {int(np.argmax(counts < 1)) + 1} {int(counts[counts < 1][0])} "
                "atoms; expected 1 or more"
            )
        if counts.max(initial=0) > len(z) or int(counts.sum()) != len(z):
            raise MollensError(
                f"{path}: {plan.counts} adds up to {int(counts.sum()):,} atoms; {plan.elements} has {len(z):,}"
            )
    else:
        mask = z > 0 if counts is None else np.arange(z.shape[1]) < counts[:, None]
        sizes = mask.sum(axis=1)
        wrong = np.flatnonzero((sizes != (z > 0).sum(axis=1)) | (sizes < 1) | (counts is not None and sizes != counts))
        if len(wrong):
            raise MollensError(
                f"{path}: molecule {wrong[0] + 1} has {int((z[wrong[0]] > 0).sum())} atoms in {plan.elements} and "
                f"{int(sizes[wrong[0]])} by {plan.counts or plan.elements}; expected as many, from 1"
            )
        z = z[mask]
    if (z < 1).any() or (z > max(SYMBOLS)).any():
        bad = z[(z < 1) | (z > max(SYMBOLS))][0]
        raise MollensError(f"{path}: {plan.elements} has the atomic number {bad}; expected 1 to {max(SYMBOLS)}")
    return z.astype(np.uint8), sizes, mask


def _numbers(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Atomic numbers of numbers or symbols; empty symbols are 0."""
    if values.dtype.kind in "US":
        symbols, which = np.unique(values, return_inverse=True)
        words = [_bytes(symbol).decode(errors="replace").strip() for symbol in symbols]
        unknown = [word for word in words if word and word not in NUMBERS]
        if unknown:
            raise MollensError(f"{path}: {name} has the element {unknown[0][:20]!r}; expected symbols such as C or H")
        return np.array([NUMBERS.get(word, 0) for word in words], dtype=np.int64)[which].reshape(values.shape)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise MollensError(f"{path}: {name} has a number that is not whole; expected atomic numbers")
    return np.clip(values, -1, 255).astype(np.int64)


def _positions(name: str, values: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    scaled = _SCALED.fullmatch(name) if values.dtype.kind in "iu" else None
    atoms = values[mask] if mask is not None else values.reshape(-1, 3)
    return atoms / 10.0 ** int(scaled[2]) if scaled else atoms.astype(np.float64)


def _ids(plan: _Plan, arrays: dict[str, NDArray[Any]]) -> tuple[NDArray[np.int64], str]:
    why = "no array numbers the molecules"
    if plan.ids:
        ids = arrays[plan.ids]
        if int(ids.min()) >= 0 and int(ids.max()) <= _LARGEST_ID and len(np.unique(ids)) == len(ids):
            return ids.astype(np.int64), f"ids are those of {plan.ids}"
        why = f"{plan.ids} has a number twice, or one below 0"
    return np.arange(1, plan.n_molecules + 1), f"ids are 1 to {plan.n_molecules:,}, because {why}"


def _atom_rows(values: NDArray[Any], plan: _Plan, mask: NDArray[np.bool_] | None) -> NDArray[Any]:
    """A column of atoms with one row for each, whatever the form."""
    if mask is not None:
        return values[mask]
    return values if plan.form == "flat" else values.reshape(-1, *values.shape[2:])


def _per(values: NDArray[Any]) -> NDArray[np.float64]:
    """A column as numbers, (n, ...); a width of 1 is dropped."""
    rows = values.astype(np.float64)
    return rows.reshape(len(rows)) if rows.ndim > 1 and rows.size == len(rows) else rows


def _some(raw: Raw, n: int) -> Raw:
    whole = Molecules(raw.numbers, raw.positions, raw.first_atom, raw.ids, raw.columns, raw.atom_columns, raw.smiles)
    if whole.n_molecules <= n:
        return raw
    few = whole.take(np.linspace(0, whole.n_molecules - 1, n).astype(np.int64))
    return Raw(
        few.numbers, few.positions, few.first_atom, few.ids, few.columns, few.atom_columns, few.smiles, notes=raw.notes
    )
