"""How unbalanced a dataset is: rare and common classes, the effective number of classes, and what a cap leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.cells import Rows, cells_of
from core.data.molecules import Molecules
from core.errors import MollensError

Ints = NDArray[np.int64]

COMMON_SHARE = 0.01
"""A class with at least this share of all molecules is common, the others are rare: the thesis's rule for sizes."""
THESIS_SIZES = tuple(range(10, 26))
"""The sizes that the thesis lists as common; in QM9 its own rule leaves out 10, 11 and 24."""


def is_common(counts: Ints | int, total: int) -> Any:
    """Whether classes of so many molecules, (n_classes,) or one, are common: not below 1 % of `total`."""
    return counts / max(total, 1) >= COMMON_SHARE


def size_classes(sizes: Ints, counts: Ints, n_classes: int = 6) -> list[tuple[int, int]]:
    """Ranges of sizes, lowest and highest included: one for each rare end, the rest in parts of similar weight.

    sizes, counts (n_sizes,): sizes that occur, ascending, and their molecules. An end is rare as long as its sizes are
    below `COMMON_SHARE`; it has a class of its own so that common sizes do not hide it.
    """
    common = np.flatnonzero(is_common(counts, counts.sum()))
    if len(common) == 0:
        return [(int(sizes[0]), int(sizes[-1]))]
    first, last = common[0], common[-1]
    classes = [(int(sizes[0]), int(sizes[first - 1]))] if first > 0 else []
    middle, weight = sizes[first : last + 1], counts[first : last + 1]
    n_middle = min(n_classes - (first > 0) - (last < len(sizes) - 1), len(middle))
    share = (np.cumsum(weight) - weight / 2) / weight.sum()
    part = np.minimum((share * n_middle).astype(int), n_middle - 1)
    classes += [(int(middle[part == k][0]), int(middle[part == k][-1])) for k in range(n_middle) if (part == k).any()]
    if last < len(sizes) - 1:
        classes.append((int(sizes[last + 1]), int(sizes[-1])))
    return classes


def effective_number(counts: Ints) -> float:
    """How many equally frequent classes would be as diverse: the exponential of the Shannon entropy; 0 for no counts.

    This is the number that is shown. Every class counts with its share, while `inverse_simpson` is nearly blind to rare
    classes, which is what the question is about (Hill numbers of order 1 and 2: Hill, Ecology 54, 427 (1973)).
    """
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0


def inverse_simpson(counts: Ints) -> float:
    """One over the chance that two molecules drawn with replacement are of one class; 0 for no counts."""
    share = counts / max(int(counts.sum()), 1)
    return float(1 / (share**2).sum()) if share.any() else 0.0


@dataclass(frozen=True)
class Balance:
    """How evenly things are spread over classes."""

    n: int
    """things counted: molecules for sizes, atoms for elements"""
    n_classes: int
    """classes that occur"""
    effective: float
    """effective number of classes, from the entropy"""
    simpson: float
    """the same by Simpson's index"""
    rare: tuple[int, ...]
    """classes in less than 1 % of the molecules: sizes, or atomic numbers"""
    n_rare: int
    """molecules of a rare size, or with at least one rare element"""
    rare_share: float
    """the same as a share of the molecules"""


def size_balance(molecules: Molecules, rows: Rows | None = None) -> Balance:
    """How evenly the molecules at `rows`, or all, are spread over sizes."""
    cells = cells_of(molecules)
    counts = np.bincount(cells.sizes, weights=cells.count(rows)).astype(np.int64)
    total = int(counts.sum())
    rare = np.flatnonzero((counts > 0) & ~is_common(counts, total))
    n_rare = int(counts[rare].sum())
    return Balance(
        total, int((counts > 0).sum()), effective_number(counts), inverse_simpson(counts), tuple(rare.tolist()),
        n_rare, n_rare / max(total, 1),
    )  # fmt: skip


def element_balance(molecules: Molecules, rows: Rows | None = None) -> Balance:
    """How evenly the atoms of the molecules at `rows`, or of all, are spread over elements.

    A molecule has several elements but an atom only one, so the effective number is one of atoms; an element is rare,
    as in every other figure, by the share of the molecules that contain it.
    """
    cells = cells_of(molecules)
    counts = cells.count(rows)
    containing = counts @ cells.contained
    total = int(counts.sum())
    rare = (containing > 0) & ~is_common(containing, total)
    atoms = molecules.element_counts.sum(axis=0) if rows is None else molecules.element_counts[rows].sum(axis=0)
    n_rare = int(counts[cells.contained[:, rare].any(axis=1)].sum())
    numbers = tuple(int(z) for z, is_rare in zip(molecules.elements, rare, strict=True) if is_rare)
    return Balance(
        int(atoms.sum()), int((atoms > 0).sum()), effective_number(atoms), inverse_simpson(atoms), numbers,
        n_rare, n_rare / max(total, 1),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cap:
    """What is left when at most `limit` molecules of each size are kept."""

    limit: int
    sizes: Ints
    """(n_sizes,) sizes that occur, ascending"""
    before: Ints
    """(n_sizes,) molecules"""
    after: Ints
    """(n_sizes,) molecules that are kept"""

    @property
    def kept(self) -> int:
        """Molecules that are kept."""
        return int(self.after.sum())

    @property
    def share(self) -> float:
        """Share of the molecules that are kept."""
        return self.kept / max(int(self.before.sum()), 1)


def cap_sizes(molecules: Molecules, limit: int, rows: Rows | None = None) -> Cap:
    """What at most `limit` molecules of each size leave of the molecules at `rows`, or of all.

    The thesis balances its training in this way, with 2,000, 4,000 and 6,000 molecules per size.

    Raises:
        MollensError: for a limit below 1.
    """
    if limit < 1:
        raise MollensError(f"cap: {limit} molecules per size; it must be 1 or more")
    cells = cells_of(molecules)
    counts = np.bincount(cells.sizes, weights=cells.count(rows)).astype(np.int64)
    sizes = np.flatnonzero(counts)
    return Cap(limit, sizes, counts[sizes], np.minimum(counts[sizes], limit))
