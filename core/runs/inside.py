"""What a trained network holds of every molecule that it has predicted: latents, contributions, nearest molecules.

Files beside the columns in predictions/<dataset>/, written by a job and mapped by everybody else. inside.json comes
last and makes them valid; in it stand the checksums of the weights and of the predictions that they belong to.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import lock, new_folder, plain_disk_errors, read_json, utc_now, write_json
from core.runs.folder import Run
from core.runs.predictions import Predictions, predictions_folder, read_predictions

ABOUT = "inside.json"
ARRAYS = ("latents", "first_atom", "contributions", "nearest", "nearest_distance", "distances_seen")
"""Names of the npy files; the first two are always there."""


@dataclass(frozen=True, eq=False)
class Inside:
    """What is known of the molecules of one dataset inside one network; rows as in the predictions."""

    ids: NDArray[np.int64]
    """(n,) of the dataset, those of the predictions in their order"""
    latents: NDArray[np.float32]
    """(n, n_features) mean over atoms of the representation's scalar features"""
    first_atom: NDArray[np.int64]
    """(n + 1,) index of each molecule's first atom in `contributions`, ending with the number of atoms"""
    contributions: NDArray[np.float64] | None
    """(n_atoms,) what each atom adds to the prediction, in the target's unit; None where atoms do not add up to it"""
    why_no_contributions: str
    """a sentence where there are none, else empty"""
    nearest: NDArray[np.int32] | None
    """(n, k) rows of `nearest_in`'s predictions: the nearest training molecules; -1 for a training molecule itself"""
    nearest_distance: NDArray[np.float32] | None
    """(n, k) their distances between standardised latents, ascending; NaN for a training molecule itself"""
    nearest_in: str
    """dataset of the training molecules that `nearest` names"""
    why_no_nearest: str
    """a sentence where there are none, else empty"""
    distances_seen: NDArray[np.int64] | None
    """histograms of the distances in the training molecules, see `inspect.distances_seen`; own dataset only"""

    def of_molecule(self, place: int) -> NDArray[np.float64] | None:
        """(n_atoms,) contributions of the atoms of one molecule, by its row."""
        if self.contributions is None:
            return None
        return np.asarray(self.contributions[self.first_atom[place] : self.first_atom[place + 1]])


@dataclass
class InsideDraft:
    """A folder that is being filled; what stands in `about` when the block ends goes into inside.json."""

    folder: Path
    about: dict[str, Any] = field(default_factory=dict)


def stamp(run: Run, dataset: str, stored: Predictions | None = None) -> dict[str, str] | None:
    """Checksums of a run's weights and of its predictions for a dataset; None where one of them is missing."""
    stored = read_predictions(run, dataset) if stored is None else stored
    if stored is None or not (run.path / "model.json").exists():
        return None
    weights = read_json(run.path / "model.json", run.what).get("weights_sha256")
    if not isinstance(weights, str) or not weights:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for column in (stored.ids, stored.predicted, stored.split):
        digest.update(np.ascontiguousarray(column).data)
    return {"weights": weights, "predictions": digest.hexdigest()}


def _folder(run: Run, dataset: str) -> Path | None:
    """Where inside.json lies: in the run's folder or, of a shipped run, in the home laid over it."""
    folders = (root / "predictions" / dataset for root in (run.results, run.path))
    return next((folder for folder in folders if (folder / ABOUT).exists()), None)


def inside_state(run: Run, dataset: str | None = None) -> str:
    """ "ready", "stale" where weights or predictions are others by now, or "none"."""
    name = dataset or run.dataset_name
    folder = _folder(run, name)
    if folder is None:
        return "none"
    return "ready" if read_json(folder / ABOUT, run.what).get("stamp") == stamp(run, name) else "stale"


def read_inside(run: Run, dataset: str | None = None) -> Inside | None:
    """What a job has found inside the network of `run` for a dataset (its own by default), mapped.

    None where no job has looked, or the weights or predictions have changed since.

    Raises:
        MollensError: if a file is missing, damaged or does not fit the others.
    """
    name = dataset or run.dataset_name
    folder, stored = _folder(run, name), read_predictions(run, name)
    if folder is None or stored is None:
        return None
    about = read_json(folder / ABOUT, run.what)
    if about.get("stamp") != stamp(run, name, stored):
        return None
    listed = about.get("arrays")
    arrays: dict[str, Any] = dict.fromkeys(ARRAYS)
    for key in listed if isinstance(listed, list) else []:
        if key in arrays:
            arrays[key] = _mapped(run, folder / f"{key}.npy")
    _check(run, folder, arrays, len(stored.ids), about.get("nearest_in") == name)
    return Inside(
        ids=stored.ids,
        why_no_contributions=str(about.get("why_no_contributions", "")),
        nearest_in=str(about.get("nearest_in", "")),
        why_no_nearest=str(about.get("why_no_nearest", "")),
        **arrays,
    )


def _mapped(run: Run, path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MollensError(f"{run.what}: {path} is damaged or missing ({error}); {_again(run)}") from error


def _check(run: Run, folder: Path, arrays: dict[str, Any], n: int, here: bool) -> None:
    """here: whether the nearest molecules lie in the same dataset"""
    first, latents, nearest = arrays["first_atom"], arrays["latents"], arrays["nearest"]
    fits = first is not None and latents is not None and first.shape == (n + 1,) and latents.shape[:1] == (n,)
    if fits and arrays["contributions"] is not None:
        fits = arrays["contributions"].shape == (int(first[-1]),)
    for key in ("nearest", "nearest_distance"):
        fits = fits and (arrays[key] is None or (arrays[key].ndim == 2 and arrays[key].shape[0] == n))
    if fits and here and nearest is not None and nearest.size:
        fits = int(nearest.min()) >= -1 and int(nearest.max()) < n
    if not fits:
        shapes = {key: array.shape for key, array in arrays.items() if array is not None}
        raise MollensError(f"{run.what}: arrays in {folder} do not fit {n:,} molecules ({shapes}); {_again(run)}")


def _again(run: Run) -> str:
    return f"look again with: python -m core look-inside {run.id}"


@contextmanager
def inside_draft(run: Run, dataset: str) -> Iterator[InsideDraft]:
    """A draft whose arrays (npy files of `ARRAYS`) take the place of older ones when the block ends well.

    Raises:
        MollensError: if there are no predictions or weights, they change while the block is at work, the run's folder
            is gone, or the disk is full; nothing is changed then.
    """
    before = stamp(run, dataset)
    if before is None:
        raise MollensError(
            f"{run.what}: has no weights or no predictions for dataset {dataset}; let the run finish, or write them "
            f"with: python -m core predict {run.id} --dataset {dataset}"
        )
    root = run.results / "predictions"
    made = root / f".{dataset}.inside-{secrets.token_hex(4)}.part"  # an abandoned one is swept by `new_folder`
    try:
        with new_folder(made) as folder:
            draft = InsideDraft(folder)
            yield draft
        with lock(run.results / ".predictions.lock"):
            if (not run.shipped and not run.path.is_dir()) or predictions_folder(run, dataset) is None:
                raise MollensError(f"{run.what}: it or its predictions are gone; somebody has deleted them meanwhile")
            if stamp(run, dataset) != before:
                raise MollensError(
                    f"{run.what}: its weights or predictions for {dataset} have changed meanwhile; look again"
                )
            _install(made, root / dataset, {**draft.about, "dataset": dataset, "stamp": before, "made": utc_now()})
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _install(made: Path, folder: Path, about: dict[str, Any]) -> None:
    """Move the arrays to where they belong; readers of older ones keep what they have mapped."""
    with plain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)
        there = []
        for key in ARRAYS:
            path = made / f"{key}.npy"
            if path.exists():
                path.replace(folder / path.name)
                there.append(key)
            else:
                (folder / path.name).unlink(missing_ok=True)
        write_json(folder / ABOUT, {**about, "arrays": there})
