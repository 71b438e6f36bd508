"""The training loop: one for every network, resumable at any step, on one device or several.

A training that is stopped, killed and resumed ends with the same bits as one that never stopped, on one machine with
one number of threads: the order of the molecules follows from seed and epoch, everything else is in the checkpoint.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from core.errors import MollensError
from core.recipes.recipe import Recipe
from core.train.batches import chunks
from core.train.checkpoint import Progress, State, pack, random_state, restore_random_state
from core.train.faults import LossWatch, no_number
from core.train.lesson import Lesson, Record
from core.train.losses import describe_losses, loss_unit, molecule_losses
from core.train.memory import is_out_of_memory
from core.train.predict import network_outputs
from core.train.schedule import Plateau, Schedule
from core.train.stepping import Stepper
from core.train.telemetry import Telemetry, is_logged
from models.fast import PairForward
from models.schnetpack_compat import NeuralNetworkPotential

__all__ = ["Lesson", "Record", "Training"]

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch
LOOK_EVERY = 16
"""Steps on a GPU whose losses are looked at together: each look makes the processor wait for the GPU."""
GO_ON, SAVE, STOP = range(3)


@dataclass(frozen=True, eq=False)
class _Step:
    """A step that was taken and whose losses nobody has looked at yet."""

    number: int
    epoch: float
    rows: NDArray[np.int64]
    """(n,) of the whole batch"""
    losses: Tensor
    """(n_share,) of this process's share, without weights, on the device"""
    learning_rate: float


class Training:
    """A network in training: `run` trains to the end, or until asked to stop."""

    def __init__(
        self,
        recipe: Recipe,
        lesson: Lesson,
        network: NeuralNetworkPotential,
        record: Record,
        device: str = "cpu",
        fabric: Fabric | None = None,
        engine: str = "eager",
    ) -> None:
        """`device` is "cpu", "cuda" or "cuda:N"; the network is moved there and trained in place.

        `fabric` is a launched one in place of `device`, in every process of a training on several devices; the batch
        size is that of all together, and only the first process calls `record`. `engine` as for `Stepper`.
        """
        self.recipe, self.lesson, self.network, self.record = recipe, lesson, network, record
        self.progress = Progress()
        self.steps_per_epoch = -(-len(lesson.train) // recipe.batch_size)
        self.schedule = make_schedule(recipe, self.steps_per_epoch)
        forward = PairForward(network, filters=recipe.filters, grid_points=recipe.grid_points)
        self.stepper = Stepper(recipe, lesson, network, forward, fabric or _one_device(device), engine)
        self.shares, self.device = self.stepper.shares, self.stepper.fabric.device
        self.best_weights: dict[str, Tensor] | None = None
        weights = lesson.weight_of_rows()
        self._weights = None if weights is None else torch.from_numpy(weights)
        self.loss_unit = loss_unit(recipe.loss, lesson.offset.scale)
        self.watch = LossWatch(recipe.loss, lesson.ids, lesson.train, lesson.residual)
        self.telemetry = Telemetry(self.device)
        self._look_every = 1 if self.device.type == "cpu" else LOOK_EVERY
        self._pending: list[_Step] = []
        self._since_line = [0, 0.0]  # molecules and seconds since the last step that was told
        self._saved = self._clock = time.monotonic()

    def run(self) -> bool:
        """Train until the recipe's end; False if stopped before, with everything saved.

        Raises:
            MollensError: for a loss that is no number or has exploded, and a batch that does not fit into memory.
        """
        deterministic = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(self.device.type == "cpu")
        try:
            self.stepper.check_memory()
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
        progress, size = self.progress, self.recipe.batch_size
        order = self.lesson.order(self.recipe.seed, progress.epoch)
        self.stepper.forward.train()
        for rows in chunks(order, size, first=progress.position):
            wish = self._wish()
            if wish == STOP:
                self._look()
                return False
            if wish == SAVE:
                self._save()
            learning_rate = self.schedule.at(progress.step)
            if not self._pending:
                self._clock = time.monotonic()
            losses = self._step_or_none(rows, learning_rate)
            if losses is None:
                raise MollensError(f"step {progress.step + 1}: {self.stepper.out_of_memory(rows)}")
            progress.position += 1
            progress.step += 1
            epoch = progress.epoch + progress.position / self.steps_per_epoch
            self._pending.append(_Step(progress.step, epoch, rows, losses, learning_rate))
            if len(self._pending) == self._look_every:
                self._look()
            if self.shares.first:
                self.record.progress(progress)
        self._look()
        return True

    def _wish(self) -> int:
        """What is to be done before the next step; the first process decides, at each of its looks at the losses."""
        if self.shares.world > 1 and self.progress.position % self._look_every:
            return GO_ON
        wish = GO_ON
        if self.shares.first:
            if self.record.should_stop():
                wish = STOP
            elif time.monotonic() - self._saved > SAVE_EVERY:
                wish = SAVE
        return self.shares.agreed(wish)

    def _step_or_none(self, rows: NDArray[np.int64], learning_rate: float) -> Tensor | None:
        """One step, or None where its memory is used up; the error is dropped here, and with it what it holds."""
        try:
            return self.stepper.step(rows, learning_rate)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _look(self) -> None:
        """Look at the losses of the steps since the last look: they are summed, told and checked."""
        if not self._pending:
            return
        steps, self._pending = self._pending, []
        losses = self.shares.together([step.losses for step in steps], [len(step.rows) for step in steps])
        seconds = time.monotonic() - self._clock
        self.progress.seconds += seconds
        for step, values in zip(steps, losses, strict=True):
            self.watch.look(step.number, step.rows, values.numpy(), step.learning_rate)
            weights = None if self._weights is None else self._weights[step.rows]
            weighted = values if weights is None else values * weights
            self.progress.loss_sum += float(weighted.sum(dtype=torch.float64)) * self.loss_unit
            self._since_line[0] += len(step.rows)
            self._since_line[1] += seconds / len(steps)
            total = self.schedule.total_steps
            if self.shares.first and is_logged(step.number, self.steps_per_epoch, total):
                self._tell_step(step, values, weights)
        self._clock = time.monotonic()

    def _tell_step(self, step: _Step, losses: Tensor, weights: Tensor | None) -> None:
        n, seconds = self._since_line
        self._since_line = [0, 0.0]
        self.record.line(
            {"kind": "step", "step": step.number, "epoch": step.epoch}
            | describe_losses(losses, self.loss_unit, weights)
            | {"learning_rate": step.learning_rate, "molecules_per_second": n / max(seconds, 1e-9)}
            | self.telemetry.read()
        )

    def validate(self) -> NDArray[np.float64]:
        """Signed errors (n_validation,) of what would be kept, predicted minus target, in the target's unit."""
        lesson = self.lesson
        rows = lesson.validation
        output = network_outputs(self.stepper.kept_network, lesson.molecules, self.shares.mine(rows))
        whole = self.shares.together([torch.from_numpy(output).to(self.device)], [len(rows)])[0].numpy()
        return lesson.offset.target(whole, lesson.offsets[rows]) - lesson.target[rows]

    def _end_epoch(self) -> None:
        """Validate, keep the weights if they are the best, and save."""
        progress, lesson, record = self.progress, self.lesson, self.record
        train_seconds, began = progress.seconds, time.monotonic()
        errors = self.validate()
        learning_rate = self.schedule.at(progress.step - 1)
        if not np.isfinite(errors).all():
            bad = lesson.ids[lesson.validation[~np.isfinite(errors)]]
            raise no_number(f"epoch {progress.epoch + 1}: the validation error", bad, learning_rate)
        mae = float(np.abs(errors).mean())
        validation_seconds = time.monotonic() - began
        progress.epoch += 1
        best = mae < progress.best_mae
        if best:
            progress.best_epoch, progress.best_mae = progress.epoch, mae
            kept = self.stepper.kept_network.state_dict()
            self.best_weights = {name: value.detach().cpu().clone() for name, value in kept.items()}
        self.schedule.end_epoch(mae)
        seconds = train_seconds + validation_seconds
        progress.total_seconds += seconds
        if self.shares.first:
            if best and self.best_weights is not None:
                record.best(self.best_weights, progress.epoch, mae)
            record.validation(progress.epoch, errors)
            record.line(
                {
                    "kind": "epoch",
                    "epoch": progress.epoch,
                    "step": progress.step,
                    "train_loss": progress.loss_sum / len(lesson.train),
                    "validation_loss": self._mean_loss(errors),
                    "validation_mae": mae,
                    "validation_rmse": float(np.sqrt(np.square(errors).mean())),
                    "learning_rate": learning_rate,
                    "seconds": seconds,
                    "validation_seconds": validation_seconds,
                    "molecules_per_second": len(lesson.train) / max(train_seconds, 1e-9),
                    "best": best,
                }
                | self.telemetry.read()
            )
        patience = self.recipe.early_stopping_patience
        early = 0 < patience <= progress.epoch - progress.best_epoch
        progress.finished = early or progress.epoch >= self.recipe.epochs
        progress.position, progress.loss_sum, progress.seconds = 0, 0.0, 0.0
        self._save()
        if self.shares.first:
            record.progress(progress)

    def _mean_loss(self, errors: NDArray[np.float64]) -> float:
        """The recipe's loss of errors in the target's unit, without weights."""
        scaled = torch.from_numpy(errors / self.lesson.offset.scale)
        return float(molecule_losses(self.recipe.loss, scaled, torch.zeros_like(scaled)).mean()) * self.loss_unit

    def _save(self) -> None:
        """Write everything that going on needs."""
        self._look()
        self._saved = time.monotonic()
        if not self.shares.first:
            return
        averaged = self.stepper.averaged
        state: State = {
            "network": self.network.state_dict(),
            "optimizer": self.stepper.optimizer.state_dict(),
            "averaged": None if averaged is None else averaged.network.state_dict(),
            "best": self.best_weights,
            "schedule": self.schedule.state(),
            "watch": self.watch.state(),
            "random": random_state(),
        }
        self.record.checkpoint(pack(state, self.progress))
        self._saved = time.monotonic()

    def restore(self, state: State, progress: Progress) -> None:
        """Go on from a checkpoint of the same recipe and data."""
        self.network.load_state_dict(state["network"])
        self.stepper.optimizer.load_state_dict(state["optimizer"])
        averaged = self.stepper.averaged
        if averaged is not None:
            averaged.network.load_state_dict(state["averaged"])
            averaged.n_updates = progress.step
        self.best_weights = state["best"]
        self.schedule.restore(state["schedule"])
        if "watch" in state:
            self.watch.restore(state["watch"])
        restore_random_state(state["random"])
        self.progress = progress
        if self.best_weights is not None and self.shares.first:
            self.record.best(self.best_weights, progress.best_epoch, progress.best_mae)


def _one_device(device: str) -> Fabric:
    kind, _, number = device.partition(":")
    return Fabric(accelerator=kind, devices=[int(number or 0)] if kind == "cuda" else 1, precision="32-true")


def make_schedule(recipe: Recipe, steps_per_epoch: int) -> Schedule:
    """The learning rate that a recipe asks for."""
    return Schedule(
        recipe.schedule,
        recipe.learning_rate,
        warmup_steps=round(recipe.warmup_epochs * steps_per_epoch),
        total_steps=recipe.epochs * steps_per_epoch,
        plateau=Plateau(
            recipe.plateau_factor,
            recipe.plateau_patience,
            recipe.plateau_threshold,
            recipe.plateau_cooldown,
            recipe.min_learning_rate,
        ),
    )
