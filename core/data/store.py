"""The packed store: a dataset is a folder with a card and flat arrays that are mapped, not read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, read_card
from core.data.embedded import EMBEDDED, read_embedded
from core.data.molecules import Molecules, check_molecules
from core.data.properties import PROPERTIES, Property, get_property
from core.errors import MollensError
from core.files import home, lock, move_to_trash, new_folder, write_array, write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARRAYS = {"numbers": np.uint8, "positions": np.float64, "first_atom": np.int64, "ids": np.int64}


@dataclass(frozen=True, eq=False)
class Dataset:
    """An opened dataset."""

    name: str
    card: Card
    molecules: Molecules
    folder: Path
    """where splits, neighbour lists and other things made later are written"""
    embedded: bool = False

    def property(self, key: str) -> Property:
        """The property named `key`, which this dataset must have.

        Raises:
            MollensError: if the dataset has no such column.
        """
        if key not in self.molecules.columns and key not in self.molecules.atom_columns:
            raise MollensError(
                f"dataset {self.name}: has no property {key!r}; it has {', '.join(p.key for p in self.card.properties)}"
            )
        listed = next((p for p in self.card.properties if p.key == key), None)
        return get_property(key) if listed is None else listed.as_property()

    def targets(self) -> list[Property]:
        """Properties that a model can be trained on: one number per molecule, with a pooling that predicts it."""
        listed = {p.key for p in self.card.properties}
        single = [key for key, values in self.molecules.columns.items() if values.ndim == 1]
        known = [self.property(key) for key in single if key in PROPERTIES or key in listed]
        return [prop for prop in known if prop.output]

    def target_key(self, wanted: str = "default") -> str:
        """Key of the training target: `wanted`, or the card's own where it says "default".

        Raises:
            MollensError: if it is not a property of this dataset that can be trained on.
        """
        key = self.card.default_target if wanted == "default" else wanted
        possible = [p.key for p in self.targets()]
        if key not in possible:
            raise MollensError(
                f"dataset {self.name}: {key!r} cannot be a target; possible are {', '.join(possible) or 'none'}"
            )
        assert key is not None
        return key


@dataclass(frozen=True)
class DatasetEntry:
    """One line of the list of datasets; a damaged one has an error in place of a card."""

    name: str
    card: Card | None
    error: str | None
    embedded: bool


def check_name(name: str, what: str = "dataset") -> str:
    """Give back `name` if it can be the name of a folder.

    Raises:
        MollensError: for slashes, leading dots, odd characters or more than 64 of them.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise MollensError(
            f"{what} name {name!r}: not allowed; use 1 to 64 letters, digits, '-', '_' and single '.', "
            "beginning with a letter or digit"
        )
    return name


def check_free(name: str) -> str:
    """Give back `name` if a new dataset can have it.

    Raises:
        MollensError: if it is not allowed, is taken, or belongs to an embedded dataset.
    """
    if name in EMBEDDED:
        raise MollensError(f"dataset {name}: the name belongs to the embedded dataset; choose another")
    if dataset_folder(name).exists():
        raise MollensError(
            f"dataset {name}: already exists; choose another name, or delete it first with `delete-dataset {name}`"
        )
    return name


def dataset_folder(name: str) -> Path:
    """Where everything written about the dataset `name` lies."""
    return home() / "data" / check_name(name)


def list_datasets() -> list[DatasetEntry]:
    """All datasets, the embedded ones first, then by name; damaged ones carry their error."""
    entries = [_entry(name, folder, True) for name, folder in sorted(EMBEDDED.items()) if folder.exists()]
    root = home() / "data"
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)) if root.is_dir() else []
    return entries + [_entry(name, root / name, False) for name in names if name not in EMBEDDED]


def _entry(name: str, folder: Path, embedded: bool) -> DatasetEntry:
    card_path = folder / (f"{name}.card.json" if embedded else "card.json")
    try:
        return DatasetEntry(name, read_card(card_path, f"dataset {name}"), None, embedded)
    except MollensError as error:
        return DatasetEntry(name, None, str(error), embedded)


def open_dataset(name: str) -> Dataset:
    """Open a dataset by mapping its arrays.

    Raises:
        MollensError: if there is none of that name, or its files are missing, damaged or do not fit together.
    """
    folder = dataset_folder(name)
    if name in EMBEDDED:
        return _open_embedded(name, folder)
    if not folder.is_dir():
        known = ", ".join(entry.name for entry in list_datasets()) or "none"
        raise MollensError(f"dataset {name}: not found; there are {known}; import it or choose another")
    return _open_folder(name, folder, folder, embedded=False)


def _open_embedded(name: str, folder: Path, again: bool = False) -> Dataset:
    """Unpack an embedded dataset once per version into the home, then map it like any other."""
    source = EMBEDDED[name]
    card = read_card(source / f"{name}.card.json", f"dataset {name}")
    unpacked = folder / f"unpacked-{card.sha256[:12]}"
    if not unpacked.is_dir():
        with lock(folder / ".unpack.lock"):
            if not unpacked.is_dir():
                molecules = read_embedded(name, card)
                with new_folder(unpacked) as draft:
                    _write_folder(molecules, card, draft)
    try:
        return _open_folder(name, unpacked, folder, embedded=True)
    except MollensError:
        if again:
            raise
        move_to_trash(unpacked)  # damaged; the source is at hand
        return _open_embedded(name, folder, again=True)


def _open_folder(name: str, arrays: Path, folder: Path, embedded: bool) -> Dataset:
    what = f"dataset {name}"
    card = read_card(arrays / "card.json", what)
    columns = {path.stem: _map(path, what) for path in sorted((arrays / "columns").glob("*.npy"))}
    atom_columns = {path.stem: _map(path, what) for path in sorted((arrays / "atom_columns").glob("*.npy"))}
    base = {key: _map(arrays / f"{key}.npy", what) for key in (*_ARRAYS, "smiles")}
    for key, dtype in _ARRAYS.items():
        if base[key].dtype != dtype or base[key].ndim != (2 if key == "positions" else 1):
            raise MollensError(
                f"{what}: {arrays / key}.npy holds {base[key].dtype} of {base[key].ndim} dimensions; "
                "delete the dataset and import again"
            )
    lengths = {
        **{f"columns/{key}": (len(values), card.n_molecules) for key, values in columns.items()},
        **{f"atom_columns/{key}": (len(values), card.n_atoms) for key, values in atom_columns.items()},
        "numbers": (len(base["numbers"]), card.n_atoms),
        "positions": (len(base["positions"]), card.n_atoms),
        "first_atom": (len(base["first_atom"]), card.n_molecules + 1),
        "ids": (len(base["ids"]), card.n_molecules),
        "smiles": (len(base["smiles"]), card.n_molecules),
    }
    for key, (found, expected) in lengths.items():
        if found != expected:
            raise MollensError(
                f"{what}: {arrays / key}.npy has {found} rows; the card says {expected}; "
                "delete the dataset and import again"
            )
    if base["first_atom"][0] != 0 or base["first_atom"][-1] != card.n_atoms or (np.diff(base["first_atom"]) < 1).any():
        raise MollensError(f"{what}: {arrays}/first_atom.npy is damaged; delete the dataset and import again")
    for listed in card.properties:
        if listed.key not in columns and listed.key not in atom_columns:
            raise MollensError(f"{what}: the card lists {listed.key} but its file is missing; import the dataset again")
    molecules = Molecules(columns=columns, atom_columns=atom_columns, **base)
    return Dataset(name, card, molecules, folder, embedded)


def _load(path: Path, what: str) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise MollensError(f"{what}: {path} is missing; delete the dataset and import it again") from error
    except (ValueError, EOFError, OSError) as error:
        raise MollensError(f"{what}: {path} is damaged ({error}); delete the dataset and import it again") from error


def _map(path: Path, what: str) -> NDArray[Any]:
    array = _load(path, what)
    if array.ndim == 0:
        raise MollensError(f"{what}: {path} holds a single value; delete the dataset and import it again")
    return array


def save_dataset(molecules: Molecules, card: Card, beside: Mapping[str, NDArray[Any]] | None = None) -> Dataset:
    """Write a new dataset under the card's name; it appears whole or not at all.

    The card's counts and checksum are set from the molecules.

    Args:
        beside: further arrays, name -> array, that are written as <name>.npy into the folder.

    Raises:
        MollensError: for a name that is not allowed or is taken, molecules that no dataset may hold, or a full disk.
    """
    folder = dataset_folder(check_free(card.name))
    check_molecules(molecules, f"dataset {card.name}")
    counts = {"n_molecules": molecules.n_molecules, "n_atoms": molecules.n_atoms, "sha256": checksum(molecules)}
    with new_folder(folder) as draft:
        _write_folder(molecules, Card.model_validate(card.model_dump() | counts), draft)
        for name, array in (beside or {}).items():
            write_array(draft / f"{name}.npy", array)
    return open_dataset(card.name)


def _write_folder(molecules: Molecules, card: Card, folder: Path) -> None:
    for key in (*_ARRAYS, "smiles"):
        write_array(folder / f"{key}.npy", getattr(molecules, key))
    for kind, columns in (("columns", molecules.columns), ("atom_columns", molecules.atom_columns)):
        (folder / kind).mkdir()
        for key, values in columns.items():
            write_array(folder / kind / f"{key}.npy", values)
    write_json(folder / "card.json", card.model_dump())


def delete_dataset(name: str) -> Path:
    """Move a dataset to the trash and return where it lies now.

    Raises:
        MollensError: if it is embedded or there is none.
    """
    if name in EMBEDDED:
        raise MollensError(f"dataset {name}: is embedded and cannot be deleted")
    folder = dataset_folder(name)
    if not folder.is_dir():
        raise MollensError(f"dataset {name}: not found")
    return move_to_trash(folder)


def checksum(molecules: Molecules) -> str:
    """SHA-256 over ids, atoms, coordinates and labels, independent of how they are stored."""
    digest = hashlib.sha256()
    for key, dtype in _ARRAYS.items():
        digest.update(np.ascontiguousarray(getattr(molecules, key), dtype=dtype).data)
    for columns in (molecules.columns, molecules.atom_columns):
        for key in sorted(columns):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(columns[key], dtype=np.float64).data)
    return digest.hexdigest()
