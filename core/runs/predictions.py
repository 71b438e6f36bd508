"""predictions/<dataset>/: what a run says about every molecule of a dataset, one mapped file per column."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MollensError
from core.files import read_json, write_array, write_json
from core.runs.folder import Run

TRAIN, VALIDATION, TEST, UNUSED, NONE = 0, 1, 2, 3, 255
HOW_CODES = ("split", "geometry", "unknown")
"""Where split codes come from: the split of the run, what the run has seen recognised by its geometry, or nowhere."""
_DRAFT = re.compile(r"^\.|\.(new|old)-")  # what a writer was killed over


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one run for the molecules of one dataset that have the target."""

    ids: NDArray[np.int64]
    """(n,) of the dataset"""
    split: NDArray[np.uint8]
    """(n,) 0 training, 1 validation, 2 test, 3 of the split's training part but not trained on, 255 in no part"""
    target: NDArray[np.float64]
    """(n,) label, in the target's unit; NaN where the dataset has none"""
    predicted: NDArray[np.float64]
    """(n,)"""
    baseline: NDArray[np.float64]
    """(n,) linear-in-composition fit on the run's training molecules"""

    @property
    def errors(self) -> NDArray[np.float64]:
        """(n,) predicted minus target."""
        return self.predicted - self.target


def predictions_folder(run: Run, dataset: str) -> Path | None:
    """Where the predictions of `run` for `dataset` lie, or None."""
    for root in (run.results, run.path):
        folder = root / "predictions" / dataset
        if (folder / "about.json").exists():
            return folder
    return None


def predicted_datasets(run: Run) -> list[str]:
    """Names of the datasets that there are predictions for, the run's own first, then by name."""
    names = set()
    for root in {run.results, run.path}:
        folders = (root / "predictions").glob("*/about.json")
        names |= {path.parent.name for path in folders if not _DRAFT.search(path.parent.name)}
    return sorted(names, key=lambda name: (name != run.dataset_name, name))


def read_about(run: Run, dataset: str | None = None) -> dict[str, Any] | None:
    """about.json of the predictions for a dataset (the run's own by default), or None where there are none.

    Keys: dataset, dataset_sha256, and codes, one of `HOW_CODES`: what an older Mollens wrote is filled in.
    """
    name = dataset or run.dataset_name
    folder = predictions_folder(run, name)
    if folder is None:
        return None
    about = read_json(folder / "about.json", run.what)
    if about.get("codes") not in HOW_CODES:
        about["codes"] = "split" if name == run.dataset_name else "unknown"
    return about


def read_predictions(run: Run, dataset: str | None = None) -> Predictions | None:
    """Predictions of `run` for a dataset (its own by default), or None where there are none.

    Raises:
        MollensError: if a column is missing, damaged or of another length than the rest.
    """
    folder = predictions_folder(run, dataset or run.dataset_name)
    if folder is None:
        return None
    columns = {}
    for column in fields(Predictions):
        path = folder / f"{column.name}.npy"
        try:
            columns[column.name] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            where = f"predictions/{folder.name}/{path.name}"
            raise MollensError(f"{run.what}: {where} is damaged or missing; predict again") from error
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise MollensError(f"{run.what}: columns in {folder} differ in length ({lengths}); predict again")
    return Predictions(**columns)


def write_predictions(
    folder: Path, predictions: Predictions, dataset: str, dataset_sha256: str, codes: str = "split"
) -> None:
    """Write all columns into `folder`, an empty draft; about.json comes last and makes them valid.

    codes: of `HOW_CODES`, where the split codes come from
    """
    assert codes in HOW_CODES, codes
    dtypes = {"ids": np.int64, "split": np.uint8}
    for column in fields(Predictions):
        values = np.asarray(getattr(predictions, column.name), dtype=dtypes.get(column.name, np.float64))
        write_array(folder / f"{column.name}.npy", values)
    write_json(folder / "about.json", {"dataset": dataset, "dataset_sha256": dataset_sha256, "codes": codes})
