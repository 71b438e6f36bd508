"""Selections read from the parameters of an address, or from arguments of the command line such as `size=17-19`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from core.data.molecules import NUMBERS
from core.data.selection import Range, Selection, Span, count_formula
from core.data.splits import PARTS, open_split
from core.data.store import Dataset
from core.errors import MollensError

MOST_SPANS = 1000
"""numbers and ranges that one filter may list"""
LONGEST = 20_000
"""characters of one filter"""
_SPAN = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")


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
    return tuple(dict.fromkeys(_hill(count_formula(word.strip())) for word in text.split(",")))


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
