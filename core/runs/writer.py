"""The one writer of a run: the job that holds its owner token."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import lock, new_folder, plain_disk_errors, utc_now, write_bytes, write_json
from core.runs.folder import Run
from core.runs.metrics import kept_lines
from core.runs.predictions import Predictions, write_predictions
from core.runs.status import HEARTBEAT, Status, read_status, write_status
from core.runs.validation import ValidationFile


class OwnerLost(MollensError):
    """Another job has taken the run over; this one must end without writing."""


class RunWriter:
    """Writes into a run folder for as long as its token stands in status.json; use as a context manager.

    Entering claims the run: the token of whoever wrote before becomes void. A thread touches status.json every 5 s.
    """

    def __init__(self, run: Run) -> None:
        if run.shipped:
            raise MollensError(
                f"{run.what}: ships with Mollens and is not trained again; clone its recipe into a new run"
            )
        self.run = run
        self.owner = secrets.token_hex(8)
        self._status_path = run.path / "status.json"
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._validation: ValidationFile | None = None
        self._status = Status("created")

    def __enter__(self) -> RunWriter:
        with lock(self.run.path / ".owner.lock", timeout=10):
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
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._beat.join(timeout=HEARTBEAT)

    @property
    def status(self) -> Status:
        """What this job last said."""
        return self._status

    def set_status(self, **changes: Any) -> None:
        """Change fields of the status.

        Raises:
            OwnerLost: if another job has taken over.
        """
        with self._guard:
            self._check_owner()
            self._status = replace(self._status, **changes)
            write_status(self._status_path, self._status)

    def stop_requested(self) -> bool:
        """Whether someone has asked the job to stop."""
        return (self.run.path / "stop").exists()

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl, floats with 7 digits; what is not finite becomes null."""
        self._check_owner()
        path = self.run.path / "metrics.jsonl"
        with plain_disk_errors(path), open(path, "ab") as file:
            file.write(json.dumps({**_rounded(line), "time": utc_now()}).encode() + b"\n")

    def open_validation(self, ids: NDArray[np.int64]) -> None:
        """Name the validation molecules (n,) whose errors will be recorded."""
        self._check_owner()
        self._validation = ValidationFile(self.run.path, ids)

    def append_validation(self, epoch: int, errors: NDArray[np.floating]) -> None:
        """Record the signed errors (n,) of the validation molecules after `epoch`."""
        self._check_owner()
        if self._validation is None:
            raise RuntimeError("open_validation comes first")
        self._validation.append(epoch, errors)

    def save_checkpoint(self, content: bytes) -> None:
        """Replace last.ckpt."""
        self._check_owner()
        write_bytes(self.run.path / "last.ckpt", content)

    def load_checkpoint(self) -> bytes | None:
        """The content of last.ckpt, or None."""
        path = self.run.path / "last.ckpt"
        return path.read_bytes() if path.exists() else None

    def rewind(self, epoch: int, step: int) -> None:
        """Drop metrics after `step` and validation errors after `epoch`, to go on from a checkpoint."""
        self._check_owner()
        path = self.run.path / "metrics.jsonl"
        if path.exists():
            write_bytes(path, kept_lines(path, step))
        if self._validation is not None:
            self._validation.rewind(epoch)

    def save_model(self, weights: bytes, description: dict[str, Any]) -> None:
        """Replace model.safetensors and model.json; the description holds the weights' checksum: they fit or fail."""
        self._check_owner()
        write_bytes(self.run.path / "model.safetensors", weights)
        write_json(self.run.path / "model.json", description)

    def save_predictions(self, predictions: Predictions, dataset: str, dataset_sha256: str) -> None:
        """Replace predictions/<dataset>/ as a whole."""
        self._check_owner()
        replace_predictions(self.run, predictions, dataset, dataset_sha256)

    def _check_owner(self) -> None:
        if read_status(self._status_path, self.run.what).owner != self.owner:
            raise OwnerLost(f"{self.run.what}: another job has taken it over; this one ends without writing")

    def _beat_on(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with self._guard:
                try:
                    self._check_owner()
                    os.utime(self._status_path)
                except (MollensError, OSError):
                    continue  # the next write tells; a heartbeat must not end a training


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    return value


def replace_predictions(run: Run, predictions: Predictions, dataset: str, dataset_sha256: str) -> None:
    """Write predictions of `run` for a dataset, in place of older ones.

    Raises:
        MollensError: for other data under the name of the dataset that the run was trained on, or a full disk.
    """
    if dataset == run.dataset_name and dataset_sha256 != run.dataset_sha256:
        raise MollensError(
            f"{run.what}: was trained on other data of the name {dataset}; import the new data under another name"
        )
    folder = run.results / "predictions" / dataset
    with lock(run.results / ".predictions.lock"):
        draft_name = folder.with_name(f"{dataset}.new-{secrets.token_hex(2)}")
        with new_folder(draft_name) as draft:
            write_predictions(draft, predictions, dataset, dataset_sha256)
        old = folder.with_name(f".{dataset}.old-{secrets.token_hex(2)}")
        if folder.exists():
            folder.rename(old)
        draft_name.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
