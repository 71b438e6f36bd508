"""What a job does when its disk is full: it waits until there is room, and a little room kept back lets it say so."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.errors import MollensError

RETRY = 3.0  # seconds between two attempts of a write that found the disk full
LISTEN = 0.2  # seconds between two looks for a request to stop while waiting
KEPT_BACK = 64 * 1024  # bytes of a file that is given up to write the status on a full disk
PAUSED = "paused: the disk is full; free some space, it goes on by itself"
STOPPED = "the disk was full; it goes on from its last checkpoint when there is room"


class StoppedWhileFull(MollensError):
    """Somebody asked a job to stop that was waiting for room on the disk."""


def disk_is_full(error: BaseException) -> bool:
    """Whether this error, or the one behind its sentence, says that the disk or the user's share of it is full."""
    behind = error.__cause__ if isinstance(error, MollensError) else error
    return isinstance(behind, OSError) and behind.errno in (errno.ENOSPC, errno.EDQUOT)


class KeptBack:
    """A file without meaning whose room is given up when the status has to be written on a full disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".kept-back"

    def keep(self) -> None:
        """Take the room, if there is some."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return
        try:
            n = os.pwrite(handle, os.urandom(KEPT_BACK), 0)  # no disk can pack it
        except OSError:
            n = 0
        finally:
            os.close(handle)
        if n < KEPT_BACK:
            self.give_up()

    def give_up(self) -> bool:
        """Free the room; False if there was none to free."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
