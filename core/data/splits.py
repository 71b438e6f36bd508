"""Splits: named, seeded divisions of a dataset into training, validation and test molecules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset, check_name
from core.errors import MollensError
from core.files import lock, read_json, write_json

DEFAULT = "default"
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


def _random(dataset: Dataset, seed: int, train: float, validation: float) -> tuple[Ids, Ids, Ids]:
    """A random division; above 120,000 molecules the usual 110,000 / 10,000 / rest unless shares are given."""
    order = np.random.default_rng(seed).permutation(np.sort(dataset.molecules.ids))
    n = len(order)
    n_train = int(train) if train > 1 else int(n * train + 0.5)
    n_validation = int(validation) if validation > 1 else int(n * validation + 0.5)
    return order[:n_train], order[n_train : n_train + n_validation], order[n_train + n_validation :]


METHODS: dict[str, Callable[[Dataset, int, float, float], tuple[Ids, Ids, Ids]]] = {"random": _random}


def default_shares(n_molecules: int) -> tuple[float, float]:
    """Training and validation part of the default split: 80 % and 10 %, or 110,000 and 10,000 of full QM9."""
    return (110_000, 10_000) if n_molecules > 120_000 else (0.8, 0.1)


def make_split(
    dataset: Dataset,
    name: str,
    method: str = "random",
    seed: int = 0,
    train: float | None = None,
    validation: float | None = None,
) -> Split:
    """Make a split and save it with its dataset.

    Args:
        train, validation: shares up to 1, or numbers of molecules above 1; the rest is the test part. None takes the
            shares of the default split. `train=0.8, validation=0.2` is the division of the thesis, without a test part.

    Raises:
        MollensError: for an unknown method, shares that do not fit, or a name that is taken.
    """
    path = _path(dataset, name)
    if name == DEFAULT:
        raise MollensError(
            f"split {name}: belongs to dataset {dataset.name} and is made by itself; choose another name"
        )
    usual = default_shares(dataset.molecules.n_molecules)
    train = usual[0] if train is None else train
    validation = usual[1] if validation is None else validation
    if method not in METHODS:
        raise MollensError(f"split {name}: method {method!r} is not known; known are {', '.join(METHODS)}")
    _check_shares(name, dataset.molecules.n_molecules, train, validation)
    parts = [np.sort(part) for part in METHODS[method](dataset, seed, train, validation)]
    split = Split(name, dataset.name, method, seed, *parts)
    with lock(path.with_name(".lock")):
        if path.exists():
            raise MollensError(f"split {name}: dataset {dataset.name} already has it; choose another name")
        _save(split, dataset, path)
    return split


def _check_shares(name: str, n: int, train: float, validation: float) -> None:
    for part, share in (("train", train), ("validation", validation)):
        if not np.isfinite(share) or share < 0 or (share > 1 and share != int(share)):
            raise MollensError(f"split {name}: {part} is {share}; expected a share from 0 to 1 or a whole number")
    total = sum(share if share > 1 else share * n for share in (train, validation))
    if train * n < 1 or round(total) > n:
        raise MollensError(
            f"split {name}: {train:g} for training and {validation:g} for validation do not fit {n:,} molecules"
        )


def open_split(dataset: Dataset, name: str = DEFAULT) -> Split:
    """Read a split; the default one is made when it is first asked for.

    Raises:
        MollensError: if it is missing, damaged, or names molecules that the dataset does not hold.
    """
    path = _path(dataset, name)
    if not path.exists():
        if name == DEFAULT:
            with lock(path.with_name(".lock")):
                if not path.exists():
                    n_train, n_validation = default_shares(dataset.molecules.n_molecules)
                    parts = [np.sort(p) for p in _random(dataset, 0, n_train, n_validation)]
                    _save(Split(name, dataset.name, "random", 0, *parts), dataset, path)
        else:
            known = ", ".join(list_splits(dataset))
            raise MollensError(f"split {name}: dataset {dataset.name} does not have it; it has {known}")
    what = f"split {name} of dataset {dataset.name}"
    content = read_json(path, what)
    try:
        parts = [np.array(content[part], dtype=np.int64) for part in ("train", "validation", "test")]
        split = Split(name, dataset.name, str(content["method"]), int(content["seed"]), *parts)
        stored = content["hash"]
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise MollensError(f"{what}: {path} is damaged ({error!r}); delete it or restore it") from error
    if stored != split.hash:
        raise MollensError(f"{what}: {path} does not match its own hash; it was changed by hand or damaged; restore it")
    if content.get("dataset_sha256") != dataset.card.sha256:
        raise MollensError(
            f"{what}: was made for other data of the same name; delete {path} or import the dataset it belongs to"
        )
    return split


def list_splits(dataset: Dataset) -> list[str]:
    """Names of the dataset's splits, the default one first."""
    folder = _folder(dataset)
    names = sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
    return [DEFAULT, *(name for name in names if name != DEFAULT)]


def _folder(dataset: Dataset) -> Path:
    # an embedded dataset may come in another version some day; its older splits then stay with the older data
    return dataset.folder / (f"splits-{dataset.card.sha256[:12]}" if dataset.embedded else "splits")


def _path(dataset: Dataset, name: str) -> Path:
    return _folder(dataset) / f"{check_name(name, 'split')}.json"


def _save(split: Split, dataset: Dataset, path: Path) -> None:
    content = {
        "name": split.name,
        "dataset": split.dataset,
        "dataset_sha256": dataset.card.sha256,
        "method": split.method,
        "seed": split.seed,
        "hash": split.hash,
        **{part: getattr(split, part).tolist() for part in ("train", "validation", "test")},
    }
    write_json(path, content)
