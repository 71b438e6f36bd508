"""Where a training computes: device and number of CPU threads."""

import os

import torch

from core.errors import MollensError

THREADS = 1
"""Chosen where a recipe says 0. On two cores that other processes use as well, a step of SchNet-38 takes 0.4 ms of wall
time per molecule with one thread and 2.8 ms with two (medians, grid filters), of SchNet-128 1.3 and 8.0 ms: threads
wait for each other at every layer, and burn the other core meanwhile. Before there were compiled kernels, a second
thread on an idle machine gained a tenth (SchNet-64) to a third (PaiNN-48) and doubled the CPU time."""


def choose_device(wanted: str) -> str:
    """ "cpu" or "cuda:N" from a wish; "auto" takes the first GPU where there is one.

    GPUs are counted in the order of the PCI bus, as nvidia-smi and core.runs.devices do, unless CUDA_DEVICE_ORDER says
    otherwise; CUDA reads it when torch first asks for a GPU, which is here.

    Raises:
        MollensError: for a device that is not there.
    """
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "cuda:0" if n_gpus else "cpu"
    if wanted == "cpu":
        return wanted
    kind, _, number = wanted.partition(":")
    if kind != "cuda" or not (number or "0").isdigit():
        raise MollensError(f"device {wanted!r}: not known; use auto, cpu, cuda or cuda:N")
    if int(number or 0) >= n_gpus:
        raise MollensError(f"device {wanted}: not there; this machine has {n_gpus} CUDA devices; use auto or cpu")
    return f"cuda:{int(number or 0)}"


def choose_threads(wanted: int) -> int:
    """Number of CPU threads: what a recipe wants, at most what this process may use; 0 chooses."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        available = os.cpu_count() or 1
    return min(wanted or THREADS, available)
