"""Devices that a job can run on, asked of NVML so that nobody needs to import torch for it."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import pynvml

from core.errors import MollensError


@dataclass(frozen=True)
class Device:
    """One device of this machine."""

    key: str
    """what recipes and `--device` call it: cpu, cuda:0, ..."""
    label: str
    memory: int
    """bytes in all"""
    free: int
    """bytes not in use"""
    load: float | None
    """share of time at work, 0 to 1; None where it is not known"""


def list_devices() -> list[Device]:
    """The CPU, then every NVIDIA GPU that the driver shows."""
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count() or 1
    return [Device("cpu", f"CPU, {cores} cores", memory.total, memory.available, None), *_gpus()]


def _gpus() -> list[Device]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(k) for k in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        load: float | None = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except pynvml.NVMLError:
        load = None  # a slice of a shared GPU does not tell
    name = pynvml.nvmlDeviceGetName(handle)
    return Device(f"cuda:{index}", f"GPU {index}, {name}", int(memory.total), int(memory.free), load)


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
