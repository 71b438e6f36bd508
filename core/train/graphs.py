"""Training steps of one fixed shape, recorded once as a CUDA graph and replayed: one launch in place of hundreds.

On a fast GPU a batch of 100 molecules is limited by the time that the processor takes to launch each kernel. A graph
takes all of them at once: the batch cut out of the resident molecules, forward, loss, backward, clipping, AdamW and the
running average. On the CPU the same padded step runs without a graph, which is how it is tested
(tests/core/train/test_graphs.py). **Recording and replaying are untried: no GPU was at hand.** For that reason it is
off by default, and every recording is compared with the step it was made of before it is trusted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.train.averages import RunningAverage
from core.train.batches import FlatMolecules
from core.train.losses import molecule_losses
from core.train.padding import Capacity, PaddedMolecules
from models.fast import GRID_POINTS, PairForward
from models.schnetpack_compat import Atomwise, NeuralNetworkPotential, properties

WARM_UP = 3
"""Real steps before the recording, so that libraries choose their kernels and make their buffers."""
CHECKED = 2
"""Replays that are compared with the step itself."""
LOSS_TOLERANCE = 1e-4
"""Largest difference of a loss, relative to the largest loss of the batch."""
CHANGE_TOLERANCE = 0.05
"""Norm of the difference of two changes of the weights, relative to the norm of the change. AdamW divides by the size
of the gradient, so that rounding changes small gradients' steps; a wrong graph is off by 1 or so."""


class Replayable(Protocol):
    """A recorded step."""

    def replay(self) -> None:
        """Do again what was recorded, on what now stands in the same buffers."""


def can_be_graphed(network: NeuralNetworkPotential, molecules: FlatMolecules) -> bool:
    """Whether a step can be of one shape: a sum or mean over atoms, of molecules that lie on the device."""
    atomwise = len(network.output_modules) == 1 and type(network.output_modules[0]) is Atomwise
    return atomwise and molecules.numbers.device.type == molecules.device.type


class FixedReadout(nn.Module):
    """SchNetPack's Atomwise for a known number of molecules; Atomwise itself asks the GPU for it and waits."""

    def __init__(self, atomwise: Atomwise, n_molecules: int) -> None:
        super().__init__()
        self.outnet, self.mean = atomwise.outnet, atomwise.aggregation_mode == "avg"
        self.model_outputs, self.n_molecules = atomwise.model_outputs, n_molecules

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add what each molecule's atoms contribute."""
        contributions = self.outnet(inputs["scalar_representation"]).squeeze(-1)  # (n_atoms,)
        output = contributions.new_zeros(self.n_molecules).index_add(0, inputs[properties.idx_m], contributions)
        if self.mean:
            output = output / inputs[properties.n_atoms]
        return {self.model_outputs[0]: output}


class GraphedStep:
    """One optimizer step: `step(rows, learning_rate)` gives the losses before it, or None where it cannot be taken."""

    def __init__(
        self,
        network: NeuralNetworkPotential,
        optimizer: torch.optim.AdamW,
        molecules: FlatMolecules,
        residual: Tensor,
        train: NDArray[np.int64],
        batch_size: int,
        *,
        loss: str,
        filters: str = "exact",
        grid_points: int = GRID_POINTS,
        gradient_clip: float = 0.0,
        weights: Tensor | None = None,
        averaged: RunningAverage | None = None,
        draw: NDArray[np.float64] | None = None,
        capacity: Capacity | None = None,
        tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        """All tensors lie on one device, and the network is where it will stay.

        `residual` (n_molecules,) float32 is what the network has to give, `weights` (n_molecules,) float32 what losses
        are multiplied by; both may hold anything outside the training part. `train`, `batch_size`, `draw` and
        `capacity` as for PaddedMolecules. `tell` takes the line about a recording that failed.

        Raises:
            ValueError: for what cannot be graphed.
        """
        if not can_be_graphed(network, molecules):
            raise ValueError(
                "no padded step: the output module is not Atomwise, or the molecules are not on the device"
            )
        self.optimizer, self.residual, self.weights, self.averaged = optimizer, residual, weights, averaged
        self.loss, self.gradient_clip, self.tell = loss, gradient_clip, tell
        cutoff = float(network.representation.cutoff_fn.cutoff)
        self.molecules = PaddedMolecules(molecules, cutoff, train, batch_size, draw, capacity)
        capacity = self.molecules.capacity
        readout = FixedReadout(network.output_modules[0], capacity.molecules + 1)
        self.forward = PairForward(
            NeuralNetworkPotential(network.representation, [], [readout]), filters, grid_points
        ).train()
        device = residual.device
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._rows = torch.zeros(capacity.molecules, dtype=torch.int64, device=device)
        self._places = torch.arange(capacity.molecules, device=device)
        self._n = torch.ones((), dtype=torch.int64, device=device)
        self._learning_rate = torch.zeros((), device=device)
        self._share = torch.zeros((), device=device)  # of the running average
        self._capturable = self._recording = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._recording else None
        self._graph: Replayable | None = None
        self._losses: Tensor | None = None  # (capacity.molecules,), written by every replay
        self._n_steps, self._n_checked, self.given_up = 0, 0, False

    def __call__(self, rows: NDArray[np.int64], learning_rate: float) -> Tensor | None:
        """Step on the molecules at rows (n,): their losses (n,) on the device, without weights, or None.

        None: the batch does not fit into the padding, or the recording was found wrong; nothing has been changed then,
        and the caller takes its own step.
        """
        if self.given_up or not self.molecules.fits(rows):
            return None
        n = len(rows)
        padded = np.resize(rows, len(self._rows))  # whatever stands behind the first n is a training molecule too
        self._rows.copy_(torch.from_numpy(padded), non_blocking=True)
        self._n.fill_(n)
        self._learning_rate.fill_(learning_rate)
        if self.averaged is not None:
            self._share.fill_(self.averaged.share)
        losses = self._step() if not self._recording else self._recorded_step()
        if losses is None:
            return None
        self._n_steps += 1
        if self.averaged is not None:
            self.averaged.n_updates += 1
        return losses[:n].clone()

    def _step(self) -> Tensor:
        """The step itself, on what stands in the buffers; the losses (capacity.molecules,) before it."""
        here = self._places < self._n
        output = self.forward(self.molecules.batch(self._rows, self._n))[:-1]  # without the ghosts'
        losses = molecule_losses(self.loss, output, self.residual[self._rows])
        share = here / self._n
        if self.weights is not None:
            share = share * self.weights[self._rows]
        with self._settings():
            self.optimizer.zero_grad()
            (losses * share).sum().backward()
            if self.gradient_clip > 0:
                torch.nn.utils.clip_grad_norm_(self._parameters, self.gradient_clip, error_if_nonfinite=False)
            self.optimizer.step()
        if self.averaged is not None:
            self.averaged.follow(self._share)
        return losses.detach()

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """AdamW's settings for a step that may be recorded; put back, so that checkpoints know nothing of it."""
        before = [(group["lr"], group["capturable"]) for group in self.optimizer.param_groups]
        for group in self.optimizer.param_groups:
            group["lr"], group["capturable"] = self._learning_rate, self._capturable
        try:
            yield
        finally:
            for group, (learning_rate, capturable) in zip(self.optimizer.param_groups, before, strict=True):
                group["lr"], group["capturable"] = learning_rate, capturable

    def _recorded_step(self) -> Tensor | None:
        """Warm up, record, check, replay: what is due at this step."""
        if self._n_steps < WARM_UP:
            return self._warm_step()
        if self._graph is None:
            try:
                self._graph = self._record()
            except RuntimeError as error:
                self._give_up(f"it could not be recorded: {str(error).splitlines()[0]}")
                return None
        if self._n_checked < CHECKED:
            self._n_checked += 1
            wrong = self._compare(self._graph)
            if wrong:
                self._give_up(wrong)
                return None
        else:
            self._graph.replay()
        return self._losses

    def _warm_step(self) -> Tensor:
        """A real step on the stream that the recording is made on."""
        assert self._stream is not None
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            losses = self._step()
        torch.cuda.current_stream().wait_stream(self._stream)
        return losses

    def _record(self) -> Replayable:
        """Record a step; nothing is computed."""
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()  # gradients are to be made in the graph's own memory
        with torch.cuda.graph(graph, stream=self._stream):
            self._losses = self._step()
        return graph

    def _compare(self, graph: Replayable) -> str:
        """Take the step without the graph, go back, replay it; what is wrong with the replay, or ""."""
        state = self._state()
        before = [tensor.clone() for tensor in state]
        expected_losses = self._step().clone()
        expected = [tensor.clone() for tensor in state]
        _put_back(state, before)
        graph.replay()
        assert self._losses is not None
        n = int(self._n)
        off = (self._losses[:n] - expected_losses[:n]).abs().max() / expected_losses[:n].abs().max().clamp(min=1e-12)
        n_weights = len(self._parameters)
        missed, moved = (
            torch.stack([(a - b).double().norm() for a, b in zip(new[:n_weights], old[:n_weights], strict=True)]).norm()
            for new, old in ((state, expected), (expected, before))
        )
        if float(off) <= LOSS_TOLERANCE and float(missed) <= CHANGE_TOLERANCE * float(moved):
            return ""
        _put_back(state, before)
        return f"losses are off by {float(off):.1e}, changes of the weights by {float(missed / moved):.1e} of them"

    def _state(self) -> list[Tensor]:
        """Everything that a step changes, the weights first."""
        moments = [
            value
            for parameter in self._parameters
            for value in self.optimizer.state[parameter].values()
            if torch.is_tensor(value)
        ]
        averages = [] if self.averaged is None else list(self.averaged.network.parameters())
        return [*(parameter.data for parameter in self._parameters), *moments, *(one.data for one in averages)]

    def _give_up(self, why: str) -> None:
        self.given_up, self._graph, self._losses = True, None, None
        self.tell(f"CUDA graph not used: {why}; going on step by step")


def _put_back(state: list[Tensor], values: list[Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in zip(state, values, strict=True):
            tensor.copy_(value)
