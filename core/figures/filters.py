"""Filters in words: what stands on their chips and in the caption of what they leave."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.selection import Range, Selection, Span
from core.data.store import Dataset
from core.figures.numbers import MINUS, formula, number, unit_text

MOST_IDS = 4
"""Ids and ranges of ids that stand one by one; more are told as one number of molecules."""
PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class Chip:
    """One part of a selection that can be taken away by itself."""

    kind: str
    """field of the selection"""
    part: object
    """what `Selection.drop` takes away"""
    text: str


def chips(selection: Selection, dataset: Dataset) -> list[Chip]:
    """Every part of a selection in words, in the order of its fields; many ids are one part."""
    found = []
    for kind in selection.kinds():
        value = getattr(selection, kind)
        parts = value if isinstance(value, tuple) else (value,)
        if kind == "id" and len(parts) > MOST_IDS:
            n = int(Selection(id=value).mask(dataset).sum())
            found.append(Chip(kind, value, f"{number(n)} molecules by id"))
            continue
        found += [Chip(kind, part, _text(kind, part, dataset)) for part in parts]
    return found


def selection_text(selection: Selection, dataset: Dataset) -> str:
    """A selection in one line: "17 to 19 atoms · with F"."""
    return " · ".join(chip.text for chip in chips(selection, dataset)) or "all molecules"


def _text(kind: str, part: object, dataset: Dataset) -> str:
    match part:
        case Range():
            return range_text(part, dataset)
        case Span() if kind == "size":
            return f"{span_text(part)} {'atom' if part.high == 1 else 'atoms'}"
        case Span() if kind == "heavy":
            return f"{span_text(part)} heavy {'atom' if part.high == 1 else 'atoms'}"
        case Span():
            return f"id {span_text(part)}"
    text = str(part)
    if kind == "split":
        name, _, which = text.rpartition(":")
        return f"{PART_NAMES[which]} molecules of split {name}"
    words = {
        "element": f"with {text}",
        "without": f"without {text}",
        "formula": formula(text),
        "substructure": f"contains {text if len(text) <= 40 else text[:39] + '…'}",
        "sound": "no known defect",
    }
    return words[kind]


def span_text(span: Span) -> str:
    """Whole numbers in words: 17 to 19."""
    return str(span.low) if span.low == span.high else f"{span.low} to {span.high}"


def range_text(limits: Range, dataset: Dataset) -> str:
    """A range of a property in words: "HOMO-LUMO gap 5 to 8 eV"."""
    shown = dataset.property(limits.key)
    unit = f" {unit_text(shown.unit)}" if shown.unit else ""
    if limits.low is None:
        return f"{shown.label} up to {_value(limits.high)}{unit}"
    if limits.high is None:
        return f"{shown.label} from {_value(limits.low)}{unit}"
    return f"{shown.label} {_value(limits.low)} to {_value(limits.high)}{unit}"


def _value(value: float | None) -> str:
    """A limit in as few digits as it has, at most seven."""
    return "" if value is None else f"{value:.7g}".replace("-", MINUS)
