"""The cost of a training, measured: some steps of it on some of its molecules, and nothing is kept of them."""

import time
from statistics import median
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from torch import Tensor

from core.data.neighbours import find_neighbours
from core.data.store import Dataset
from core.files import utc_now
from core.recipes.cost import Cost
from core.recipes.recipe import Recipe
from core.recipes.streams import stream
from core.train.batches import FlatMolecules
from core.train.composition import network_offset
from core.train.device import choose_device, choose_threads
from core.train.job import network_keywords
from core.train.lesson import Lesson
from core.train.loop import Training
from core.train.prepare import Material, material_of, offsets_of
from core.train.record import Silence
from core.train.streams import torch_seed
from models.registry import build_network
from models.weights import COMPOSITION

WARM_STEPS = 3
MEASURED_STEPS = 60  # at most
ENOUGH_STEPS = 7  # after which time may end the measurement
SECONDS = 5.0  # of measured steps, unless they are fewer than FEWEST_STEPS
FEWEST_STEPS = 3
LONGEST = 12.0  # seconds of steps, warm ones included, after which FEWEST_STEPS are enough
VALIDATED = 1_000  # molecules


class Tell(Protocol):
    """Hears how far a calibration is."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total`, and what is done now."""


def calibrate(recipe: Recipe, dataset: Dataset, device: str = "auto", progress: Tell | None = None) -> Cost:
    """Measure steps and validation of a recipe, in less than 20 s where a step takes less than 4.

    The steps are those of the training: same batch size, optimizer and forwards, on molecules drawn from those that
    are trained on. The speed follows from the median step after the first ones.

    Raises:
        MollensError: if target, split or device are not there, nothing is left to train on, or a batch does not fit
            into memory.
    """
    tell = progress or (lambda done, total, text="": None)
    device = choose_device(device)
    threads = choose_threads(recipe.threads)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        tell(0, MEASURED_STEPS, "reading")
        material = material_of(recipe, dataset)
        if recipe.model == COMPOSITION:
            return _composition(material, device, threads)
        training = Training(recipe, *_lesson_and_network(material, device), Silence(), device)
        fixed_memory = _fixed_memory(training, dataset)
        training.stepper.check_memory()
        per_molecule = training.stepper.bytes_per_molecule(training.lesson.train)
        seconds = _step_seconds(training, tell)
        tell(MEASURED_STEPS, MEASURED_STEPS, "validation")
        training.validate()
        began = time.monotonic()
        n_validated = len(training.validate())
        return Cost(
            molecules_per_second=_batch_size(training) / seconds,
            validation_molecules_per_second=n_validated / max(time.monotonic() - began, 1e-9),
            memory=round(per_molecule * min(recipe.batch_size, len(material.train))),
            fixed_memory=fixed_memory,
            device=device,
            threads=threads,
            measured=utc_now(),
        )
    finally:
        torch.set_num_threads(before)


def _batch_size(training: Training) -> int:
    return min(training.recipe.batch_size, len(training.lesson.train))


def _lesson_and_network(material: Material, device: str) -> tuple[Lesson, Any]:
    """A lesson on molecules drawn from those of the training, and a fresh network for it."""
    recipe = material.recipe
    draw = stream(recipe.seed, "calibration")
    n = min(len(material.train), max(4 * recipe.batch_size, 500))
    p = None if material.weights is None or recipe.weights_in == "loss" else material.weights / material.weights.sum()
    n = n if p is None else min(n, int((p > 0).sum()))
    train = draw.choice(len(material.train), n, replace=False, p=p)
    held_out = material.validation if len(material.validation) else material.train
    validation = draw.choice(held_out, min(len(held_out), VALIDATED), replace=False)
    rows = np.unique(np.concatenate([material.train[train], validation]))
    molecules = material.molecules.take(rows)
    values = material.values[material.train]
    offset = network_offset(
        recipe.reference, material.target, material.dataset.card, material.molecules, material.train, values,
        material.baseline,
    )  # fmt: skip
    weights = np.ones(n) if material.weights is None else material.weights[train]
    order = np.argsort(material.train[train])
    lesson = Lesson(
        molecules=FlatMolecules.of(molecules, find_neighbours(molecules, recipe.neighbour_cutoff), device),
        ids=molecules.ids,
        train=np.searchsorted(rows, material.train[train][order]),
        validation=np.searchsorted(rows, validation),
        target=material.values[rows],
        offset=offset,
        offsets=offsets_of(offset, molecules),
        weights=weights[order] if material.weights is not None and recipe.weights_in == "loss" else None,
    )
    torch.manual_seed(torch_seed(recipe.seed, "init"))
    return lesson, build_network(recipe.model, **network_keywords(recipe, material.pooling))


def _step_seconds(training: Training, tell: Tell) -> float:
    """Median time of a step; each is waited for."""
    draw, size, lesson = stream(training.recipe.seed, "calibration", 1), _batch_size(training), training.lesson
    training.stepper.forward.train()
    taken: list[float] = []
    start = time.monotonic()
    while len(taken) < WARM_STEPS + MEASURED_STEPS:
        rows = draw.choice(lesson.train, size, replace=False)
        began = time.monotonic()
        losses = training.stepper.step(rows, training.recipe.learning_rate)
        float(losses.sum())  # waits for a GPU
        now = time.monotonic()
        taken.append(now - began)
        measured = taken[WARM_STEPS:] if len(taken) > WARM_STEPS else taken[1:]
        tell(min(len(measured), MEASURED_STEPS), MEASURED_STEPS, "training steps")
        if len(measured) >= ENOUGH_STEPS and sum(measured) > SECONDS:
            break
        if len(measured) >= FEWEST_STEPS and now - start > LONGEST:
            break
    return median(taken[WARM_STEPS:] or taken[1:])


def _fixed_memory(training: Training, dataset: Dataset) -> int:
    """What the process will hold, from what it holds before its first step.

    All molecules of the dataset stand in place of those that were drawn; gradients and AdamW's two moments come with
    the first step.
    """
    flat = training.lesson.molecules
    half = flat.half if training.device.type == "cuda" else ()  # which a GPU keeps too
    drawn = sum(value.nbytes for value in (*vars(flat).values(), *half) if isinstance(value, Tensor))
    n_drawn = max(1, len(flat.n_atoms))
    all_molecules = drawn * dataset.molecules.n_molecules / n_drawn
    if training.device.type == "cuda":
        held = torch.cuda.memory_allocated(training.device)
    else:
        held = psutil.Process().memory_info().rss
    to_come = 3 * sum(parameter.nbytes for parameter in training.network.parameters())
    return round(held - drawn + all_molecules + to_come)


def _composition(material: Material, device: str, threads: int) -> Cost:
    """The cost of the linear fit, which `material_of` has made: made once more, with a look at the clock."""
    began = time.monotonic()
    material_of(material.recipe, material.dataset)
    seconds = max(time.monotonic() - began, 1e-6)
    began = time.monotonic()
    offsets_of(material.baseline, material.molecules)
    validation = max(time.monotonic() - began, 1e-6)
    return Cost(
        molecules_per_second=len(material.train) / seconds,
        validation_molecules_per_second=material.molecules.n_molecules / validation,
        memory=0,
        fixed_memory=psutil.Process().memory_info().rss,
        device=device,
        threads=threads,
        measured=utc_now(),
    )
