"""New splits: a preview before they are saved, folds, and the command line that makes the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.data.split_methods import check_parameters
from core.data.splits import DEFAULT, Ids, Split, check_there, divide, save_split, split_path
from core.data.store import Dataset, check_name
from core.data.where import parse_where
from core.errors import MollensError
from core.files import lock


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
            where: filters such as "size=17-19" (see where.py); other molecules are in no part.

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
        return divide(dataset, name, method, seed, given, _selected(dataset, given.get("where") or []))
    except MollensError as error:
        raise MollensError(f"{what}: {error}") from error


def _selected(dataset: Dataset, where: Sequence[str]) -> Ids:
    """Ids of the molecules that the filters leave; of all without any."""
    ids = dataset.molecules.ids
    if where:
        ids = ids[parse_where(where, dataset).rows(dataset)]
        if not len(ids):
            raise MollensError(f"no molecule is left by {' '.join(where)}; choose another selection")
    return ids


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


def _free_paths(dataset: Dataset, names: list[str]) -> list[Path]:
    """Where new splits of these names go; raises if one cannot have its name."""
    paths = [split_path(dataset, name) for name in names]
    check_there(dataset)
    for name, path in zip(names, paths, strict=True):
        if name == DEFAULT:
            raise MollensError(
                f"split {name}: belongs to dataset {dataset.name} and is made by itself; choose another name"
            )
        if path.exists():
            raise MollensError(f"split {name}: dataset {dataset.name} already has it; choose another name")
    return paths


def _save_new(dataset: Dataset, splits: Mapping[Path, Split]) -> None:
    """Write new splits, all or none."""
    written: list[Path] = []
    with lock(next(iter(splits)).with_name(".lock")):
        _free_paths(dataset, [split.name for split in splits.values()])
        try:
            for path, split in splits.items():
                save_split(split, dataset, path)
                written.append(path)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise
