"""Splits: named, seeded divisions of a dataset into training, validation and test molecules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.card import read_card
from core.data.identity import open_identities
from core.data.split_methods import METHODS, Pool, check_parameters
from core.data.store import Dataset, check_name
from core.errors import MollensError
from core.files import lock, read_json, write_json

DEFAULT = "default"
PARTS = ("train", "validation", "test")
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """A division of the molecules of one dataset; test molecules are seen by nothing that is trained."""

    name: str
    dataset: str
    method: str
    seed: int
    train: Ids
    """(n_train,) ids, ascending"""
    validation: Ids
    """(n_validation,) ids, ascending; may be empty"""
    test: Ids
    """(n_test,) ids, ascending; may be empty"""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """what the method was given; empty for a split of an older Mollens"""

    @property
    def hash(self) -> str:
        """SHA-256 over the sorted ids of the three parts: equal hashes mean equal splits."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(str(len(part)).encode() + b":" + np.ascontiguousarray(part, dtype="<i8").tobytes())
        return digest.hexdigest()

    def codes(self, ids: Ids) -> NDArray[np.uint8]:
        """(n,) 0 for training, 1 validation, 2 test, 255 for an id that is in none."""
        codes = np.full(len(ids), 255, dtype=np.uint8)
        for code, part in enumerate((self.train, self.validation, self.test)):
            codes[np.isin(ids, part)] = code
        return codes


def divide(dataset: Dataset, name: str, method: str, seed: int, given: Mapping[str, Any], ids: Ids) -> Split:
    """Divide the molecules with these ids; in an order that depends on them and the seed only.

    Args:
        given: parameters as `check_parameters` gives them back.

    Raises:
        MollensError: for parts that do not fit the molecules.
    """
    molecules = dataset.molecules
    rows = molecules.rows_of(np.random.default_rng(seed).permutation(np.sort(ids)))
    groups = open_identities(dataset)[rows] if given["together"] == "identity" else rows
    codes = METHODS[method].divide(dataset, Pool(rows, molecules.sizes[rows], groups), dict(given))
    ordered = molecules.ids[rows]
    train, validation, test = (np.sort(ordered[codes == code]) for code in range(len(PARTS)))
    return Split(name, dataset.name, method, seed, train, validation, test, given)


def open_split(dataset: Dataset, name: str = DEFAULT) -> Split:
    """Read a split; the default one is made when it is first asked for.

    Raises:
        MollensError: if it is missing, damaged, or names molecules that the dataset does not hold.
    """
    path = split_path(dataset, name)
    if not path.exists():
        if name == DEFAULT:
            check_there(dataset)
            with lock(path.with_name(".lock")):
                if not path.exists():
                    # by lot and molecule by molecule, as it has always been: runs and their hashes depend on it
                    given = check_parameters("random", {"together": "none"})
                    made = divide(dataset, name, "random", 0, given, dataset.molecules.ids)
                    save_split(replace(made, parameters={}), dataset, path)
        else:
            known = ", ".join(list_splits(dataset))
            raise MollensError(f"split {name}: dataset {dataset.name} does not have it; it has {known}")
    stamp = path.stat()
    return _read(path, (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino), name, dataset.name, dataset.card.sha256)


@lru_cache(maxsize=64)
def _read(path: Path, stamp: tuple[int, ...], name: str, dataset: str, sha256: str) -> Split:
    """Read a file of a split; kept, because it takes 12 ms for 134,000 molecules, until the file changes."""
    what = f"split {name} of dataset {dataset}"
    content = read_json(path, what)
    try:
        parts = [np.array(content[part], dtype=np.int64).reshape(len(content[part])) for part in PARTS]
        train, validation, test = parts
        parameters = dict(content.get("parameters", {}))
        split = Split(name, dataset, str(content["method"]), int(content["seed"]), train, validation, test, parameters)
        stored = content["hash"]
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise MollensError(f"{what}: {path} is damaged ({error!r}); delete it or restore it") from error
    if stored != split.hash:
        raise MollensError(f"{what}: {path} does not match its own hash; it was changed by hand or damaged; restore it")
    if content.get("dataset_sha256") != sha256:
        raise MollensError(
            f"{what}: was made for other data of the same name; delete {path} or import the dataset it belongs to"
        )
    for part in parts:
        part.setflags(write=False)
    return split


def list_splits(dataset: Dataset) -> list[str]:
    """Names of the dataset's splits, the default one first."""
    folder = _folder(dataset)
    names = sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
    return [DEFAULT, *(name for name in names if name != DEFAULT)]


def _folder(dataset: Dataset) -> Path:
    # an embedded dataset may come in another version some day; its older splits then stay with the older data
    return dataset.folder / (f"splits-{dataset.card.sha256[:12]}" if dataset.embedded else "splits")


def split_path(dataset: Dataset, name: str) -> Path:
    """The file of a split, there or not."""
    return _folder(dataset) / f"{check_name(name, 'split')}.json"


def check_there(dataset: Dataset) -> None:
    """Nothing may be written for a dataset that was deleted or replaced while somebody still looks at it."""
    if dataset.embedded:
        return
    if not dataset.folder.is_dir():
        raise MollensError(f"dataset {dataset.name}: has been deleted; choose another")
    if read_card(dataset.folder / "card.json", f"dataset {dataset.name}").sha256 != dataset.card.sha256:
        raise MollensError(f"dataset {dataset.name}: has been replaced by other data; open it again")


def save_split(split: Split, dataset: Dataset, path: Path) -> None:
    """Write the file of a split."""
    content = {
        "name": split.name,
        "dataset": split.dataset,
        "dataset_sha256": dataset.card.sha256,
        "method": split.method,
        "seed": split.seed,
        "parameters": dict(split.parameters),
        "hash": split.hash,
        **{part: getattr(split, part).tolist() for part in PARTS},
    }
    write_json(path, content)
