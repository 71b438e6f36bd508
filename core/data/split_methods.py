"""Ways to divide molecules into training, validation and test: what each asks for, and how it divides."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import NUMBERS
from core.data.store import Dataset
from core.errors import MollensError

Ids = NDArray[np.int64]
Codes = NDArray[np.uint8]

TRAIN, VALIDATION, TEST = 0, 1, 2
MOST_FOLDS = 20
_SPAN = re.compile(r"\s*([0-9]{1,6})\s*(?:-\s*([0-9]{1,6})\s*)?")


@dataclass(frozen=True, eq=False)
class Pool:
    """The molecules to divide, in an order that depends on nothing but ids and seed."""

    rows: NDArray[np.int64]
    """(n,) their rows in the dataset, in random order"""
    sizes: NDArray[np.int64]
    """(n,) atoms of each"""
    groups: NDArray[np.int64]
    """(n,) molecules of one group stay in one part; usually each is a group of its own"""

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: NDArray[np.int64]) -> Pool:
        """The molecules at these places, in this order."""
        return Pool(self.rows[places], self.sizes[places], self.groups[places])


@dataclass(frozen=True)
class Method:
    """One way to divide."""

    title: str
    help: str
    takes: tuple[str, ...]
    """names of the parameters that it understands"""
    divide: Callable[[Dataset, Pool, dict[str, Any]], Codes]
    """-> (n,) TRAIN, VALIDATION or TEST for each molecule of the pool"""


def default_shares(n_molecules: int) -> tuple[float, float]:
    """Training and validation part of the default split: 80 % and 10 %, or 110,000 and 10,000 of full QM9."""
    return (110_000, 10_000) if n_molecules > 120_000 else (0.8, 0.1)


def _counts(n: int, parameters: dict[str, Any]) -> tuple[int, int]:
    """Training and validation molecules among n.

    Raises:
        MollensError: for shares that do not fit.
    """
    usual = default_shares(n)
    train = usual[0] if parameters.get("train") is None else parameters["train"]
    validation = usual[1] if parameters.get("validation") is None else parameters["validation"]
    for part, share in (("train", train), ("validation", validation)):
        _check_share(part, share)
    total = sum(share if share > 1 else share * n for share in (train, validation))
    if train * n < 1 or round(total) > n:
        raise MollensError(f"{train:g} for training and {validation:g} for validation do not fit {n:,} molecules")
    n_train = _number(train, n)
    return n_train, min(_number(validation, n), n - n_train)


def _check_share(part: str, share: float) -> None:
    if not math.isfinite(share) or share < 0 or (share > 1 and share != int(share)):
        raise MollensError(f"{part} is {share}; expected a share from 0 to 1 or a whole number of molecules")


def _number(share: float, n: int) -> int:
    return int(share) if share > 1 else int(n * share + 0.5)


def _in_order(pool: Pool, ends: NDArray[np.int64]) -> Codes:
    """Cut the pool at `ends` (of training, of validation).

    Groups are drawn together to the place of their first member; one that lies across an end goes where it begins, so
    that the parts are off by less than a group.
    """
    _, first, group = np.unique(pool.groups, return_index=True, return_inverse=True)
    leader = first[group]
    order = np.argsort(leader, kind="stable")
    codes = np.empty(len(pool), dtype=np.uint8)
    codes[order] = np.searchsorted(ends, np.arange(len(pool)), side="right")
    return codes[leader]


def _random(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    n_train, n_validation = _counts(len(pool), parameters)
    return _in_order(pool, np.array([n_train, n_train + n_validation]))


def _thesis(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    return _random(dataset, pool, {"train": 0.8, "validation": 0.2})


def _stratified(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    """Every size divided alike; what is left over by rounding is carried on to the next size.

    So the parts have their exact totals and each size is within one molecule of its share. A size of which training
    would get nothing gives it its first molecule: no size is tested that was not trained.
    """
    n = len(pool)
    n_train, n_validation = _counts(n, parameters)
    order = np.argsort(pool.sizes, kind="stable")
    _, starts, counts = np.unique(pool.sizes[order], return_index=True, return_counts=True)
    before, after = starts, starts + counts
    codes = np.empty(n, dtype=np.uint8)

    def carried(total: int) -> NDArray[np.int64]:
        return (after * total + n // 2) // n - (before * total + n // 2) // n

    train, both = carried(n_train), carried(n_train + n_validation)
    train = np.maximum(train, 1)
    both = np.maximum(both, train)
    for start, count, end_train, end_both in zip(starts, counts, train, both, strict=True):
        places = order[start : start + count]
        codes[places] = _in_order(pool.at(places), np.array([end_train, end_both]))
    return codes


def _leave_out_sizes(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    text = parameters.get("sizes")
    if not text:
        raise MollensError("sizes is missing; give those that are the test part, such as 20-29 or 3-9,12")
    left_out = np.zeros(len(pool), dtype=bool)
    for low, high in size_spans(text):
        left_out |= (pool.sizes >= low) & (pool.sizes <= high)
    return _left_out(pool, left_out, f"has {text} atoms", parameters)


def _leave_out_element(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    symbol = parameters.get("element")
    there = ", ".join(dataset.molecules.symbols)
    if not symbol:
        raise MollensError(f"element is missing; give the one whose molecules are the test part, of {there}")
    if symbol not in NUMBERS:
        raise MollensError(f"element {symbol[:20]!r} is not known; dataset {dataset.name} has {there}")
    if NUMBERS[symbol] not in dataset.molecules.elements:
        raise MollensError(f"element {symbol} does not occur in dataset {dataset.name}; it has {there}")
    left_out = dataset.molecules.contains(NUMBERS[symbol])[pool.rows]
    return _left_out(pool, left_out, f"contains {symbol}", parameters)


def _left_out(pool: Pool, left_out: NDArray[np.bool_], words: str, parameters: dict[str, Any]) -> Codes:
    """The molecules left out are the test part; the rest is divided in order."""
    if not left_out.any():
        raise MollensError(f"no molecule {words}, so the test part would be empty; choose another")
    if left_out.all():
        raise MollensError(f"every molecule {words}, so nothing would be left to train on; choose another")
    codes = np.full(len(pool), TEST, dtype=np.uint8)
    codes[~left_out] = _without_test(pool.at(np.flatnonzero(~left_out)), parameters)
    return codes


def _without_test(rest: Pool, parameters: dict[str, Any]) -> Codes:
    """Training and validation of what is not tested; `validation` is a share of that, 0.1 unless given."""
    share = 0.1 if parameters.get("validation") is None else parameters["validation"]
    _check_share("validation", share)
    n_validation = _number(share, len(rest))
    if n_validation >= len(rest):
        raise MollensError(
            f"{share:g} for validation leaves none of the {len(rest):,} molecules that are not tested to train on"
        )
    return _in_order(rest, np.array([len(rest) - n_validation, len(rest)]))


def _k_fold(dataset: Dataset, pool: Pool, parameters: dict[str, Any]) -> Codes:
    """Fold `fold` of `k` is the test part; every molecule is tested in one of the folds."""
    k, fold = parameters.get("k", 5), parameters.get("fold", 1)
    if not 2 <= k <= MOST_FOLDS or k > len(pool):
        limit = min(MOST_FOLDS, len(pool))
        raise MollensError(f"k is {k:,}; {len(pool):,} molecules can be divided into 2 to {limit} folds")
    if not 1 <= fold <= k:
        raise MollensError(f"fold is {fold:,}; expected 1 to {k}")
    fold_of = _in_order(pool, np.arange(1, k) * len(pool) // k)
    place = np.arange(len(pool))
    tested = place[fold_of == fold - 1]
    # the rest is read on from the end of the fold, so that the folds differ in their validation parts as well
    rest = np.concatenate([place[fold_of > fold - 1], place[fold_of < fold - 1]])
    if not len(tested) or not len(rest):
        raise MollensError(f"fold {fold} of {k} would be empty, or leave nothing to train on; choose fewer folds")
    codes = np.full(len(pool), TEST, dtype=np.uint8)
    codes[rest] = _without_test(pool.at(rest), parameters)
    return codes


def size_spans(text: str) -> list[tuple[int, int]]:
    """Sizes as people write them, "20-29" or "3-9,12", as pairs of lowest and highest.

    Raises:
        MollensError: for anything else.
    """
    spans = []
    for word in text.split(","):
        match = _SPAN.fullmatch(word)
        if match is None:
            raise MollensError(
                f"sizes {word.strip()[:30]!r}: expected a number of atoms such as 25 or a range as 20-29"
            )
        low, high = int(match[1]), int(match[2] or match[1])
        spans.append((min(low, high), max(low, high)))
    return spans


_SHARES = ("train", "validation")
_ALL = ("together", "where")
METHODS: dict[str, Method] = {
    "random": Method("Random", "Molecules by lot; the usual choice", (*_SHARES, *_ALL), _random),
    "stratified": Method(
        "Stratified by size", "Every size divided alike, so that rare sizes are in all parts", (*_SHARES, *_ALL),
        _stratified,
    ),
    "leave_out_sizes": Method(
        "Leave out sizes", "Some sizes are the test part: does the model extrapolate?",
        ("sizes", "validation", *_ALL), _leave_out_sizes,
    ),
    "leave_out_element": Method(
        "Leave out an element", "Molecules with an element are the test part",
        ("element", "validation", *_ALL), _leave_out_element,
    ),
    "k_fold": Method(
        "k-fold", "k splits; each molecule is tested in one of them", ("k", "fold", "validation", *_ALL), _k_fold
    ),
    "thesis": Method("80/20 of the thesis", "80 % training, 20 % validation, no test part", _ALL, _thesis),
}  # fmt: skip

_KINDS: dict[str, tuple[type, ...]] = {
    "train": (int, float), "validation": (int, float), "sizes": (str,), "element": (str,), "k": (int,), "fold": (int,),
    "together": (str,), "where": (list, tuple),
}  # fmt: skip
_TOGETHER = ("identity", "none")


def check_parameters(method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without those that are None, if the method takes them.

    Raises:
        MollensError: for an unknown method, a parameter that it does not take, or one of another type.
    """
    if method not in METHODS:
        raise MollensError(f"method {method[:40]!r} is not known; known are {', '.join(METHODS)}")
    given = {key: value for key, value in parameters.items() if value is not None}
    for key, value in given.items():
        if key not in METHODS[method].takes:
            raise MollensError(f"method {method} does not take {key}; it takes {', '.join(METHODS[method].takes)}")
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool):
            raise MollensError(f"{key} is {str(value)[:40]!r}; expected {' or '.join(t.__name__ for t in _KINDS[key])}")
    if given.setdefault("together", "identity") not in _TOGETHER:
        raise MollensError(f"together is {given['together'][:40]!r}; expected {' or '.join(_TOGETHER)}")
    if "where" in given:
        given["where"] = list(given["where"])
        if not given["where"]:
            del given["where"]
    return given


def in_words(method: str, parameters: Mapping[str, Any]) -> str:
    """How a split was made, for a list: "leave out sizes 20-29"."""
    title = METHODS[method].title if method in METHODS else method
    told = {
        "leave_out_sizes": f"{parameters.get('sizes')} atoms left out",
        "leave_out_element": f"{parameters.get('element')} left out",
        "k_fold": f"fold {parameters.get('fold')} of {parameters.get('k')}",
    }.get(method, title)
    where = parameters.get("where") or ()
    return told + (f", only {' '.join(where)}" if where else "")
