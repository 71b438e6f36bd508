"""The error of the baseline, a linear fit of the atom counts, on the molecules that a run validates on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.files import read_json
from core.runs.folder import Run
from core.runs.predictions import VALIDATION, read_predictions
from core.runs.validation import read_validation


def validation_baseline(run: Run, dataset: Dataset) -> float | None:
    """Validation MAE of the run's baseline in the target's unit; None before the run has told what it is.

    A finished run has written its baseline's predictions. A running one has its coefficients in model.json, from the
    first epoch on; they are applied to the molecules that it validates on.

    Raises:
        MollensError: if a file of the run is damaged.
    """
    stored = read_predictions(run, dataset.name)
    if stored is not None:
        held = (np.asarray(stored.split) == VALIDATION) & np.isfinite(stored.target)
        return float(np.abs(stored.baseline[held] - stored.target[held]).mean()) if held.any() else None
    recorded = read_validation(run)
    target = dataset.molecules.columns.get(run.target)
    if recorded is None or target is None or target.ndim != 1 or not (run.path / "model.json").exists():
        return None
    coefficients = read_json(run.path / "model.json", run.what).get("baseline")
    if not isinstance(coefficients, dict):
        return None
    rows = dataset.molecules.rows_of(recorded.ids)
    try:
        fitted = _linear(coefficients, dataset, rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MollensError(f"{run.what}: model.json: its baseline is damaged ({error!r}); resume the run") from error
    return float(np.abs(fitted - target[rows]).mean())


def _linear(coefficients: dict[str, Any], dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values (n,) of a linear fit in composition: its reference by atomic number and mean, see models.offset."""
    molecules = dataset.molecules
    n_atoms = molecules.sizes[rows].astype(np.float64)
    reference = np.array([float(coefficients["reference"].get(str(z), 0.0)) for z in molecules.elements])
    total = molecules.element_counts[rows] @ reference
    mean = float(coefficients["mean"])
    return total + mean * n_atoms if coefficients["pooling"] == "sum" else total / n_atoms + mean
