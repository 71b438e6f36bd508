"""Predictions of another program as a run: judged like any other, without a model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.predicted import Choices, Matched, match_predictions
from core.data.properties import Property
from core.data.splits import Split
from core.data.store import Dataset
from core.recipes.create import versions
from core.runs.folder import Run, new_run, open_run
from core.runs.predictions import NONE, Predictions
from core.runs.status import Status, write_status
from core.runs.writer import replace_predictions
from core.train.composition import fit_composition, free_atoms

Floats = NDArray[np.float64]
ORIGIN = "predictions"
NOT_KNOWN = "not known"
"""Name of the split of a model of which nobody knows what it has seen."""


def load_predictions(path: Path, dataset: Dataset, target: str, name: str, choices: Choices | None = None) -> Run:
    """Make a run of a file with predictions for molecules of a dataset.

    Its baseline is the linear fit on the training molecules that are stated; NaN where none are.

    Raises:
        MollensError: as `match_predictions`; for a name that is not allowed, or a full disk: nothing is left then.
    """
    matched = match_predictions(path, dataset, target, choices)
    if target == "default":
        target = str(dataset.card.default_target)
    prop = dataset.property(target)
    labels = np.asarray(dataset.molecules.columns[target])
    predictions = _predictions(dataset, prop, labels, matched)
    run = new_run(_recipe_file(path, dataset, prop, labels, matched), name, ORIGIN)
    try:
        known = "split" if matched.split is not None else "unknown"
        replace_predictions(run, predictions, dataset.name, dataset.card.sha256, known)
        write_status(run.path / "status.json", Status("finished"))
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return open_run(run.id)


def _predictions(dataset: Dataset, prop: Property, labels: Floats, matched: Matched) -> Predictions:
    """All columns, by row of the dataset.

    Molecules of the split without a prediction stay, so that they count as seen, but without a target: they are never
    judged.
    """
    molecules = dataset.molecules
    predicted, target = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    predicted[matched.rows], target[matched.rows] = matched.predicted, labels[matched.rows]
    ids = np.asarray(molecules.ids)
    codes = np.full(len(ids), NONE, dtype=np.uint8) if matched.split is None else matched.split.codes(ids)
    # as in Mollens's own runs, molecules without a label are in no part
    kept = np.isfinite(labels) & (np.isfinite(predicted) | (codes != NONE))
    return Predictions(
        ids=ids[kept],
        split=codes[kept],
        target=target[kept],
        predicted=predicted[kept],
        baseline=_baseline(dataset, prop, labels, matched.split)[kept],
    )


def _baseline(dataset: Dataset, prop: Property, labels: Floats, split: Split | None) -> Floats:
    """(n_molecules,) the linear fit on the stated training molecules; NaN where none are stated."""
    molecules = dataset.molecules
    rows = np.zeros(0, dtype=np.int64) if split is None else molecules.rows_of(split.train)
    rows = rows[np.isfinite(labels[rows])]
    if not len(rows):
        return np.full(len(labels), np.nan)
    pooling = prop.output or ("sum" if prop.extensive else "mean")
    fit = fit_composition(molecules, rows, labels[rows], pooling, free_atoms(dataset.card, prop.key))
    return fit.of(molecules.element_counts, molecules.elements)


def _recipe_file(path: Path, dataset: Dataset, prop: Property, labels: Floats, matched: Matched) -> dict[str, Any]:
    """recipe.json: what is known of the model, and where its predictions come from."""
    found = matched.inspection
    source: Mapping[str, Any] = {
        "file": path.name,
        "format": found.format,
        "id_column": found.id_column.value,
        "ids_are": found.ids_are.value,
        "value_column": found.value_column.value,
        "split_column": found.split_column.value,
        "unit": found.unit.value,
        "kind": found.kind.value,
        "rows": found.n_rows,
        "matched": found.n_matched,
        "unknown": found.n_unknown,
        "missing": found.n_missing,
        "warnings": list(found.warnings),
    }
    return {
        "recipe": {"model": "unknown"},
        "dataset": {"name": dataset.name, "sha256": dataset.card.sha256},
        "split": _split_told(dataset, labels, matched.split),
        "target": prop.key,
        "unit": prop.unit,
        "seed": 0,
        "source": dict(source),
        "versions": versions(),
    }


def _split_told(dataset: Dataset, labels: Floats, split: Split | None) -> dict[str, Any]:
    if split is None:
        return {"name": NOT_KNOWN, "hash": "", "known": False, "train": 0, "validation": 0, "test": 0}
    codes = split.codes(dataset.molecules.ids)[np.isfinite(labels)]
    counts = {part: int((codes == code).sum()) for code, part in enumerate(("train", "validation", "test"))}
    return {"name": split.name, "hash": split.hash, "known": True, **counts}
