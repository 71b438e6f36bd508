"""Drift and leakage of a split: do its parts hold the same kinds of molecules, and none of them twice?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.identity import read_identities
from core.data.splits import PARTS, Split
from core.data.store import Dataset

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_DRAWS = 1_000
_MANY_CLASSES = 2_000
CHANCE = 0.9975
"""Four distances are judged together; so one split in a hundred seems to drift by chance."""


@dataclass(frozen=True)
class Distance:
    """How far a part's distribution over classes of molecules is from that of the training part.

    The total variation distance: half the sum of |share in the part - share in training| over all classes. It is the
    share of the part's molecules that would have to be of another class; 0 for equal, 1 for disjoint distributions.
    `expected` and `by_chance` are the mean and the 99.75th percentile of the same distance when molecules of both parts
    are divided by lot into parts of the same numbers (1,000 draws of the multivariate hypergeometric distribution, the
    same each time). A larger distance than `by_chance` is drift, a smaller one is noise.
    """

    part: str
    value: float
    expected: float
    by_chance: float

    @property
    def drifted(self) -> bool:
        """Whether it is larger than chance explains."""
        return self.value > self.by_chance


@dataclass(frozen=True, eq=False)
class Drift:
    """The parts of one split side by side; parts stand in the order of PARTS."""

    n: Ints
    """(3,) molecules of each part"""
    n_none: int
    """molecules of the dataset that are in no part"""
    sizes: Ints
    """(n_sizes,) sizes that occur in the dataset, ascending"""
    by_size: Ints
    """(3, n_sizes) molecules"""
    symbols: tuple[str, ...]
    by_element: Ints
    """(3, n_symbols) molecules that contain the element"""
    size_distances: tuple[Distance, ...]
    """validation and test against training, over sizes; without parts that are empty"""
    element_distances: tuple[Distance, ...]
    """likewise, over sets of elements such as {C, H, O}"""

    def shares(self, counts: Ints) -> Floats:
        """(3, n) counts of `by_size` or `by_element` as shares of their part; NaN for an empty part."""
        with np.errstate(invalid="ignore"):
            return counts / np.where(self.n, self.n, np.nan)[:, None]

    def untrained_sizes(self, part: str = "test") -> list[int]:
        """Sizes that occur in a part but not in training."""
        return [int(size) for size in self.sizes[self._untrained(self.by_size, part)]]

    def untrained_elements(self, part: str = "test") -> list[str]:
        """Elements that occur in a part but not in training."""
        return [self.symbols[k] for k in np.flatnonzero(self._untrained(self.by_element, part))]

    def _untrained(self, counts: Ints, part: str) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (counts[PARTS.index(part)] > 0) & (counts[0] == 0)
        return found


@dataclass(frozen=True)
class Leakage:
    """Molecules of validation and test that are also in training under another id."""

    validation: int
    test: int
    examples: tuple[tuple[int, int], ...]
    """(id in validation or test, id in training), up to 20"""

    @property
    def n(self) -> int:
        """All of them."""
        return self.validation + self.test


@lru_cache(maxsize=32)
def find_drift(dataset: Dataset, split: Split) -> Drift:
    """The parts of a split by size and by element, and how far they are apart."""
    codes = split.codes(dataset.molecules.ids).astype(np.int64)
    codes[codes == 255] = len(PARTS)
    classes = _classes_of(dataset)
    by_size = _table(codes, classes.size, len(classes.sizes))
    by_set = _table(codes, classes.set, len(classes.contained))
    return Drift(
        n=by_size[:3].sum(axis=1),
        n_none=int(by_size[3].sum()),
        sizes=classes.sizes,
        by_size=by_size[:3],
        symbols=dataset.molecules.symbols,
        by_element=by_set[:3] @ classes.contained,
        size_distances=_distances(by_size[:3]),
        element_distances=_distances(by_set[:3]),
    )


def _table(codes: Ints, classes: Ints, n_classes: int) -> Ints:
    """(4, n_classes) molecules of each part, and of none, in each class."""
    return np.bincount(codes * n_classes + classes, minlength=4 * n_classes).reshape(4, n_classes)


@dataclass(frozen=True, eq=False)
class _Classes:
    """The classes that the molecules of a dataset fall into."""

    sizes: Ints
    """(n_sizes,)"""
    size: Ints
    """(n_molecules,) place in `sizes`"""
    contained: Ints
    """(n_sets, n_symbols) 1 where a set of elements has the element"""
    set: Ints
    """(n_molecules,) row of `contained`"""


@lru_cache(maxsize=8)
def _classes_of(dataset: Dataset) -> _Classes:
    molecules = dataset.molecules
    sizes, size = np.unique(molecules.sizes, return_inverse=True)
    has = molecules.element_counts > 0
    key = np.zeros(len(has), dtype=np.int64)
    for column in np.packbits(has, axis=1).T:  # a byte holds eight elements
        _, key = np.unique(key * 256 + column, return_inverse=True)
    _, first = np.unique(key, return_index=True)
    return _Classes(sizes, size, has[first].astype(np.int64), key)


def _distances(counts: Ints) -> tuple[Distance, ...]:
    """Validation and test against training, for (3, n_classes) molecules."""
    found = []
    for part in (1, 2):
        if counts[0].sum() and counts[part].sum():
            value = total_variation(counts[0], counts[part])
            expected, by_chance = _by_lot(counts[0], counts[part])
            found.append(Distance(PARTS[part], value, expected, by_chance))
    return tuple(found)


def total_variation(one: Ints, other: Ints) -> float:
    """Half the sum of the differences of the shares of two (n_classes,) tables of counts."""
    return float(0.5 * np.abs(one / one.sum() - other / other.sum()).sum())


def _by_lot(train: Ints, part: Ints) -> tuple[float, float]:
    """Mean and 99.75th percentile of the distance of parts of these numbers that were divided by lot."""
    both = train + part
    both = both[both > 0]
    n_train, n_part = train.sum(), part.sum()
    draws = N_DRAWS if len(both) <= _MANY_CLASSES else N_DRAWS // 10
    drawn = np.random.default_rng(0).multivariate_hypergeometric(both, n_part, size=draws, method="marginals")
    values = 0.5 * np.abs(drawn / n_part - (both - drawn) / n_train).sum(axis=1)
    return float(values.mean()), float(np.quantile(values, CHANCE))


def find_leakage(dataset: Dataset, split: Split) -> Leakage | None:
    """Molecules that are in training and also, with the same atoms and geometry, in validation or test.

    None if the dataset has not been searched for equal molecules yet.
    """
    groups = read_identities(dataset)
    if groups is None:
        return None
    ids = dataset.molecules.ids
    codes = split.codes(ids)
    # one training molecule of each group, or none
    trained = np.full(len(ids), -1)
    rows = np.flatnonzero(codes == 0)
    trained[groups[rows]] = rows
    twin = trained[groups]
    leaks = [np.flatnonzero((codes == part) & (twin >= 0)) for part in (1, 2)]
    every = np.concatenate(leaks)
    examples = tuple((int(ids[row]), int(ids[twin[row]])) for row in every[:20])
    return Leakage(len(leaks[0]), len(leaks[1]), examples)


def without_target(dataset: Dataset, split: Split) -> dict[str, int]:
    """Molecules of each part that have no value of the default target; they leave it when a run is trained on that."""
    values = dataset.molecules.columns.get(dataset.card.default_target or "")
    if values is None or values.ndim != 1:
        return dict.fromkeys(PARTS, 0)
    lacking = dataset.molecules.ids[~np.isfinite(values)]
    return {part: int(np.isin(getattr(split, part), lacking).sum()) for part in PARTS}


def drift_report(dataset: Dataset, split: Split) -> dict[str, Any]:
    """All of it as `splits NAME --json` prints it."""
    drift, leakage = find_drift(dataset, split), find_leakage(dataset, split)
    return {
        "name": split.name,
        "method": split.method,
        "seed": split.seed,
        "parameters": dict(split.parameters),
        "hash": split.hash,
        **{part: int(n) for part, n in zip(PARTS, drift.n, strict=True)},
        "in_no_part": drift.n_none,
        "without_default_target": without_target(dataset, split),
        "sizes": {
            str(size): dict(zip(PARTS, counts.tolist(), strict=True))
            for size, counts in zip(drift.sizes, drift.by_size.T, strict=True)
        },
        "elements": {
            symbol: dict(zip(PARTS, counts.tolist(), strict=True))
            for symbol, counts in zip(drift.symbols, drift.by_element.T, strict=True)
        },
        "size_drift": {d.part: _distance(d) for d in drift.size_distances},
        "element_drift": {d.part: _distance(d) for d in drift.element_distances},
        "untrained_sizes": drift.untrained_sizes(),
        "untrained_elements": drift.untrained_elements(),
        "leakage": None if leakage is None else {"validation": leakage.validation, "test": leakage.test},
    }


def _distance(found: Distance) -> dict[str, Any]:
    return {
        "total_variation": found.value,
        "expected_by_lot": found.expected,
        "most_by_lot": found.by_chance,
        "drifted": found.drifted,
    }
