"""What is said to and by the reading of a file of predictions: choices in, an inspection and matched molecules out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.data.predicted.columns import Guess
from core.data.splits import Split

MOST_UNKNOWN = 0.1
"""Share of ids that the dataset does not hold, beyond which a file is refused unless more are allowed."""


@dataclass(frozen=True)
class Choices:
    """What the reader has said; None where the guess is taken."""

    id_column: str | None = None
    value_column: str | None = None
    split_column: str | None = None
    """"" for none, whatever the file has"""
    split: str | None = None
    """name of a split of the dataset: the model was trained on its training part"""
    unit: str | None = None
    kind: str | None = None
    """of `KINDS`"""
    ids_are: str | None = None
    """of `IDS_ARE`: "ids" of the dataset, its "rows", or ids counted "from-0" in place of 1"""
    most_unknown: float = MOST_UNKNOWN
    anyway: bool = False
    """load numbers that do not seem to fit the labels"""


@dataclass
class Report:
    """What is wrong and what is worth knowing, collected on the way."""

    problems: list[str] = field(default_factory=list)
    """nothing can be loaded before they are solved"""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a file holds for a target of a dataset, with every guess and its reason."""

    format: str
    columns: Mapping[str, str]
    """name -> its first values"""
    n_rows: int
    id_column: Guess
    value_column: Guess
    split_column: Guess
    unit: Guess
    kind: Guess
    ids_are: Guess
    n_matched: int = 0
    """molecules that will have a prediction"""
    n_unknown: int = 0
    """ids that the dataset does not hold"""
    n_missing: int = 0
    """rows without a number"""
    n_without_label: int = 0
    """molecules that have a prediction and no label"""
    parts: Mapping[str, int] = field(default_factory=dict)
    """train, validation, test -> molecules with a prediction and a label; empty where the split is not known"""
    errors: Mapping[str, float] = field(default_factory=dict)
    """median, p95 and largest absolute error and bias over all matched molecules, in the unit of the property"""
    first: tuple[Mapping[str, float | int | str | None], ...] = ()
    """the first matched molecules: id, value (as in the file), predicted, label, part"""
    doubted: bool = False
    """whether the values do not seem to fit the labels: a problem, unless `anyway` overrules it"""
    problems: tuple[str, ...] = ()
    """sentences; nothing can be loaded before they are solved"""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Matched:
    """Predictions of a file for molecules of a dataset."""

    rows: NDArray[np.int64]
    """(n,) of the dataset, ascending"""
    predicted: NDArray[np.float64]
    """(n,) in the property's unit"""
    split: Split | None
    """what the model was trained, validated and tested on; None where nobody knows"""
    inspection: Inspection


def some(ids: NDArray[np.int64], n: int = 5) -> str:
    """A few ids for a sentence."""
    found = list(dict.fromkeys(ids[: 10 * n].tolist()))[:n]
    return ", ".join(str(one) for one in found) + (", ..." if len(ids) > len(found) else "")
