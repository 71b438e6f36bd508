"""From a model of SchNetPack to an ordinary run: our model files, what it has seen, its curves, its predictions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.data.identity import identities
from core.data.store import Dataset, open_dataset
from core.data.units import factor
from core.errors import MollensError
from core.files import write_bytes
from core.recipes.create import hash_of
from core.runs.folder import Run, check_run_name, new_run
from core.runs.predictions import TEST, TRAIN, VALIDATION, Predictions, read_predictions
from core.runs.seen import write_seen
from core.runs.writer import RunWriter, replace_predictions
from core.train.composition import fit_composition, free_atoms
from core.train.device import choose_device, choose_threads
from core.train.foreign import Foreign, open_foreign, unit_of, unpacked
from core.train.foreign_logs import read_logs
from core.train.foreign_recipe import Prepared, recipe_file
from core.train.foreign_split import Learned, check_labels, overlap, read_database
from core.train.predict import flat_molecules, predict_rows
from core.train.prepare import offsets_of
from core.train.seen import codes_on
from models.errors import ModelError
from models.offset import Offset
from models.registry import build_network
from models.weights import TrainedModel, load_state, pack_model

Progress = Callable[[int, int, str], None]
_PIECES = 60
_FEWEST_FITTED = 20


@dataclass(frozen=True)
class Choice:
    """What a person decides about a model before it is loaded."""

    name: str
    """of the run"""
    dataset: str
    """that it is judged on first"""
    target: str | None = None
    """property of the dataset that the model's output is; its own key if left out"""
    unit: str | None = None
    """of the model's output, where its files do not say it"""
    database: Path | None = None
    """ASE database that it was trained on, where its configuration does not name it"""
    level_of_theory: str | None = None
    """of the labels that it has learned; the dataset's if left out"""
    device: str = "auto"
    only_allowed: bool = False
    """see `core.train.foreign.open_foreign`"""


def load_foreign(path: Path, choice: Choice, progress: Progress) -> dict[str, Any]:
    """Make a run of a model of SchNetPack, with its predictions for a dataset.

    Gives JSON values: run, name, dataset, target, unit, n_parameters, split_known, seen {train, validation, test: how
    many molecules of the dataset}, part ("test", or "all" where the split is not known), n, mae, baseline_mae,
    warnings. Nothing is left of a run whose loading fails or is stopped.

    Raises:
        MollensError: if the model cannot be expressed, unit, target or level of theory do not fit the dataset, or the
            labels that it has learned are not those of the dataset.
    """
    name = check_run_name(choice.name)
    dataset = open_dataset(choice.dataset)
    torch.set_num_threads(choose_threads(0))
    progress(0, 0, f"reading {path.name}")
    with unpacked(path, progress) as place:
        found = open_foreign(place, choice.database, choice.only_allowed)
        target = _target(found, dataset, choice.target)
        unit = unit_of(found, dataset, target, choice.unit)
        for level in (choice.level_of_theory, found.level_of_theory):
            _check_level(dataset, level)
        weights, offset = _weights(found, factor(unit, dataset.property(target).unit) if unit else 1.0)
        known = None
        if found.seen is not None:
            known = Learned(found.seen, found.elements or tuple(dataset.molecules.symbols), None)
        elif found.split is not None and found.database is not None:
            known = read_database(found.database, found.split, found.key, progress)
        hashes = None
        if known is not None:
            tell = lambda done, total: progress(done, total, f"looking for them in {dataset.name}")  # noqa: E731
            hashes = identities(dataset.molecules, tell)
            check_labels(known, found.key, dataset, target, hashes)
        prepared = Prepared(found, dataset, target, unit, offset, weights, known)
        run = new_run(recipe_file(prepared), name, origin="schnetpack")
        try:
            with RunWriter(run) as writer:
                _fill(prepared, run, writer, choose_device(choice.device), progress)
        except BaseException:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        seen = overlap(hashes, known.seen) if known is not None and hashes is not None else None
        return _told(prepared, run, seen)


def _target(found: Foreign, dataset: Dataset, wanted: str | None) -> str:
    """The property of a dataset that a model predicts.

    Raises:
        MollensError: if the dataset has none of this key, or it is not one number per molecule.
    """
    key = wanted or found.key
    labels = dataset.molecules.columns.get(key)
    if labels is None or labels.ndim != 1:
        possible = [p.key for p in dataset.card.properties if not p.per_atom and p.shape == ()]
        raise MollensError(
            f"dataset {dataset.name}: has no {key}, which the model predicts; if it is called otherwise there, say so "
            f"with --target, one of {', '.join(possible)}"
        )
    return key


def _check_level(dataset: Dataset, level: str | None) -> None:
    if level is not None and level.strip() != dataset.card.level_of_theory:
        raise MollensError(
            f"dataset {dataset.name}: its labels are {dataset.card.level_of_theory}, the model has learned {level}; "
            "levels of theory are never compared, judge it on a dataset of its own level"
        )


def _weights(found: Foreign, scale: float) -> tuple[dict[str, torch.Tensor], Offset]:
    """The weights as our network takes them, tried, and the offset in the target's unit."""
    network = build_network(found.network.kind, **found.keywords)
    state = {name: torch.from_numpy(values) for name, values in found.network.state.items()}
    key = "representation.embedding.weight"
    ours = network.state_dict()[key]
    if key in state and state[key].ndim == 2 and state[key].shape[1] == ours.shape[1]:
        fitted = torch.zeros_like(ours)  # another max_z: elements beyond have no row there, or never occur
        n = min(len(fitted), len(state[key]))
        fitted[:n] = state[key][:n]
        state[key] = fitted
    try:
        load_state(network, state, found.files.model.name)
        return state, found.network.offset_in(scale)
    except ModelError as error:
        raise MollensError(str(error)) from error


def _fill(prepared: Prepared, run: Run, writer: RunWriter, device: str, progress: Progress) -> None:
    """Write everything into the run's folder, the status last."""
    found, dataset, target = prepared.found, prepared.dataset, prepared.target
    writer.set_status(state="running", phase="loading", device=device)
    lines = _metrics(prepared)
    epochs = [line for line in lines if line["kind"] == "epoch"]
    known = prepared.known
    if known is not None:
        writer.carry_out(lambda: write_seen(run.path, known.seen))
    codes, how = codes_on(run, dataset, lambda done, total: progress(done, total, "recognising what it has seen"))
    values = np.asarray(dataset.molecules.columns[target])
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows):
        raise MollensError(f"dataset {dataset.name}: no molecule has a {target}; choose another target")
    learned = rows[codes[rows] == TRAIN]
    fitted = learned if len(learned) >= _FEWEST_FITTED else rows
    prop = dataset.property(target)
    baseline = fit_composition(
        dataset.molecules, fitted, values[fitted], prop.output or "mean", free_atoms(dataset.card, target)
    )
    kept = _kept(epochs, found.network.epoch)
    network = build_network(found.network.kind, **found.keywords)
    load_state(network, prepared.weights, found.files.model.name)
    network.eval()
    predicted = np.full(len(rows), np.nan)
    trained = TrainedModel(network.to(device), prepared.offset, {"target": target})
    progress(0, len(rows), "finding neighbours")
    flat = flat_molecules(dataset, found.neighbour_cutoff, device)
    for piece in np.array_split(np.arange(len(rows)), min(_PIECES, len(rows))):
        predicted[piece] = predict_rows(trained, dataset.molecules, flat, rows[piece])
        progress(int(piece[-1]) + 1, len(rows), f"predicting {dataset.name}")
    if not np.isfinite(predicted).all():
        raise MollensError(
            f"{found.files.model.name}: gives no number for {int((~np.isfinite(predicted)).sum()):,} of {len(rows):,} "
            "molecules; its weights are damaged or its training has diverged"
        )
    held = codes[rows] == VALIDATION
    mae = float(np.abs(predicted - values[rows])[held].mean()) if held.any() else kept.get("validation_mae")
    weights, description = pack_model(
        prepared.weights,
        kind=found.network.kind,
        network=found.keywords,
        offset=prepared.offset,
        target=target,
        unit=prop.unit,
        neighbour_cutoff=found.neighbour_cutoff,
        extra={
            "baseline": baseline.to_dict(),
            "baseline_of": {
                "molecules": "training" if fitted is learned else "all",
                "n": len(fitted),
                "hash": hash_of(dataset.molecules.ids[fitted]),
            },
            "elements": prepared.elements,
            "level_of_theory": dataset.card.level_of_theory,
            "epoch": int(kept.get("epoch", 0)),
            "validation_mae": mae,
        },
    )
    writer.save_model(weights, description)
    if lines:
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        writer.carry_out(lambda: write_bytes(run.path / "metrics.jsonl", content))
    predictions = Predictions(
        ids=dataset.molecules.ids[rows],
        split=codes[rows],
        target=values[rows],
        predicted=predicted,
        baseline=offsets_of(baseline, dataset.molecules)[rows],
    )
    writer.carry_out(lambda: replace_predictions(run, predictions, dataset.name, dataset.card.sha256, how))
    last = epochs[-1] if epochs else {}
    message = "" if mae is None else f"validation MAE {mae:.4g} {prop.unit}"
    writer.set_status(
        state="finished", phase="", message=message, epoch=int(last.get("epoch", found.network.epoch or 0)),
        epochs=int(last.get("epoch", found.network.epoch or 0)),
        step=int(last.get("step", found.network.step or 0)), steps=int(last.get("step", found.network.step or 0)),
    )  # fmt: skip


def _metrics(prepared: Prepared) -> list[dict[str, Any]]:
    found = prepared.found
    if not found.files.logs:
        return []
    config = found.config
    try:
        return read_logs(
            found.files.logs,
            found.network.output,
            prepared.factor,
            config.mae_names if config is not None else (),
            config.rmse_names if config is not None else (),
        )
    except MollensError:
        return []  # `inspect-model` says why


def _kept(epochs: list[dict[str, Any]], epoch: int | None) -> dict[str, Any]:
    """The epoch line of the weights: that of a checkpoint's epoch, else the best one."""
    if epoch is not None:
        return next((line for line in epochs if line["epoch"] == epoch), {"epoch": epoch})
    return next((line for line in reversed(epochs) if line["best"]), {})


def _told(prepared: Prepared, run: Run, seen: dict[str, int] | None) -> dict[str, Any]:
    """What was made, with what a person has to know."""
    stored = read_predictions(run)
    assert stored is not None
    part = np.asarray(stored.split) == TEST
    name = "test" if prepared.known is not None and part.any() else "all"
    rows = part if name == "test" else np.ones(len(part), dtype=bool)
    mae = float(np.abs(stored.errors)[rows].mean())
    baseline = float(np.abs(np.asarray(stored.baseline) - stored.target)[rows].mean())
    unit = prepared.dataset.property(prepared.target).unit
    return {
        "run": run.id,
        "name": run.name,
        "dataset": prepared.dataset.name,
        "target": prepared.target,
        "unit": unit,
        "n_parameters": prepared.found.network.n_parameters,
        "split_known": prepared.known is not None,
        "seen": seen,
        "part": name,
        "n": int(rows.sum()),
        "mae": mae,
        "baseline_mae": baseline,
        "warnings": _warnings(prepared, seen, mae, baseline, unit),
    }


def _warnings(prepared: Prepared, seen: dict[str, int] | None, mae: float, baseline: float, unit: str) -> list[str]:
    told = []
    if seen is None:
        told.append("What it was trained on is not known: its errors may be optimistic, and there is no verdict.")
    elif not any(seen.values()):
        told.append(f"None of its molecules is in {prepared.dataset.name}: all of these count as test molecules.")
    new = sorted(set(prepared.dataset.molecules.symbols) - set(prepared.elements))
    if new:
        counts = prepared.dataset.molecules.element_counts
        places = [list(prepared.dataset.molecules.symbols).index(symbol) for symbol in new]
        n = int((counts[:, places] > 0).any(axis=1).sum())
        told.append(f"It has never learned {', '.join(new)}: what it says of {n:,} molecules with them means nothing.")
    if mae > baseline:
        told.append(
            f"Its error, {mae:.4g} {unit}, is larger than that of a linear fit of the atom counts, {baseline:.4g} "
            f"{unit}: look at unit, target and level of theory."
        )
    level = prepared.dataset.card.level_of_theory
    compared = prepared.known is not None and prepared.known.labels is not None and seen and sum(seen.values()) >= 10
    if not compared and prepared.found.level_of_theory is None:
        told.append(f"That it has learned {level} was not checked: no labels of its own are at hand.")
    return told
