"""metrics.jsonl: one line per logged step and per epoch, appended by the job, followed by readers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.files import plain_disk_errors
from core.runs.folder import Run


def parse_lines(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Complete lines of `content` as objects, and how many bytes they take; an unfinished last line stays."""
    end = content.rfind(b"\n") + 1
    return list(_objects(content[:end])), end


def _objects(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            parsed = json.loads(line)
        except ValueError:
            continue  # a line torn by a crash; the job drops it when it resumes
        if isinstance(parsed, dict) and _sound(parsed):
            yield parsed


def _sound(line: dict[str, Any]) -> bool:
    """Whether a line has what its readers build on."""
    numbers = (line.get(key) for key in ("epoch", "loss_mean", "validation_mae", "learning_rate"))
    return isinstance(line.get("step"), int) and all(n is None or isinstance(n, int | float) for n in numbers)


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Append a line, whole or not at all: what a full disk took of it is cut off again."""
    rest = memoryview(json.dumps(line).encode() + b"\n")
    with plain_disk_errors(path):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        size = os.fstat(handle).st_size
        try:
            while rest:
                rest = rest[os.write(handle, rest) :]
        except OSError:
            os.ftruncate(handle, size)
            raise
        finally:
            os.close(handle)


def read_metrics(run: Run, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Lines written since `offset`, and the offset to go on from.

    A file that has become shorter (a resumed job has dropped lines) is read from its beginning: then the new offset is
    below the old one and the caller starts afresh.
    """
    path = run.path / "metrics.jsonl"
    try:
        if path.stat().st_size < offset:
            offset = 0
        with open(path, "rb") as file:
            file.seek(offset)
            lines, taken = parse_lines(file.read())
    except FileNotFoundError:
        return [], 0
    return lines, offset + taken


class MetricsTail:
    """Follows the metrics of one run, reading only what is new."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.steps: list[dict[str, Any]] = []
        self.epochs: list[dict[str, Any]] = []
        self._offset = 0
        self._file = 0  # a resumed job puts a new file in place of the old one

    def refresh(self) -> bool:
        """Read on; True if anything changed."""
        file = _inode(self.run.path / "metrics.jsonl")
        if file != self._file:
            self.steps, self.epochs, self._offset, self._file = [], [], 0, file
        before = self._offset
        lines, offset = read_metrics(self.run, before)
        if offset < before:
            self.steps, self.epochs = [], []
        self._offset = offset
        for line in lines:
            self._add(line)
        return bool(lines) or offset != before

    def _add(self, line: dict[str, Any]) -> None:
        rows = self.epochs if line.get("kind") == "epoch" else self.steps
        while rows and rows[-1]["step"] >= line["step"]:
            rows.pop()  # a resumed job has gone back
        rows.append(line)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def kept_lines(path: Path, step: int) -> bytes:
    """The lines of a metrics file up to and including `step`, whole."""
    lines, _ = parse_lines(path.read_bytes()) if path.exists() else ([], 0)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines if int(line.get("step", 0)) <= step)
