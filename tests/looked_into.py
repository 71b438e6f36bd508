"""Runs whose networks have been looked into, with latents and contributions that are known."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from core.data.store import Dataset
from core.files import write_array
from core.judge.inspect.nearest import neighbours_of
from core.runs.folder import Run
from core.runs.inside import inside_draft
from core.runs.predictions import read_predictions


def look_into(
    run: Run,
    dataset: Dataset,
    contributions: NDArray[np.float64] | None = None,
    why: str = "it is a mean",
    seed: int = 0,
) -> None:
    """Write what a task would find: the first latent is the size; contributions (n_atoms of the dataset,), else why."""
    (run.path / "model.json").write_text(json.dumps({"weights_sha256": "00"}))
    stored, molecules = read_predictions(run), dataset.molecules
    assert stored is not None and (np.asarray(stored.ids) == molecules.ids).all()
    noise = np.random.default_rng(seed).normal(0, 0.05, (2, molecules.n_molecules))
    latents = np.stack([molecules.sizes + noise[0], noise[1]], axis=1).astype(np.float32)
    with inside_draft(run, dataset.name) as draft:
        write_array(draft.folder / "latents.npy", latents)
        write_array(draft.folder / "first_atom.npy", molecules.first_atom)
        nearest, apart = neighbours_of(latents, np.asarray(stored.split), latents, np.asarray(stored.split))
        write_array(draft.folder / "nearest.npy", nearest)
        write_array(draft.folder / "nearest_distance.npy", apart)
        if contributions is None:
            draft.about["why_no_contributions"] = why
        else:
            write_array(draft.folder / "contributions.npy", contributions)
        draft.about["nearest_in"] = dataset.name
