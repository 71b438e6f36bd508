"""Atom lines as tables: many at once by numpy, or one by one to name the line at fault."""

from __future__ import annotations

import re
import warnings

import numpy as np
from numpy.typing import NDArray

from core.data.importers.extxyz_words import Layout, number
from core.data.molecules import NUMBERS, SYMBOLS
from core.errors import MollensError

Floats = NDArray[np.float64]

_SYMBOL = re.compile(rb"\n([A-Za-z]+) ")
_INDENT = re.compile(rb"\n +")
_BLANK = np.isin(np.arange(256), list(b" \n"))
_LOGICAL = {b"T": 1.0, b"True": 1.0, b"F": 0.0, b"False": 0.0}


def atom_table(lines: list[bytes], layout: Layout, source: str, where: list[tuple[int, int]]) -> Floats:
    """(n_atoms, n_words) numbers of the lines; elements as atomic numbers, logical words as 0 and 1, text as NaN.

    Args:
        where: index of each frame's first line in `lines`, and its number in the file.

    Raises:
        MollensError: naming the line, for too few or many words, an unknown element, or what is no number.
    """
    if layout.plain:
        try:
            table = _all_at_once(lines, layout.n_words)
        except ValueError:
            return _one_by_one(lines, layout, source, where)
        elements, places = table[:, 0], table[:, layout.places : layout.places + 3]
        if np.isin(elements, list(SYMBOLS)).all() and np.isfinite(places).all():
            return table
    return _one_by_one(lines, layout, source, where)


def _all_at_once(lines: list[bytes], n_words: int) -> Floats:
    """The lines as numbers, (n, n_words).

    Raises:
        ValueError: if a line has more or fewer words, or one that is neither a leading symbol nor a number.
    """
    text = b"\n" + b"\n".join(lines) + b"\n"
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    if b"\n " in text:
        text = _INDENT.sub(b"\n", text)
    for symbol in set(_SYMBOL.findall(text)):
        if symbol.decode() in NUMBERS:
            text = text.replace(b"\n" + symbol + b" ", b"\n%d " % NUMBERS[symbol.decode()])
    # one word per number: numpy would read 1.0-5 as two
    letters = np.frombuffer(text, dtype=np.uint8)
    blank = _BLANK[letters]
    begins = blank[:-1] & ~blank[1:]
    ends = np.flatnonzero(letters == 10)
    if len(ends) != len(lines) + 1 or (np.add.reduceat(begins, ends[:-1], dtype=np.int64) != n_words).any():
        raise ValueError
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports text that is no number
        try:
            values = np.fromstring(text, sep=" ")
        except DeprecationWarning as error:
            raise ValueError(str(error)) from error
    return values.reshape(len(lines), n_words)


def _one_by_one(lines: list[bytes], layout: Layout, source: str, where: list[tuple[int, int]]) -> Floats:
    table = np.full((len(lines), layout.n_words), np.nan)
    kinds = {at: kind for _, kind, first, width in layout.fields for at in range(first, first + width)}
    for k, line in enumerate(lines):
        words = line.split()
        if len(words) != layout.n_words:
            raise MollensError(f"{_place(source, where, k)}: found {len(words)} words; expected {layout.n_words}")
        table[k, layout.species] = _element(words[layout.species], source, where, k)
        for at, word in enumerate(words):
            kind = kinds[at]
            if at == layout.species or kind == "S":
                continue
            try:
                table[k, at] = _LOGICAL[word] if kind == "L" else number(word)
            except (KeyError, ValueError) as error:
                shown, expected = word[:40].decode(errors="replace"), "T or F" if kind == "L" else "a number"
                raise MollensError(f"{_place(source, where, k)}: found {shown!r}; expected {expected}") from error
        if not np.isfinite(table[k, layout.places : layout.places + 3]).all():
            shown = b" ".join(words[layout.places : layout.places + 3]).decode(errors="replace")
            raise MollensError(
                f"{_place(source, where, k)}: a coordinate is not a finite number ({shown}); repair or remove it"
            )
    return table


def _element(word: bytes, source: str, where: list[tuple[int, int]], k: int) -> int:
    text = word.decode(errors="replace")
    if text in NUMBERS:
        return NUMBERS[text]
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) in SYMBOLS:
        return int(text)
    raise MollensError(
        f"{_place(source, where, k)}: element {text[:20]!r} is not known; expected C, H ... or 1 to {max(SYMBOLS)}"
    )


def _place(source: str, where: list[tuple[int, int]], k: int) -> str:
    first, line = next(frame for frame in reversed(where) if frame[0] <= k)
    return f"{source}, line {line + k - first}"
