"""How commands speak: one JSON object, or plain tables for people; progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_errors = Console(stderr=True)


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on standard output, and nothing else."""
    json.dump(content, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]], file: TextIO | None = None) -> None:
    """Rows under their heads in aligned columns; numbers to the right."""
    cells = [[str(head) for head in heads], *([("" if v is None else str(v)) for v in row] for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(heads))]
    right = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(heads))]
    for row in cells:
        line = "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        print(line.rstrip(), file=file)


def four_decimals(value: float | None) -> str:
    """A number as the tables show it; nothing where there is none."""
    return "" if value is None else f"{value:.4f}"


def digits(value: float | None) -> str:
    """A number with four decimals, or with three digits where those would hide it; nothing where there is none."""
    if value is None or value == 0 or abs(value) >= 0.01:
        return four_decimals(value)
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{places}f}" if places <= 8 else f"{value:.2e}"


def _is_number(value: object) -> bool:
    if value is None or isinstance(value, int | float):
        return True
    text = str(value).replace(",", "").replace("\u2212", "-").strip("-").rstrip("%").strip()
    return not text or text.replace(".", "", 1).isdigit()


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """A progress bar on standard error; yields `update(done, total, text="")`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=_errors, disable=not _errors.is_terminal) as progress:
        task = progress.add_task(title, total=None, text="")

        def update(done: int, total: int, text: str = "") -> None:
            progress.update(task, completed=done, total=total or None, text=text)

        yield update
