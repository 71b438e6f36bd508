"""Reading a table of another program: CSV in its many spellings, or Parquet; numbers are looked at later."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import MollensError

MOST_BYTES = 256 << 20
"""of the unpacked text; 10 million molecules fit in"""
MOST_CELLS = 100_000_000
"""of a Parquet file"""
MOST_COLUMNS = 500
_SAMPLE = 64  # lines that the separator is found from
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "'|'", " ": "blank"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eEdD][+-]?\d+)?")
_MISSING = ["", "nan", "na", "n/a", "null", "none", "-", "--", "?"]
_PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
_NO_TABLE = {
    b"PK\x03\x04": "a zip file (or an Excel sheet)",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a database",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a pickle, which is never opened",
    b"{": "JSON",
}


@dataclass(frozen=True, eq=False)
class Table:
    """A file as it is: columns of text (CSV) or of numbers and text (Parquet)."""

    frame: pl.DataFrame
    format: str
    """how the file was read, for people"""
    decimal_comma: bool = False
    first_line: int = 2
    """line of the file on which the first row stands; 0 where rows and lines do not run together"""
    notes: tuple[str, ...] = ()

    def numbers(self, name: str) -> NDArray[np.float64]:
        """(n,) values of a column; NaN where there is none or no number."""
        column = self.frame[name]
        if column.dtype != pl.String:
            return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        text = column.str.strip_chars()
        if self.decimal_comma:
            text = text.str.replace_all(",", ".", literal=True)
        text = text.str.replace_all("[dD]", "e")  # Fortran's exponents
        return text.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()

    def texts(self, name: str) -> pl.Series:
        """(n,) values of a column as text without blanks around it; "" where there is none."""
        column = self.frame[name]
        if column.dtype.is_float():  # ids that went through a table with gaps: 17.0
            whole = column.cast(pl.Int64, strict=False)
            column = whole if (whole.cast(pl.Float64) == column).fill_null(True).all() else column
        return column.cast(pl.String).fill_null("").str.strip_chars()

    def not_numbers(self, name: str) -> list[int]:
        """Rows that hold something which is neither a number nor a usual word for a missing one."""
        if self.frame[name].dtype != pl.String:
            return []
        missing = self.texts(name).str.to_lowercase().is_in(_MISSING).to_numpy()
        text = self.texts(name).str.to_lowercase()
        infinite = text.str.contains(r"^[+-]?inf(inity)?$").to_numpy()
        return np.flatnonzero(~missing & ~infinite & ~np.isfinite(self.numbers(name))).tolist()

    def line(self, row: int) -> str:
        """Where a row stands in the file, for sentences."""
        return f"line {self.first_line + row:,}" if self.first_line else f"row {row + 1:,}"


def read_table(path: Path) -> Table:
    """Read a CSV (also packed with gzip, bzip2 or xz) or Parquet file; the content decides, not the ending.

    Raises:
        MollensError: for a file that is missing, empty, too large, of another kind, or no table.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise MollensError(
            f"{path}: cannot be read ({error.strerror}); give the path of a CSV or Parquet file"
        ) from None
    if not start:
        raise MollensError(f"{path.name}: is empty (0 bytes); expected a table with a column of ids and one of values")
    if start.startswith(b"PAR1"):
        return _read_parquet(path)
    for mark, kind in _NO_TABLE.items():
        if start.startswith(mark):
            raise MollensError(f"{path.name}: is {kind}; expected a CSV or Parquet file with ids and values")
    return _read_csv(path, _text(path, start))


def _read_parquet(path: Path) -> Table:
    try:
        lazy = pl.scan_parquet(path)
        schema = lazy.collect_schema()
        flat = [name for name, dtype in schema.items() if not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)]
        _check_columns(path, len(flat))
        n_rows = int(lazy.select(pl.len()).collect().item())
        if n_rows * len(flat) > MOST_CELLS:
            raise MollensError(
                f"{path.name}: has {n_rows:,} rows and {len(flat)} columns; write a file with the ids and values only"
            )
        frame = lazy.select(flat).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:  # a panic is no Exception
        first = str(error).strip().split("\n")[0][:200]
        raise MollensError(f"{path.name}: is damaged or no Parquet file after all ({first}); write it again") from error
    left = len(schema) - len(flat)
    if not len(frame):
        raise MollensError(f"{path.name}: has no rows; expected a row for every molecule")
    notes = (f"{left} columns that hold lists or bytes are passed over",) if left else ()
    return Table(frame, "Parquet", first_line=0, notes=notes)


def _text(path: Path, start: bytes) -> str:
    """The unpacked content as text."""
    opener: Any = next((module for mark, module in _PACKED.items() if start.startswith(mark)), None)
    try:
        with open(path, "rb") as raw:
            file: IO[bytes] = opener.open(raw) if opener else raw
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise MollensError(f"{path.name}: cannot be unpacked ({error}); it is damaged or cut off") from error
    if len(content) > MOST_BYTES:
        raise MollensError(
            f"{path.name}: has more than {MOST_BYTES / 1e6:,.0f} MB of text; write a file with the ids and the values "
            "only, or a Parquet file"
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(path, content, "utf-16")
    if b"\0" in content[:4096]:
        raise MollensError(f"{path.name}: is no text (it holds zero bytes); expected a CSV or Parquet file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise MollensError(f"{path.name}: is no text in {encoding} ({error}); save it as UTF-8") from error


def _read_csv(path: Path, text: str) -> Table:
    lines = text.splitlines()
    head = next((k for k, line in enumerate(lines) if line.strip() and not _is_comment(lines, k)), None)
    if head is None:
        raise MollensError(f"{path.name}: holds no table, only blank lines or comments")
    sample = [line for line in lines[head : head + 4 * _SAMPLE] if line.strip()][:_SAMPLE]
    separator = _separator(path, sample)
    cells = [_split(line, separator) for line in sample]
    titled = not any(_NUMBER.fullmatch(cell) for cell in cells[0])
    width = len(cells[0])
    _check_columns(path, width)
    body = head + 1 if titled else head
    if not any(line.strip() for line in lines[body:]):
        raise MollensError(f"{path.name}: has a line of names and no rows; expected a row for every molecule")
    names = _names([cell.lstrip("# ") for cell in cells[0]] if titled else [f"column {k + 1}" for k in range(width)])
    frame = _parsed(path, lines[body:], separator, names, body + 1)
    comma = separator != "," and _has_decimal_commas(cells[1:] if titled else cells)
    words = [f"CSV, columns separated by a {_SEPARATORS[separator]}"]
    words += ["decimal commas"] if comma else []
    words += [] if titled else ["no line of names"]
    straight = all(line.strip() for line in lines[body : body + len(frame)])
    return Table(frame, ", ".join(words), comma, body + 1 if straight else 0)


def _is_comment(lines: Sequence[str], k: int) -> bool:
    """A line that begins with '#', unless it names the columns of the line after it."""
    if not lines[k].lstrip().startswith("#"):
        return False
    after = next((line for line in lines[k + 1 : k + 3] if line.strip() and not line.lstrip().startswith("#")), "")
    parts = {len(re.split(r"[,;\t|]|\s+", line.strip("# \t"))) for line in (lines[k], after)}
    return not after or len(parts) > 1


def _separator(path: Path, sample: Sequence[str]) -> str:
    """What stands between columns: what gives every line the same number of cells, at least two.

    Raises:
        MollensError: if nothing does.
    """
    found: dict[str, set[int]] = {
        separator: {len(_split(line, separator)) for line in sample} for separator in _SEPARATORS
    }
    for separator in ("\t", ";", "|", ",", " "):
        if len(found[separator]) == 1 and min(found[separator]) > 1:
            return separator
    if found[","] == {2, 3} and len(_split(sample[0], ",")) == 2:
        raise MollensError(
            f"{path.name}: commas separate columns and decimals too (two names, three cells); write the numbers with "
            "points, or separate the columns with semicolons"
        )
    if all(max(widths) == 1 for widths in found.values()):
        raise MollensError(
            f"{path.name}: has one column ({sample[0][:60]!r}); expected a column of ids and one of values"
        )
    most = max(found, key=lambda separator: len(_split(sample[0], separator)))
    widths, n = sorted(found[most]), len(_split(sample[0], most))
    odd = next((line for line in sample if len(_split(line, most)) != n), "")
    raise MollensError(
        f"{path.name}: lines have {widths[0]} to {widths[-1]} cells separated by a {_SEPARATORS[most]}; expected {n} "
        f"in every line as in the first, found {odd[:60]!r}"
    )


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    cells = re.split(rf'{re.escape(separator)}(?=(?:[^"]*"[^"]*")*[^"]*$)', line)
    return [cell.strip().strip('"') for cell in cells]


def _has_decimal_commas(cells: Sequence[Sequence[str]]) -> bool:
    flat = [cell for line in cells for cell in line]
    return any("," in cell for cell in flat if _NUMBER.fullmatch(cell)) and not any(
        "." in cell for cell in flat if _NUMBER.fullmatch(cell)
    )


def _names(found: Sequence[str]) -> list[str]:
    """Names of columns, each once and none empty."""
    names: list[str] = []
    for k, name in enumerate(found):
        name = name or f"column {k + 1}"
        names.append(name if name not in names else f"{name} ({k + 1})")
    return names


def _parsed(path: Path, lines: Sequence[str], separator: str, names: list[str], first: int) -> pl.DataFrame:
    """All cells as text.

    Raises:
        MollensError: naming the first line that has another number of cells.
    """
    kept = [line for line in lines if line.strip()]
    if separator == " ":
        kept, separator = ["\t".join(line.split()) for line in kept], "\t"
    try:
        frame = pl.read_csv(
            "\n".join(kept).encode(), separator=separator, has_header=False, infer_schema=False,
            new_columns=names, raise_if_empty=True,
        )  # fmt: skip
        if frame.width == len(names) and frame[names[-1]].null_count() < len(frame):
            return frame
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    wrong = next((k for k, line in enumerate(lines) if line.strip() and len(_split(line, separator)) != len(names)), 0)
    raise MollensError(
        f"{path.name}: line {first + wrong:,} has {len(_split(lines[wrong], separator))} cells; expected {len(names)} "
        f"({', '.join(names[:6])})"
    )


def _check_columns(path: Path, n: int) -> None:
    if n < 2:
        raise MollensError(f"{path.name}: has {n} column; expected a column of ids and one of values")
    if n > MOST_COLUMNS:
        raise MollensError(
            f"{path.name}: has {n:,} columns; at most {MOST_COLUMNS} are read: write ids and values only"
        )
