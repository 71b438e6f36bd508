"""What a model says about molecules of one's own, what it rests on, and how far it may be trusted.

The numbers of the network come from `core.train.own_molecules`; here they are set beside the training molecules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.judge.inspect.causes import percent
from core.judge.inspect.distances_seen import unseen_distances
from core.judge.inspect.nearest import FAR, N_NEAREST, held_out_distances, nearest_of, percentile, scale_of
from core.judge.inspect.usual_errors import UsualErrors
from core.judge.statistics.intervals import N_POINTS_ONLY
from core.runs.folder import Run
from core.runs.inside import Inside
from core.runs.predictions import TRAIN, Predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_BINS = 48
SAME = 1e-3
"""Distance below which a molecule of equal formula is called the training molecule itself."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network says about some molecules; NaN for those that it was not asked."""

    predicted: Floats
    """(n,) in the target's unit"""
    baseline: Floats
    """(n,) linear in composition"""
    latents: NDArray[np.float32]
    """(n, n_features)"""
    refused: list[str]
    """(n,) why a molecule was not predicted; empty where it was"""
    remarks: list[list[str]]
    """(n,) what the file itself says that the model does not know: charges, spins, a cell"""
    labels: list[dict[str, Any] | None]
    """(n,) {column, value} that the file gives, in its own unit and level of theory"""


@dataclass(frozen=True)
class _Training:
    """The training molecules of a run, as far as they are known."""

    dataset: Dataset
    inside: Inside
    stored: Predictions
    places: Ints
    """(n_train,) rows of the predictions"""
    rows: Ints
    """(n_train,) rows of the dataset"""


def judged(
    run: Run,
    molecules: Molecules,
    answers: Answers,
    dataset: Dataset | None,
    inside: Inside | None,
    stored: Predictions | None,
    why_unknown: str = "",
) -> dict[str, Any]:
    """Everything about one's own molecules, as `predict-molecules --json` prints it; energies in the target's unit.

    dataset, inside, stored: the run's own dataset and what is known of it inside the network; None where that is gone
    or the training molecules are not known, which `why_unknown` then says in a sentence.
    """
    training = _training(dataset, inside, stored)
    held = held_out_distances(training.inside, training.stored.split) if training else np.zeros(0)
    nearest = _nearest(training, answers) if training else None
    usual = UsualErrors(training.inside, training.stored, _sizes(training)) if training else None
    content = []
    for row in range(molecules.n_molecules):
        entry = _plain_entry(molecules, row, answers)
        if not answers.refused[row]:
            warnings: list[dict[str, str]] = []
            if training is not None and nearest is not None:
                places, distances = nearest[0][row], nearest[1][row]
                _set_nearest(entry, training, places, distances, held, molecules.formula(row))
                warnings += _geometry_warnings(training, molecules, row)
                warnings += _size_warnings(training, int(molecules.sizes[row]))
                warnings += _distance_warnings(entry, len(held))
                if usual is not None and entry["same_as"] is None:
                    entry["expected"] = usual.like(entry["n_atoms"], entry["percentile"])
            warnings += [{"kind": "file", "text": text} for text in answers.remarks[row]]
            entry["warnings"] = warnings
            entry["like_the_dataset"] = not warnings
        content.append(entry)
    refused = sum(bool(entry["refused"]) for entry in content)
    return {
        "run": run.name,
        "id": run.id,
        "dataset": run.dataset_name,
        "target": run.target,
        "unit": str(run.recipe_file.get("unit", "")),
        "n": len(content),
        "n_refused": refused,
        "n_warned": sum(bool(entry["warnings"]) for entry in content),
        "n_trained_on": sum(entry["same_as"] is not None and not entry["warnings"] for entry in content),
        "n_training": len(training.places) if training else None,
        "n_held_out": len(held),
        "held_out": _histogram(held),
        "why_no_nearest": "" if training else why_unknown,
        "molecules": content,
    }


def _training(dataset: Dataset | None, inside: Inside | None, stored: Predictions | None) -> _Training | None:
    if dataset is None or inside is None or stored is None or inside.nearest is None:
        return None
    places = np.flatnonzero(np.asarray(stored.split) == TRAIN)
    rows = dataset.molecules.rows_of(np.asarray(stored.ids)[places])
    return _Training(dataset, inside, stored, places, rows) if len(places) else None


def _nearest(training: _Training, answers: Answers) -> tuple[Ints, Floats]:
    """Places among the training molecules and distances, (n, k); of refused ones NaN."""
    of_training = np.asarray(training.inside.latents)[training.places]
    scale = scale_of(of_training)
    asked = np.array([not text for text in answers.refused])
    places, distances = nearest_of(scale(answers.latents[asked]), scale(of_training), N_NEAREST)
    all_places = np.zeros((len(asked), places.shape[1]), dtype=np.int64)
    all_distances = np.full(all_places.shape, np.nan)
    all_places[asked], all_distances[asked] = places, distances
    return all_places, all_distances


def _plain_entry(molecules: Molecules, row: int, answers: Answers) -> dict[str, Any]:
    refused = answers.refused[row]
    return {
        "place": row + 1,
        "molecule": int(molecules.ids[row]),
        "formula": molecules.formula(row),
        "n_atoms": int(molecules.sizes[row]),
        "predicted": None if refused else float(answers.predicted[row]),
        "baseline": None if refused else float(answers.baseline[row]),
        "refused": refused,
        "label": answers.labels[row],
        "distance": None,
        "percentile": None,
        "nearest": [],
        "same_as": None,
        "expected": None,
        "warnings": [],
        "like_the_dataset": None,
    }


def _set_nearest(
    entry: dict[str, Any], training: _Training, places: Ints, distances: Floats, held: Floats, formula: str
) -> None:
    molecules, stored = training.dataset.molecules, training.stored
    found = []
    for place, distance in zip(training.places[places], distances, strict=True):
        row = int(molecules.rows_of(np.asarray(stored.ids[place : place + 1]))[0])
        target, predicted = _finite(stored.target[place]), float(stored.predicted[place])
        found.append(
            {
                "id": int(stored.ids[place]),
                "distance": float(distance),
                "percentile": _share(float(distance), held),
                "target": target,
                "predicted": predicted,
                "error": None if target is None else predicted - target,
                "n_atoms": int(molecules.sizes[row]),
                "formula": molecules.formula(row),
                "smiles": molecules.smiles_of(row),
            }
        )
    entry["nearest"] = found
    entry["distance"] = float(distances[0])
    entry["percentile"] = _share(float(distances[0]), held)
    entry["same_as"] = found[0]["id"] if distances[0] < SAME and found[0]["formula"] == formula else None


def _finite(value: float) -> float | None:
    """A number, or None where a dataset has no label of the model's level of theory."""
    return float(value) if np.isfinite(value) else None


def _share(distance: float, held: Floats) -> float | None:
    return float(percentile(np.array([distance]), held)[0]) if len(held) else None


def _sizes(training: _Training) -> Ints:
    """(n,) atoms of every molecule that the run has predicted in its own dataset."""
    return training.dataset.molecules.sizes[training.dataset.molecules.rows_of(np.asarray(training.stored.ids))]


def _size_warnings(training: _Training, size: int) -> list[dict[str, str]]:
    sizes = training.dataset.molecules.sizes[training.rows]
    n, low, high = int((sizes == size).sum()), int(sizes.min()), int(sizes.max())
    if n >= N_POINTS_ONLY:
        return []
    if size < low or size > high:
        text = f"{size:,} atoms; the training molecules have {low:,} to {high:,}"
    elif n == 0:
        text = f"no training molecule has {size:,} atoms"
    else:
        text = f"only {n} of {len(sizes):,} training molecules {'has' if n == 1 else 'have'} {size:,} atoms"
    return [{"kind": "size", "text": text}]


def _distance_warnings(entry: dict[str, Any], n: int) -> list[dict[str, str]]:
    share = entry["percentile"]
    if share is None or share <= FAR:
        return []
    text = f"its nearest training molecule is farther away than those of {percent(share)} of {n:,} held-out molecules"
    if share >= 1:
        text = f"its nearest training molecule is farther away than that of any of {n:,} held-out molecules"
    return [{"kind": "distance", "text": f"{text}: the model has seen nothing like it"}]


def _geometry_warnings(training: _Training, molecules: Molecules, row: int) -> list[dict[str, str]]:
    if training.inside.distances_seen is None:
        return []
    atoms = molecules.atoms(row)
    found = unseen_distances(
        molecules.numbers[atoms], molecules.positions[atoms], np.asarray(training.inside.distances_seen)
    )
    return [{"kind": "geometry", "text": str(unseen)} for unseen in found]


def _histogram(held: Floats) -> dict[str, Any] | None:
    """The held-out molecules' distances to their nearest training molecules; the last bin holds all beyond."""
    if not len(held):
        return None
    edges = np.linspace(0.0, float(np.quantile(held, 0.995)) * 1.25 or 1.0, N_BINS + 1)
    counts = np.histogram(np.minimum(held, edges[-1]), edges)[0]
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "median": float(np.median(held)),
        "far": float(np.quantile(held, FAR)),
    }


def answer_table(content: dict[str, Any]) -> pl.DataFrame:
    """A row for each molecule of `judged`, for a CSV file; energies in the target's unit."""
    rows = []
    for entry in content["molecules"]:
        expected, nearest, label = entry["expected"] or {}, (entry["nearest"] or [{}])[0], entry["label"] or {}
        told = [entry["refused"]] if entry["refused"] else [warning["text"] for warning in entry["warnings"]]
        rows.append(
            {
                "place": entry["place"], "molecule": entry["molecule"], "formula": entry["formula"],
                "n_atoms": entry["n_atoms"], "predicted": entry["predicted"], "baseline": entry["baseline"],
                "unit": content["unit"], "usual_error": expected.get("mae"), "usual_error_low": expected.get("low"),
                "usual_error_high": expected.get("high"), "usual_error_n": expected.get("n"),
                "distance": entry["distance"], "farther_than_share": entry["percentile"],
                "nearest_id": nearest.get("id"), "nearest_target": nearest.get("target"),
                "nearest_error": nearest.get("error"), "label_in_file": label.get("value"),
                "remarks": "; ".join(told),
            }
        )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
