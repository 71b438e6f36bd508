"""The words of an extended xyz file: the pairs of its comment line, their values, and the layout of atom lines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Value = NDArray[np.float64]

_PAIR = re.compile(
    rb"""("[^"]*"|[^\s="']+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|\{[^}]*\}|\[[^\]]*\](?=\s|$)|[^\s"'{]\S*)?)?"""
)
_TRUE, _FALSE = {b"T", b"True", b"true"}, {b"F", b"False", b"false"}
_SEPARATORS = re.compile(rb"[\s,]+")
_KINDS = "RISL"


@dataclass(frozen=True)
class Layout:
    """What the words of an atom line are."""

    fields: tuple[tuple[str, str, int, int], ...]
    """name, kind (R real, I integer, S text, L logical), first word, number of words"""
    n_words: int
    species: int
    """word that is the element's symbol or atomic number"""
    places: int
    """first of the three words that are the coordinates"""

    @property
    def plain(self) -> bool:
        """Whether all words but the element are numbers, and the element comes first."""
        return self.species == 0 and all(kind in "RI" for _, kind, first, _ in self.fields if first != 0)

    @property
    def extra(self) -> tuple[tuple[str, str, int, int], ...]:
        """The fields beside element and coordinates."""
        return tuple(field for field in self.fields if field[2] not in (self.species, self.places))


def pairs(comment: bytes) -> list[tuple[bytes, bytes]]:
    """Keys and raw values of a comment line; a key that stands alone has an empty value."""
    return _PAIR.findall(comment)


def key_text(key: bytes) -> str:
    """A key as text, without its quotes."""
    return key.strip(b'"').decode("utf-8", errors="replace")


def text_of(raw: bytes) -> bytes:
    """A raw value without its quotes or brackets."""
    if len(raw) >= 2 and raw[:1] + raw[-1:] in (b'""', b"''", b"{}", b"[]"):
        return raw[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    return raw


def value_of(raw: bytes) -> Value | None:
    """The number () or array (n, ...) that a raw value is, logical ones as 0 and 1; None if it is text."""
    text = text_of(raw).strip()
    if text.startswith(b"_JSON"):
        return _from_json(text[5:])
    words = _SEPARATORS.split(text.replace(b"[", b"").replace(b"]", b""))
    try:
        numbers = [1.0 if word in _TRUE else 0.0 if word in _FALSE else number(word) for word in words]
    except ValueError:
        return None
    return np.array(numbers[0] if len(numbers) == 1 and b"[" not in raw else numbers)


def _from_json(text: bytes) -> Value | None:
    try:
        value = np.array(json.loads(text), dtype=np.float64)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if value.size else None


def number(word: bytes) -> float:
    """A number as files write them.

    Raises:
        ValueError: if it is none; underscores, a liberty of Python's, are none.
    """
    if b"_" in word:
        raise ValueError
    return float(word.replace(b"d", b"e").replace(b"D", b"E"))


def is_true(raw: bytes) -> bool:
    """Whether any word of a value is true, as in pbc="T T F"."""
    words = _SEPARATORS.split(text_of(raw).strip())
    return any(word in _TRUE or word == b"1" for word in words)


def layout_of(properties: bytes) -> Layout:
    """The layout that Properties=species:S:1:pos:R:3:... describes.

    Raises:
        ValueError: with a sentence, if it is no such description or lacks element or coordinates.
    """
    words = text_of(properties).decode("utf-8", errors="replace").split(":")
    if len(words) % 3:
        raise ValueError("Properties has no name, kind and number for each column")
    fields, first = [], 0
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=True):
        if (
            kind not in _KINDS
            or len(kind) != 1
            or not width.isascii()
            or not width.isdigit()
            or not 1 <= int(width) <= 999
        ):
            raise ValueError(f"Properties has {name}:{kind}:{width}; expected a kind of R, I, S, L and a number")
        fields.append((name, kind, first, int(width)))
        first += int(width)
    named = {name.lower(): (kind, at, width) for name, kind, at, width in fields}
    if len(named) != len(fields):
        raise ValueError("Properties names a column twice")
    species = next((named[n] for n in ("species", "z", "numbers", "atomic_numbers", "element") if n in named), None)
    places = next((named[n] for n in ("pos", "positions") if n in named), None)
    if species is None or species[2] != 1 or species[0] not in "SI":
        raise ValueError("Properties names no element; expected species:S:1 or Z:I:1")
    if places is None or places[0] != "R" or places[2] != 3:
        raise ValueError("Properties names no coordinates; expected pos:R:3")
    return Layout(tuple(fields), first, species[1], places[1])


def plain_layout(n_words: int) -> Layout:
    """The layout of plain xyz: element and coordinates; further words have no name and are passed over."""
    rest = (("", "S", 4, n_words - 4),) if n_words > 4 else ()
    return Layout((("species", "S", 0, 1), ("pos", "R", 1, 3), *rest), max(n_words, 4), 0, 1)
