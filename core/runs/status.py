"""How a run stands: status.json, and whether its job is still alive."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import MollensError
from core.files import read_json, utc_now, write_json

LOST_AFTER = 60.0  # seconds without a heartbeat, as the reader saw it
HEARTBEAT = 5.0  # seconds between two of them
ACTIVE = ("queued", "starting", "running", "stopping")


@dataclass(frozen=True)
class Status:
    """The last word of a run's job."""

    state: str
    """created, queued, starting, running, stopping, stopped, finished, failed; a reader may derive lost"""
    owner: str = ""
    """token of the job that may write; a job whose token is gone ends before its next write"""
    epoch: int = 0
    """finished epochs"""
    epochs: int = 0
    step: int = 0
    steps: int = 0
    phase: str = ""
    """what the job does just now, in words"""
    device: str = ""
    error: str = ""
    message: str = ""
    pid: int = 0
    host: str = ""
    started: str = ""
    """UTC, ISO-8601; of the first job"""
    asked: int = 0
    """when a job in the background was last asked for, ns since 1970 on its machine's clock: its place in the queue"""
    seconds: float = 0.0
    """time spent in training, over all jobs of the run"""
    updated: str = ""

    @property
    def active(self) -> bool:
        """Whether a job claims to be at work on it."""
        return self.state in ACTIVE


def read_status(path: Path, what: str) -> Status:
    """Read status.json.

    Raises:
        MollensError: if it is missing or damaged.
    """
    content = read_json(path, what)
    kinds: dict[str, Any] = {"str": str, "int": int, "float": (int, float)}
    values: dict[str, Any] = {field.name: content[field.name] for field in fields(Status) if field.name in content}
    for field in fields(Status):
        if field.name in values and not isinstance(values[field.name], kinds[str(field.type)]):
            raise MollensError(
                f"{what}: {path}: {field.name} is {values[field.name]!r}; the file is damaged, delete the run"
            )
    return Status(**{"state": "created", **values})


def write_status(path: Path, status: Status) -> None:
    """Replace status.json, with the moment of writing."""
    write_json(path, asdict(status) | {"updated": utc_now()})


class Watch:
    """Tells lost jobs by their silence.

    A heartbeat is a change of status.json's modification time. Silence is counted on this reader's own clock from the
    moment it first saw the present heartbeat, so that clocks of two machines are never compared and a suspended laptop
    comes back unharmed.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[float, float]] = {}

    def silence(self, path: Path, now: float | None = None) -> float:
        """Seconds since this watch first saw the file's present modification time; 0 for a new one."""
        now = time.monotonic() if now is None else now
        try:
            beat = path.stat().st_mtime
        except OSError:
            return 0.0
        last = self._seen.get(path)
        if last is None or last[0] != beat:
            self._seen[path] = (beat, now)
            return 0.0
        return now - last[1]


WATCH = Watch()
