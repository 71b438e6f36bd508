"""The command line that does what the page Add data does."""

from __future__ import annotations

import shlex
from pathlib import Path

from core.data.importers.columns import About, ColumnMap, Mapped
from core.data.properties import PROPERTIES

_OPTIONS = {
    "title": "--title",
    "description": "--description",
    "level_of_theory": "--level-of-theory",
    "citation": "--citation",
    "license": "--license",
    "default_target": "--target",
}


def import_command(
    source: str, name: str, columns: ColumnMap | None, about: About, exclude: Path | None, flag: Path | None
) -> str:
    """`python -m core import ...` for the same import.

    Args:
        columns: None for a file that says itself what its columns are.
        exclude, flag: lists of ids; only their names are written, because a reader's own list lies elsewhere.
    """
    words = ["python", "-m", "core", "import", source, "--name", name]
    for option, path in (("--exclude", exclude), ("--flag", flag)):
        words += [option, path.name] if path is not None else []
    if columns is not None:
        for mapped in columns.columns:
            words += ["--map", _written(mapped)]
        words += ["--lengths", columns.lengths]
    for field, option in _OPTIONS.items():
        value = getattr(about, field)
        words += [option, value] if value else []
    return shlex.join(words)


def _written(mapped: Mapped) -> str:
    """COLUMN=KEY:UNIT, and :kind:label for a key of one's own."""
    known = f"{mapped.source}={mapped.key}:{mapped.unit}"
    if mapped.key in PROPERTIES:
        return known.rstrip(":")
    return f"{known}:{mapped.kind}" + (f":{mapped.label}" if mapped.label else "")
