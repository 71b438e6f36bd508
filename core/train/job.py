"""The job behind `python -m core job RUN`: train or go on, keep the best model, predict, and say how it ended."""

import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from core.errors import MollensError
from core.recipes.create import count_steps
from core.recipes.recipe import Recipe
from core.runs.folder import Run, open_run
from core.runs.full_disk import STOPPED, StoppedWhileFull
from core.runs.queue import let_earlier_draw, turn_on
from core.runs.writer import OwnerLost, RunWriter
from core.train.checkpoint import unpack
from core.train.composition import network_offset
from core.train.device import choose_threads
from core.train.lesson import Lesson, Record
from core.train.loop import Training
from core.train.memory import is_out_of_memory
from core.train.parallel import OtherRanks, Place, as_other_rank, choose_devices, fabric_of, this_place
from core.train.predict import flat_molecules, open_model, predictions_of
from core.train.prepare import Material, offsets_of, prepare, recipe_of
from core.train.record import Describe, JobRecord, Report, Silence, no_report
from core.train.streams import torch_seed
from core.train.telemetry import Telemetry
from models.errors import ModelError
from models.offset import Offset
from models.registry import build_network
from models.weights import COMPOSITION, pack_model


def run_job(run_id: str, progress: Report | None = None) -> None:
    """Train a run, or go on with it, and predict its dataset.

    The run ends as finished, as stopped (`stop` file, SIGTERM or SIGINT; last.ckpt is saved first) or as failed, with
    one sentence in its status; only an error that is not meant for a person puts its traceback on standard error, which
    is log.txt for a job. A job that another one has taken over ends without writing. On a full disk it waits.

    In a process that a job has started for another rank (see core.train.parallel) this computes that rank's share.

    Raises:
        MollensError: whatever made the run fail, as one sentence; OwnerLost if it was taken over.
    """
    place = this_place()
    if place is not None:
        with as_other_rank(plain_sentence):
            _compute_share(open_run(run_id), place)
        return
    run = open_run(run_id)
    with RunWriter(run) as writer:
        record = JobRecord(writer, progress or no_report)
        with record.stop_on_signals():
            try:
                _wait_and_carry_out(run, record)
            except OwnerLost:
                raise
            except StoppedWhileFull:
                writer.set_status(wait=False, state="stopped", phase="", message=STOPPED)
            except Exception as error:
                if not isinstance(error, MollensError | ModelError):
                    _print_traceback()
                sentence = plain_sentence(error)
                _say_failed(writer, sentence)
                raise MollensError(sentence) from error


def plain_sentence(error: Exception) -> str:
    """One sentence about an error: its own text where it is meant for a person, else its type and first line."""
    if isinstance(error, MollensError | ModelError):
        return str(error)
    if is_out_of_memory(error):
        return "not enough memory: use a smaller batch size or fewer features"
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _print_traceback() -> None:
    with suppress(OSError):  # standard error may be a log on a full disk
        traceback.print_exc(file=sys.stderr)


def _say_failed(writer: RunWriter, sentence: str) -> None:
    """Write the failure into the status; where even that cannot be written, the first error is the one that counts."""
    try:
        writer.set_status(wait=False, state="failed", phase="", error=sentence)
    except OwnerLost:
        raise
    except (MollensError, OSError):
        _print_traceback()


def _wait_and_carry_out(run: Run, record: JobRecord) -> None:
    """Wait for the devices, then do the work; a request to stop ends the waiting too."""
    devices = choose_devices(str(run.recipe_file.get("device", "auto")), run.devices)
    if run.engine == "graph" and devices[0] == "cpu":
        raise MollensError(f"{run.what}: engine graph records CUDA graphs, and there is no GPU here; clone it as eager")
    let_earlier_draw(run)
    with turn_on(devices, record.waits, run.id) as my_turn:
        if my_turn:
            _carry_out(run, record, devices)
        else:
            record.writer.set_status(state="stopped", phase="")


def _carry_out(run: Run, record: JobRecord, devices: tuple[str, ...]) -> None:
    """The work itself, from the recipe to the predictions."""
    writer = record.writer
    recipe = recipe_of(run)
    torch.set_num_threads(choose_threads(recipe.threads))
    material = prepare(run)
    steps = count_steps(recipe, len(material.train))
    writer.set_status(state="running", device=devices[0], epochs=recipe.epochs, steps=steps)
    if recipe.model == COMPOSITION:
        _keep_composition(recipe, record, material)
        writer.set_status(epoch=1, epochs=1)
    elif not _train_network(run, record, material, devices):
        record.bring_logs_up()
        writer.set_status(state="stopped", phase="")
        return
    record.phase("predicting")
    model = open_model(run)
    predictions = writer.wait_for_room(lambda: predictions_of(run, model, material.dataset, devices[0]))
    writer.save_predictions(predictions, material.dataset.name, material.dataset.card.sha256)
    record.bring_logs_up()
    mae, epoch = model.description["validation_mae"], model.description["epoch"]
    kept = "" if mae is None else f"validation MAE {mae:.4g} {material.target.unit}"
    writer.set_status(state="finished", phase="", message=f"{kept} in epoch {epoch}" if kept and epoch else kept)


def _keep_composition(recipe: Recipe, record: JobRecord, material: Material) -> None:
    """The composition model is the baseline itself: one line of metrics and the model files."""
    rows, began = material.validation, time.monotonic()
    errors = offsets_of(material.baseline, material.molecules)[rows] - material.values[rows]
    mae = float(np.abs(errors).mean()) if len(rows) else float("nan")
    seconds = time.monotonic() - began
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
                "validation_seconds": seconds,
                "best": True,
            }
            | Telemetry(torch.device("cpu")).read()
        )


def _train_network(run: Run, record: JobRecord, material: Material, devices: tuple[str, ...]) -> bool:
    """Train a network from its first weights or from last.ckpt, on one device or several; False if stopped."""
    writer, recipe = record.writer, material.recipe
    record.phase("finding neighbours")
    flat = writer.wait_for_room(lambda: flat_molecules(material.dataset, recipe.neighbour_cutoff, devices[0]))
    lesson = material.lesson(flat, _offset(material))
    keywords = network_keywords(recipe, material.pooling)
    describe = _describe(recipe, keywords, lesson.offset, material)
    record.open(describe, material.molecules.ids[lesson.validation], material.target.unit)
    with ExitStack() as stack:
        place, ranks = Place(device=devices[0]), None
        if len(devices) > 1:
            record.phase(f"starting {len(devices)} processes")
            ranks = stack.enter_context(OtherRanks(run.id, devices, lambda words: _give_up(writer, words)))
            place = ranks.place
        try:
            training = _training(run, material, lesson, record, stack.enter_context(fabric_of(place)))
            record.phase("training")
            return training.run()
        except RuntimeError as error:  # a connection that broke because another rank ended
            failure = "" if ranks is None else ranks.failure_behind(error)
            if failure:
                raise MollensError(failure) from error
            raise


def _training(run: Run, material: Material, lesson: Lesson, record: Record, fabric: Fabric) -> Training:
    """The training as its last checkpoint has left it, the same in every rank."""
    recipe = material.recipe
    torch.manual_seed(torch_seed(recipe.seed, "init"))
    network = build_network(recipe.model, **network_keywords(recipe, material.pooling))
    training = Training(recipe, lesson, network, record, fabric=fabric, engine=run.engine)
    path = run.path / "last.ckpt"
    state, progress = unpack(path.read_bytes(), run.what) if path.exists() else (None, training.progress)
    fabric.barrier()  # none may replace last.ckpt before all have read it
    if isinstance(record, JobRecord):
        record.writer.rewind(progress.epoch, progress.step)
        record.bring_logs_up()
    if state is not None:
        training.restore(state, progress)
    return training


def _offset(material: Material) -> Offset:
    """What the network does not learn."""
    values, card = material.values[material.train], material.dataset.card
    return network_offset(
        material.recipe.reference, material.target, card, material.molecules, material.train, values, material.baseline
    )


def _compute_share(run: Run, place: Place) -> None:
    """What a rank other than the first does: the same training, of which it writes nothing."""
    torch.set_num_threads(choose_threads(recipe_of(run).threads))
    material = prepare(run)
    flat = flat_molecules(material.dataset, material.recipe.neighbour_cutoff, place.device)
    lesson = material.lesson(flat, _offset(material))
    with fabric_of(place) as fabric:
        _training(run, material, lesson, Silence(), fabric).run()


def _give_up(writer: RunWriter, sentence: str) -> None:
    """End this process at once: its main thread waits for a rank that is no more."""
    try:
        _say_failed(writer, sentence)
        with suppress(OSError):
            print(f"mollens: {sentence}", file=sys.stderr, flush=True)
    finally:
        os._exit(1)


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
