"""What a model of another program has seen: a column of the file, a split of the dataset, or nobody knows."""

from __future__ import annotations

import numpy as np

from core.data.predicted.columns import NONE, TEST, TRAIN, VALIDATION, Codes, Ids, codes_of
from core.data.predicted.placing import Placed
from core.data.predicted.tables import Table
from core.data.predicted.told import Choices, Report
from core.data.splits import Split, list_splits, open_split
from core.data.store import Dataset
from core.errors import MollensError

FROM_FILE = "from the file"
"""Name of a split that is none of the dataset's."""


def find_split(
    table: Table, column: str | None, placed: Placed, dataset: Dataset, choices: Choices, told: Report
) -> Split | None:
    """The split that the model was trained on; None where it is not known.

    Args:
        column: of the table, with words; used where no split of the dataset is named.
    """
    if choices.split and choices.split_column:
        told.problems.append("both a split of the dataset and a column of parts are given; choose one")
        return None
    ids = dataset.molecules.ids[placed.rows]
    split = None
    if choices.split:
        split = open_split(dataset, choices.split)
    elif column is not None:
        try:
            split = _split_of(codes_of(table, column)[placed.lines], ids, dataset)
        except MollensError as error:
            told.problems.append(str(error))
            return None
    if split is not None and not len(split.train):
        told.warnings.append(
            f"column {column!r} names no training molecule: which ones the model has seen is not known, so its errors "
            "may be optimistic and no verdict is given"
        )
        return None
    if split is None:
        _say_unknown(ids, dataset, told)
        return None
    _say_parts(split, split.codes(ids), told)
    return split


def codes_on(split: Split | None, ids: Ids) -> Codes:
    """(n,) split codes of ids; NONE where the split is not known."""
    return np.full(len(ids), NONE, dtype=np.uint8) if split is None else split.codes(ids)


def _split_of(codes: Codes, ids: Ids, dataset: Dataset) -> Split:
    """The parts that a file names; the split of the dataset with the same parts, if there is one."""
    train, validation, test = (np.sort(ids[codes == code]) for code in (TRAIN, VALIDATION, TEST))
    found = Split(FROM_FILE, dataset.name, FROM_FILE, 0, train, validation, test)
    return next((split for split in _splits(dataset) if split.hash == found.hash), found)


def _splits(dataset: Dataset) -> list[Split]:
    """All splits of the dataset that can be read."""
    found = []
    for name in list_splits(dataset):
        try:
            found.append(open_split(dataset, name))
        except MollensError:
            continue
    return found


def _say_unknown(ids: Ids, dataset: Dataset, told: Report) -> None:
    same = next((s.name for s in _splits(dataset) if len(ids) and (s.codes(ids) == TEST).all()), None)
    if same is not None:
        told.warnings.append(
            f"all of its molecules are test molecules of split {same!r}; if the model was trained on that split, say "
            f"so (--split {same})"
        )
    told.warnings.append(
        "it is not known which molecules the model has seen: errors may be optimistic, and no verdict is given"
    )


def _say_parts(split: Split, codes: Codes, told: Report) -> None:
    for code, part in ((TEST, "test"), (VALIDATION, "validation")):
        of_part, n = len(getattr(split, part)), int((codes == code).sum())
        if code == TEST and of_part and not n:
            told.warnings.append(f"none of the {of_part:,} test molecules of the split has a prediction")
        elif 0 < n < of_part:
            told.warnings.append(f"{n:,} of {of_part:,} {part} molecules have a prediction; the others are not judged")
    if not ((codes == TEST) | (codes == VALIDATION)).any():
        told.problems.append(
            "only training molecules have a prediction; errors are measured on molecules that were held out"
        )
