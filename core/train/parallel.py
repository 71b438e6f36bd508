"""One training on several devices: the job is rank 0 and owns the run, the other ranks only compute.

The job starts `python -m core job RUN` once more for every other rank. They meet through a file, not through a port
that others might take or see, and talk over the loopback interface. None outlives the others: a rank that fails ends
the job with its sentence, and a job that ends, be it by kill -9, closes the pipe that its ranks listen at.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import ClusterEnvironment
from lightning_fabric.strategies import DDPStrategy

from core.errors import MollensError
from core.files import CHECKOUT
from core.recipes.create import MOST_DEVICES
from core.train.device import choose_device
from models.errors import ModelError

RANK = "MOLLENS_RANK"
"""Environment variable of every rank but the first: its place, as JSON."""
PATIENCE = timedelta(days=7)
"""How long a rank waits for the others: dead ones are noticed at once, a suspended job may sleep."""
GRACE = 10.0  # seconds that a job has to end by itself after one of its ranks has failed


@dataclass(frozen=True)
class Place:
    """Which part of a training this process is."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    """of this rank: "cpu" or "cuda:N" """
    meeting: str = ""
    """file at which the ranks find each other; none for a training in one process"""

    @property
    def first(self) -> bool:
        """Whether it is the job itself."""
        return self.rank == 0


def this_place() -> Place | None:
    """The place that the job has given this process; None for the job itself."""
    given = os.environ.get(RANK)
    return Place(**json.loads(given)) if given else None


def choose_devices(wanted: str, n: int) -> tuple[str, ...]:
    """The devices of `n` ranks: n times "cpu", or `n` GPUs one after the other from the wanted one on.

    Raises:
        MollensError: for devices that are not there.
    """
    if not 1 <= n <= MOST_DEVICES:
        raise MollensError(f"devices is {n}; it must be from 1 to {MOST_DEVICES}")
    first = choose_device(wanted)
    if first == "cpu":
        return ("cpu",) * n
    number = int(first.partition(":")[2])
    return tuple(choose_device(f"cuda:{number + k}") for k in range(n))


class _Ranks(ClusterEnvironment):
    """Tells Fabric what is started already, without environment variables that would outlive the training."""

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0  # never asked for: the ranks have met at a file

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._place.size

    def set_world_size(self, size: int) -> None: ...

    def global_rank(self) -> int:
        return self._place.rank

    def set_global_rank(self, rank: int) -> None: ...

    def local_rank(self) -> int:
        return self._place.rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def fabric_of(place: Place) -> Iterator[Fabric]:
    """Fabric for this process; with several ranks, they have met when the block begins."""
    kind, _, number = place.device.partition(":")
    if place.size == 1:
        yield Fabric(accelerator=kind, devices=[int(number)] if kind == "cuda" else 1, precision="32-true")
        return
    backend = "nccl" if kind == "cuda" else "gloo"
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    if kind == "cuda":
        torch.cuda.set_device(int(number))
    store = torch.distributed.FileStore(place.meeting, place.size)
    torch.distributed.init_process_group(backend, store=store, rank=place.rank, world_size=place.size, timeout=PATIENCE)
    warnings.filterwarnings("ignore", message=".*all_gather is deprecated")  # Fabric's affair, in every log
    failed = True
    try:
        first = int(number or 0) - place.rank
        fabric = Fabric(
            accelerator=kind,
            devices=[first + rank for rank in range(place.size)] if kind == "cuda" else place.size,
            # the buffers of these networks are constants
            strategy=DDPStrategy(process_group_backend=backend, timeout=PATIENCE, forward_sync_buffers=False),
            plugins=[_Ranks(place)],
            precision="32-true",
        )
        fabric.launch()
        yield fabric
        failed = False
    finally:
        # NCCL would wait here for ranks that are no more; the process is about to end anyway
        if torch.distributed.is_initialized() and not (failed and backend == "nccl"):
            torch.distributed.destroy_process_group()


class OtherRanks:
    """The processes of the other ranks, on the job's side; use as a context manager around the training.

    Leaving the block in peace waits for them to end, leaving it with an error ends them at once.
    """

    def __init__(self, run_id: str, devices: tuple[str, ...], give_up: Callable[[str], None]) -> None:
        """`give_up` is called with the sentence of a rank that has failed, from a thread of its own, if the job has
        not ended by itself within GRACE seconds: it may wait for that rank for ever."""
        self._run_id, self._devices, self._give_up = run_id, devices, give_up
        self._folder = Path(tempfile.mkdtemp(prefix="mollens-ranks-"))
        self.place = Place(0, len(devices), devices[0], str(self._folder / "meeting"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self._failure = ""

    def failure_behind(self, error: Exception) -> str:
        """Why the first rank that failed did so, if `error` may come from that; "" while all ranks are well."""
        for thread in self._threads:  # its last word may still be on its way
            if not self._failure:
                thread.join(timeout=1.0)
        return self._failure

    def __enter__(self) -> "OtherRanks":
        try:
            for rank in range(1, self.place.size):
                self._start(rank)
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(at_once=error is not None)

    def _start(self, rank: int) -> None:
        place = Place(rank, self.place.size, self._devices[rank], self.place.meeting)
        told, tell = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "core", "job", self._run_id],
                cwd=CHECKOUT,
                env={**os.environ, RANK: json.dumps(asdict(place)), _TELL: str(tell)},
                stdin=subprocess.PIPE,  # its end is the job's end
                pass_fds=(tell,),
                process_group=0,  # Ctrl-C is for the job, which tells the others
            )
        finally:
            os.close(tell)
        self._processes.append(process)
        thread = threading.Thread(target=self._listen, args=(rank, process, told), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, rank: int, process: "subprocess.Popen[bytes]", told: int) -> None:
        """Wait for a rank's end, and see to it that the job ends too if that came too early."""
        with open(told, "rb") as pipe:
            words = pipe.read().decode(errors="replace").strip()
        status = process.wait()
        if status == 0 or self._over.is_set():
            return
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        self._failure = self._failure or words or f"the process of rank {rank} ended ({how}); the log may say why"
        if not self._over.wait(GRACE):
            self._give_up(self._failure)

    def _end(self, at_once: bool) -> None:
        if at_once:
            self._over.set()
        for process in self._processes:
            if not at_once:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=GRACE)
            self._over.set()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(timeout=GRACE if not at_once else 1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._over.set()
        shutil.rmtree(self._folder, ignore_errors=True)


_TELL = "MOLLENS_RANK_TELL"
"""Environment variable of the other ranks: the pipe for a last word."""


@contextmanager
def as_other_rank(in_words: Callable[[Exception], str]) -> Iterator[None]:
    """The life of a process that is not the first rank: it ends with the job, and its failure is told to the job.

    Args:
        in_words: one sentence about an error.

    Raises:
        SystemExit: in place of whatever went wrong, which the job tells.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the job hears these and ends all ranks in step
    threading.Thread(target=_end_with_the_job, daemon=True).start()
    tell = int(os.environ[_TELL])
    try:
        yield
    except Exception as error:
        with suppress(OSError):
            os.write(tell, in_words(error).encode())
            if not isinstance(error, MollensError | ModelError):
                traceback.print_exc(file=sys.stderr)
        raise SystemExit(1) from error


def _end_with_the_job() -> None:
    """Wait until the job has closed its end of standard input, be it by dying, and end this process."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)
