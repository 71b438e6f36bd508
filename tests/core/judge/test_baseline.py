from __future__ import annotations

import json

import numpy as np
import pytest

from core.data.splits import open_split
from core.data.store import Dataset
from core.errors import MollensError
from core.judge.baseline import validation_baseline
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    atoms = qm9_like(200)
    energies = np.array([-40.0 * molecule.count(6) - 0.5 * len(molecule) for molecule in atoms])
    return fake_dataset("judged", fake_molecules(atoms, energies))


def test_a_finished_run_has_written_it(dataset: Dataset) -> None:
    run = fake_run(dataset, np.zeros(200), baseline_errors=0.25)
    assert validation_baseline(run, dataset) == pytest.approx(0.25)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_a_running_one_is_asked_for_its_coefficients(dataset: Dataset, pooling: str) -> None:
    run = fake_run(dataset, np.zeros(200), validation=np.zeros((3, 20)), write=False)
    assert validation_baseline(run, dataset) is None
    fit = {"pooling": pooling, "reference": {"6": -40.0}, "mean": -0.25, "scale": 1.0}
    (run.path / "model.json").write_text(json.dumps({"format": 1, "baseline": fit}))
    rows = dataset.molecules.rows_of(open_split(dataset).validation)
    sizes, values = dataset.molecules.sizes[rows], dataset.molecules.columns["energy"][rows]
    if pooling == "sum":  # the fit is right but for a quarter of an eV per atom
        assert validation_baseline(run, dataset) == pytest.approx(0.25 * sizes.mean())
    else:
        carbons = (-0.5 * sizes - values) / 40.0
        assert validation_baseline(run, dataset) == pytest.approx(np.abs(-40 * carbons / sizes - 0.25 - values).mean())
    fit["reference"] = None
    (run.path / "model.json").write_text(json.dumps({"format": 1, "baseline": fit}))
    with pytest.raises(MollensError, match="its baseline is damaged"):
        validation_baseline(run, dataset)
