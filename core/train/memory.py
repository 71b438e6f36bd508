"""How much memory a training step takes, how much is free, and what batch size fits into it."""

import gc
import resource
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

USABLE = 0.85
"""Share of the free memory that a batch may take: other programs live too."""
HEAP = 1.25
"""Memory of a process on a CPU for each byte of tensors: the heap keeps gaps. 1.16 with SchNet-128, 1.33 with PaiNN-128
(batches of 512 and 256, growth of the resident memory over two steps)."""
CGROUP = Path("/sys/fs/cgroup")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is used up, on a CPU or on a GPU."""
    words = ("can't allocate memory", "not enough memory", "CUDA out of memory", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error) for word in words)


class _Meter(TorchDispatchMode):
    """Counts the bytes of tensors made within it, and the most that lived at once."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        there_before = {storage._cdata for storage in _storages((args, kwargs))}  # views are of these
        for storage in _storages(result):
            if storage._cdata not in self._known and storage._cdata not in there_before:
                self._count(storage)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()

        def freed(_: object) -> None:
            self._known.pop(key, None)
            self.live -= size

        self._known[key] = weakref.ref(storage, freed)
        self.live += size
        self.peak = max(self.peak, self.live)


def _storages(values: Any) -> Iterator[torch.UntypedStorage]:
    """Where the numbers of the tensors in nested values lie."""
    for each in tree_leaves(values):
        if isinstance(each, Tensor):
            yield each.untyped_storage()


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Most bytes that `work` takes at once, beside what was there before.

    A GPU's allocator knows. On a CPU every tensor that torch makes is counted until it is freed, with the gaps of the
    heap; the process itself keeps what it once had, so that its size tells little of one step.
    """
    if device.type == "cuda":
        gc.collect()  # what is freed meanwhile would be missing from the peak; on a CPU only new tensors are counted
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - int(before)
    with _Meter() as meter:
        work()
    return round(HEAP * meter.peak)


def free_bytes(device: torch.device) -> int:
    """Bytes that this process can still take on a device.

    On a CPU: what the machine has available, the process's own limit (ulimit -v) and that of its container (cgroup 2)
    allow.
    """
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info(device)[0])
    free = [int(psutil.virtual_memory().available)]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free.append(limit - int(psutil.Process().memory_info().vms))
    container = _free_in_container()
    if container is not None:
        free.append(container)
    return max(0, min(free))


def _free_in_container() -> int | None:
    """Bytes below the container's limit, with what the system can drop from its file cache; None without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) - used + int(stat.get("inactive_file", 0))


def does_not_fit(batch_size: int, per_molecule: float, free: int, share: int = 1) -> str:
    """The sentence about a batch that is too large, with the size that would fit.

    `per_molecule` are bytes that a step takes for each molecule of a device's share, 1 / `share` of the batch.
    """
    need = per_molecule * batch_size / share
    fits = int(USABLE * free / per_molecule) * share if per_molecule > 0 else 0
    fits = min(fits, batch_size - 1)
    found = f"batch size {batch_size} needs about {in_words(need)} of memory and {in_words(free)} are free"
    if fits < 1:
        return f"{found}, which is not enough for one molecule; use fewer features or interactions"
    return f"{found}; batch size {_round_down(fits)} would fit, or use fewer features"


def _round_down(number: int) -> int:
    """The number with two digits that count."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit


def in_words(size: float) -> str:
    """Bytes as people say them, e.g. 9.1 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 10 * factor else f"{size / factor:.0f} {unit}"
    return f"{size / 1e3:.0f} kB"
