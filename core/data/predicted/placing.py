"""From the rows of a table to molecules of a dataset: each once, with a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.predicted.columns import NO_ID, ids_of
from core.data.predicted.tables import Table
from core.data.predicted.told import Choices, Report, some
from core.data.properties import Property
from core.data.store import Dataset
from core.errors import MollensError

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

IDS_ARE = {
    "ids": "ids of the dataset",
    "rows": "rows of the dataset, counted from 0",
    "from-0": "ids counted from 0 in place of 1",
}
MOST_MISSING = 0.01
"""Share of molecules without a number, beyond which a file is refused: leaving them out would flatter the model."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows of a table with the molecules that they are about."""

    rows: Ids
    """(n,) rows of the dataset, ascending, each once"""
    values: Floats
    """(n,) as in the file, finite"""
    lines: Ids
    """(n,) rows of the table"""
    n_unknown: int = 0
    n_missing: int = 0
    n_without_label: int = 0


def place(
    table: Table,
    columns: tuple[str, str],
    ids_are: str,
    dataset: Dataset,
    prop: Property,
    choices: Choices,
    told: Report,
) -> Placed | None:
    """Find the molecule of every row; None where there is no way on, then `told` has the problem.

    Args:
        columns: names of the columns of ids and of values.
        ids_are: see `Choices`.
    """
    of_ids, of_values = columns
    if of_ids == of_values:
        told.problems.append(f"column {of_ids!r} is given both as ids and as values; name two columns")
        return None
    ids, without = ids_of(table, of_ids)
    for rows, column, what in (
        (without, of_ids, "a whole number or end with one"),
        (table.not_numbers(of_values), of_values, "a number"),
    ):
        if rows:
            found = table.texts(column)[rows[0]]
            comma = " (decimal commas? separate the columns with semicolons then)" if "," in found else ""
            told.problems.append(
                f"column {column!r}: {len(rows):,} of {len(ids):,} cells are not {what}, first {found!r} on "
                f"{table.line(rows[0])}{comma}; mend them or choose another column"
            )
    return None if told.problems else _placed(ids, table.numbers(of_values), ids_are, dataset, prop, choices, told)


def _placed(
    ids: Ids, values: Floats, ids_are: str, dataset: Dataset, prop: Property, choices: Choices, told: Report
) -> Placed | None:
    inside, rows = _rows_of(ids, ids_are, dataset)
    n_unknown = int((~inside).sum())
    if not inside.any():
        known = dataset.molecules.ids
        told.problems.append(
            f"none of its {len(ids):,} ids ({some(ids)}) is in dataset {dataset.name}, whose ids are "
            f"{known.min():,} to {known.max():,}; choose the dataset that was predicted"
        )
        return None
    _say_unknown(ids, ~inside, dataset, choices, told)
    lines = np.flatnonzero(inside)
    order = np.argsort(rows, kind="stable")
    lines, rows = _once(lines[order], rows[order], values, ids, told)
    missing = ~np.isfinite(values[lines])
    _say_missing(ids[lines], missing, told)
    lines, rows = lines[~missing], rows[~missing]
    labelled = np.isfinite(np.asarray(dataset.molecules.columns[prop.key])[rows])
    if not labelled.any():
        why = f"a {prop.key} in dataset {dataset.name}" if len(rows) else "a number"
        told.problems.append(f"none of its molecules has {why}; there is nothing to judge")
    return Placed(rows, values[lines], lines, n_unknown, int(missing.sum()), int((~labelled).sum()))


def _rows_of(ids: Ids, ids_are: str, dataset: Dataset) -> tuple[NDArray[np.bool_], Ids]:
    """(n,) which numbers are molecules of the dataset, and the rows of those."""
    molecules = dataset.molecules
    if ids_are not in IDS_ARE:
        raise MollensError(f"ids are {ids_are!r}: is not known; possible are {', '.join(IDS_ARE)}")
    if ids_are == "rows":
        inside = (ids >= 0) & (ids < molecules.n_molecules)
        return inside, ids[inside]
    ids = np.where(ids == NO_ID, ids, ids + (ids_are == "from-0"))
    inside = np.isin(ids, molecules.ids)
    return inside, molecules.rows_of(ids[inside])


def _say_unknown(ids: Ids, unknown: NDArray[np.bool_], dataset: Dataset, choices: Choices, told: Report) -> None:
    n, share = int(unknown.sum()), float(unknown.mean())
    if not n:
        return
    head = f"{n:,} of {len(ids):,} ids ({some(ids[unknown])}) are not in dataset {dataset.name}"
    if share > choices.most_unknown:
        allowed = f"{np.ceil(100 * share) / 100:g}"
        told.problems.append(f"{head}; if that is right, allow them to be left out (--most-unknown {allowed})")
    else:
        told.warnings.append(f"{head} and are left out")


def _say_missing(ids: Ids, missing: NDArray[np.bool_], told: Report) -> None:
    if not missing.any():
        return
    head = f"{missing.sum():,} of {len(ids):,} molecules ({some(ids[missing])}) have no number (empty, NaN or infinite)"
    if missing.mean() > MOST_MISSING:
        told.problems.append(f"{head}; at most {MOST_MISSING:.0%} may be left out: predict them, too")
    else:
        told.warnings.append(f"{head} and are left out")


def _once(lines: Ids, rows: Ids, values: Floats, ids: Ids, told: Report) -> tuple[Ids, Ids]:
    """Each molecule once; a second equal value does no harm, another one is a problem."""
    twice = np.flatnonzero(rows[1:] == rows[:-1]) + 1
    if not len(twice):
        return lines, rows
    one, other = values[lines[twice]], values[lines[twice - 1]]
    differ = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    if differ.any():
        told.problems.append(
            f"{len(np.unique(rows[twice[differ]])):,} molecules ({some(ids[lines[twice[differ]]])}) stand in it more "
            "than once with different values; keep one row for each molecule"
        )
    else:
        told.warnings.append(f"{len(twice):,} rows repeat a molecule with the same value; one of each is taken")
    first = np.ones(len(rows), dtype=bool)
    first[twice] = False
    return lines[first], rows[first]


def other_rows(table: Table, placed: Placed, column: str, ids_are: str, dataset: Dataset) -> dict[str, tuple[Ids, Ids]]:
    """What the ids could mean else, where most of them would be molecules: the rows of these, and which of `placed`."""
    ids = ids_of(table, column)[0][placed.lines]
    found = {}
    for other in IDS_ARE:
        inside, rows = _rows_of(ids, other, dataset)
        if other != ids_are and inside.mean() > 0.5:
            found[other] = (rows, np.flatnonzero(inside))
    return found
