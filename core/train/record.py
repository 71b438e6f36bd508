"""What a training tells, handed to the run's writer and to whoever watches in the foreground."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.runs.logs import RunLogs
from core.runs.writer import OwnerLost, RunWriter
from core.train.checkpoint import Progress

LOGS_EVERY = 10.0  # seconds between two times that logs for other programs are brought up to date
LOOK_EVERY = 0.5  # seconds between two looks for a request to stop, and between two words of progress

Report = Callable[[int, int, str], None]
"""Shows progress in the foreground: steps done, steps in all, what is done now."""
Describe = Callable[[Mapping[str, Tensor], int, float], tuple[bytes, dict[str, Any]]]
"""Makes the model files from weights, epoch and validation MAE."""


def no_report(done: int, total: int, text: str = "") -> None:
    """Show nothing."""


class Silence:
    """The `Record` of who keeps nothing: of a rank other than the first, of a calibration."""

    def line(self, line: dict[str, Any]) -> None:
        """Write nothing."""

    def validation(self, epoch: int, errors: NDArray[np.float64]) -> None:
        """Write nothing."""

    def best(self, weights: Mapping[str, Tensor], epoch: int, mae: float) -> None:
        """Write nothing."""

    def checkpoint(self, content: bytes) -> None:
        """Write nothing."""

    def progress(self, progress: Progress) -> None:
        """Write nothing."""

    def should_stop(self) -> bool:
        """Nobody asks here; of several processes the first one is asked."""
        return False


class JobRecord:
    """The `Record` of a training that writes into a run folder."""

    def __init__(self, writer: RunWriter, report: Report = no_report) -> None:
        self.writer, self._report = writer, report
        self._describe: Describe | None = None
        self._text = ""
        self._unit = ""
        self._stop = False
        self._looked = self._told = 0.0
        self._logs: RunLogs | None = None
        self._logged = 0.0
        writer.asked_to_stop = lambda: self._stop

    def open(self, describe: Describe, validation_ids: NDArray[np.int64], unit: str) -> None:
        """Say how model files are made, and whose errors are recorded; before the training begins."""
        self._describe, self._unit = describe, unit
        self.writer.open_validation(validation_ids)

    def phase(self, text: str) -> None:
        """Say what is done now."""
        self.writer.set_status(phase=text)
        self._tell(text)

    def waits(self, device: str, ahead: int) -> bool:
        """Say that `ahead` jobs come first on `device`; False if asked to stop.

        Raises:
            OwnerLost: if another job has taken the run over meanwhile.
        """
        if not self.writer.still_owner():
            raise OwnerLost(f"{self.writer.run.what}: another job has taken it over; this one leaves the queue")
        jobs = "another job" if ahead == 1 else f"{ahead} jobs"
        phase = f"waits for {device}, {jobs} ahead"
        if self.writer.status.phase != phase:
            self.writer.set_status(state="queued", phase=phase, device=device)
            self._tell(phase)
        return not self.should_stop()

    def line(self, line: dict[str, Any]) -> None:
        """Append a line of metrics."""
        self.writer.append_metrics(line)
        if line["kind"] == "epoch" or time.monotonic() - self._logged > LOGS_EVERY:
            self.bring_logs_up()
        if line["kind"] == "epoch":
            self._text = f"epoch {line['epoch']}, validation MAE {line['validation_mae']:.4g} {self._unit}"

    def bring_logs_up(self) -> None:
        """Bring the logs that the run keeps for other programs up to its metrics."""
        self._logged = time.monotonic()
        if self._logs is None:
            self._logs = RunLogs(self.writer.run, self.writer.run.logs)
        self.writer.carry_out(self._logs.refresh)

    def validation(self, epoch: int, errors: NDArray[np.float64]) -> None:
        """Record the validation errors of an epoch."""
        self.writer.append_validation(epoch, errors)

    def best(self, weights: Mapping[str, Tensor], epoch: int, mae: float) -> None:
        """Write the model files."""
        assert self._describe is not None, "open comes first"
        self.writer.save_model(*self._describe(weights, epoch, mae))

    def checkpoint(self, content: bytes) -> None:
        """Replace last.ckpt."""
        self.writer.save_checkpoint(content)

    def progress(self, progress: Progress) -> None:
        """Bring the status up to date, at most twice a second and at the end of an epoch."""
        now = time.monotonic()
        if progress.position == 0 or now - self._told > LOOK_EVERY:
            self._told = now
            seconds = progress.total_seconds + progress.seconds
            self.writer.set_status(epoch=progress.epoch, step=progress.step, seconds=round(seconds, 3))
            self._tell(self._text)

    def should_stop(self) -> bool:
        """Whether a signal came, or a stop file is there (looked for twice a second)."""
        now = time.monotonic()
        if not self._stop and now - self._looked > LOOK_EVERY:
            self._looked = now
            self._stop = self.writer.stop_requested()
        return self._stop

    def _tell(self, text: str) -> None:
        self._report(self.writer.status.step, self.writer.status.steps, text)

    @contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT become requests to stop; outside the main thread they stay what they are."""
        before = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, self._on_signal)
            except ValueError:  # not the main thread: whoever started the thread handles signals
                break
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._stop = True
