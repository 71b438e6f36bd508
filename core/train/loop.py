"""The training loop: one for every network, on Lightning Fabric, resumable at any step.

A training that is stopped, killed and resumed ends with the same bits as one that never stopped, on one machine with
one number of threads: the order of the molecules follows from seed and epoch, everything else is in the checkpoint.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from core.errors import MollensError
from core.recipes.recipe import Recipe
from core.train.averages import RunningAverage
from core.train.batches import FlatMolecules, chunks, epoch_order
from core.train.checkpoint import Progress, State, pack, random_state, restore_random_state
from core.train.losses import describe_losses, loss_unit, molecule_losses
from core.train.predict import network_outputs
from core.train.schedule import Schedule
from models.fast import PairForward
from models.offset import Offset
from models.schnetpack_compat import NeuralNetworkPotential

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch
LINES_PER_EPOCH = 20  # logged steps
NAMED_MOLECULES = 5  # molecules that an error text names


class Record(Protocol):
    """Where a training writes what it has done."""

    def line(self, line: dict[str, Any]) -> None:
        """Take one line of metrics."""

    def validation(self, epoch: int, errors: NDArray[np.float64]) -> None:
        """Take the signed errors (n_validation,) of an epoch, predicted minus target."""

    def best(self, weights: Mapping[str, Tensor], epoch: int, mae: float) -> None:
        """Keep the weights with the least validation MAE."""

    def checkpoint(self, content: bytes) -> None:
        """Keep the checkpoint in place of the last one."""

    def progress(self, progress: Progress) -> None:
        """Take note of how far the training is; called after every step."""

    def should_stop(self) -> bool:
        """Whether the training should save and end; asked before every step."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned: the molecules, which of them are for what, and the target."""

    molecules: FlatMolecules
    ids: NDArray[np.int64]
    """(n_molecules,) of the dataset, for error texts"""
    train: NDArray[np.int64]
    """(n_train,) rows"""
    validation: NDArray[np.int64]
    """(n_validation,) rows"""
    target: NDArray[np.float64]
    """(n_molecules,) in the target's unit; NaN outside the two parts is never read"""
    offset: Offset
    offsets: NDArray[np.float64]
    """(n_molecules,) `offset` of every molecule"""


class Training:
    """A network in training: `run` trains to the end, or until asked to stop."""

    def __init__(
        self, recipe: Recipe, lesson: Lesson, network: NeuralNetworkPotential, record: Record, device: str = "cpu"
    ) -> None:
        """`device` is "cpu", "cuda" or "cuda:N"; the network is moved there and trained in place."""
        self.recipe, self.lesson, self.network, self.record = recipe, lesson, network, record
        self.progress = Progress()
        self.steps_per_epoch = -(-len(lesson.train) // recipe.batch_size)
        self.schedule = Schedule(
            recipe.schedule,
            recipe.learning_rate,
            warmup_steps=round(recipe.warmup_epochs * self.steps_per_epoch),
            total_steps=recipe.epochs * self.steps_per_epoch,
        )
        kind, _, number = device.partition(":")
        self.fabric = Fabric(accelerator=kind, devices=[int(number or 0)] if kind == "cuda" else 1, precision="32-true")
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.forward, self.fabric_optimizer = self.fabric.setup(PairForward(network), self.optimizer)
        decay = recipe.ema_decay
        self.averaged = RunningAverage(network, decay) if decay > 0 else None
        self.best_weights: dict[str, Tensor] | None = None
        residual = lesson.offset.residual(lesson.target, lesson.offsets)
        self.residual = torch.from_numpy(residual.astype(np.float32)).to(self.fabric.device)
        self.loss_unit = loss_unit(recipe.loss, lesson.offset.scale)
        self._saved = time.monotonic()

    def run(self) -> bool:
        """Train until the recipe's end; False if stopped before, with everything saved."""
        deterministic = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(self.fabric.device.type == "cpu")
        try:
            while not self.progress.finished:
                if not self._train_epoch():
                    self._save()
                    return False
                self._end_epoch()
            return True
        finally:
            torch.use_deterministic_algorithms(deterministic)

    def _train_epoch(self) -> bool:
        """Go through the rest of the epoch; False if asked to stop."""
        progress, recipe = self.progress, self.recipe
        order = self.lesson.train[epoch_order(len(self.lesson.train), recipe.seed, progress.epoch)]
        log_every = max(1, self.steps_per_epoch // LINES_PER_EPOCH)
        self.forward.train()
        for rows in chunks(order, recipe.batch_size, first=progress.position):
            if self.record.should_stop():
                return False
            if time.monotonic() - self._saved > SAVE_EVERY:
                self._save()
            began = time.monotonic()
            learning_rate = self.schedule.at(progress.step)
            losses = self._step(rows, learning_rate)
            progress.position += 1
            progress.step += 1
            progress.loss_sum += float(losses.sum(dtype=torch.float64)) * self.loss_unit
            progress.seconds += time.monotonic() - began
            if progress.step % log_every == 0:
                epoch = progress.epoch + progress.position / self.steps_per_epoch
                self.record.line(
                    {"kind": "step", "step": progress.step, "epoch": epoch}
                    | describe_losses(losses, self.loss_unit)
                    | {"learning_rate": learning_rate}
                )
            self.record.progress(progress)
        return True

    def _step(self, rows: NDArray[np.int64], learning_rate: float) -> Tensor:
        """One optimizer step; gives the loss of each molecule before it, (n_molecules,) of the scaled residual."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        on_device = torch.from_numpy(rows).to(self.fabric.device)
        output = self.forward(self.lesson.molecules.batch(on_device))
        losses = molecule_losses(self.recipe.loss, output, self.residual[on_device])
        if not torch.isfinite(losses.detach()).all():
            bad = rows[~torch.isfinite(losses.detach()).cpu().numpy()]
            raise self._no_number(f"step {self.progress.step + 1}: the loss", bad, learning_rate)
        self.fabric_optimizer.zero_grad()
        self.fabric.backward(losses.mean())
        if self.recipe.gradient_clip > 0:
            self.fabric.clip_gradients(
                self.forward, self.fabric_optimizer, max_norm=self.recipe.gradient_clip, error_if_nonfinite=False
            )
        self.fabric_optimizer.step()
        if self.averaged is not None:
            self.averaged.update()
        return losses.detach()

    def _no_number(self, what: str, rows: NDArray[np.int64], learning_rate: float) -> MollensError:
        """The sentence about a loss or a prediction that is no number, with the molecules concerned."""
        bad = self.lesson.ids[rows]
        named = ", ".join(str(number) for number in bad[:NAMED_MOLECULES])
        more = f" and {len(bad) - NAMED_MOLECULES} more" if len(bad) > NAMED_MOLECULES else ""
        return MollensError(
            f"{what} is not a number for molecules {named}{more}; lower the learning rate (now {learning_rate:.3g}) or "
            "clip the gradient, or look at these molecules"
        )

    def _end_epoch(self) -> None:
        """Validate, keep the weights if they are the best, and save."""
        progress, lesson = self.progress, self.lesson
        train_seconds, began = progress.seconds, time.monotonic()
        source = self.network if self.averaged is None else self.averaged.network
        output = network_outputs(source, lesson.molecules, lesson.validation)
        errors = lesson.offset.target(output, lesson.offsets[lesson.validation]) - lesson.target[lesson.validation]
        learning_rate = self.schedule.at(progress.step - 1)
        if not np.isfinite(errors).all():
            bad = lesson.validation[~np.isfinite(errors)]
            raise self._no_number(f"epoch {progress.epoch + 1}: the validation error", bad, learning_rate)
        mae = float(np.abs(errors).mean())
        progress.epoch += 1
        best = mae < progress.best_mae
        if best:
            progress.best_epoch, progress.best_mae = progress.epoch, mae
            self.best_weights = {name: value.detach().cpu().clone() for name, value in source.state_dict().items()}
            self.record.best(self.best_weights, progress.epoch, mae)
        self.schedule.end_epoch(mae)
        scaled = torch.from_numpy(errors / lesson.offset.scale)
        loss = molecule_losses(self.recipe.loss, scaled, torch.zeros_like(scaled)).mean()
        progress.total_seconds += train_seconds + time.monotonic() - began
        self.record.validation(progress.epoch, errors)
        self.record.line(
            {
                "kind": "epoch",
                "epoch": progress.epoch,
                "step": progress.step,
                "train_loss": progress.loss_sum / len(lesson.train),
                "validation_loss": float(loss) * self.loss_unit,
                "validation_mae": mae,
                "validation_rmse": float(np.sqrt(np.square(errors).mean())),
                "learning_rate": learning_rate,
                "seconds": train_seconds + time.monotonic() - began,
                "molecules_per_second": len(lesson.train) / max(train_seconds, 1e-9),
                "best": best,
            }
        )
        patience = self.recipe.early_stopping_patience
        early = 0 < patience <= progress.epoch - progress.best_epoch
        progress.finished = early or progress.epoch >= self.recipe.epochs
        progress.position, progress.loss_sum, progress.seconds = 0, 0.0, 0.0
        self._save()
        self.record.progress(progress)

    def _save(self) -> None:
        """Write everything that going on needs."""
        state: State = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.network.state_dict(),
            "best": self.best_weights,
            "schedule": self.schedule.state(),
            "random": random_state(),
        }
        self.record.checkpoint(pack(state, self.progress))
        self._saved = time.monotonic()

    def restore(self, state: State, progress: Progress) -> None:
        """Go on from a checkpoint of the same recipe and data."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.averaged is not None:
            self.averaged.network.load_state_dict(state["averaged"])
            self.averaged.n_updates = progress.step
        self.best_weights = state["best"]
        self.schedule.restore(state["schedule"])
        restore_random_state(state["random"])
        self.progress = progress
        if self.best_weights is not None:
            self.record.best(self.best_weights, progress.best_epoch, progress.best_mae)
