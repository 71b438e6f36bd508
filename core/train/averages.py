"""The exponential running average of a network's weights, which is validated and kept in place of the last ones."""

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class RunningAverage(Generic[Network]):
    """A copy of a network whose parameters follow it: averaged += (1 - decay_n) * (current - averaged).

    decay_n = min(decay, (1 + n) / (10 + n)) at update n, so that the random first weights do not linger.
    Buffers of SchNetPack's networks are constants and are not averaged.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay, self.n_updates = decay, 0
        self._averaged: list[Tensor] = list(self.network.parameters())
        self._current: list[Tensor] = list(network.parameters())

    @property
    def share(self) -> float:
        """How much of the way to the current weights the next update goes, 1 - decay_n."""
        return 1.0 - min(self.decay, (1 + self.n_updates) / (10 + self.n_updates))

    @torch.no_grad()
    def update(self) -> None:
        """Follow the network by one step."""
        torch._foreach_lerp_(self._averaged, self._current, self.share)
        self.n_updates += 1

    @torch.no_grad()
    def follow(self, share: Tensor) -> None:
        """Go `share` () of the way; for a recorded step, which reads it from the device and does not count."""
        way = torch._foreach_sub(self._current, self._averaged)
        torch._foreach_mul_(way, share)
        torch._foreach_add_(self._averaged, way)
