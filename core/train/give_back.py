"""Giving a trained run back: a SchNetPack model, and a folder with weights, configuration and what was trained on."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from core.data.identity import identities
from core.data.store import Dataset
from core.errors import MollensError
from core.files import plain_disk_errors, utc_now
from core.runs.folder import Run
from core.runs.giving_back import LAYOUTS, export_file, why_no_model
from core.runs.predictions import TEST, TRAIN, VALIDATION, read_predictions
from core.runs.seen import FOLDER as SEEN
from core.runs.seen import Seen, read_seen, write_seen
from models.errors import ModelError
from models.schnetpack_export import MODEL_FILE, pack_schnetpack_model, schnetpack_config
from models.weights import DESCRIPTION_FILE, WEIGHTS_FILE, TrainedModel, load_model

CARD_FILE, CONFIG_FILE, SPLIT_FILE, RECIPE_FILE = "README.md", "config.yaml", "split.npz", "recipe.json"
_MARK = {CARD_FILE, CONFIG_FILE}
"""What every export holds: a folder without them is somebody's own and is never replaced."""

CardOf = Callable[[Mapping[str, str]], str]
"""Writes the model card; given the checksum (SHA-256) of every other file by its name."""
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class GivenBack:
    """What an export has written."""

    path: Path
    """the folder, or the zip file"""
    files: tuple[str, ...]
    """names of the files, the card first"""
    notes: tuple[str, ...]
    """sentences on what could not be told, e.g. the split without its dataset"""


def give_back(
    run: Run,
    dataset: Dataset | None,
    to: Path,
    card_of: CardOf,
    layout: str = "both",
    replace: bool = False,
    progress: Progress | None = None,
) -> GivenBack:
    """Write a trained run into the new folder `to`, which appears whole or not at all.

    Args:
        dataset: what it was trained on, for the molecules of its split; None where it is not there any more.
        layout: of `LAYOUTS`: SchNetPack's files, weights and configuration without a pickle, or both.
        replace: put it in place of an earlier export in `to`.

    Raises:
        MollensError: for a run that has no network, a folder that is there already, or a full disk.
    """
    model = model_of(run)
    _check_place(to, replace)
    with _draft(to) as draft:
        done = _write(run, model, dataset, draft, card_of, _checked_layout(layout), progress)
    return GivenBack(to, *done)


def give_back_zip(
    run: Run,
    dataset: Dataset | None,
    card_of: CardOf,
    layout: str = "both",
    progress: Progress | None = None,
) -> GivenBack:
    """The same as a zip file in the home's exports/, to be offered for download; an older one is replaced.

    Raises:
        MollensError: see `give_back`.
    """
    model = model_of(run)
    path = export_file(run, _checked_layout(layout))
    with plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{secrets.token_hex(6)}.part")
    packed = path.with_name(f".{secrets.token_hex(6)}.part.zip")
    with plain_disk_errors(path):
        try:
            folder.mkdir()
            done = _write(run, model, dataset, folder, card_of, layout, progress)
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in done[0]:
                    archive.write(folder / name, f"{run.id}/{name}")
            packed.replace(path)
        finally:
            packed.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    return GivenBack(path, *done)


def model_of(run: Run) -> TrainedModel:
    """The trained network of a run.

    Raises:
        MollensError: if it has none: predictions only, a linear fit, or not trained yet.
    """
    why = why_no_model(run)
    if why is not None:
        raise MollensError(f"run {run.name}: {why}")
    try:
        return load_model(run.path)
    except ModelError as error:
        raise MollensError(f"run {run.name}: {error}") from error


def _checked_layout(layout: str) -> str:
    if layout not in LAYOUTS:
        raise MollensError(f"export as {layout!r}: is not known; possible are {', '.join(LAYOUTS)}")
    return layout


def _write(
    run: Run,
    model: TrainedModel,
    dataset: Dataset | None,
    folder: Path,
    card_of: CardOf,
    layout: str,
    progress: Progress | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write all files into an empty folder; their names, and what could not be told."""
    tell = progress or (lambda done, total, text: None)
    tell(0, 4, "writing the model")
    try:
        if layout != "folder":
            (folder / MODEL_FILE).write_bytes(pack_schnetpack_model(model))
        config = schnetpack_config(model, _data_config(run), run.recipe_values)
    except ModelError as error:
        raise MollensError(f"run {run.name}: {error}") from error
    if layout != "schnetpack":
        for name in (WEIGHTS_FILE, DESCRIPTION_FILE, RECIPE_FILE):
            shutil.copyfile(run.path / name, folder / name)
    (folder / CONFIG_FILE).write_text(OmegaConf.to_yaml(OmegaConf.create(config | {"mollens": _origin(run, model)})))
    tell(1, 4, "writing the split")
    notes = _write_split(run, dataset, folder, lambda done, total: tell(1, 4, "recognising the training molecules"))
    tell(2, 4, "writing the card")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    (folder / CARD_FILE).write_text(card_of({name: _sha256(folder / name) for name in names}))
    tell(4, 4, "")
    return (CARD_FILE, *names), notes


def _data_config(run: Run) -> dict[str, Any]:
    """What config.yaml says of the data, as far as it is known."""
    split = run.recipe_file["split"]
    known = {
        "batch_size": run.recipe_values.get("batch_size"),
        "num_train": run.n_trained or None,
        "num_val": split.get("validation"),
        "num_test": split.get("test"),
    }
    return {"split_file": SPLIT_FILE} | {key: value for key, value in known.items() if value is not None}


def _origin(run: Run, model: TrainedModel) -> dict[str, Any]:
    """The key `mollens` of config.yaml: what SchNetPack's own keys have no room for."""
    return {
        "run": run.id,
        "name": run.name,
        "dataset": {"name": run.dataset_name, "sha256": run.dataset_sha256},
        "level_of_theory": model.description.get("level_of_theory", "not stated"),
        "target": model.target,
        "unit": model.description["unit"],
        "split": {"name": run.split_name, "hash": run.split_hash},
        "neighbour_cutoff": model.neighbour_cutoff,
        "elements": list(model.description.get("elements", [])),
        "seed": run.seed,
        "exported": utc_now(),
    }


def _write_split(
    run: Run, dataset: Dataset | None, folder: Path, progress: Callable[[int, int], None]
) -> tuple[str, ...]:
    """Write split.npz and seen/ where it is known what the run has seen; sentences where it is not.

    split.npz has SchNetPack's rows (train_idx, val_idx, test_idx) and the ids of the dataset beside them.
    """
    seen = read_seen(run)
    if seen is not None:
        write_seen(folder, seen)
    if dataset is None or dataset.card.sha256 != run.dataset_sha256:
        gone = "is not there any more" if dataset is None else "has changed since the training"
        told = f"{SPLIT_FILE} is left out: dataset {run.dataset_name} {gone}"
        return (told if seen is not None else f"{told}; so is {SEEN}/, which tells what the model has seen",)
    stored = read_predictions(run, dataset.name)
    if stored is None:
        return (f"{SPLIT_FILE} and {SEEN}/ are left out: the run has no predictions yet that tell its split",)
    codes, ids = np.asarray(stored.split), np.asarray(stored.ids)
    if not (codes == TRAIN).any():
        return (f"{SPLIT_FILE} is left out: it is not known what the model was trained on",)
    parts = {"train": TRAIN, "val": VALIDATION, "test": TEST}
    of_part = {name: np.sort(ids[codes == code]) for name, code in parts.items()}
    arrays = {f"{name}_idx": dataset.molecules.rows_of(chosen) for name, chosen in of_part.items()}
    arrays |= {f"{name}_ids": chosen for name, chosen in of_part.items()}
    np.savez(folder / SPLIT_FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub reads them as allow_pickle
    if seen is None:
        write_seen(folder, _seen(dataset, arrays, progress))
    return ()


def _seen(dataset: Dataset, rows: Mapping[str, NDArray[np.int64]], progress: Callable[[int, int], None]) -> Seen:
    """Geometry hashes of all molecules of the split, so that they are recognised in any other dataset."""
    parts = [(rows[f"{name}_idx"], code) for name, code in (("train", TRAIN), ("val", VALIDATION), ("test", TEST))]
    chosen = np.concatenate([each for each, _ in parts])
    codes = np.concatenate([np.full(len(each), code, dtype=np.uint8) for each, code in parts])
    return Seen(identities(dataset.molecules.take(chosen), progress), codes)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_place(to: Path, replace: bool) -> None:
    """Refuse a folder that would be lost.

    Raises:
        MollensError: if something is there, unless it is an earlier export that shall be replaced, or an empty folder.
    """
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise MollensError(f"{to}: is there already and is no folder; give the name of a new folder")
    held = {path.name for path in to.iterdir()} if to.is_dir() else set()
    if not held:
        return
    if not held >= _MARK:
        raise MollensError(f"{to}: holds other files ({', '.join(sorted(held)[:3])}); give the name of a new folder")
    if not replace:
        raise MollensError(f"{to}: holds an export already; add --replace to write it anew, or name another folder")


@contextmanager
def _draft(to: Path) -> Iterator[Path]:
    """A hidden folder beside `to` that takes its place if the block ends well and is removed if it raises."""
    to = to.absolute()
    draft = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    old = to.with_name(f".{to.name}.{secrets.token_hex(4)}.old")
    with plain_disk_errors(to):
        try:
            draft.mkdir(parents=True)
            yield draft
            for path in draft.rglob("*"):
                if path.is_file():
                    with open(path, "rb+") as file:
                        os.fsync(file.fileno())
            if to.exists():
                to.rename(old)
            try:
                draft.rename(to)
            except OSError as error:
                if old.exists():
                    old.rename(to)
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise MollensError(f"{to}: somebody else has written there meanwhile; export again") from error
                raise
        finally:
            for left in (draft, old):
                with suppress(OSError):
                    shutil.rmtree(left, ignore_errors=True)
