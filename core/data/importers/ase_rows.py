"""The rows of an ASE database, read in bulk: the tables of SQLite themselves, or for JSON what `ase.db` makes of it.

Arrays lie in the tables as bytes; `ase.db` makes an object of every row, which takes 10 times as long.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from core.data.importers.ase_table import CALCULATED, COLUMNS, Table, add_batch, damaged, shorten_names
from core.errors import MollensError

NEWEST = 9
OLDEST = 5
_LARGEST_VALUE = 1 << 28  # bytes of one entry of a table
_BATCH = 4096
_WAIT = 2.0  # seconds for a lock


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, opened for reading only; a hostile schema can run nothing.

    Raises:
        MollensError: if it is damaged, locked, not ASE's, or of a version that is not read.
    """
    _check_length(path)
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=_WAIT)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
            connection.text_factory = lambda text: text.decode(errors="replace")
            _check_version(path, connection)
            yield connection
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise MollensError(f"{path}: is locked by a program that writes to it; wait for it to end") from error
        raise damaged(path, error) from error
    except (sqlite3.DatabaseError, sqlite3.ProgrammingError, OverflowError) as error:
        raise damaged(path, error) from error


def _check_length(path: Path) -> None:
    """Refuse a file that is shorter than its header says, of which SQLite would read what is left."""
    with open(path, "rb") as file:
        header = file.read(100)
    page, count = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    expected = (65536 if page == 1 else page) * count
    sound = header[24:28] == header[92:96]  # else an old SQLite wrote it, and the count means nothing
    if len(header) < 100 or (sound and path.stat().st_size < expected):
        raise damaged(path, ValueError(f"{path.stat().st_size:,} bytes of {expected:,}"))


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "systems" not in tables:
        listed = ", ".join(sorted(tables)[:5]) or "no tables"
        raise MollensError(f"{path}: is a SQLite database but not ASE's ({listed}); expected a table 'systems'")
    version = 0
    if "information" in tables:
        found = connection.execute("SELECT value FROM information WHERE name = 'version'").fetchone()
        version = int(found[0]) if found and str(found[0])[:9].isdecimal() else 0
    if version > NEWEST:
        raise MollensError(
            f"{path}: is an ASE database of version {version}; this Mollens reads up to {NEWEST}; update Mollens, or "
            "export it as extended xyz with the newer ASE"
        )
    if version < OLDEST:
        raise MollensError(
            f"{path}: is an ASE database of version {version or 'unknown'}; expected {OLDEST} to {NEWEST}; convert it "
            "with `python -m ase.db.convert`"
        )


def count_rows(path: Path) -> int:
    """Number of rows of a SQLite database; raises as `connected`."""
    with connected(path) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM systems").fetchone()[0])


def read_metadata(path: Path, connection: sqlite3.Connection) -> dict[str, Any]:
    """What the maker of the database says about it; empty where nothing."""
    found = connection.execute("SELECT value FROM information WHERE name = 'metadata'").fetchone()
    try:
        metadata = json.loads(found[0]) if found else {}
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path, error) from error
    return metadata if isinstance(metadata, dict) else {}


def read_sqlite(path: Path, most: int | None, progress: Callable[[int, int], None]) -> Table:
    """The rows of a SQLite database, or its first `most`.

    Raises:
        MollensError: as `connected`, and naming the row, for one that is periodic, damaged or has an unknown element.
    """
    table, done, total = Table(), 0, path.stat().st_size
    with connected(path) as connection:
        table.metadata = read_metadata(path, connection)
        n = int(connection.execute("SELECT COUNT(*) FROM systems").fetchone()[0])
        n = n if most is None else min(n, most)
        cursor = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM systems ORDER BY id LIMIT {n}")
        while batch := cursor.fetchmany(_BATCH):
            add_batch(table, batch, done, path)
            done += len(batch)
            progress(total * done // n, total)
    shorten_names(table)
    if not done:
        raise MollensError(f"{path}: is an ASE database without rows; expected at least one molecule")
    return table


def read_json(path: Path, most: int | None, progress: Callable[[int, int], None]) -> Table:
    """The rows of a JSON database, by ASE's own reader.

    Raises:
        MollensError: as `read_sqlite`.
    """
    from ase.db import connect

    table = Table()
    try:
        database = connect(path, type="json", use_lock_file=False)
        table.metadata = dict(database.metadata)
        rows = [_row(row) for row in islice(database.select(), most)]
    except Exception as error:  # ASE tells faults of a file by any exception
        raise damaged(path, error) from error
    if not rows:
        raise MollensError(f"{path}: is an ASE database without rows; expected at least one molecule")
    add_batch(table, rows, 0, path)
    shorten_names(table)
    progress(path.stat().st_size, path.stat().st_size)
    return table


def _row(row: Any) -> tuple[Any, ...]:
    """One row of `ase.db` in the form of the tables of SQLite."""
    return (
        row.id,
        np.asarray(row.numbers, dtype="<i4").tobytes(),
        np.asarray(row.positions, dtype="<f8").tobytes(),
        int(np.dot(row.pbc, [1, 2, 4])),
        json.dumps(row.key_value_pairs),
        dict(row.data),
        *(row.get(name) if name == "energy" else _bytes(row.get(name)) for name in CALCULATED),
    )


def _bytes(array: Any) -> bytes | None:
    return None if array is None else np.asarray(array, dtype="<f8").tobytes()
