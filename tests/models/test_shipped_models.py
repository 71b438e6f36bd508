"""The shipped runs on molecules of demo: what predicts equals the stock network, and the stored numbers come back."""

import numpy as np
import pytest
import torch

from core.data.neighbours import find_neighbours
from core.data.store import Dataset
from core.runs.folder import SHIPPED, open_run
from core.runs.predictions import read_predictions
from core.train.batches import FlatMolecules
from core.train.predict import predict_rows
from core.train.prepare import offsets_of
from models.registry import OUTPUT
from models.weights import load_model
from tests.models.demo_molecules import telling_rows

RUNS = sorted(folder.name for folder in SHIPPED.iterdir() if (folder / "model.json").is_file())


def test_both_networks_are_shipped() -> None:
    assert {load_model(SHIPPED / run).description["kind"] for run in RUNS} == {"composition", "schnet", "painn"}


def test_what_ships_is_finished_small_and_says_how_it_was_made() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 8_000_000
    assert not {"last.ckpt", "log.txt"} & {path.name for path in files}
    for run in (open_run(name) for name in RUNS):
        assert run.status().state == "finished" and (run.status().host, run.status().pid) == ("", 0)
        assert run.about["command"] in (run.path / "card.md").read_text()
        assert run.about["command"].startswith("python -m core train --recipe ")


@pytest.mark.parametrize("run", RUNS)
def test_predictions_are_those_of_the_stock_network_and_those_that_are_stored(run: str, demo: Dataset) -> None:
    model, rows = load_model(SHIPPED / run), telling_rows(demo)
    molecules = demo.molecules.take(rows)
    flat = FlatMolecules.of(molecules, find_neighbours(molecules, model.neighbour_cutoff))
    predicted = predict_rows(model, molecules, flat, np.arange(len(rows)))
    if model.network is not None:
        with torch.no_grad():
            stock = model.network(flat.batch(torch.arange(len(rows))))[OUTPUT]
        expected = model.offset.target(stock.numpy(), offsets_of(model.offset, molecules))
        assert np.abs(predicted - expected).max() < 3e-6  # eV: a few units in the last place of a float32 output

    stored = read_predictions(open_run(run))
    assert stored is not None
    there = dict(zip(stored.ids.tolist(), stored.predicted.tolist(), strict=True))
    expected = np.array([there[molecule] for molecule in molecules.ids.tolist()])
    assert np.abs(predicted - expected).max() < 1e-4  # eV; processors add up in different orders
