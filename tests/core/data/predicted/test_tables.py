"""Reading tables of other programs: the many spellings of CSV, Parquet, and files that are none."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.data.predicted import tables
from core.data.predicted.tables import read_table
from core.errors import MollensError

COMMA = "id,value\n1,-1.5\n2,2.25e1\n3,\n"


def table(tmp_path: Path, content: str | bytes, name: str = "p.csv") -> tables.Table:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


@pytest.mark.parametrize(
    "content",
    [
        COMMA,
        COMMA.encode("utf-8-sig"),
        COMMA.encode("utf-16"),
        COMMA.replace("\n", "\r\n"),
        "# made by some program\n\n" + COMMA,
        COMMA.replace(",", ";"),
        COMMA.replace(".", "@").replace(",", ";").replace("@", ","),
        COMMA.replace(",", "\t"),
        COMMA.replace(",", "|"),
        COMMA.replace("3,\n", "3,nan\n").replace(",", "   "),
        COMMA.replace("id,value", '"id","value"'),
        COMMA.replace("2.25e1", "2.25D+01"),
        "#id,value\n" + COMMA.partition("\n")[2],
        gzip.compress(COMMA.encode(), mtime=0),
        bz2.compress(COMMA.encode()),
        lzma.compress(COMMA.encode()),
    ],
)
def test_the_same_table_in_every_spelling(tmp_path: Path, content: str | bytes) -> None:
    found = table(tmp_path, content)
    assert found.frame.columns == ["id", "value"]
    assert found.numbers("id").tolist() == [1, 2, 3]
    np.testing.assert_equal(found.numbers("value"), [-1.5, 22.5, np.nan])
    assert found.not_numbers("value") == []


def test_a_table_without_names_has_numbered_columns(tmp_path: Path) -> None:
    found = table(tmp_path, "1 -3.5\n2 -4.5\n")
    assert found.frame.columns == ["column 1", "column 2"] and len(found.frame) == 2
    assert "no line of names" in found.format and found.line(1) == "line 2"


def test_parquet_keeps_its_numbers_and_passes_over_lists(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [7, 8], "y": [1.5, float("inf")], "atoms": [[1, 2], [3]]})
    frame.write_parquet(tmp_path / "p.parquet")
    found = read_table(tmp_path / "p.parquet")
    assert found.frame.columns == ["id", "y"] and found.format == "Parquet"
    assert "1 columns that hold lists" in found.notes[0]


def test_what_is_no_number_is_named_with_its_line(tmp_path: Path) -> None:
    found = table(tmp_path, "id,value\n1,2.0\n2,about 3\n3,inf\n4,NA\n")
    assert found.not_numbers("value") == [1] and found.line(1) == "line 3"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("\n\n", "holds no table"),
        ("id,value\n", "no rows"),
        ("value\n1.0\n2.0\n", "one column"),
        ("id,value\n1,-1,5\n2,-2,5\n", "commas separate columns and decimals too"),
        ("id,value\n1,2.0\n2\n3,4.0\n", "1 to 2 cells"),
        (b"PK\x03\x04rest of a sheet", "a zip file"),
        (b"\x80\x04pickled", "a pickle"),
        (b"PAR1 cut off", "no Parquet file after all"),
        (gzip.compress(COMMA.encode(), mtime=0)[:20], "cannot be unpacked"),
        (b"id,value\0\0", "no text"),
    ],
)
def test_files_that_are_no_table_are_refused_in_a_sentence(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(MollensError, match=said):
        table(tmp_path, content)


def test_a_line_with_another_number_of_cells_is_named(tmp_path: Path) -> None:
    lines = [f"{k},{k}.5" for k in range(500)]
    lines[300] = "300,1.0,2.0"
    with pytest.raises(MollensError, match="line 302 has 3 cells; expected 2"):
        table(tmp_path, "\n".join(["id,value", *lines]))


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 1000)
    with pytest.raises(MollensError, match="MB of text"):
        table(tmp_path, gzip.compress(COMMA.encode() * 100, mtime=0))


def test_a_parquet_file_with_too_many_cells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl.DataFrame({"id": range(100), "y": [0.5] * 100}).write_parquet(tmp_path / "p.parquet")
    monkeypatch.setattr(tables, "MOST_CELLS", 199)
    with pytest.raises(MollensError, match="100 rows and 2 columns"):
        read_table(tmp_path / "p.parquet")


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MollensError, match="600 columns"):
        table(tmp_path, ",".join(f"c{k}" for k in range(600)) + "\n" + ",".join("1" for _ in range(600)) + "\n")
