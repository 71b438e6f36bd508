"""One optimizer step on a batch: its gradient, its losses, and the memory that it takes."""

import copy
import sys

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import MollensError
from core.recipes.recipe import Recipe
from core.train.averages import RunningAverage
from core.train.graphs import GraphedStep, can_be_graphed
from core.train.lesson import Lesson
from core.train.losses import molecule_losses
from core.train.memory import does_not_fit, free_bytes, is_out_of_memory, peak_bytes
from core.train.shares import Shares
from models.schnetpack_compat import NeuralNetworkPotential

PROBED = 16  # molecules whose step is measured


class Stepper:
    """A network with its optimizer and running average, on one device or on this process's share of several."""

    def __init__(
        self,
        recipe: Recipe,
        lesson: Lesson,
        network: NeuralNetworkPotential,
        forward: nn.Module,
        fabric: Fabric,
        engine: str = "eager",
    ) -> None:
        """`forward` takes pairs and evaluates `network`, which is moved to the device and trained in place.

        `engine` "graph" takes steps of one fixed shape, recorded as a CUDA graph on a GPU (see core.train.graphs), and
        says so in the log where that is not possible; "eager" launches every operation of every step.
        """
        self.recipe, self.lesson, self.network, self.fabric = recipe, lesson, network, fabric
        self.shares = Shares(fabric)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.bare_forward = forward
        self.forward, self.fabric_optimizer = fabric.setup(forward, self.optimizer)
        self.averaged = RunningAverage(network, recipe.ema_decay) if recipe.ema_decay > 0 else None
        self.residual = torch.from_numpy(lesson.residual.astype(np.float32)).to(fabric.device)
        weights = lesson.weight_of_rows()
        self.weights = None if weights is None else torch.from_numpy(weights).to(fabric.device)
        self.graphed: GraphedStep | None = None
        if engine == "graph" and (self.shares.world > 1 or not can_be_graphed(network, lesson.molecules)):
            why = "several devices, another output than a sum or a mean, or molecules that do not fit into the GPU"
            print(f"CUDA graph not used: {why}; going on step by step", file=sys.stderr, flush=True)
        elif engine == "graph":
            self.graphed = GraphedStep(
                network,
                self.optimizer,
                lesson.molecules,
                self.residual,
                lesson.train,
                recipe.batch_size,
                loss=recipe.loss,
                filters=recipe.filters,
                grid_points=recipe.grid_points,
                gradient_clip=recipe.gradient_clip,
                weights=self.weights,
                averaged=self.averaged,
                draw=lesson.draw,
            )

    @property
    def kept_network(self) -> NeuralNetworkPotential:
        """The network that is validated and kept: the average where there is one."""
        return self.network if self.averaged is None else self.averaged.network

    def step(self, rows: NDArray[np.int64], learning_rate: float) -> Tensor:
        """One optimizer step on the molecules at `rows` (n,) of a whole batch.

        Gives the loss before it of each molecule of this process's share, (n_share,) of the scaled residual, without
        weights, on the device. The gradient is that of the weighted mean over the whole batch.
        """
        if self.graphed is not None:
            losses = self.graphed(rows, learning_rate)
            if losses is not None:  # else the batch does not fit into the padding, or the recording was dropped
                return losses
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        mine = self.shares.mine(rows)
        losses, weighted = self._losses(mine if len(mine) else rows[:1])
        if self.shares.world == 1:
            loss = weighted.mean()
        else:  # processes are averaged; one without a share takes part with a loss of zero
            loss = weighted.sum() * (self.shares.world / len(rows) if len(mine) else 0.0)
        self.fabric_optimizer.zero_grad()
        self.fabric.backward(loss)
        if self.recipe.gradient_clip > 0:
            self.fabric.clip_gradients(
                self.forward, self.fabric_optimizer, max_norm=self.recipe.gradient_clip, error_if_nonfinite=False
            )
        self.fabric_optimizer.step()
        if self.averaged is not None:
            self.averaged.update()
        return losses.detach()[: len(mine)]

    def _losses(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Loss of each molecule (n,), and the same times its weight."""
        on_device = torch.from_numpy(rows).to(self.fabric.device, non_blocking=True)
        output = self.forward(self.lesson.molecules.pairs(on_device))
        losses = molecule_losses(self.recipe.loss, output, self.residual[on_device])
        return losses, losses if self.weights is None else losses * self.weights[on_device]

    def check_memory(self) -> None:
        """Refuse a batch that the processor's memory cannot hold: the system would end the process without a word.

        A GPU is left to try: it says so itself.

        Raises:
            MollensError: with the batch size that would fit.
        """
        device = self.fabric.device
        if device.type == "cpu":
            per_molecule = self.bytes_per_molecule(self.lesson.train)
            free, n = free_bytes(device), min(self.recipe.batch_size, len(self.lesson.train))
            if per_molecule * n > free:  # all processes of a training share the machine's memory
                raise MollensError(does_not_fit(n, per_molecule, free))

    def out_of_memory(self, rows: NDArray[np.int64]) -> str:
        """The sentence about a batch whose memory was used up, from a smaller one that does fit."""
        self.optimizer.zero_grad()
        device = self.fabric.device
        share = self.shares.world if device.type == "cuda" else 1
        return does_not_fit(len(rows), self.bytes_per_molecule(rows), free_bytes(device), share)

    def bytes_per_molecule(self, rows: NDArray[np.int64]) -> float:
        """Memory of a step for each molecule: measured on some of `rows` (n,), evenly spread, without changing weights.

        Infinite where not even one molecule fits.
        """
        n = min(PROBED, len(rows))
        gradient = sum(parameter.nbytes for parameter in self.network.parameters())
        while n:
            found = self._measure(rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)])
            if found is not None:
                return max(found - gradient, 1) / n
            n //= 2
        return float("inf")

    def _measure(self, rows: NDArray[np.int64]) -> int | None:
        on_device = torch.from_numpy(rows).to(self.fabric.device)
        forward = copy.deepcopy(self.bare_forward)  # that of several processes would wait for the others

        def forward_and_backward() -> None:
            output = forward(self.lesson.molecules.pairs(on_device))
            molecule_losses(self.recipe.loss, output, self.residual[on_device]).mean().backward()

        try:
            return peak_bytes(forward_and_backward, self.fabric.device)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None
