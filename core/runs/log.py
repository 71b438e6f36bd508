"""log.txt: the job's output, kept short enough that a loop of warnings cannot fill the disk."""

from __future__ import annotations

import os
from pathlib import Path

from core.runs.folder import Run

LIMIT = 10_000_000  # bytes
HEAD = 100_000  # bytes of the beginning that stay: the first warning often is the one that tells
_LINE = 400  # bytes that a line of a log takes at most as a rule


def limit_log(path: Path, limit: int = LIMIT, head: int = HEAD) -> bool:
    """Cut a log that is longer than `limit` bytes down to its beginning and its last half; True if it was cut.

    The job goes on writing at the end: its output is open for appending.
    """
    try:
        size = path.stat().st_size
    except OSError:
        return False
    if size <= limit:
        return False
    with open(path, "rb") as file:
        first = file.read(head)
        first = first[: first.rfind(b"\n") + 1]
        file.seek(size - limit // 2)
        last = file.read(limit)
        last = last[last.find(b"\n") + 1 :]
    left_out = size - len(first) - len(last)
    os.truncate(path, 0)
    with open(path, "ab") as file:
        file.write(first + f"... {left_out:,} bytes of this log were left out ...\n".encode() + last)
    return True


def log_tail(run: Run, lines: int = 60) -> list[str]:
    """The last lines of a run's log, read from its end; empty where there is none."""
    wanted = lines * _LINE
    try:
        with open(run.path / "log.txt", "rb") as file:
            size = file.seek(0, os.SEEK_END)
            while True:
                file.seek(max(0, size - wanted))
                found = file.read(size).decode(errors="replace").splitlines()
                if len(found) > lines or wanted >= size:
                    return found[-lines:]
                wanted *= 4
    except OSError:
        return []
