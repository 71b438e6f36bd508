"""The one writer of a run: the job that holds its owner token."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import lock, new_folder, plain_disk_errors, utc_now, write_bytes, write_json
from core.runs.folder import Run
from core.runs.full_disk import LISTEN, PAUSED, RETRY, STOPPED, KeptBack, StoppedWhileFull, disk_is_full
from core.runs.log import limit_log
from core.runs.metrics import append_line, kept_lines
from core.runs.ownership import OWNER_LOCK, OwnerLost, run_lock
from core.runs.predictions import Predictions, write_predictions
from core.runs.status import HEARTBEAT, Status, read_status, write_status
from core.runs.validation import ValidationFile

__all__ = ["OwnerLost", "RunWriter", "replace_predictions"]

Done = TypeVar("Done")
_LOOK_AT_LOG = 1.0  # seconds between two looks at the size of log.txt
_DRAFTS = (".status.json.*", ".last.ckpt.*", ".metrics.jsonl.*", ".model.*", ".validation*")


class RunWriter:
    """Writes into a run folder for as long as its token stands in status.json; use as a context manager.

    Entering claims the run: the token of whoever wrote before becomes void. Every write looks for the token and is
    carried out under one lock, which a claim takes too: so a job that was taken over, however long it slept between
    two lines of its code, writes nothing any more. A thread touches status.json every 5 s.

    A write that finds the disk full waits until there is room; the status says so, the heartbeat goes on.
    """

    def __init__(self, run: Run) -> None:
        if run.shipped:
            raise MollensError(
                f"{run.what}: ships with Mollens and is not trained again; clone its recipe into a new run"
            )
        self.run = run
        self.owner = secrets.token_hex(8)
        self.asked_to_stop: Callable[[], bool] = lambda: False
        """another way to be asked to stop than the file `stop`; looked at while waiting for room on the disk"""
        self._status_path = run.path / "status.json"
        self._guard = threading.RLock()
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._validation: ValidationFile | None = None
        self._kept_back = KeptBack(run.path)
        self._status = Status("created")

    def __enter__(self) -> RunWriter:
        with run_lock(self.run.path, OWNER_LOCK):
            before = read_status(self._status_path, self.run.what)
            self._status = replace(
                before,
                state="starting",
                owner=self.owner,
                pid=os.getpid(),
                host=socket.gethostname(),
                error="",
                message="",
                phase="",
                started=before.started or utc_now(),
            )
            write_status(self._status_path, self._status)
            if before.state != "queued":  # else start_job has cleared it, and a stop asked for since then counts
                (self.run.path / "stop").unlink(missing_ok=True)
            self._remove_drafts()
        self._kept_back.keep()
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._beat.join(timeout=HEARTBEAT)
        if self.still_owner():
            self._kept_back.give_up()

    @property
    def status(self) -> Status:
        """What this job last said."""
        return self._status

    def set_status(self, wait: bool = True, **changes: Any) -> None:
        """Change fields of the status.

        Args:
            wait: whether to wait for room on a full disk; else the room that is kept back is used once.

        Raises:
            OwnerLost: if another job has taken over.
        """

        def write() -> None:
            status = replace(self._status, **changes)
            write_status(self._status_path, status)
            self._status = status

        if wait:
            self.carry_out(write)
            return
        try:
            self._once(write)
        except (MollensError, OSError) as error:
            if not disk_is_full(error) or not self._kept_back.give_up():
                raise
            self._once(write)

    def stop_requested(self) -> bool:
        """Whether someone has asked the job to stop."""
        return (self.run.path / "stop").exists()

    def still_owner(self) -> bool:
        """Whether no other job has taken over, and the folder is there."""
        try:
            return read_status(self._status_path, self.run.what).owner == self.owner
        except (MollensError, OSError):
            return False

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl, floats with 7 digits; what is not finite becomes null."""
        content = {**_rounded(line), "time": utc_now()}
        self.carry_out(lambda: append_line(self.run.path / "metrics.jsonl", content))

    def open_validation(self, ids: NDArray[np.int64]) -> None:
        """Name the validation molecules (n,) whose errors will be recorded."""
        self._validation = self.carry_out(lambda: ValidationFile(self.run.path, ids))

    def append_validation(self, epoch: int, errors: NDArray[np.floating]) -> None:
        """Record the signed errors (n,) of the validation molecules after `epoch`."""
        file = self._validation
        if file is None:
            raise RuntimeError("open_validation comes first")
        self.carry_out(lambda: file.append(epoch, errors))

    def save_checkpoint(self, content: bytes) -> None:
        """Replace last.ckpt."""
        self.carry_out(lambda: write_bytes(self.run.path / "last.ckpt", content))

    def rewind(self, epoch: int, step: int) -> None:
        """Drop metrics after `step` and validation errors after `epoch`, to go on from a checkpoint."""

        def write() -> None:
            path = self.run.path / "metrics.jsonl"
            if path.exists():
                write_bytes(path, kept_lines(path, step))
            if self._validation is not None:
                self._validation.rewind(epoch)

        self.carry_out(write)

    def save_model(self, weights: bytes, description: dict[str, Any]) -> None:
        """Replace model.safetensors and model.json.

        The description holds the weights' checksum. It stands as model.next.json from before the weights are replaced
        until it takes the place of model.json: a reader finds one that fits, whenever the job is killed.
        """

        def write() -> None:
            upcoming = self.run.path / "model.next.json"
            write_json(upcoming, description)
            write_bytes(self.run.path / "model.safetensors", weights)
            with plain_disk_errors(upcoming):
                upcoming.replace(self.run.path / "model.json")

        self.carry_out(write)

    def save_predictions(self, predictions: Predictions, dataset: str, dataset_sha256: str) -> None:
        """Replace predictions/<dataset>/ as a whole."""
        self.carry_out(lambda: replace_predictions(self.run, predictions, dataset, dataset_sha256))

    def carry_out(self, write: Callable[[], Done]) -> Done:
        """Carry out a write as the owner of the run; on a full disk wait for room and try again.

        Args:
            write: may be called several times, so it must leave nothing half done when it raises.

        Raises:
            OwnerLost: if another job has taken over; nothing is written then.
            StoppedWhileFull: if asked to stop while waiting for room.
        """
        told = paused = False
        while True:
            try:
                done = self._once(write)
                break
            except (MollensError, OSError) as error:
                if not disk_is_full(error):
                    raise
            paused, told = True, told or self._say_paused()
            self._wait_for_room()
        if paused:
            self._kept_back.keep()
            self._tell(self._status)  # in place of the word that it is paused
        return done

    def wait_for_room(self, work: Callable[[], Done]) -> Done:
        """Do work that writes elsewhere, e.g. a neighbour list beside a dataset; on a full disk wait and do it again.

        Raises:
            StoppedWhileFull: if asked to stop while waiting for room.
        """
        while True:
            try:
                return work()
            except (MollensError, OSError) as error:
                if not disk_is_full(error):
                    raise
            self._say_paused()
            self._wait_for_room()
            self._tell(self._status)

    def _once(self, write: Callable[[], Done]) -> Done:
        with self._owned():
            return write()

    @contextmanager
    def _owned(self) -> Iterator[None]:
        """Hold the run: nobody can claim it in the block, and this job is its owner."""
        with self._guard, run_lock(self.run.path, OWNER_LOCK, timeout=None):
            if read_status(self._status_path, self.run.what).owner != self.owner:
                raise OwnerLost(f"{self.run.what}: another job has taken it over; this one ends without writing")
            yield

    def _say_paused(self) -> bool:
        """Put into status.json why nothing moves; False if not even that found room."""
        paused = replace(self._status, phase=PAUSED)
        return self._tell(paused) or (self._kept_back.give_up() and self._tell(paused))

    def _tell(self, status: Status) -> bool:
        try:
            self._once(lambda: write_status(self._status_path, status))
        except (MollensError, OSError) as error:
            if not disk_is_full(error):
                raise
            return False
        return True

    def _wait_for_room(self) -> None:
        until = time.monotonic() + RETRY
        while time.monotonic() < until:
            if self.stop_requested() or self.asked_to_stop():
                raise StoppedWhileFull(f"{self.run.what}: {STOPPED}")
            time.sleep(LISTEN)

    def _remove_drafts(self) -> None:
        """Remove what a killed job left half written; under the owner's lock nobody else writes such files."""
        for pattern in _DRAFTS:
            for draft in self.run.path.glob(pattern + ".part"):
                with suppress(OSError):
                    draft.unlink()

    def _beat_on(self) -> None:
        """Touch status.json and keep log.txt short; takes no lock, so that it goes on during long writes."""
        beaten = time.monotonic()
        while not self._ended.wait(_LOOK_AT_LOG):
            with suppress(OSError):  # a heartbeat must not end a training
                if self.still_owner():
                    limit_log(self.run.path / "log.txt")
                    if time.monotonic() - beaten >= HEARTBEAT:
                        os.utime(self._status_path)
                        beaten = time.monotonic()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    return value


def replace_predictions(
    run: Run, predictions: Predictions, dataset: str, dataset_sha256: str, codes: str = "split"
) -> None:
    """Write predictions of `run` for a dataset, in place of older ones.

    codes: of `core.runs.predictions.HOW_CODES`, where their split codes come from

    Raises:
        MollensError: for other data under the name of the dataset that the run was trained on, or a full disk.
    """
    if dataset == run.dataset_name and dataset_sha256 != run.dataset_sha256:
        raise MollensError(
            f"{run.what}: was trained on other data of the name {dataset}; import the new data under another name"
        )
    if not run.shipped and not run.path.is_dir():
        raise MollensError(f"{run.what}: its folder is gone; somebody has deleted it meanwhile")
    folder = run.results / "predictions" / dataset
    with lock(run.results / ".predictions.lock"):
        for left in (*folder.parent.glob(f"{dataset}.new-*"), *folder.parent.glob(f".{dataset}.old-*")):
            shutil.rmtree(left, ignore_errors=True)  # by a process that was killed here
        draft_name = folder.with_name(f"{dataset}.new-{secrets.token_hex(2)}")
        with new_folder(draft_name) as draft:
            write_predictions(draft, predictions, dataset, dataset_sha256, codes)
        old = folder.with_name(f".{dataset}.old-{secrets.token_hex(2)}")
        if folder.exists():
            folder.rename(old)
        draft_name.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
