"""Logs that other programs read, made from metrics.jsonl: CSV for tables, TensorBoard's event files."""

from __future__ import annotations

import csv
import io
import math
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from core.errors import MollensError
from core.files import plain_disk_errors, write_bytes
from core.runs.event_file import first_record, scalars_record
from core.runs.folder import Run
from core.runs.metrics import MetricsTail

KINDS = ("csv", "tensorboard")
FOLDER = "logs"  # in the run's folder
_QUANTILES = ("5", "25", "50", "75", "95")  # names of the five columns that a list of losses becomes

Line = dict[str, Any]


class Log(Protocol):
    """One kind of log in a folder."""

    def begin(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Write the log anew with these lines, in place of what is there."""

    def go_on(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Append lines."""


class RunLogs:
    """Keeps the logs of a run up to its metrics; a training that has gone back has them written anew, so that no
    step occurs twice."""

    def __init__(self, run: Run, kinds: Iterable[str], folder: Path | None = None) -> None:
        """`folder` is logs/ of the run if none is given.

        Raises:
            MollensError: for a kind that is not known.
        """
        made: dict[str, Callable[[Path], Log]] = {"csv": CsvLog, "tensorboard": TensorBoardLog}
        kinds = list(kinds)
        if unknown := [kind for kind in kinds if kind not in made]:
            raise MollensError(f"log {unknown[0]!r}: not known; there are {', '.join(KINDS)}")
        folder = folder or run.path / FOLDER
        self._logs: list[Log] = [made[kind](folder / kind) for kind in kinds]
        self._tail = MetricsTail(run)
        self._steps = self._epochs = 0
        self._last: tuple[Line | None, Line | None] = (None, None)
        self._sound = False

    def refresh(self) -> None:
        """Take over what the metrics have grown by.

        Raises:
            MollensError: on a full disk or without permission; the next call writes everything anew.
        """
        if not self._logs:
            return
        self._tail.refresh()
        steps, epochs = self._tail.steps, self._tail.epochs
        grown = self._sound and self._still_begin(steps, epochs)
        self._sound = False
        for log in self._logs:
            if grown:
                log.go_on(steps[self._steps :], epochs[self._epochs :])
            else:
                log.begin(steps, epochs)
        self._sound = True
        self._steps, self._epochs = len(steps), len(epochs)
        self._last = (steps[-1] if steps else None, epochs[-1] if epochs else None)

    def _still_begin(self, steps: list[Line], epochs: list[Line]) -> bool:
        """Whether the lines that were taken over are still the first ones: the same objects in the same places."""
        return all(
            n <= len(lines) and (n == 0 or lines[n - 1] is last)
            for lines, n, last in zip((steps, epochs), (self._steps, self._epochs), self._last, strict=True)
        )


def write_logs(run: Run, folder: Path, kinds: Sequence[str] = KINDS) -> list[Path]:
    """Write logs of any run into `folder`, one folder for each kind, and give the folders.

    Raises:
        MollensError: if the run has no metrics yet, a kind is not known, or the folder cannot be written.
    """
    tail = MetricsTail(run)
    tail.refresh()
    if not tail.steps and not tail.epochs:
        raise MollensError(f"{run.what}: has no metrics yet; nothing was written")
    RunLogs(run, kinds, folder).refresh()
    return [folder / kind for kind in kinds]


def columns(line: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a line by column; a list becomes a column for each of its entries, `kind` is left out."""
    found: dict[str, Any] = {}
    for key, value in line.items():
        if isinstance(value, list):
            names = _QUANTILES if key.endswith("quantiles") and len(value) == len(_QUANTILES) else range(len(value))
            found |= {f"{key.removesuffix('s')}_{name}": each for name, each in zip(names, value, strict=True)}
        elif key != "kind" and not isinstance(value, dict):
            found[key] = value
    return found


class CsvLog:
    """steps.csv and epochs.csv: a column for every value, times in UTC."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heads: dict[str, list[str]] = {}

    def begin(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Write both files anew."""
        for name, lines in (("steps", steps), ("epochs", epochs)):
            heads = list(dict.fromkeys(key for line in lines for key in columns(line)))
            write_bytes(self._folder / f"{name}.csv", (_table([heads]) if heads else b"") + _rows(lines, heads))
            self._heads[name] = heads

    def go_on(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Append rows; a column that is new has the whole file written anew."""
        for name, lines in (("steps", steps), ("epochs", epochs)):
            path, heads = self._folder / f"{name}.csv", self._heads[name]
            new = [key for key in dict.fromkeys(k for line in lines for k in columns(line)) if key not in heads]
            if new:
                old = list(csv.DictReader(io.StringIO(path.read_text())))
                heads = heads + new
                write_bytes(path, _table([heads]) + _rows([*old, *lines], heads))
                self._heads[name] = heads
            elif lines:
                with plain_disk_errors(path), open(path, "ab") as file:
                    file.write(_rows(lines, heads))


def _rows(lines: Sequence[Mapping[str, Any]], heads: Sequence[str]) -> bytes:
    found = (columns(line) for line in lines)
    return _table([[_cell(each.get(head)) for head in heads] for each in found])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


class TensorBoardLog:
    """One event file: the lines of steps under "step/", those of epochs under "epoch/", by optimizer step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None

    def begin(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Write a new event file and remove older ones.

        It gets a name of its own: TensorBoard goes on reading a file by its name from where it was.
        """
        lines = sorted([*steps, *epochs], key=lambda line: (line["step"], line.get("kind") == "epoch"))
        began = _seconds(lines[0]) if lines else 0.0
        old = list(self._folder.glob("events.out.tfevents.*"))
        path = self._folder / f"events.out.tfevents.{int(began):010d}.mollens.{secrets.token_hex(4)}"
        write_bytes(path, first_record(began) + b"".join(map(_event, lines)))
        self._path = path
        for file in old:
            file.unlink(missing_ok=True)

    def go_on(self, steps: Sequence[Line], epochs: Sequence[Line]) -> None:
        """Append records."""
        assert self._path is not None, "begin comes first"
        lines = sorted([*steps, *epochs], key=lambda line: (line["step"], line.get("kind") == "epoch"))
        if lines:
            with plain_disk_errors(self._path), open(self._path, "ab") as file:
                file.write(b"".join(map(_event, lines)))
                file.flush()
                os.fsync(file.fileno())


def _event(line: Line) -> bytes:
    kind = "epoch" if line.get("kind") == "epoch" else "step"
    values = {
        f"{kind}/{key}": float(value)
        for key, value in columns(line).items()
        if isinstance(value, int | float) and key != "step" and math.isfinite(value)
    }
    return scalars_record(_seconds(line), int(line["step"]), values)


def _seconds(line: Line) -> float:
    try:
        return datetime.fromisoformat(str(line["time"])).timestamp()
    except (KeyError, ValueError):
        return 0.0
