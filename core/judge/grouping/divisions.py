"""Any grouping as cells: molecules that belong to the same groups, so that groups are sums of a few cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.cells import cells_of
from core.data.molecules import Molecules
from core.data.store import Dataset
from core.judge.grouping.filters import filter_text
from core.judge.grouping.groupings import Grouping, selection_of
from core.judge.grouping.groups import ALIASES, GROUPINGS, Group, make_groups, membership
from core.judge.grouping.rarity import grouping_for

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Division:
    """Groups of a dataset's molecules, each a union of cells; the same object for the same question."""

    names: pl.DataFrame
    """a row for each group: group, label, lowest, highest, element, where"""
    of: NDArray[np.integer]
    """(n_molecules,) cell of each molecule"""
    cells: Mask
    """(n_groups, n_cells) which cells make up each group"""

    def counts(self, rows: Ints) -> Ints:
        """(n_groups,) how many of the molecules at `rows` are in each group."""
        return np.asarray(self.cells @ np.bincount(self.of[rows], minlength=self.cells.shape[1]))

    def occurring(self, rows: Ints) -> Division:
        """Without the groups that have no molecule at `rows`."""
        kept = self.counts(rows) > 0
        return self if kept.all() else _some(self, kept.tobytes())


def division_of(
    dataset: Dataset, by: str | Grouping | Sequence[Group], all_rows: Ints, train_rows: Ints | None = None
) -> Division:
    """The groups of a grouping; of one that is named, those that occur among the molecules at `all_rows`.

    train_rows: of the run's training molecules, for "rare:100".

    Raises:
        MollensError: as `core.judge.grouping.rarity.grouping_for`.
    """
    if isinstance(by, Grouping):
        return _of_grouping(by)
    if not isinstance(by, str):
        return _of_groups(dataset.molecules, tuple(by))
    name = ALIASES.get(by, by)
    if name not in GROUPINGS:
        return _of_grouping(grouping_for(dataset, name, train_rows)).occurring(all_rows)
    cells = cells_of(dataset.molecules)
    counts = cells.count(all_rows)
    if name in ("size", "element", "size_element"):  # what occurs does not depend on how often
        counts = np.minimum(counts, 1)
    return _of_name(dataset.molecules, name, counts.astype(np.int64).tobytes())


@lru_cache(maxsize=64)
def _some(division: Division, kept: bytes) -> Division:
    chosen = np.frombuffer(kept, dtype=bool)
    return Division(division.names.filter(pl.Series(chosen)), division.of, division.cells[chosen])


@lru_cache(maxsize=64)
def _of_name(molecules: Molecules, name: str, counts: bytes) -> Division:
    """A grouping of sizes and elements for as many molecules of each cell."""
    example = cells_of(molecules).example
    rows = np.repeat(example, np.frombuffer(counts, dtype=np.int64))
    return _of_groups(molecules, tuple(make_groups(molecules, rows, name)))


@lru_cache(maxsize=128)
def _of_groups(molecules: Molecules, groups: tuple[Group, ...]) -> Division:
    cells = cells_of(molecules)
    names = pl.DataFrame(
        {
            "group": pl.Series([g.name for g in groups], dtype=pl.String),
            "label": pl.Series([g.label for g in groups], dtype=pl.String),
            "lowest": pl.Series([g.lowest for g in groups], dtype=pl.Int64),
            "highest": pl.Series([g.highest for g in groups], dtype=pl.Int64),
            "element": pl.Series([g.element for g in groups], dtype=pl.String),
            "where": pl.Series([filter_text(selection_of(g)) for g in groups], dtype=pl.String),
        }
    )
    return Division(names, cells.of, membership(list(groups), molecules, cells.example))


@lru_cache(maxsize=64)
def _of_grouping(grouping: Grouping) -> Division:
    spans = grouping.spans
    names = pl.DataFrame(
        {
            "group": pl.Series(grouping.names, dtype=pl.String),
            "label": pl.Series(grouping.labels, dtype=pl.String),
            "lowest": pl.Series([None if spans is None else s[0] for s in spans or grouping.names], dtype=pl.Int64),
            "highest": pl.Series([None if spans is None else s[1] for s in spans or grouping.names], dtype=pl.Int64),
            "element": pl.Series(
                [s.element[0] if s and s.kinds() == ("element",) else None for s in grouping.selections],
                dtype=pl.String,
            ),
            "where": pl.Series([filter_text(s) for s in grouping.selections], dtype=pl.String),
        }
    )
    return Division(names, *grouping.cells)
