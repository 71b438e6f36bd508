"""One job at a time on a device: jobs wait by themselves, in the order of their tickets."""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import MollensError
from core.files import home, lock, plain_disk_errors
from core.runs.folder import Run, runs_folder

PATIENCE = 15.0  # seconds that a job of the same run, which was taken over, is given to see it and end

ARRIVAL = 60.0  # seconds that a job which was asked for earlier is given to draw its ticket

Waiting = Callable[[str, int], bool]
"""Called with the device and the number of jobs ahead while there are some; returns False to give up."""


@dataclass(frozen=True)
class Place:
    """Where a run stands in a queue."""

    device: str
    ahead: tuple[str, ...]
    """ids of the runs before it, the first one being at work; empty if it is at work itself"""


@contextmanager
def turn_on(devices: Sequence[str], waiting: Waiting, run: str = "", poll: float = 0.5) -> Iterator[bool]:
    """Wait until no earlier job is at work on these devices of this machine, and keep later ones waiting in the block.

    A ticket is a file that its job holds locked; the lock ends with the process, so a killed job frees its place.
    Tickets of several devices are taken one after the other in the order of the devices' names, the same for every
    job: so no two jobs can each hold what the other waits for.

    Args:
        devices: e.g. ("cpu",) or ("cuda:0", "cuda:1"); each at most once.
        run: id of the run, for those who look where it stands.

    Yields:
        True when it is this job's turn on all devices, False when it gave up.
    """
    with ExitStack() as held:
        yield all(
            held.enter_context(_turn_on_one(device, waiting, run, poll)) for device in sorted(set(devices), key=_order)
        )


def let_earlier_draw(run: Run, patience: float = ARRIVAL, poll: float = 0.2) -> bool:
    """Wait until the jobs that were asked for before this run's job have drawn their tickets; False if some have not.

    Jobs that are started together come up in any order; so they wait in the order in which they were asked for.
    """
    asked, until = run.status().asked, time.monotonic() + patience
    while asked and _on_their_way(asked):
        if time.monotonic() > until:
            return False
        time.sleep(poll)
    return True


def _on_their_way(asked: int) -> bool:
    """Whether a job of this machine that was asked for before this moment has no ticket yet."""
    with_ticket = {_run_of(ticket) for ticket in (home() / "queue").glob("*/*.ticket")}
    for path in runs_folder().glob("*/status.json"):
        run = Run(path.parent)
        try:
            status = run.status()
        except MollensError:
            continue
        coming = status.state in ("queued", "starting") and status.host == socket.gethostname()
        if coming and 0 < status.asked < asked and run.id not in with_ticket:
            return True
    return False


def _order(device: str) -> tuple[str, int]:
    kind, _, number = device.partition(":")
    return kind, int(number) if number.isdigit() else 0


@contextmanager
def _turn_on_one(device: str, waiting: Waiting, run: str, poll: float) -> Iterator[bool]:
    folder = _queue_of(device)
    draft = folder / f"{secrets.token_hex(8)}.draft"
    ticket = draft
    with plain_disk_errors(draft):
        folder.mkdir(parents=True, exist_ok=True)
        # made under another name and locked before it counts, so that nobody takes it for an abandoned one
        handle = open(draft, "w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with plain_disk_errors(draft):
                json.dump({"run": run, "device": device}, handle)
                handle.flush()
            with lock(folder / ".tickets.lock"):
                # later than all that are there, also where the clock has been set back
                last = max((_number(other) for other in folder.glob("*.ticket")), default=0)
                ticket = folder / f"{max(time.time_ns(), last + 1):020d}-{draft.stem}.ticket"
                draft.rename(ticket)
            began = time.monotonic()
            mine = True
            while mine and (ahead := _ahead(ticket, run, patient=time.monotonic() - began < PATIENCE)):
                mine = waiting(device, len(ahead))
                if mine:
                    time.sleep(poll)
            yield mine
        finally:
            ticket.unlink(missing_ok=True)
            draft.unlink(missing_ok=True)


def _queue_of(device: str, host: str | None = None) -> Path:
    return home() / "queue" / f"{host or socket.gethostname()}-{re.sub(r'[^A-Za-z0-9]+', '-', device)}"


def _number(ticket: Path) -> int:
    number = ticket.name.split("-")[0]
    return int(number) if number.isdigit() else 0


def jobs_on(device: str) -> list[str]:
    """Ids of the runs whose jobs are at work on a device of this machine or wait for it, in their order."""
    return [_run_of(ticket) for ticket in sorted(_queue_of(device).glob("*.ticket")) if _held(ticket)]


def _ahead(ticket: Path, run: str, patient: bool) -> list[str]:
    """Runs whose living jobs have earlier tickets, in their order.

    A run that was lost and is resumed may find the ticket of its old job, which is void and ends by itself once it
    looks up. One that is suspended cannot: it computes nothing, so after a while its ticket counts no more.
    """
    earlier = sorted(other for other in ticket.parent.glob("*.ticket") if other.name < ticket.name)
    runs = [_run_of(other) for other in earlier if _held(other)]
    return [other for other in runs if patient or not run or other != run]


def _run_of(ticket: Path) -> str:
    try:
        return str(json.loads(ticket.read_text()).get("run", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def place_in_queue(run: Run) -> Place | None:
    """Where a run's job stands: the first device that it waits for, or the last of those that it has; else None."""
    status = run.status()
    if not status.active or not status.device:
        return None
    place = None
    for folder in sorted((home() / "queue").glob(f"{status.host}-*")):
        for ticket in folder.glob("*.ticket"):
            if _run_of(ticket) == run.id and _held(ticket):
                ahead = tuple(_ahead(ticket, run.id, patient=False))
                if place is None or ahead or not place.ahead:
                    place = Place(_device_of(ticket) or status.device, ahead)
    return place


def _device_of(ticket: Path) -> str:
    try:
        return str(json.loads(ticket.read_text()).get("device", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _held(ticket: Path) -> bool:
    """Whether a living job holds the ticket; an abandoned one is removed."""
    try:
        with open(ticket) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
            except BlockingIOError:
                return True
            ticket.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False
