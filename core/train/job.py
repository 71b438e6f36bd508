"""The job behind `python -m core job RUN`: train or go on, keep the best model, predict, and say how it ended."""

import sys
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import MollensError
from core.recipes.create import count_steps
from core.recipes.recipe import Recipe, validated
from core.runs.folder import Run, open_run
from core.runs.queue import turn_on
from core.runs.writer import OwnerLost, RunWriter
from core.train.checkpoint import unpack
from core.train.composition import network_offset
from core.train.device import choose_device, choose_threads
from core.train.loop import Lesson, Training
from core.train.predict import flat_molecules, open_model, predictions_of
from core.train.prepare import Material, offsets_of, prepare
from core.train.record import Describe, JobRecord, Report, no_report
from core.train.streams import torch_seed
from models.errors import ModelError
from models.offset import Offset
from models.registry import build_network
from models.weights import COMPOSITION, pack_model


def run_job(run_id: str, progress: Report | None = None) -> None:
    """Train a run, or go on with it, and predict its dataset.

    The run ends as finished, as stopped (`stop` file, SIGTERM or SIGINT; last.ckpt is saved first) or as failed, with
    one sentence in its status; only an error that is not meant for a person puts its traceback on standard error, which
    is log.txt for a job. A job that another one has taken over ends without writing.

    Raises:
        MollensError: whatever made the run fail, as one sentence; OwnerLost if it was taken over.
    """
    run = open_run(run_id)
    with RunWriter(run) as writer:
        record = JobRecord(writer, progress or no_report)
        with record.stop_on_signals():
            try:
                _wait_and_carry_out(run, record)
            except OwnerLost:
                raise
            except Exception as error:
                if not isinstance(error, MollensError | ModelError):
                    traceback.print_exc(file=sys.stderr)
                sentence = plain_sentence(error)
                _say_failed(writer, sentence)
                raise MollensError(sentence) from error


def plain_sentence(error: Exception) -> str:
    """One sentence about an error: its own text where it is meant for a person, else its type and first line."""
    if isinstance(error, MollensError | ModelError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "not enough memory: use a smaller batch size or fewer features"
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _say_failed(writer: RunWriter, sentence: str) -> None:
    """Write the failure into the status; where even that cannot be written, the first error is the one that counts."""
    try:
        writer.set_status(state="failed", phase="", error=sentence)
    except (MollensError, OSError):
        traceback.print_exc(file=sys.stderr)


def _wait_and_carry_out(run: Run, record: JobRecord) -> None:
    """Wait for the device, then do the work; a request to stop ends the waiting too."""
    device = choose_device(str(run.recipe_file.get("device", "auto")))
    with turn_on(device, lambda ahead: record.waits(device, ahead)) as my_turn:
        if my_turn:
            _carry_out(run, record, device)
        else:
            record.writer.set_status(state="stopped", phase="")


def _carry_out(run: Run, record: JobRecord, device: str) -> None:
    """The work itself, from the recipe to the predictions."""
    writer = record.writer
    recipe = validated(run.recipe_values, run.what)
    torch.set_num_threads(choose_threads(recipe.threads))
    material = prepare(run)
    writer.set_status(
        state="running", device=device, epochs=recipe.epochs, steps=count_steps(recipe, len(material.train))
    )
    if recipe.model == COMPOSITION:
        _keep_composition(recipe, record, material)
        writer.set_status(epoch=1, epochs=1)
    elif not _train_network(run, recipe, record, material, device):
        writer.set_status(state="stopped", phase="")
        return
    record.phase("predicting")
    model = open_model(run)
    predictions = predictions_of(run, model, material.dataset, device)
    writer.save_predictions(predictions, material.dataset.name, material.dataset.card.sha256)
    mae, epoch = model.description["validation_mae"], model.description["epoch"]
    kept = "" if mae is None else f"validation MAE {mae:.4g} {material.target.unit}"
    writer.set_status(state="finished", phase="", message=f"{kept} in epoch {epoch}" if kept and epoch else kept)


def _keep_composition(recipe: Recipe, record: JobRecord, material: Material) -> None:
    """The composition model is the baseline itself: one line of metrics and the model files."""
    rows = material.validation
    errors = offsets_of(material.baseline, material.molecules)[rows] - material.values[rows]
    mae = float(np.abs(errors).mean()) if len(rows) else float("nan")
    record.open(_describe(recipe, {}, material.baseline, material), material.molecules.ids[rows], material.target.unit)
    record.writer.rewind(0, -1)
    record.best({}, 0, mae)
    if len(rows):
        rmse = float(np.sqrt(np.square(errors).mean()))
        record.validation(1, errors)
        record.line(
            {
                "kind": "epoch",
                "epoch": 1,
                "step": 0,
                "validation_mae": mae,
                "validation_rmse": rmse,
                "validation_loss": rmse * rmse,
                "best": True,
            }
        )


def _train_network(run: Run, recipe: Recipe, record: JobRecord, material: Material, device: str) -> bool:
    """Train a network from its first weights or from last.ckpt; False if stopped."""
    writer, molecules = record.writer, material.molecules
    record.phase("finding neighbours")
    flat = flat_molecules(material.dataset, recipe.neighbour_cutoff, device)
    values, train = material.values, material.train
    offset = network_offset(
        recipe.reference, material.target, material.dataset.card, molecules, train, values[train], material.baseline
    )
    offsets = offsets_of(offset, molecules)
    lesson = Lesson(flat, molecules.ids, train, material.validation, values, offset, offsets)
    keywords = network_keywords(recipe, material.pooling)
    record.open(_describe(recipe, keywords, offset, material), molecules.ids[lesson.validation], material.target.unit)
    torch.manual_seed(torch_seed(recipe.seed, "init"))
    training = Training(recipe, lesson, build_network(recipe.model, **keywords), record, device)
    content = writer.load_checkpoint()
    state, progress = (None, training.progress) if content is None else unpack(content, run.what)
    writer.rewind(progress.epoch, progress.step)
    if state is not None:
        training.restore(state, progress)
    record.phase("training")
    return training.run()


def network_keywords(recipe: Recipe, pooling: str) -> dict[str, Any]:
    """The keywords of `build_network` that a recipe stands for."""
    return {
        "n_atom_basis": recipe.n_atom_basis,
        "n_interactions": recipe.n_interactions,
        "n_rbf": recipe.n_rbf,
        "cutoff": recipe.cutoff,
        "pooling": pooling,
    }


def _describe(recipe: Recipe, keywords: Mapping[str, Any], offset: Offset, material: Material) -> Describe:
    """What makes the model files of this run."""

    def describe(weights: Mapping[str, Tensor], epoch: int, mae: float) -> tuple[bytes, dict[str, Any]]:
        return pack_model(
            weights,
            kind=recipe.model,
            network=keywords,
            offset=offset,
            target=material.target.key,
            unit=material.target.unit,
            neighbour_cutoff=recipe.neighbour_cutoff,
            extra={
                "baseline": material.baseline.to_dict(),
                "elements": material.trained_elements,
                "level_of_theory": material.dataset.card.level_of_theory,
                "epoch": epoch,
                "validation_mae": mae if np.isfinite(mae) else None,
            },
        )

    return describe
