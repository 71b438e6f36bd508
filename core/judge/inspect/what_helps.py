"""What would help chosen molecules: what was trained on near them, and runs that would weigh or sample it more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.judge.inspect.bench import Bench
from core.judge.inspect.features import features_of
from core.judge.inspect.look_inside import how_to_look
from core.judge.inspect.nearby import NearbyTraining, nearby_training
from core.judge.inspect.suggestions import Suggestion, suggest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FEW_ALIKE = 10
MOST_ALIKE = 0.5
"""Share of the training molecules above which a feature says nothing of what is like the chosen molecules."""


@dataclass(frozen=True)
class GroupCount:
    """A size, element or functional group of the chosen molecules, in the training molecules."""

    kind: str
    name: str
    n_chosen: int
    n_train: int
    share_train: float
    where: str | None
    """as a filter"""


@dataclass(frozen=True, eq=False)
class WhatHelps:
    """What the training had of molecules like the chosen ones, and what could be done."""

    n_chosen: int
    n_train: int
    near: NearbyTraining | None
    """by the network's latents; None where it has not been looked into"""
    n_alike: int
    """training molecules that count as like the chosen ones"""
    alike: str
    """how these were found, in words"""
    counts: tuple[GroupCount, ...]
    """the rarest in training first"""
    suggestions: tuple[Suggestion, ...]
    """the one that gives them most first"""
    remarks: tuple[str, ...]


def what_helps(bench: Bench, rows: Ints) -> WhatHelps:
    """What would help the molecules at `rows` (n,) of the dataset, for the first run of the bench.

    Raises:
        MollensError: for no molecules.
    """
    if not len(rows):
        raise MollensError("what helps: no molecule is chosen; choose some")
    first = bench.first
    train = first.source.train_rows
    if first.source.elsewhere or not first.known or not len(train):
        why = (
            "was trained on another dataset" if first.source.elsewhere else "has training molecules that are not known"
        )
        return WhatHelps(len(rows), 0, None, 0, "", (), (), (f"Run {first.run.name} {why}: nothing can be counted.",))
    near = nearby_training(first, rows)
    alike, words = _alike(bench, rows, near)
    remarks = [f"How near they lie is not computed{how_to_look(first)}."] if near is None else []
    n_alike = int(alike[train].sum())
    suggestions = suggest(bench, rows, alike)
    if n_alike < FEW_ALIKE:
        remarks.insert(
            0, f"Only {n_alike} of {len(train):,} training molecules are like these: weights cannot make up for what "
            "is not there; such molecules have to be computed, or moved from another part in a new split.",
        )  # fmt: skip
    elif not any(each.gain > 1 for each in suggestions):
        remarks.append(
            "Nothing in a recipe singles these out: it weighs and samples by size and by element only, and theirs are "
            "common. A larger network or more epochs treat all alike."
        )
    if suggestions:
        remarks.append(
            "Whether it helps is seen against a run of the same recipe without the change, with 3 seeds of each."
        )
    return WhatHelps(
        len(rows), len(train), near, n_alike, words, _counts(bench, rows), tuple(suggestions), tuple(remarks)
    )


def _alike(bench: Bench, rows: Ints, near: NearbyTraining | None) -> tuple[Mask, str]:
    """(n_molecules,) what is like the chosen molecules, and how that was found."""
    if near is not None and len(near.rows) >= FEW_ALIKE:
        found = np.zeros(bench.dataset.molecules.n_molecules, dtype=bool)
        found[near.rows] = True
        return found, "within the median distance between nearest training molecules, by the network's latents"
    features, train = features_of(bench.dataset), bench.first.source.train_rows
    shared = np.flatnonzero(features.table[:, rows].all(axis=1))
    trained = features.table[:, train].sum(axis=1)
    if len(shared) and trained[shared].min() < MOST_ALIKE * len(train):
        rarest = int(shared[trained[shared].argmin()])
        return features.table[rarest], f"with {features.names[rarest]}, the rarest that all of them have"
    sizes = bench.dataset.molecules.sizes
    return np.isin(sizes, np.unique(sizes[rows])), "of the same sizes"


def _counts(bench: Bench, rows: Ints) -> tuple[GroupCount, ...]:
    features, train = features_of(bench.dataset), bench.first.source.train_rows
    chosen, trained = features.table[:, rows].sum(axis=1), features.table[:, train].sum(axis=1)
    found = []
    for k in np.flatnonzero(chosen):
        selection = features.selections[k]
        where = ";".join(selection.where()) if selection else None
        n = int(trained[k])
        found.append(GroupCount(features.kinds[k], features.names[k], int(chosen[k]), n, n / len(train), where))
    return tuple(sorted(found, key=lambda each: each.n_train))
