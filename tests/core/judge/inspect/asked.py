"""Runs with known errors whose networks have been looked into: latents that a test chooses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.files import write_array, write_json
from core.judge.inspect.nearest import neighbours_of
from core.runs.folder import Run
from core.runs.inside import inside_draft
from core.runs.predictions import read_predictions

Floats = NDArray[np.float64]


def look_inside(run: Run, dataset: Dataset, latents: Floats) -> None:
    """Write what a job would, with latents (n_molecules, n_features) in the order of the dataset's rows."""
    write_json(run.path / "model.json", {"weights_sha256": "0" * 64})
    stored = read_predictions(run, dataset.name)
    assert stored is not None
    rows = dataset.molecules.rows_of(np.asarray(stored.ids))
    own, codes = latents[rows].astype(np.float32), np.asarray(stored.split)
    nearest, apart = neighbours_of(own, codes, own, codes)
    with inside_draft(run, dataset.name) as draft:
        write_array(draft.folder / "latents.npy", own)
        write_array(draft.folder / "first_atom.npy", np.concatenate([[0], np.cumsum(dataset.molecules.sizes[rows])]))
        write_array(draft.folder / "nearest.npy", nearest)
        write_array(draft.folder / "nearest_distance.npy", apart)
        draft.about["nearest_in"] = dataset.name
