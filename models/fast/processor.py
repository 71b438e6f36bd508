"""Which way a tensor goes: through the compiled kernels on the CPU, through plain torch elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

from models.fast import softplus
from models.fast.pairs import PairBatch

Arrays = tuple[Any, ...]

COMPILED = True
"""Whether the CPU uses the compiled kernels; the tests compare the two ways."""

PIECE = 2048
"""Pairs of each thread whose exact filters are made and used at once: their arrays stay in the processor's cache."""

LEAST = 1024
"""Pairs for which another thread is worth its start, 50 microseconds."""

NO_ROWS = torch.empty(0, dtype=torch.int32)
"""What the kernels get for `rows` where every pair has a filter of its own."""


def runs_compiled(tensor: Tensor) -> bool:
    """Whether the kernels work on tensors like this one."""
    return COMPILED and tensor.device.type == "cpu"


def pieces(n_pairs: int) -> list[tuple[int, int]]:
    """Begin and end of the pieces in which exact filters are made."""
    step = PIECE * torch.get_num_threads()
    return [(begin, min(begin + step, n_pairs)) for begin in range(0, n_pairs, step)]


def longest_piece(n_pairs: int) -> int:
    """Pairs of the longest of these pieces."""
    return min(n_pairs, PIECE * torch.get_num_threads())


def run_kernel(
    kernel: Callable[..., None], pairs: PairBatch, begin: int, end: int, given: Arrays, found: Arrays,
    of_share: Arrays = (),
) -> None:  # fmt: skip
    """Call a kernel for the pairs `begin` to `end - 1`, parts of them in as many threads as torch uses.

    It gets `given`, the bounds, `found` (which it adds to), and of each of `of_share` (n_shares, ...) the part's own.
    Molecules are not torn apart, so that no two threads write to one atom, and the parts depend on nothing but the
    number of threads.
    """
    shares = [
        (*given, begin, *bounds, *found, *(array[k] for array in of_share))
        for k, bounds in enumerate(pairs.shares(begin, end, n_shares(end - begin)))
    ]
    others = [_pool().submit(kernel, *share) for share in shares[1:]]
    kernel(*shares[0])
    for other in others:
        other.result()


def n_shares(n_pairs: int) -> int:
    """At most how many parts `run_kernel` makes of so many pairs."""
    return max(1, min(torch.get_num_threads(), n_pairs // LEAST))


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for work; they are started as they are needed."""
    return ThreadPoolExecutor(max_workers=256, thread_name_prefix="pairs")


def arrays(*tensors: Tensor) -> Arrays:
    """Views (numpy arrays) of tensors in the CPU's memory."""
    return tuple(tensor.numpy() for tensor in tensors)


def softplus_(values: Tensor) -> Tensor:
    """log(1 + exp(values)), in place; `values` must be contiguous."""
    if values.dtype != torch.float32:
        return torch.ops.aten.softplus.out(values, out=values)
    softplus.softplus(values.view(-1).numpy())
    return values


def times_slope_(gradient: Tensor, values: Tensor) -> Tensor:
    """Multiply a gradient, in place, by the slope of softplus where softplus is `values`; both contiguous."""
    if values.dtype != torch.float32:
        return gradient.mul_(-torch.expm1(-values))
    softplus.times_slope(gradient.view(-1).numpy(), values.view(-1).numpy())
    return gradient
