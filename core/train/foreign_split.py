"""Which molecules a SchNetPack model was trained on: its split.npz, laid over its database, recognised by geometry."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.data.identity import Hashes, identities, matching
from core.data.importers import ase_db
from core.data.importers.ase_rows import connected
from core.data.importers.columns import ColumnMap
from core.data.properties import PROPERTIES
from core.data.store import Dataset
from core.data.units import factor, fits
from core.errors import MollensError
from core.runs.predictions import TEST, TRAIN, VALIDATION
from core.runs.seen import Seen
from core.runs.zips import opened_zip

Progress = Callable[[int, int, str], None]
MOST_MOLECULES = 20_000_000
_PARTS = {"train_idx": TRAIN, "val_idx": VALIDATION, "test_idx": TEST}
_ENOUGH = 10
"""molecules with two labels, from which on these are compared"""
_SAME_LABEL = 0.005
"""eV, median: what two labels of one level of theory may differ by"""


@dataclass(frozen=True, eq=False)
class ForeignSplit:
    """split.npz: rows of the database that it was made for, counted from 0."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """All of them, training first."""
        return np.concatenate([self.train, self.validation, self.test])

    @property
    def codes(self) -> NDArray[np.uint8]:
        """(n,) codes of `rows`."""
        lengths = [len(self.train), len(self.validation), len(self.test)]
        return np.repeat(np.array([TRAIN, VALIDATION, TEST], dtype=np.uint8), lengths)


def read_split(path: Path) -> ForeignSplit:
    """Read a split.npz; nothing in it is unpickled, and sizes are looked at before anything is read.

    Raises:
        MollensError: if it is none, names a molecule in two parts, or has numbers that no database has.
    """
    found = {}
    try:
        with opened_zip(path) as packed:
            for name in _PARTS:
                found[name] = _rows_of(packed, name, path)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise MollensError(
            f"{path.name}: is no split of SchNetPack ({error}); expected train_idx, val_idx and test_idx"
        ) from error
    split = ForeignSplit(*found.values())
    rows = split.rows
    if not len(split.train):
        raise MollensError(f"{path.name}: has no training molecule; expected some in train_idx")
    if rows.min() < 0 or rows.max() >= MOST_MOLECULES:
        raise MollensError(f"{path.name}: row {rows.min() if rows.min() < 0 else rows.max()}; no database has it")
    if len(np.unique(rows)) != len(rows):
        raise MollensError(f"{path.name}: a molecule is in two parts, or twice in one; the split is damaged")
    return split


def _rows_of(packed: zipfile.ZipFile, name: str, path: Path) -> NDArray[np.int64]:
    entry = next((each for each in packed.infolist() if each.filename == f"{name}.npy"), None)
    if entry is None:
        raise ValueError(f"{name} is missing")
    with packed.open(entry) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if dtype.kind not in "iu" and not (dtype.kind == "f" and shape == (0,)):  # an empty list is of type float64
            raise ValueError(f"{name} is of type {dtype}")
        if len(shape) != 1 or shape[0] > MOST_MOLECULES:
            raise ValueError(f"{name} has the shape {shape}")
        content = file.read(shape[0] * dtype.itemsize)
    if len(content) != shape[0] * dtype.itemsize:
        raise ValueError(f"{name} is cut off")
    return np.frombuffer(content, dtype).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Learned:
    """The molecules that a model has seen, from the database of its split or as an export states them."""

    seen: Seen
    elements: tuple[str, ...]
    """symbols that occur among the training molecules"""
    labels: NDArray[np.float64] | None
    """(n,) of the model's output in the unit of `label_unit`, in the order of `seen`; None where it has none"""
    label_unit: str = ""


def database_rows(path: Path) -> int:
    """Number of molecules of an ASE database; raises MollensError for any other file."""
    with connected(_sqlite(path)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM systems").fetchone()[0])


def database_unit(path: Path, key: str) -> str | None:
    """The unit in which a database keeps a property, if it says so."""
    columns = {column.name: column for column in ase_db.inspect(_sqlite(path)).columns}
    return columns[key].stated_unit or None if key in columns else None


def _sqlite(path: Path) -> Path:
    if not path.is_file():
        raise MollensError(f"{path}: not found; give the ASE database that the model was trained on")
    with open(path, "rb") as file:
        is_sqlite = file.read(16) == b"SQLite format 3\0"
    if not is_sqlite:
        raise MollensError(f"{path.name}: is no SQLite database of ASE; give the .db that the model was trained on")
    return path


def read_database(path: Path, split: ForeignSplit, output: str, progress: Progress) -> Learned:
    """Read the molecules of a split from their database, and make what recognises them in any dataset.

    SchNetPack takes the row of ASE's id i + 1 as molecule i.

    Raises:
        MollensError: if it is no ASE database, or the split names rows that it does not have: then it is another one.
    """
    with connected(_sqlite(path)) as connection:
        ids = np.array([i for (i,) in connection.execute("SELECT id FROM systems ORDER BY id")], dtype=np.int64)
    wanted = split.rows + 1
    places = np.searchsorted(ids, wanted)
    there = places < len(ids)
    there[there] = ids[places[there]] == wanted[there]
    if not there.all():
        raise MollensError(
            f"{path.name}: has {len(ids):,} molecules, without {int((~there).sum()):,} of the {len(wanted):,} that the "
            "split names; give the database that the model was trained on"
        )
    inspected = ase_db.inspect(path)
    guess = next((column.guess for column in inspected.columns if column.name == output and not column.per_atom), None)
    usable = guess is not None and not next(c for c in inspected.columns if c.name == output).shape
    columns = ColumnMap(columns=(guess,) if usable and guess else (), lengths=inspected.lengths or "Angstrom")
    molecules, card = ase_db.read(path, columns, lambda done, total: progress(done, total, f"reading {path.name}"))
    if molecules.n_molecules != len(ids):
        raise MollensError(f"{path.name}: changed while it was read; load the model again")
    chosen = molecules.take(places)
    hashes = identities(chosen, lambda done, total: progress(done, total, "recognising its molecules"))
    occurs = chosen.element_counts[: len(split.train)].max(axis=0) > 0
    elements = tuple(symbol for symbol, there_is in zip(chosen.symbols, occurs, strict=True) if there_is)
    key = guess.key if usable and guess else ""
    labels = chosen.columns.get(key)
    unit = next((prop.unit for prop in card.properties if prop.key == key), "")
    return Learned(Seen(hashes, split.codes), elements, None if labels is None else np.asarray(labels), unit)


def check_labels(
    found: Learned, output: str, dataset: Dataset, target: str, dataset_hashes: Hashes
) -> tuple[int, float] | None:
    """Compare the labels of molecules that are in the model's database and in a dataset.

    Gives how many there are and the median of their differences in the target's unit; None where fewer than 10 are.

    Raises:
        MollensError: if the labels differ: then they are of another property or level of theory.
    """
    if found.labels is None:
        return None
    unit = dataset.property(target).unit
    label_unit = PROPERTIES[output].unit if output in PROPERTIES else found.label_unit
    if not fits(label_unit, unit):
        raise MollensError(
            f"{output} of the database is in {label_unit or 'no unit'}, {target} in {unit}; choose another target"
        )
    rows, places = matching(dataset_hashes, np.asarray(found.seen.hashes))
    difference = dataset.molecules.columns[target][rows] - found.labels[places] * factor(label_unit, unit)
    known = np.isfinite(difference)
    if int(known.sum()) < _ENOUGH:
        return None
    rows, difference = rows[known], difference[known]
    median = float(np.median(np.abs(difference)))
    spread = float(np.nanstd(dataset.molecules.columns[target]))
    if median <= (_SAME_LABEL if unit == "eV" else 0.01 * spread):
        return len(rows), median
    counts = dataset.molecules.element_counts[rows].astype(np.float64)
    fitted, *_ = np.linalg.lstsq(counts, difference, rcond=None)
    rest = float(np.median(np.abs(difference - counts @ fitted)))
    number = f"{len(rows):,} molecules are in both, with labels that differ by {median:.3g} {unit} (median)"
    if rest <= _SAME_LABEL and unit == "eV":
        raise MollensError(
            f"{target} of dataset {dataset.name}: {number}, by a constant per element: total and atomisation energy of "
            "one level; choose the target that the model has learned with --target"
        )
    raise MollensError(
        f"{target} of dataset {dataset.name}: {number}; the model has learned {output} of another level of theory or "
        "another property; judge it on a dataset of its own level"
    )


def overlap(dataset_hashes: Hashes, seen: Seen) -> dict[str, int]:
    """How many molecules of a dataset a model has seen in which part: train, validation, test."""
    rows, places = matching(dataset_hashes, np.asarray(seen.hashes))
    codes = np.asarray(seen.codes)[places]
    names = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return {name: len(np.unique(rows[codes == code])) for name, code in names.items()}
