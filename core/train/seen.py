"""Which molecules of a dataset a run has seen: by its split, else by geometry, else nobody knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.data.identity import identities, matching, same_pairs
from core.data.pairs import Progress
from core.data.splits import open_split
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.recipes.parts import parts_of
from core.runs.folder import Run
from core.runs.predictions import NONE, TEST, TRAIN, UNUSED, VALIDATION
from core.runs.seen import read_seen
from core.train.prepare import check_trained_on, recipe_of

Codes = NDArray[np.uint8]
Rows = NDArray[np.int64]


def codes_on(run: Run, dataset: Dataset, progress: Progress | None = None) -> tuple[Codes, str]:
    """What each molecule of a dataset was to a run, and how that is known: "split", "geometry" or "unknown".

    Of the dataset that a run was trained on, its split says it. In any other one a molecule was seen if the run has
    seen the same atoms in the same geometry, in whatever order, place and turn: in training, or in validation; all
    others are test molecules. What the run has seen is its own dataset, if that is still there unchanged, or what is
    kept in `seen/` of a model from elsewhere. Where neither is known, all codes are NONE.

    progress: called with molecules done and their number, of either dataset

    Returns:
        codes (n_molecules,) of `core.runs.predictions`.

    Raises:
        MollensError: for the run's own dataset, if it or its split has changed; or a damaged file.
    """
    if dataset.name == run.dataset_name and run.origin == "mollens":
        if dataset.card.sha256 != run.dataset_sha256:
            raise MollensError(
                f"{run.what}: was trained on other data of the name {dataset.name}; import the new data under another "
                "name"
            )
        return _own_codes(run, dataset), "split"
    codes = _codes_of_named_split(run, dataset)
    if codes is not None:
        return codes, "split"
    codes = _codes_by_geometry(run, dataset, progress)
    if codes is not None:
        return codes, "geometry"
    return np.full(dataset.molecules.n_molecules, NONE, dtype=np.uint8), "unknown"


def _own_codes(run: Run, dataset: Dataset) -> Codes:
    """Split codes (n_molecules,) of the run's own split; UNUSED where sampling left a training molecule out."""
    split = open_split(dataset, run.split_name)
    if split.hash != run.split_hash:
        raise MollensError(f"{run.what}: split {split.name} has changed since the run was made; start a new run")
    codes = split.codes(dataset.molecules.ids)
    parts = parts_of(recipe_of(run), dataset)
    check_trained_on(run, dataset.molecules.ids[parts.train])
    if parts.unused:
        codes[np.setdiff1d(parts.split_train, parts.train, assume_unique=True)] = UNUSED
    return codes


def _codes_of_named_split(run: Run, dataset: Dataset) -> Codes | None:
    """Codes of a model from elsewhere that was trained on a split of this dataset, as somebody has stated."""
    if run.origin == "mollens" or not run.split_hash or run.dataset_sha256 != dataset.card.sha256:
        return None
    try:
        split = open_split(dataset, run.split_name)
    except MollensError:
        return None
    return split.codes(dataset.molecules.ids) if split.hash == run.split_hash else None


def _codes_by_geometry(run: Run, dataset: Dataset, progress: Progress | None) -> Codes | None:
    seen = read_seen(run)
    if seen is not None:
        rows, places = matching(identities(dataset.molecules, progress), np.asarray(seen.hashes))
        return _recognised(dataset, rows, np.asarray(seen.codes)[places])
    if run.origin != "mollens":
        return None
    try:
        own = open_dataset(run.dataset_name)
        if own.card.sha256 != run.dataset_sha256:
            return None
        own_codes = _own_codes(run, own)
    except MollensError:
        return None  # gone or changed: then it is not known what the run has seen
    learned = np.flatnonzero(own_codes <= VALIDATION)
    learned_from = own.molecules.take(learned)
    n = learned_from.n_molecules
    n_all = n + dataset.molecules.n_molecules
    first = None if progress is None else lambda done, _: progress(done, n_all)
    second = None if progress is None else lambda done, _: progress(n + done, n_all)
    of_learned = identities(learned_from, first)
    rows, places = matching(identities(dataset.molecules, second), of_learned)
    same = same_pairs(dataset.molecules, learned_from, (rows, places))
    return _recognised(dataset, rows[same], own_codes[learned[places[same]]])


def _recognised(dataset: Dataset, rows: Rows, codes: Codes) -> Codes:
    """Codes (n_molecules,) from those of what the molecules at `rows` (n_pairs,) are copies of; training goes first."""
    found = np.full(dataset.molecules.n_molecules, TEST, dtype=np.uint8)
    for code in (VALIDATION, TRAIN):
        found[rows[codes == code]] = code
    return found
