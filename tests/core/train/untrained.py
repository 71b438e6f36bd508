"""Runs with a network of first weights and its predictions, as a job leaves them but without the training."""

from __future__ import annotations

import torch

from core.data.store import Dataset
from core.recipes.create import create_run
from core.recipes.recipe import validated
from core.runs.folder import Run, open_run
from core.runs.writer import RunWriter
from core.train.composition import network_offset
from core.train.job import network_keywords
from core.train.predict import predict_dataset
from core.train.prepare import prepare
from models.registry import build_network
from models.weights import pack_model

SMALL = {
    "model": "schnet", "n_atom_basis": 16, "n_interactions": 2, "n_rbf": 8, "cutoff": 4.0, "neighbour_cutoff": 4.0,
    "epochs": 1,
}  # fmt: skip


def untrained_run(dataset: Dataset, name: str = "untrained", seed: int = 0, **fields: object) -> Run:
    """A finished run of a small network, with some fields of its recipe changed."""
    run = create_run(validated(SMALL | fields), dataset, name, device="cpu")
    material = prepare(run)
    values = material.values[material.train]
    offset = network_offset(
        material.recipe.reference, material.target, dataset.card, dataset.molecules, material.train, values,
        material.baseline,
    )  # fmt: skip
    torch.manual_seed(seed)
    keywords = network_keywords(material.recipe, material.pooling)
    network = build_network(material.recipe.model, **keywords)
    weights, description = pack_model(
        network.state_dict(), kind=material.recipe.model, network=keywords, offset=offset, target=run.target,
        unit=material.target.unit, neighbour_cutoff=material.recipe.neighbour_cutoff,
        extra={
            "baseline": material.baseline.to_dict(), "elements": material.trained_elements, "epoch": 1,
            "validation_mae": 1.0, "level_of_theory": dataset.card.level_of_theory,
        },
    )  # fmt: skip
    with RunWriter(run) as writer:
        writer.save_model(weights, description)
        writer.set_status(state="finished", epoch=1, pid=0)
    predict_dataset(run, dataset)
    return open_run(run.id)
