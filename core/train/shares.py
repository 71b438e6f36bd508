"""One training on several processes: each takes a share of every batch, and they agree on what they do.

With one process, everything here gives back what it was given.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor


class Shares:
    """What this process has to do with the others; `rank` 0 speaks for all."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.rank, self.world = fabric.global_rank, fabric.world_size

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and is asked to stop."""
        return self.rank == 0

    def mine(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's share of rows (n,): every `world`-th, from its rank on; may be empty."""
        return rows[self.rank :: self.world]

    def agreed(self, value: int) -> int:
        """What the first process has, on all."""
        return value if self.world == 1 else int(self.fabric.broadcast(value, src=0))

    def together(self, shares: Sequence[Tensor], lengths: Sequence[int]) -> list[Tensor]:
        """Put values of several batches together, each (n,) of `lengths` on the CPU, in the batches' order.

        `shares` are what `mine` gave of each, on this process's device; one transfer for all of them.
        """
        joined = torch.cat(list(shares)) if len(shares) > 1 else shares[0]
        if self.world == 1:
            return list(joined.cpu().split(list(lengths)))
        longest = sum(-(-length // self.world) for length in lengths)
        padded = joined.new_zeros(longest)
        padded[: len(joined)] = joined
        of_ranks = cast(Tensor, self.fabric.all_gather(padded)).cpu()  # (world, longest)
        whole = [torch.empty(length, dtype=joined.dtype) for length in lengths]
        for rank in range(self.world):
            begin = 0
            for values in whole:
                n = len(values[rank :: self.world])
                values[rank :: self.world] = of_ranks[rank, begin : begin + n]
                begin += n
        return whole
