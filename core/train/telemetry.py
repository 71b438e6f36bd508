"""What a training says about the machine while it goes on, and how often it says something."""

import time

import psutil
import torch

from core.runs.devices import list_devices

LINES = 10_000
"""Step lines that a run has at most, about."""
LINES_PER_EPOCH = 20
FIRST_LINES = 1_500
"""Of a run too long for even steps between its lines: lines before the steps between them double."""
LOOK_EVERY = 1.0  # seconds between two questions to the driver


class Telemetry:
    """Memory and load of the device that a training is on."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._process = psutil.Process()
        self._load: float | None = None
        self._looked = float("-inf")

    def read(self) -> dict[str, float | int | None]:
        """`memory` in bytes (resident on a CPU, allocated on a GPU) and `gpu_load` (0 to 1, None on a CPU)."""
        return {"memory": self.memory(), "gpu_load": self.gpu_load()}

    def memory(self) -> int:
        """Bytes that the training holds: resident of this process, or allocated on its GPU."""
        if self.device.type == "cuda":
            return int(torch.cuda.memory_allocated(self.device))
        return int(self._process.memory_info().rss)

    def gpu_load(self) -> float | None:
        """Share of time that the GPU is at work, as its driver said within the last second."""
        if self.device.type != "cuda":
            return None
        now = time.monotonic()
        if now - self._looked > LOOK_EVERY:
            self._looked = now
            key = f"cuda:{self.device.index or 0}"
            self._load = next((each.load for each in list_devices() if each.key == key), None)
        return self._load


def is_logged(step: int, steps_per_epoch: int, total_steps: int) -> bool:
    """Whether the step with this number, counted from 1, is told in a line of metrics.

    Twenty lines an epoch where they all fit into LINES. Else these twenty at first, and half as many each time the
    number of steps has doubled: a run that may go on for 100,000 epochs is seen from its beginning, and its file stays
    small.
    """
    every = max(1, steps_per_epoch // LINES_PER_EPOCH)
    if total_steps > LINES * every:
        every <<= (step // (FIRST_LINES * every)).bit_length()
    return step % every == 0
