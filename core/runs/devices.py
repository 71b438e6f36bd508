"""Devices that a job can run on, asked of NVML so that nobody needs to import torch for it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pynvml

from core.errors import MollensError


@dataclass(frozen=True)
class Device:
    """One device of this machine."""

    key: str
    """what recipes and `--device` call it: cpu, cuda:0, ..."""
    label: str
    memory: int | None
    """bytes in all; None where it is not known"""
    free: int | None
    """bytes not in use; None where it is not known"""
    load: float | None
    """share of time at work, 0 to 1; None where it is not known"""


def list_devices() -> list[Device]:
    """The CPU, then every NVIDIA GPU that CUDA shows to a job, by the numbers that torch gives them.

    These are all GPUs in the order of the PCI bus, or those that CUDA_VISIBLE_DEVICES lists, in its order. One that
    does not answer is left out; the others keep their numbers.
    """
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count() or 1
    return [Device("cpu", f"CPU, {cores} cores", memory.total, memory.available, None), *_gpus()]


def _gpus() -> list[Device]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        n_gpus = pynvml.nvmlDeviceGetCount()
        wanted = [str(k) for k in range(n_gpus)] if visible is None else _listed(visible, n_gpus)
        found = [_gpu(number, name) for number, name in enumerate(wanted)]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
    return [gpu for gpu in found if gpu is not None]


def _listed(visible: str, n_gpus: int) -> list[str]:
    """Entries of CUDA_VISIBLE_DEVICES up to one that is no GPU, where CUDA stops reading; none if any repeats."""
    entries: list[str] = []
    for entry in (part.strip() for part in visible.split(",")):
        if not entry.startswith(("GPU-", "MIG-")) and not (entry.isdecimal() and int(entry) < n_gpus):
            break
        entries.append(entry)
    return entries if len(set(entries)) == len(entries) else []


def _gpu(number: int, name: str) -> Device | None:
    """The GPU that torch calls cuda:`number`; `name` is its index on the PCI bus or its UUID."""
    try:
        handle = _handle(name)
        label = f"GPU {number}, {pynvml.nvmlDeviceGetName(handle)}"
    except pynvml.NVMLError:
        return None
    memory: int | None = None
    free: int | None = None
    load: float | None = None
    with suppress(pynvml.NVMLError):  # not told of memory that is shared with the processor
        info = pynvml.nvmlDeviceGetMemoryInfo(handle)
        memory, free = int(info.total), int(info.free)
    with suppress(pynvml.NVMLError):  # not told of a slice of a shared GPU
        load = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    return Device(f"cuda:{number}", label, memory, free, load)


def _handle(name: str) -> Any:
    """NVML's handle of an index or of a UUID, which CUDA lets one shorten."""
    if name.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(name))
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(name)
    except pynvml.NVMLError:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        matching = [handle for handle in handles if pynvml.nvmlDeviceGetUUID(handle).startswith(name)]
        if len(matching) != 1:
            raise
        return matching[0]


def resolve_device(wanted: str) -> str:
    """The device that `wanted` means on this machine: auto takes the first GPU, else the CPU.

    Raises:
        MollensError: for a device that is not there.
    """
    keys = [device.key for device in list_devices()]
    if wanted == "auto":
        return keys[1] if len(keys) > 1 else "cpu"
    key = "cuda:0" if wanted == "cuda" else wanted
    if key not in keys:
        raise MollensError(f"device {wanted!r}: not on this machine; there are {', '.join(keys)}")
    return key
