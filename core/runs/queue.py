"""One job at a time on a device: jobs wait by themselves, in the order of their tickets."""

from __future__ import annotations

import fcntl
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.files import home, plain_disk_errors


@contextmanager
def turn_on(device: str, waiting: Callable[[int], bool], poll: float = 0.5) -> Iterator[bool]:
    """Wait until no earlier job is at work on `device` of this machine, and keep later ones waiting in the block.

    A ticket is a file that its job holds locked; the lock ends with the process, so a killed job frees its place.

    Args:
        device: e.g. "cpu" or "cuda:0".
        waiting: called with the number of jobs ahead while there are some; returns False to give up.

    Yields:
        True when it is this job's turn, False when it gave up.
    """
    folder = home() / "queue" / f"{socket.gethostname()}-{re.sub(r'[^A-Za-z0-9]+', '-', device)}"
    ticket = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.ticket"
    with plain_disk_errors(ticket):
        folder.mkdir(parents=True, exist_ok=True)
        # made under another name and locked before it counts, so that nobody takes it for an abandoned one
        draft = ticket.with_suffix(".draft")
        handle = open(draft, "w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            draft.rename(ticket)
            mine = True
            while mine and (
                ahead := sum(_held(other) for other in sorted(folder.glob("*.ticket")) if other.name < ticket.name)
            ):
                mine = waiting(ahead)
                if mine:
                    time.sleep(poll)
            yield mine
        finally:
            ticket.unlink(missing_ok=True)
            draft.unlink(missing_ok=True)


def _held(ticket: Path) -> bool:
    """Whether a living job holds the ticket; an abandoned one is removed."""
    try:
        with open(ticket) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            ticket.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False
