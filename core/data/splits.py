"""Splits: named, seeded divisions of a dataset into training, validation and test molecules."""

from __future__ import annotations

import hashlib
import shlex
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


def preview(
    dataset: Dataset, method: str = "random", seed: int = 0, parameters: Mapping[str, Any] | None = None
) -> Split:
    """The split that `make_split` would save with the same arguments; nothing is written but the identities.

    Args:
        parameters: those that the method takes (see METHODS), all optional but for what is left out:
            train, validation: shares up to 1, or numbers of molecules above 1. Of random and stratified splits the rest
            is the test part; of the others `validation` is a share of what is not tested.
            sizes: "20-29" or "3-9,12"; element: a symbol; k, fold: folds and the one that is tested, from 1.
            together: "identity" keeps molecules of the same geometry in one part, "none" does not.
            where: filters such as "size=17-19" (see selection.py); other molecules are in no part.

    Raises:
        MollensError: for an unknown method or parameter, or parts that do not fit the molecules.
    """
    return _divided(dataset, "preview", "split", method, seed, parameters or {})


def make_split(
    dataset: Dataset,
    name: str,
    method: str = "random",
    seed: int = 0,
    train: float | None = None,
    validation: float | None = None,
    **parameters: Any,
) -> Split:
    """Make a split and save it with its dataset.

    Args:
        train, validation, parameters: as `preview` takes them. `method="thesis"`, or `train=0.8, validation=0.2`, is
            the division of the thesis, without a test part.

    Raises:
        MollensError: as `preview`, and for a name that is taken or not allowed, or a dataset that was deleted.
    """
    paths = _free_paths(dataset, [name])
    given = {"train": train, "validation": validation, **parameters}
    split = _divided(dataset, name, f"split {name}", method, seed, given)
    _save_new(dataset, {paths[0]: split})
    return split


def make_folds(dataset: Dataset, name: str, k: int = 5, seed: int = 0, **parameters: Any) -> tuple[Split, ...]:
    """Make and save the k splits of a k-fold division, all or none: `name-1of5` to `name-5of5`.

    Raises:
        MollensError: as `make_split`.
    """
    check_name(name, "split")
    given = {"k": k, **parameters}
    _divided(dataset, name, f"split {name}", "k_fold", seed, {**given, "fold": 1})  # says what is wrong with k
    names = fold_names(name, k)
    paths = _free_paths(dataset, names)
    folds = tuple(
        _divided(dataset, each, f"split {each}", "k_fold", seed, {**given, "fold": fold})
        for fold, each in enumerate(names, start=1)
    )
    _save_new(dataset, dict(zip(paths, folds, strict=True)))
    return folds


def fold_names(name: str, k: int) -> list[str]:
    """Names of the splits that `make_folds` makes."""
    return [f"{name}-{fold}of{k}" for fold in range(1, k + 1)]


def _divided(dataset: Dataset, name: str, what: str, method: str, seed: int, parameters: Mapping[str, Any]) -> Split:
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise MollensError(f"{what}: seed is {str(seed)[:40]}; expected a whole number from 0")
    try:
        given = check_parameters(method, parameters)
        pool = _pool(dataset, seed, given)
        codes = METHODS[method].divide(dataset, pool, given)
    except MollensError as error:
        raise MollensError(f"{what}: {error}") from error
    ids = dataset.molecules.ids[pool.rows]
    train, validation, test = (np.sort(ids[codes == code]) for code in range(len(PARTS)))
    return Split(name, dataset.name, method, seed, train, validation, test, given)


def _pool(dataset: Dataset, seed: int, given: Mapping[str, Any]) -> Pool:
    """The molecules to divide in random order, which depends on their ids and the seed only."""
    molecules = dataset.molecules
    ids = molecules.ids
    if given.get("where"):
        from core.data.where import parse_where  # it reads splits itself

        ids = ids[parse_where(given["where"], dataset).rows(dataset)]
        if not len(ids):
            raise MollensError(f"no molecule is left by {' '.join(given['where'])}; choose another selection")
    order = np.random.default_rng(seed).permutation(np.sort(ids))
    rows = molecules.rows_of(order)
    groups = open_identities(dataset)[rows] if given["together"] == "identity" else rows
    return Pool(rows, molecules.sizes[rows], groups)


def open_split(dataset: Dataset, name: str = DEFAULT) -> Split:
    """Read a split; the default one is made when it is first asked for.

    Raises:
        MollensError: if it is missing, damaged, or names molecules that the dataset does not hold.
    """
    path = _path(dataset, name)
    if not path.exists():
        if name == DEFAULT:
            _check_there(dataset)
            with lock(path.with_name(".lock")):
                if not path.exists():
                    # by lot and molecule by molecule, as it has always been: runs and their hashes depend on it
                    made = _divided(dataset, name, f"split {name}", "random", 0, {"together": "none"})
                    _save(replace(made, parameters={}), dataset, path)
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


def command(dataset: str, name: str, method: str, seed: int, parameters: Mapping[str, Any]) -> str:
    """The command line that makes this split; without `fold`, that of all folds."""
    words = [dataset, "--name", name, "--method", method]
    if seed:
        words += ["--seed", str(seed)]
    for key, value in parameters.items():
        if value is None or (key, value) == ("together", "identity"):
            continue
        for each in value if key == "where" else [value]:
            words += ["--folds" if key == "k" else f"--{key}", f"{each:g}" if isinstance(each, float) else str(each)]
    return "python -m core split " + shlex.join(words)


def _folder(dataset: Dataset) -> Path:
    # an embedded dataset may come in another version some day; its older splits then stay with the older data
    return dataset.folder / (f"splits-{dataset.card.sha256[:12]}" if dataset.embedded else "splits")


def _path(dataset: Dataset, name: str) -> Path:
    return _folder(dataset) / f"{check_name(name, 'split')}.json"


def _free_paths(dataset: Dataset, names: list[str]) -> list[Path]:
    """Where new splits of these names go; raises if one cannot have its name."""
    paths = [_path(dataset, name) for name in names]
    _check_there(dataset)
    for name, path in zip(names, paths, strict=True):
        if name == DEFAULT:
            raise MollensError(
                f"split {name}: belongs to dataset {dataset.name} and is made by itself; choose another name"
            )
        if path.exists():
            raise MollensError(f"split {name}: dataset {dataset.name} already has it; choose another name")
    return paths


def _check_there(dataset: Dataset) -> None:
    """Nothing may be written for a dataset that was deleted or replaced while somebody still looks at it."""
    if dataset.embedded:
        return
    if not dataset.folder.is_dir():
        raise MollensError(f"dataset {dataset.name}: has been deleted; choose another")
    if read_card(dataset.folder / "card.json", f"dataset {dataset.name}").sha256 != dataset.card.sha256:
        raise MollensError(f"dataset {dataset.name}: has been replaced by other data; open it again")


def _save_new(dataset: Dataset, splits: Mapping[Path, Split]) -> None:
    """Write new splits, all or none."""
    written: list[Path] = []
    with lock(next(iter(splits)).with_name(".lock")):
        _free_paths(dataset, [split.name for split in splits.values()])
        try:
            for path, split in splits.items():
                _save(split, dataset, path)
                written.append(path)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise


def _save(split: Split, dataset: Dataset, path: Path) -> None:
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
