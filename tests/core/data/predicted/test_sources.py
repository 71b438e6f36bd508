"""Which tables of the server are offered."""

from __future__ import annotations

from pathlib import Path

from core.data.predicted import list_tables


def test_tables_of_the_configured_folders_are_listed_and_nothing_outside(home: Path, tmp_path: Path) -> None:
    inside = home / "incoming"
    (inside / "deep").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text("id,y\n1,2\n")
    for name in ("a.csv", "b.csv.gz", "deep/c.parquet", ".hidden.csv", "d.xyz"):
        (inside / name).write_text("id,y\n1,2\n")
    (inside / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert [str(path.relative_to(inside)) for path in list_tables()] == ["a.csv", "b.csv.gz", "deep/c.parquet"]
