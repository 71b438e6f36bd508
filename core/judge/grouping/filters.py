"""Filters as groups: "where:size=17-19;element=F" divides molecules into those that pass and all others."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from core.data.selection import Range, Selection, Span
from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError

WHERE = "where:"
_KEYS = "|".join(field.name for field in fields(Selection))
_BETWEEN = re.compile(rf";(?=\s*(?:{_KEYS})=)")  # a SMARTS may hold semicolons of its own


def read_filter(by: str, dataset: Dataset) -> Selection:
    """The selection of a grouping such as "where:size=17-19;element=F".

    Raises:
        MollensError: for filters that cannot be understood, or none.
    """
    found = parse_where([part.strip() for part in split_filters(by.removeprefix(WHERE))], dataset)
    if not found:
        raise MollensError(f"grouping {by[:60]!r}: names no filter; expected such as where:size=17-19;element=F")
    return found


def split_filters(text: str) -> list[str]:
    """Filters that are joined by semicolons, one by one."""
    return [part for part in _BETWEEN.split(text) if part.strip()]


def filter_text(selection: Selection | None) -> str | None:
    """A selection as one text, its filters joined by semicolons; empty for all molecules, None where there is none."""
    return None if selection is None else ";".join(selection.where())


def both(one: Selection, other: Selection) -> Selection | None:
    """The molecules that pass two selections, as one; None where no filter means them, or none can pass both."""
    merged: dict[str, Any] = {}
    for kind in dict.fromkeys((*one.kinds(), *other.kinds())):
        a, b = getattr(one, kind), getattr(other, kind)
        if not a or not b or a == b:
            merged[kind] = a or b
        elif kind in ("size", "heavy", "id"):
            merged[kind] = tuple(
                Span(max(s.low, t.low), min(s.high, t.high))
                for s in a
                for t in b
                if s.low <= t.high and t.low <= s.high
            )
        elif kind in ("element", "without"):
            merged[kind] = tuple(dict.fromkeys((*a, *b)))
        elif kind == "formula":
            merged[kind] = tuple(each for each in a if each in b)
        elif kind == "range":
            merged[kind] = _ranges_of_both(a, b)
        if not merged.get(kind):
            return None
    return Selection(**merged)


def _ranges_of_both(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...]:
    """Every property's range in both; nothing where two do not meet."""
    found: dict[str, Range] = {}
    for limits in (*one, *other):
        known = found.get(limits.key, Range(limits.key, None, None))
        low = max((end for end in (known.low, limits.low) if end is not None), default=None)
        high = min((end for end in (known.high, limits.high) if end is not None), default=None)
        if low is not None and high is not None and low > high:
            return ()
        found[limits.key] = Range(limits.key, low, high)
    return tuple(found.values())


def selection_words(selection: Selection, dataset: Dataset) -> str:
    """A selection in words: "17 to 19 atoms, with F"; "all molecules" without filters."""
    words = []
    for kind in selection.kinds():
        value = getattr(selection, kind)
        if kind in ("size", "heavy", "id"):
            words.append(_numbers(kind, value))
        elif kind == "range":
            words += [_range(limits, dataset) for limits in value]
        elif kind == "split":
            name, _, part = value.rpartition(":")
            words.append(f"{'training' if part == 'train' else part} molecules of split {name}")
        else:
            texts = {
                "element": lambda v: f"with {_listed(v, 'and')}",
                "without": lambda v: f"without {_listed(v, 'or')}",
                "formula": lambda v: _listed(v, "or"),
                "substructure": lambda v: f"with {v if len(v) <= 40 else v[:39] + '…'}",
                "sound": lambda v: "without known defects",
            }
            words.append(texts[kind](value))
    return ", ".join(words) or "all molecules"


def _numbers(kind: str, spans: tuple[Span, ...]) -> str:
    told = _listed([str(s.low) if s.low == s.high else f"{s.low} to {s.high}" for s in spans], "or")
    if kind == "id":
        return f"id {told}"
    one = len(spans) == 1 and spans[0].low == spans[0].high == 1
    return f"{told} {'heavy ' if kind == 'heavy' else ''}{'atom' if one else 'atoms'}"


def _range(limits: Range, dataset: Dataset) -> str:
    shown = dataset.property(limits.key)
    low, high = (None if end is None else f"{end:.6g}" for end in (limits.low, limits.high))
    ends = f"up to {high}" if low is None else f"from {low}" if high is None else f"{low} to {high}"
    return f"{shown.label} {ends} {shown.unit}".rstrip()


def _listed(words: tuple[str, ...] | list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
