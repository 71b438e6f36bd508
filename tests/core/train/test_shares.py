"""Values that several processes hold come together in the order of their batches."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.train.shares import Shares


def of_ranks(world: int, lengths: list[int]) -> tuple[list[Shares], list[np.ndarray]]:
    """The shares of `world` processes and the batches' rows; gathering stacks what all processes give."""
    begin = np.cumsum([0, *lengths])
    batches = [np.arange(a, b) for a, b in pairwise(begin)]
    longest = sum(-(-length // world) for length in lengths)

    def padded(rank: int) -> torch.Tensor:
        mine = np.concatenate([rows[rank::world] for rows in batches]).astype(np.float32)
        return torch.from_numpy(np.pad(mine, (0, longest - len(mine))))

    def gather(mine: torch.Tensor) -> torch.Tensor:
        assert len(mine) == longest
        return torch.stack([padded(rank) for rank in range(world)])

    fabrics = [
        SimpleNamespace(global_rank=rank, world_size=world, all_gather=gather, broadcast=lambda value, src: value)
        for rank in range(world)
    ]
    return [Shares(fabric) for fabric in fabrics], batches  # type: ignore[arg-type]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("lengths", [[7], [8, 8, 3], [1, 5]])
def test_losses_come_back_in_the_order_of_the_batch(world: int, lengths: list[int]) -> None:
    shares, batches = of_ranks(world, lengths)
    for share in shares:
        mine = [torch.from_numpy(share.mine(rows).astype(np.float32)) for rows in batches]
        whole: list[Any] = share.together(mine, lengths)
        assert [values.tolist() for values in whole] == [rows.tolist() for rows in batches]
    assert sorted(np.concatenate([s.mine(batches[0]) for s in shares])) == batches[0].tolist()
    assert [share.first for share in shares] == [True] + [False] * (world - 1)
