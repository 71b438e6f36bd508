"""Groups of molecules: predicates over which an error is taken."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.balance import is_common, size_classes
from core.data.cells import cells_of as cells_of
from core.data.molecules import NUMBERS, Molecules
from core.errors import MollensError

Rows = NDArray[np.int64]

GROUPINGS = ("all", "size", "element", "size_element", "size_class", "rarity")
_SIZE = re.compile(r"\s*([0-9]{1,6})\s*(?:-\s*([0-9]{1,6})\s*)?")
ALIASES = {"size-element": "size_element", "size,element": "size_element", "elements": "element", "sizes": "size"}


@dataclass(frozen=True)
class Group:
    """Molecules with `lowest` to `highest` atoms, hydrogens included, that contain `element`; None sets no limit."""

    name: str
    lowest: int | None = None
    highest: int | None = None
    element: str | None = None
    sizes: frozenset[int] | None = None
    """the only numbers of atoms, where they are no range"""

    @property
    def size(self) -> int | None:
        """The number of atoms, where the group has only one."""
        return self.lowest if self.lowest == self.highest else None

    def members(self, molecules: Molecules, rows: Rows) -> NDArray[np.bool_]:
        """(n,) which of the molecules at `rows` (n,) belong to the group."""
        inside = np.ones(len(rows), dtype=bool)
        sizes = molecules.sizes[rows]
        if self.lowest is not None:
            inside &= sizes >= self.lowest
        if self.highest is not None:
            inside &= sizes <= self.highest
        if self.sizes is not None:
            inside &= np.isin(sizes, list(self.sizes))
        if self.element is not None:
            inside &= molecules.contains(NUMBERS[self.element])[rows]
        return inside

    @property
    def label(self) -> str:
        """The group in words: "F, 21 atoms"."""
        parts = [self.element] if self.element else []
        if self.lowest is not None and self.highest is not None:
            same = self.lowest == self.highest
            parts.append(f"{self.lowest} atoms" if same else f"{self.lowest} to {self.highest} atoms")
        elif self.lowest is not None:
            parts.append(f"{self.lowest} atoms or more")
        elif self.highest is not None:
            parts.append(f"{self.highest} atoms or fewer")
        return ", ".join(parts) or ("all molecules" if self.sizes is None else f"{self.name} sizes")


def named_group(lowest: int | None, highest: int | None, element: str | None) -> Group:
    """A group of sizes and an element, named like those of `make_groups`."""
    sizes = "" if lowest is None else _range(lowest, highest if highest is not None else lowest)
    return Group(" ".join(part for part in (element, sizes) if part) or "all", lowest, highest, element)


def parse_group(size: str | None, element: str | None) -> Group | None:
    """The group that two texts name: size "17" or "17-19", element "F"; None if both are missing.

    Raises:
        MollensError: for a size that is no number or range, and an unknown element.
    """
    lowest = highest = None
    if size is not None:
        found = _SIZE.fullmatch(size)
        if found is None:
            raise MollensError(f"size {size[:20]!r}: expected a number of atoms such as 17, or a range such as 17-19")
        lowest, highest = sorted((int(found[1]), int(found[2] or found[1])))
    if element is not None and element not in NUMBERS:
        raise MollensError(f"element {element[:20]!r} is not known; use a symbol such as F")
    return None if size is None and element is None else named_group(lowest, highest, element)


def check_grouping(by: str) -> str:
    """The name of a grouping as `GROUPINGS` has it.

    Raises:
        MollensError: if there is none of that name.
    """
    name = ALIASES.get(by, by)
    if name not in GROUPINGS:
        raise MollensError(f"grouping {by!r} is not known; known are {', '.join(GROUPINGS)}")
    return name


def make_groups(molecules: Molecules, rows: Rows, by: str) -> list[Group]:
    """All groups of one grouping that occur among the molecules at `rows`, in the order in which a reader expects them.

    by: "all", "size" (one number of atoms each), "element" (molecules that contain it), "size_element" (both), or
        "size_class" (up to six ranges of sizes, the rare ends together), or "rarity" (sizes with at least 1 % of the
        molecules against the others).
    """
    by = check_grouping(by)
    if by == "all":
        return [Group("all")]
    sizes, counts = np.unique(molecules.sizes[rows], return_counts=True)
    present = np.atleast_1d((molecules.element_counts[rows] > 0).any(axis=0))
    symbols = [s for s, has in zip(molecules.symbols, present, strict=True) if has]
    if by == "size":
        return [Group(str(s), int(s), int(s)) for s in sizes]
    if by == "element":
        return [Group(symbol, element=symbol) for symbol in symbols]
    if by == "rarity":
        common = is_common(counts, counts.sum())
        parts = {"common": sizes[common], "rare": sizes[~common]}
        return [Group(name, sizes=frozenset(part.tolist())) for name, part in parts.items() if len(part)]
    if by == "size_class":
        return [Group(_range(low, high), low, high) for low, high in size_classes(sizes, counts)]
    groups = []
    for symbol in symbols:
        has = molecules.contains(NUMBERS[symbol])[rows]
        for s in np.unique(molecules.sizes[rows][has]):
            groups.append(Group(f"{symbol} {s}", int(s), int(s), symbol))
    return groups


def membership(groups: list[Group], molecules: Molecules, rows: Rows) -> NDArray[np.bool_]:
    """(n_groups, n) which of the molecules at `rows` belong to which group."""
    if not groups:
        return np.zeros((0, len(rows)), dtype=bool)
    return np.stack([group.members(molecules, rows) for group in groups])


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"
