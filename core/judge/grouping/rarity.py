"""Rare sizes: those with fewer than a number of molecules in training, whatever their share."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.selection import Selection, Span
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.grouping.groupings import Grouping, open_grouping

Ints = NDArray[np.int64]

RARE = "rare:"
_BELOW = re.compile(r"rare:\s*([0-9]{1,9})")


def grouping_for(dataset: Dataset, by: str, train_rows: Ints | None = None) -> Grouping:
    """Any grouping of a dataset, also "rare:100" where the rows of a run's training molecules are given.

    Raises:
        MollensError: as `open_grouping`, or for "rare:..." without a number or without training molecules.
    """
    if not by.startswith(RARE):
        return open_grouping(dataset, by)
    found = _BELOW.fullmatch(by.strip())
    if found is None or int(found[1]) == 0:
        raise MollensError(f"grouping {by[:40]!r}: expected a number of training molecules above 0, such as rare:100")
    if train_rows is None:
        raise MollensError(f"grouping {by!r}: rare in training is a matter of a run; it needs one")
    return rare_grouping(dataset, train_rows, int(found[1]))


def rare_grouping(dataset: Dataset, train_rows: Ints, below: int) -> Grouping:
    """Molecules of sizes with fewer than `below` training molecules ("rare") and all others ("common").

    train_rows (n_train,); a size without any training molecule is rare.
    """
    sizes = dataset.molecules.sizes
    counts = np.bincount(sizes[train_rows], minlength=int(sizes.max()) + 1)
    return _grouping(dataset, counts.tobytes(), below)


@lru_cache(maxsize=64)
def _grouping(dataset: Dataset, counts_of_sizes: bytes, below: int) -> Grouping:
    sizes = dataset.molecules.sizes
    counts = np.frombuffer(counts_of_sizes, dtype=np.int64)
    few = counts < below
    present = np.unique(sizes)
    parts = {"rare": present[few[present]], "common": present[~few[present]]}
    kept = {name: part for name, part in parts.items() if len(part)}
    words = {"rare": f"sizes with fewer than {below:,} training molecules", "common": "all other sizes"}
    if "rare" not in kept:
        words["common"] = f"sizes with at least {below:,} training molecules"
    return Grouping(
        f"{RARE}{below}",
        tuple(kept),
        tuple(words[name] for name in kept),
        np.stack([np.isin(sizes, part) for part in kept.values()]),
        tuple(Selection(size=_spans(part)) for part in kept.values()),
    )


def _spans(sizes: Ints) -> tuple[Span, ...]:
    """Ascending sizes as the fewest spans."""
    runs = np.split(sizes, np.flatnonzero(np.diff(sizes) > 1) + 1)
    return tuple(Span(int(run[0]), int(run[-1])) for run in runs)
