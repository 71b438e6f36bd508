"""Selections: which molecules of a dataset are meant, as filters that an address and the command line share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.defects import read_defects
from core.data.molecules import NUMBERS, Molecules
from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Progress = Callable[[int, int], None]

_FORMULA = re.compile(r"([A-Z][a-z]?)([0-9]{0,4})")


@dataclass(frozen=True, order=True)
class Span:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True)
class Range:
    """Values of a property from `low` to `high`, both included, in the property's unit; None leaves that end open."""

    key: str
    low: float | None
    high: float | None

    def __str__(self) -> str:
        ends = ("" if end is None else f"{end:.12g}" for end in (self.low, self.high))
        return ":".join((self.key, *ends))


@dataclass(frozen=True)
class Selection:
    """Filters of several kinds; a molecule is meant if it passes all of them. Without filters, all molecules are.

    The fields are named like the keys of addresses and of `--where`.
    """

    size: tuple[Span, ...] = ()
    """numbers of atoms, hydrogens included"""
    heavy: tuple[Span, ...] = ()
    """numbers of atoms that are not hydrogen"""
    element: tuple[str, ...] = ()
    """symbols that must all occur"""
    without: tuple[str, ...] = ()
    """symbols of which none may occur"""
    formula: tuple[str, ...] = ()
    """sum formulas, one of which it has"""
    range: tuple[Range, ...] = ()
    """ranges of properties, all of which hold"""
    substructure: str = ""
    """SMILES or SMARTS of a part that it has"""
    id: tuple[Span, ...] = ()
    """ids, one of which it has"""
    split: str = ""
    """name of a split and its part, as in default:test"""
    sound: bool = False
    """leave out molecules with a known defect"""

    def __bool__(self) -> bool:
        return self != Selection()

    def kinds(self) -> tuple[str, ...]:
        """Names of the filters that are set."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def but(self, *kinds: str) -> Selection:
        """The same without the filters of these kinds, as a chart needs it that is such a filter itself."""
        empty: dict[str, Any] = {kind: getattr(Selection(), kind) for kind in kinds}
        return replace(self, **empty)

    def drop(self, kind: str, part: object) -> Selection:
        """The same without one part of a filter: one symbol, one range, or the whole of a filter."""
        value = getattr(self, kind)
        if part == value:
            return self.but(kind)
        kept = tuple(other for other in value if other != part) if isinstance(value, tuple) else type(value)()
        changed: dict[str, Any] = {kind: kept}
        return replace(self, **changed)

    def query(self) -> dict[str, str]:
        """The filters as parameters of an address."""
        written = {}
        for kind in self.kinds():
            value = getattr(self, kind)
            if kind == "sound":
                written[kind] = "1"
            else:
                written[kind] = value if isinstance(value, str) else ",".join(str(part) for part in value)
        return written

    def where(self) -> list[str]:
        """The filters as arguments of the command line, one `key=value` each."""
        return [f"{key}={value}" for key, value in self.query().items()]

    def mask(self, dataset: Dataset, progress: Progress | None = None) -> Mask:
        """(n_molecules,) which molecules are meant.

        Raises:
            MollensError: for a filter that this dataset cannot answer: a property, split or SMILES that it lacks.
        """
        inside = np.ones(dataset.molecules.n_molecules, dtype=bool)
        for kind in self.kinds():
            inside &= _mask(dataset, kind, getattr(self, kind), progress)
        return inside

    def rows(self, dataset: Dataset, progress: Progress | None = None) -> Rows:
        """(n,) rows of the molecules that are meant, ascending; raises as `mask` does."""
        return np.flatnonzero(self.mask(dataset, progress))


def _mask(dataset: Dataset, kind: str, value: Any, progress: Progress | None) -> Mask:
    if kind == "substructure":
        from core.data.search import substructure_rows  # RDKit takes 0.4 s to load; most filters do without

        return _of_rows(dataset, substructure_rows(dataset, value, progress))
    if kind == "sound":
        return _sound(dataset)
    return _cached_mask(dataset, kind, value)


@lru_cache(maxsize=512)
def _cached_mask(dataset: Dataset, kind: str, value: Any) -> Mask:
    """One filter, kept: datasets never change, and a split never changes under its name."""
    mask = _compute(dataset, kind, value)
    mask.setflags(write=False)
    return mask


def _compute(dataset: Dataset, kind: str, value: Any) -> Mask:
    molecules = dataset.molecules
    if kind in ("size", "heavy", "id"):
        return _within({"size": molecules.sizes, "heavy": molecules.heavy_atoms, "id": molecules.ids}[kind], value)
    if kind in ("element", "without"):
        has = [molecules.contains(NUMBERS[symbol]) for symbol in value]
        return np.logical_and.reduce(has) if kind == "element" else ~np.logical_or.reduce(has)
    if kind == "formula":
        return np.logical_or.reduce([_has_formula(molecules, count_formula(formula)) for formula in value])
    if kind == "range":
        return np.logical_and.reduce([_in_range(molecules.columns[limits.key], limits) for limits in value])
    name, _, part = value.rpartition(":")
    return _of_rows(dataset, molecules.rows_of(getattr(open_split(dataset, name), part)))


def _within(numbers: NDArray[np.int64], spans: tuple[Span, ...]) -> Mask:
    """Which numbers lie in one of the spans, which are ascending and apart."""
    place = np.searchsorted([span.low for span in spans], numbers, side="right") - 1
    return (place >= 0) & (numbers <= np.array([span.high for span in spans])[place])


def count_formula(formula: str) -> dict[str, int]:
    """Symbol -> number of atoms in a sum formula.

    Raises:
        MollensError: if it is none.
    """
    parts = _FORMULA.findall(formula)
    if not parts or "".join(symbol + n for symbol, n in parts) != formula:
        raise MollensError(f"formula {formula[:30]!r}: expected symbols and numbers such as C7H10O2")
    counts: dict[str, int] = {}
    for symbol, n in parts:
        if symbol not in NUMBERS:
            raise MollensError(f"formula {formula[:30]!r}: element {symbol!r} is not known")
        counts[symbol] = counts.get(symbol, 0) + int(n or 1)
    return counts


def _has_formula(molecules: Molecules, counts: dict[str, int]) -> Mask:
    if set(counts) - set(molecules.symbols):
        return np.zeros(molecules.n_molecules, dtype=bool)
    wanted = np.array([counts.get(symbol, 0) for symbol in molecules.symbols])
    return (molecules.element_counts == wanted).all(axis=1)


def _in_range(values: NDArray[np.float64], limits: Range) -> Mask:
    inside = np.isfinite(values)
    if limits.low is not None:
        inside &= values >= limits.low
    if limits.high is not None:
        inside &= values <= limits.high
    return inside


def _sound(dataset: Dataset) -> Mask:
    defects = read_defects(dataset)
    if defects is None:
        raise MollensError(
            f"dataset {dataset.name}: has not been searched for defects yet; wait for its index, or run "
            f"`defects {dataset.name}`"
        )
    return ~defects.any


def _of_rows(dataset: Dataset, rows: Rows) -> Mask:
    mask = np.zeros(dataset.molecules.n_molecules, dtype=bool)
    mask[rows] = True
    return mask
