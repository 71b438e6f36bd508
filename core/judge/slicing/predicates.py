"""Everything that a molecule has or has not, as a table: what slices are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.reference_levels import TOTAL_ENERGIES
from core.data.search import coverage, index_ready, make_index
from core.data.selection import Selection
from core.data.store import Dataset
from core.judge.grouping.groupings import Grouping, groupings_of, open_grouping

Mask = NDArray[np.bool_]
Progress = Callable[..., None]
"""called with what is done, the whole, and what is being done in words"""

_NEGATED = "element"


@dataclass(frozen=True, eq=False)
class Predicates:
    """Properties that a molecule has or has not."""

    names: tuple[str, ...]
    selections: tuple[Selection | None, ...]
    table: Mask
    """(n_predicates, n_molecules)"""
    left_out: str = ""
    """what could not be looked at, a sentence"""


def make_predicates(dataset: Dataset, progress: Progress | None = None) -> Predicates:
    """As `open_predicates`, after the dataset's search index is made where it is missing; then none is left out.

    Raises:
        MollensError: as `core.data.search.make_index`.
    """

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, "preparing searches")

    empty = coverage(dataset).n_empty == dataset.molecules.n_molecules
    if not empty and not index_ready(dataset):
        make_index(dataset, tell)
    return open_predicates(dataset)


def open_predicates(dataset: Dataset) -> Predicates:
    """All predicates of a dataset: sizes, ranges of sizes, elements present or absent, rings, quantiles and so on.

    Total energies are no predicates: they say again what sizes and elements say. Functional groups are looked at where
    the dataset's search index is made (`index NAME`, or `make_predicates`).
    """
    left_out = ""
    names: list[str] = []
    selections: list[Selection | None] = []
    tables: list[Mask] = []

    def add(grouping: Grouping) -> None:
        names.extend(grouping.labels)
        selections.extend(grouping.selections)
        tables.append(grouping.table)

    for by in groupings_of(dataset):
        if by in ("all", "size_element", "rarity", *TOTAL_ENERGIES):
            continue
        if by == "functional_group" and not index_ready(dataset):
            left_out = "Functional groups were left out: the dataset's index is not made yet."
            continue
        grouping = open_grouping(dataset, by)
        add(grouping)
        if by == _NEGATED:
            absent = tuple(Selection(without=(name,)) for name in grouping.names)
            labels = tuple(f"molecules without {name}" for name in grouping.names)
            add(Grouping(by, grouping.names, labels, ~grouping.table, absent))
    return Predicates(tuple(names), tuple(selections), np.concatenate(tables), left_out)
