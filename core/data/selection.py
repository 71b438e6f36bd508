"""Selections: which molecules of a dataset are meant, as filters that an address and the command line share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
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

PARTS = ("train", "validation", "test")
MOST_SPANS = 1000
"""numbers and ranges that one filter may list"""
LONGEST = 20_000
"""characters of one filter"""
_SPAN = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")
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
        """The same without one part of a filter: one symbol, one range, or the whole of a filter without parts."""
        value = getattr(self, kind)
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
        for kind, text in self.query().items():
            inside &= _mask(dataset, kind, text, progress)
        return inside

    def rows(self, dataset: Dataset, progress: Progress | None = None) -> Rows:
        """(n,) rows of the molecules that are meant, ascending; raises as `mask` does."""
        return np.flatnonzero(self.mask(dataset, progress))


def parse_selection(query: Mapping[str, str | Sequence[str]], dataset: Dataset) -> Selection:
    """The selection that parameters of an address name; keys that name no filter are passed over.

    Raises:
        MollensError: for a value that cannot be understood or that the dataset cannot answer; the key begins the text.
    """
    read: dict[str, Any] = {}
    for field in fields(Selection):
        values = query.get(field.name)
        if values is None:
            continue
        text = values if isinstance(values, str) else ",".join(values)
        if text.strip():
            if len(text) > LONGEST:
                raise MollensError(f"{field.name}: has {len(text):,} characters; expected at most {LONGEST:,}")
            read[field.name] = _READERS[field.name](text.strip(), dataset)
    return Selection(**read)


def parse_where(arguments: Sequence[str], dataset: Dataset) -> Selection:
    """The selection that arguments such as `size=17-19` and `element=F` name.

    Raises:
        MollensError: as `parse_selection`, and for an argument without "=" or with an unknown key.
    """
    query: dict[str, list[str]] = {}
    known = [field.name for field in fields(Selection)]
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in known:
            raise MollensError(f"filter {argument[:60]!r}: expected KEY=VALUE with a key of {', '.join(known)}")
        query.setdefault(key, []).append(value)
    for key in ("substructure", "split"):
        if len(query.get(key, ())) > 1:
            raise MollensError(f"{key}: is given {len(query[key])} times; expected once")
    return parse_selection(query, dataset)


def _spans(what: str) -> Callable[[str, Dataset], tuple[Span, ...]]:
    def read(text: str, dataset: Dataset) -> tuple[Span, ...]:
        found = []
        for word in text.split(","):
            match = _SPAN.fullmatch(word.strip())
            if match is None:
                raise MollensError(f"{what} {word[:30]!r}: expected a number such as 17, or a range such as 17-19")
            low, high = int(match[1]), int(match[2] or match[1])
            found.append(Span(min(low, high), max(low, high)))
        if len(found) > MOST_SPANS:
            raise MollensError(f"{what}: lists {len(found):,} numbers and ranges; expected at most {MOST_SPANS:,}")
        return _joined(found)

    return read


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """The same numbers in the fewest spans, ascending."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.low <= joined[-1].high + 1:
            joined[-1] = Span(joined[-1].low, max(joined[-1].high, span.high))
        else:
            joined.append(span)
    return tuple(joined)


def _symbols(text: str, dataset: Dataset) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in NUMBERS:
            raise MollensError(f"element {word[:20]!r} is not known; use a symbol such as F")
    return tuple(dict.fromkeys(words))


def _formulas(text: str, dataset: Dataset) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_hill(_counts(word.strip())) for word in text.split(",")))


def _counts(formula: str) -> dict[str, int]:
    parts = _FORMULA.findall(formula)
    if not parts or "".join(symbol + n for symbol, n in parts) != formula:
        raise MollensError(f"formula {formula[:30]!r}: expected symbols and numbers such as C7H10O2")
    counts: dict[str, int] = {}
    for symbol, n in parts:
        if symbol not in NUMBERS:
            raise MollensError(f"formula {formula[:30]!r}: element {symbol!r} is not known")
        counts[symbol] = counts.get(symbol, 0) + int(n or 1)
    return counts


def _hill(counts: dict[str, int]) -> str:
    first = [symbol for symbol in ("C", "H") if symbol in counts] if "C" in counts else []
    return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in first + sorted(set(counts) - set(first)))


def _ranges(text: str, dataset: Dataset) -> tuple[Range, ...]:
    found = {}
    for word in text.split(","):
        parts = [part.strip() for part in word.split(":")]
        if len(parts) != 3:
            raise MollensError(f"range {word[:60]!r}: expected PROPERTY:LOW:HIGH such as gap:5:8; an end may be empty")
        key, low, high = parts[0], _end(parts[1], word), _end(parts[2], word)
        values = dataset.molecules.columns.get(key)
        if values is None or values.ndim != 1:
            raise MollensError(f"range {word[:60]!r}: dataset {dataset.name} has no property {key[:40]!r} of molecules")
        if low is not None and high is not None and low > high:
            low, high = high, low
        if low is not None or high is not None:
            found[key] = Range(key, low, high)
    return tuple(found.values())


def _end(text: str, word: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MollensError(f"range {word[:60]!r}: {text[:20]!r} is no number")
    return value


def _split(text: str, dataset: Dataset) -> str:
    name, _, part = text.rpartition(":")
    if part not in PARTS:
        raise MollensError(f"split {text[:60]!r}: expected NAME:PART with a part of {', '.join(PARTS)}")
    open_split(dataset, name or "default")
    return f"{name or 'default'}:{part}"


def _switch(text: str, dataset: Dataset) -> bool:
    if text not in ("0", "1"):
        raise MollensError(f"sound {text[:20]!r}: expected 1 to leave known defects out, or 0")
    return text == "1"


_READERS: dict[str, Callable[[str, Dataset], object]] = {
    "size": _spans("size"),
    "heavy": _spans("heavy"),
    "element": _symbols,
    "without": _symbols,
    "formula": _formulas,
    "range": _ranges,
    "substructure": lambda text, dataset: text,
    "id": _spans("id"),
    "split": _split,
    "sound": _switch,
}


def _mask(dataset: Dataset, kind: str, text: str, progress: Progress | None) -> Mask:
    if kind == "substructure":
        from core.data.search import substructure_rows  # RDKit takes 0.4 s to load; most filters do without

        return _of_rows(dataset, substructure_rows(dataset, text, progress))
    if kind == "sound":
        return _sound(dataset)
    return _cached_mask(dataset, kind, text)


@lru_cache(maxsize=512)
def _cached_mask(dataset: Dataset, kind: str, text: str) -> Mask:
    """One filter, kept: datasets never change, and a split never changes under its name."""
    mask = _compute(dataset, kind, text)
    mask.setflags(write=False)
    return mask


def _compute(dataset: Dataset, kind: str, text: str) -> Mask:
    molecules = dataset.molecules
    value = _READERS[kind](text, dataset)
    if kind in ("size", "heavy", "id"):
        numbers = {"size": molecules.sizes, "heavy": molecules.heavy_atoms, "id": molecules.ids}[kind]
        return _within(numbers, value)  # type: ignore[arg-type]
    if kind in ("element", "without"):
        has = [molecules.contains(NUMBERS[symbol]) for symbol in text.split(",")]
        return np.logical_and.reduce(has) if kind == "element" else ~np.logical_or.reduce(has)
    if kind == "formula":
        return np.logical_or.reduce([_has_formula(molecules, _counts(word)) for word in text.split(",")])
    if kind == "range":
        return np.logical_and.reduce([_in_range(molecules.columns[r.key], r) for r in value])  # type: ignore[attr-defined]
    name, _, part = text.rpartition(":")
    split = open_split(dataset, name)
    return _of_rows(dataset, molecules.rows_of(getattr(split, part)))


def _within(numbers: NDArray[np.int64], spans: tuple[Span, ...]) -> Mask:
    """Which numbers lie in one of the spans, which are ascending and apart."""
    place = np.searchsorted([span.low for span in spans], numbers, side="right") - 1
    return (place >= 0) & (numbers <= np.array([span.high for span in spans])[place])


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
