"""How all runs stand, for a list that is read every 2 s: files are opened again only where they have changed."""

from __future__ import annotations

import math
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import MollensError
from core.judge.convergence import Convergence, convergence_of
from core.runs import folder
from core.runs.folder import Run, list_runs
from core.runs.metrics import parse_lines
from core.runs.status import Status

_EPOCH = re.compile(rb'"kind":\s*"epoch"')
_NO_EPOCHS = Convergence("no epochs")


@dataclass(frozen=True, eq=False)
class Glance:
    """One run as a list shows it."""

    run: Run
    status: Status | None
    """None for a damaged run"""
    epochs: tuple[dict[str, Any], ...] = ()
    """epoch lines of its metrics"""
    convergence: Convergence = _NO_EPOCHS
    """has its validation error stopped falling?"""

    @property
    def live(self) -> bool:
        """Whether something may change on its own."""
        return self.status is not None and self.status.active

    @property
    def linear(self) -> bool:
        """Whether it is the linear fit in composition, which has no epochs."""
        return self.run.error is None and self.run.recipe_values.get("model") == "composition"

    @property
    def scored(self) -> list[dict[str, Any]]:
        """Epoch lines with a validation MAE."""
        return [line for line in self.epochs if _finite(line.get("validation_mae"))]

    @property
    def curve(self) -> list[float]:
        """Validation MAE of the epochs, in the unit inside."""
        return [float(line["validation_mae"]) for line in self.scored]

    @property
    def seconds_left(self) -> float | None:
        """Expected rest of the training: the rest of the epochs, each as long as the last three."""
        if self.status is None or self.status.state != "running" or not self.epochs:
            return None
        lately = [line["seconds"] for line in self.epochs[-3:] if _finite(line.get("seconds"))]
        if not lately or not self.status.epochs:
            return None
        done = self.status.epochs * self.status.step / self.status.steps if self.status.steps else self.status.epoch
        return sum(lately) / len(lately) * max(0.0, self.status.epochs - max(done, self.status.epoch))


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


class EpochTail:
    """Follows the epoch lines of a metrics file; the many step lines between them are passed over unread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[dict[str, Any]] = []
        self._offset = 0
        self._file: tuple[int, int] | None = None  # inode and size at the last look

    def read(self) -> tuple[dict[str, Any], ...] | None:
        """All epoch lines so far, or None if nothing has changed since the last look."""
        try:
            told = self._path.stat()
        except FileNotFoundError:
            changed = self._file is not None
            self._lines, self._offset, self._file = [], 0, None
            return () if changed else None
        now = (told.st_ino, told.st_size)
        if now == self._file:
            return None
        if self._file is None or now[0] != self._file[0] or now[1] < self._offset:
            self._lines, self._offset = [], 0  # a resumed job puts a new file in place of the old one
        self._file = now
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            content = file.read()
        end = content.rfind(b"\n") + 1
        for found in _EPOCH.finditer(content, 0, end):
            start = content.rfind(b"\n", 0, found.start()) + 1
            for line in parse_lines(content[start : content.find(b"\n", found.end()) + 1])[0]:
                while self._lines and self._lines[-1]["step"] >= line["step"]:
                    self._lines.pop()
                self._lines.append(line)
        self._offset += end
        return tuple(self._lines)


class Glances:
    """All runs of a home, looked at again and again; safe for several sessions at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[Path, tuple[int, int]] = {}
        self._runs: list[Run] = []
        self._tails: dict[Path, EpochTail] = {}
        self._known: dict[Path, tuple[int, Glance]] = {}
        self._damaged: dict[Path, int] = {}

    def look(self) -> list[Glance]:
        """Every run as it stands now, the newest first, the shipped ones last."""
        with self._lock:
            folders = {path: _stamp(path) for root in (folder.runs_folder(), folder.SHIPPED) for path in _inside(root)}
            if folders != self._folders:
                self._read_all(folders)
            return [self._glance(place, run) for place, run in enumerate(self._runs)]

    def _read_all(self, folders: dict[Path, tuple[int, int]]) -> None:
        before = {run.path: run for run in self._runs}
        self._runs = list_runs()
        for place, run in enumerate(self._runs):
            old = before.get(run.path)
            if old is not None and old.error is None and self._folders.get(run.path) == folders.get(run.path):
                self._runs[place] = old  # its files have been read already
            else:
                self._known.pop(run.path, None)
                self._tails.pop(run.path, None)  # reads its metrics again: what was read went with the glance
        here = {run.path for run in self._runs}
        self._tails = {path: tail for path, tail in self._tails.items() if path in here}
        self._known = {path: known for path, known in self._known.items() if path in here}
        self._folders = folders

    def _glance(self, place: int, run: Run) -> Glance:
        modified = _modified(run.path / "status.json")
        if run.error is not None:
            if self._damaged.setdefault(run.path, modified) != modified:
                del self._damaged[run.path]
                self._folders = {}  # it may have been repaired: look again next time
            return Glance(run, None)
        stamp, known = self._known.get(run.path, (0, Glance(run, None)))
        try:
            status = run.status() if known.status is None or known.live or stamp != modified else known.status
        except MollensError as error:
            self._damaged[run.path] = modified
            self._runs[place] = Run(run.path, run.shipped, error=str(error))
            return Glance(self._runs[place], None)
        tail = self._tails.setdefault(run.path, EpochTail(run.path / "metrics.jsonl"))
        lines = tail.read()
        if lines is not None:
            known = Glance(run, status, lines, convergence_of(run, lines))
        elif status is not known.status or run is not known.run:
            known = Glance(run, status, known.epochs, known.convergence)
        self._known[run.path] = (modified, known)
        return known


def _inside(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _stamp(path: Path) -> tuple[int, int]:
    """Changes whenever the run's recipe, name or note does."""
    return _modified(path / "recipe.json"), _modified(path / "about.json")


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
