"""Which column of a table holds the ids, the predictions and the part of the split: a guess, always with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.predicted.tables import Table
from core.data.store import Dataset
from core.data.units import unit_in_name
from core.errors import MollensError

Ids = NDArray[np.int64]
Codes = NDArray[np.uint8]

TRAIN, VALIDATION, TEST, NONE = 0, 1, 2, 255
WORDS: dict[str, int] = {
    **dict.fromkeys(("train", "training", "trn", "tr", "fit"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "validate"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "hold-out", "hold out", "heldout", "held-out", "held_out",
                     "held out"), TEST),
    **dict.fromkeys(("", "none", "unused", "excluded", "nan", "null"), NONE),
}  # fmt: skip
"""What a column of parts may say, in any case."""
_ID_NAMES = (
    "id", "ids", "molid", "moleculeid", "molecule", "mol", "gdb", "gdbid", "gdbidx", "idx", "index", "indexlevel0",
    "name", "tag", "uid", "number", "no", "nr",
)  # fmt: skip
_PREDICTED = ("prediction", "predictions", "predicted", "pred", "preds", "ypred", "yhat", "estimate", "estimated", "ml")
_OTHERS = ("true", "ytrue", "label", "labels", "ref", "reference", "target", "actual", "dft", "exact", "error",
           "residual", "std", "uncertainty", "sigma", "var", "variance")  # fmt: skip
_PLAIN = ("value", "values", "output", "y", "energy", "result")
_SPLIT_NAMES = ("split", "set", "subset", "part", "fold", "partition", "stage", "phase")
_SAMPLE = 2000
_ID = re.compile(r"^(.*?\D)?(\d+)(?:\.0+|\.[A-Za-z]+)?$")
NO_ID = np.int64(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Guess:
    """A choice and why."""

    value: str | None
    reason: str


def guess_id(table: Table, dataset: Dataset) -> Guess:
    """The column of ids: by its name, and by whether its numbers are ids of the dataset."""
    known = dataset.molecules.ids
    shares, unique = {}, set()
    for name in table.frame.columns:
        ids = _first_ids(table, name)
        if ids is not None:
            shares[name] = float(np.isin(ids, known).mean())
            unique |= {name} if len(np.unique(ids)) == len(ids) else set()
    named = [name for wanted in _ID_NAMES for name in table.frame.columns if _bare(name) == wanted]
    for name in named:
        if name in shares:
            return Guess(name, f"its name, and {shares[name]:.0%} of its numbers are ids of {dataset.name}")
    inside = {name: share for name, share in shares.items() if share > 0.5 and name in unique}
    if inside:
        best = max(inside, key=lambda name: inside[name])
        return Guess(best, f"{inside[best]:.0%} of its numbers are ids of {dataset.name}, each once")
    return Guess(None, "no column has whole numbers that occur once each and are ids of the dataset")


def guess_value(table: Table, target: str, taken: Iterable[str | None]) -> Guess:
    """The column of predictions: by its name, or because it is the only one with numbers."""
    left = [name for name in table.frame.columns if name not in set(taken) and _is_numeric(table, name)]
    words = {name: _words(name) for name in left}
    for why, wanted in (("its name says prediction", _PREDICTED), (f"its name is {target}", (_bare(target),))):
        found = [name for name in left if words[name] & set(wanted) or _bare(unit_in_name(name)[0]) in wanted]
        if len(found) == 1:
            return Guess(found[0], why)
        with_target = [name for name in found if _bare(target) in _bare(name)]
        if len(with_target) == 1:
            return Guess(with_target[0], f"{why}, and names {target}")
    plain = [name for name in left if not words[name] & set(_OTHERS)]
    for name in plain:
        if _bare(name) in _PLAIN:
            return Guess(name, f"{name!r} is a usual name for a value")
    if len(plain) == 1:
        return Guess(plain[0], "the only other column of numbers")
    if not left:
        return Guess(None, "no other column holds numbers")
    return Guess(None, f"{len(left)} columns hold numbers ({', '.join(left[:5])}); say which are the predictions")


def guess_split(table: Table, taken: Iterable[str | None]) -> Guess:
    """The column that says which part each molecule was in; none is usual."""
    for name in table.frame.columns:
        if name in set(taken) or table.frame[name].dtype != pl.String:
            continue
        words = set(table.texts(name).str.to_lowercase().unique().head(20).to_list())
        if words - {""} and words <= set(WORDS):
            return Guess(name, f"it says {', '.join(sorted(words - {''}))}")
    named = [name for name in table.frame.columns if _bare(name) in _SPLIT_NAMES]
    if named:
        return Guess(None, f"column {named[0]!r} has words that are not known; expected train, validation or test")
    return Guess(None, "no column says train, validation or test")


def ids_of(table: Table, name: str) -> tuple[Ids, list[int]]:
    """(n,) whole numbers of a column of ids, NO_ID where there is none, and the rows without one.

    "gdb_000017", "dsgdb9nsd_000017.xyz" and 17.0 are 17 where what stands before the number is the same in every row.
    """
    text = table.texts(name)
    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count():
        parts = text.str.extract_groups(_ID.pattern)
        before = parts.struct.field("1").fill_null("")
        if before.n_unique() <= 1:
            whole = parts.struct.field("2").cast(pl.Int64, strict=False)
    bad = np.flatnonzero(whole.is_null().to_numpy()).tolist()
    return whole.fill_null(int(NO_ID)).to_numpy().astype(np.int64), bad


def codes_of(table: Table, name: str) -> Codes:
    """(n,) split codes of a column of words.

    Raises:
        MollensError: naming a word that is not known.
    """
    words = table.texts(name).str.to_lowercase()
    unknown = [word for word in words.unique().to_list() if word not in WORDS]
    if unknown:
        raise MollensError(
            f"column {name!r}: holds {', '.join(repr(word) for word in sorted(unknown)[:5])}; expected train, "
            "validation or test in every row, or nothing"
        )
    return words.replace_strict(WORDS, return_dtype=pl.UInt8).to_numpy().astype(np.uint8)


def column_named(table: Table, name: str, what: str) -> str:
    """Give back `name` if the table has such a column; also where only the case differs.

    Raises:
        MollensError: naming the columns that there are.
    """
    columns = table.frame.columns
    same = [each for each in columns if each == name] or [each for each in columns if each.lower() == name.lower()]
    if len(same) != 1:
        shown: Sequence[str] = columns[:12]
        more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
        raise MollensError(f"{what} {name!r}: the file has no such column; it has {', '.join(shown)}{more}")
    return same[0]


def examples(table: Table) -> Mapping[str, str]:
    """The first values of every column as text."""
    head = Table(table.frame.head(3), table.format, table.decimal_comma)
    return {name: ", ".join(head.texts(name).str.slice(0, 24).to_list()) for name in table.frame.columns}


def _first_ids(table: Table, name: str) -> Ids | None:
    """Ids of the first rows; None where a row has none."""
    head = Table(table.frame.head(_SAMPLE), table.format, table.decimal_comma)
    if head.frame[name].dtype.is_float() and not (np.mod(head.numbers(name), 1) == 0).all():
        return None
    ids, bad = ids_of(head, name)
    return None if bad else ids


def _is_numeric(table: Table, name: str) -> bool:
    head = Table(table.frame.head(_SAMPLE), table.format, table.decimal_comma)
    return bool(np.isfinite(head.numbers(name)).mean() > 0.5)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _words(name: str) -> set[str]:
    words = [word.lower() for word in re.split(r"[\W_]+", name) if word]
    return {*words, "".join(words)}
