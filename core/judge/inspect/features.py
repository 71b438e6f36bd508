"""What a molecule is made of: size, elements, rings, charges, functional groups; and how often that was trained on.

A molecule may hold nothing rare and still a pair of things that the training molecules hardly ever have together. So
single features and pairs of them are counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.search import coverage, index_ready
from core.data.selection import Selection
from core.data.store import Dataset
from core.judge.grouping.groupings import open_grouping

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Features:
    """Features of all molecules of a dataset."""

    kinds: tuple[str, ...]
    """of each feature: size, element, rings, charges, functional_group"""
    names: tuple[str, ...]
    """each in words: "17 atoms", "F", "2 rings", "a nitrile" """
    selections: tuple[Selection | None, ...]
    """each as a filter; None where no filter means it"""
    table: Mask
    """(n_features, n_molecules)"""
    left_out: str
    """a sentence about what could not be looked at"""

    def of(self, row: int) -> Ints:
        """(n,) the features of one molecule."""
        return np.flatnonzero(self.table[:, row])


@lru_cache(maxsize=8)
def _features(dataset: Dataset, with_groups: bool) -> Features:
    kinds: list[str] = []
    names: list[str] = []
    selections: list[Selection | None] = []
    tables: list[Mask] = []
    left_out = ""
    has_smiles = coverage(dataset).n_empty < dataset.molecules.n_molecules
    for by in ("size", "element", *(("rings",) if has_smiles else ()), *(("functional_group",) if with_groups else ())):
        grouping = open_grouping(dataset, by)
        kinds += [by] * len(grouping.names)
        names += [_words(by, name, label) for name, label in zip(grouping.names, grouping.labels, strict=True)]
        selections += list(grouping.selections)
        tables.append(grouping.table)
    if has_smiles:
        charged = _charged(dataset)
        if charged.any():
            kinds.append("charges")
            names.append("charged atoms")
            selections.append(Selection(substructure="[+,-]"))
            tables.append(charged[None])
    if not has_smiles:
        left_out = "Rings and functional groups were not looked at: the dataset has no SMILES."
    elif not with_groups:
        left_out = f"Functional groups were not looked at: make the index with `index {dataset.name}`."
    return Features(tuple(kinds), tuple(names), tuple(selections), np.concatenate(tables), left_out)


def features_of(dataset: Dataset) -> Features:
    """Features of a dataset, kept; functional groups where the search index is made."""
    return _features(dataset, index_ready(dataset))


_CHARGE = re.compile(rb"\[[^\]]*[+-][0-9]*[^\]]*\]")


def _charged(dataset: Dataset) -> Mask:
    """(n_molecules,) whether a SMILES has an atom with a charge, as those of zwitterions do."""
    texts, which = np.unique(np.asarray(dataset.molecules.smiles), return_inverse=True)
    return np.array([_CHARGE.search(text) is not None for text in texts])[which.ravel()]


def _words(by: str, name: str, label: str) -> str:
    if by == "functional_group":
        return f"{'an' if name[0] in 'aeiou' else 'an' if name.startswith('N-') else 'a'} {name}"
    return name if by == "element" else label


@dataclass(frozen=True, eq=False)
class Rarity:
    """How often training molecules have the features, alone and in pairs."""

    features: Features
    n_train: int
    pairs: Ints
    """(n_features, n_features) training molecules that have both; the diagonal counts each alone"""
    held: Ints
    """(n_held,) ascending: for each held-out molecule the least of `pairs` over its features"""

    def rarest(self, row: int) -> tuple[int, tuple[int, ...]]:
        """Least count of one feature or a pair of features of a molecule, and which they are."""
        own = self.features.of(row)
        counts = self.pairs[np.ix_(own, own)]
        single = np.diagonal(counts)
        if single.min() <= counts.min():
            return int(single.min()), (int(own[single.argmin()]),)
        a, b = np.unravel_index(counts.argmin(), counts.shape)
        return int(counts.min()), (int(own[min(a, b)]), int(own[max(a, b)]))

    def count(self, feature: int) -> int:
        """Training molecules with a feature."""
        return int(self.pairs[feature, feature])

    def share_as_rare(self, count: int) -> float | None:
        """Share of held-out molecules whose rarest pair is as rare as `count` or rarer; None without any."""
        return float(np.searchsorted(self.held, count, "right") / len(self.held)) if len(self.held) else None


def rarity(dataset: Dataset, train_rows: Ints, held_rows: Ints) -> Rarity:
    """Count features among training molecules (n_train,), and the rarest of each held-out molecule (n_held,); kept."""
    features = features_of(dataset)
    return _rarity(features, np.sort(train_rows).tobytes(), np.sort(held_rows).tobytes())


@lru_cache(maxsize=8)
def _rarity(features: Features, train: bytes, held: bytes) -> Rarity:
    train_rows, held_rows = (np.frombuffer(rows, dtype=np.int64) for rows in (train, held))
    trained = features.table[:, train_rows].astype(np.float32)
    pairs = np.rint(trained @ trained.T).astype(np.int64)  # counts are exact in float32 up to 16 million
    asked = features.table[:, held_rows]
    least = np.full(len(held_rows), len(train_rows), dtype=np.int64)
    for a in range(len(pairs)):
        own = np.flatnonzero(asked[a])
        if len(own):
            partners = np.where(asked[:, own], pairs[a][:, None], len(train_rows))
            least[own] = np.minimum(least[own], partners.min(axis=0))
    return Rarity(features, len(train_rows), pairs, np.sort(least))
