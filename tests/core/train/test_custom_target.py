"""A property that only the dataset's card knows is trained on, predicted and judged like any other."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.card import CardProperty
from core.data.importers import ColumnMap, import_file
from core.data.store import Dataset, save_dataset
from core.judge.errors import report
from core.judge.held_out import held_out
from core.runs.predictions import read_predictions
from core.train.job import run_job
from tests.core.train.small_dataset import new_small_run, organic_molecules, save_small


def own_targets(name: str) -> Dataset:
    """The small molecules with `zeta`, an extensive property of its own unit, and `shade`, an intensive one."""
    molecules = organic_molecules()
    columns = {"zeta": molecules.columns["energy"] / 100, "shade": molecules.columns["gap"]}
    card = save_small(name=f"{name}-of").card
    listed = (
        CardProperty(key="zeta", label="Zeta", unit="mol/L", extensive=True, output="sum"),
        CardProperty(key="shade", label="Shade", unit="eV", output="mean"),
    )
    changes = {"name": name, "properties": listed, "default_target": "zeta", "atomic_energies": {}}
    return save_dataset(replace(molecules, columns=columns), card.model_copy(update=changes))


@pytest.mark.parametrize(("target", "unit", "pooling"), [("zeta", "mol/L", "sum"), ("shade", "eV", "mean")])
@pytest.mark.parametrize("model", ["schnet", "composition"])
def test_a_run_on_a_custom_target_is_trained_and_judged(model: str, target: str, unit: str, pooling: str) -> None:
    dataset = own_targets("own")
    assert dataset.property(target).output == pooling
    run = new_small_run(dataset, model=model, target=target, reference="composition", epochs=2)
    assert run.recipe_file["unit"] == unit
    run_job(run.id)
    assert run.status().error == "" and run.status().state == "finished"
    predictions = read_predictions(run)
    assert predictions is not None and np.isfinite(predictions.predicted).all()
    assert predictions.target.tolist() == dataset.molecules.columns[target].tolist()
    judged = held_out(run, dataset)
    assert judged.target.key == target and judged.target.unit == unit
    told = report(run, dataset)
    assert told["unit"] == unit and told["mae"] == pytest.approx(float(np.abs(judged.error).mean()))


def test_a_custom_target_of_an_imported_file_is_the_default_where_it_is_the_only_one(tmp_path: object) -> None:
    path = tmp_path / "a.xyz"  # type: ignore[operator]
    path.write_text("2\nProperties=species:S:1:pos:R:3 zeta=1.5\nN 0 0 0\nO 0 0 1.15\n" * 5)
    mapping = {"columns": [{"source": "zeta", "key": "zeta", "unit": "mol/L", "kind": "extensive"}]}
    dataset = import_file(path, "own", columns=ColumnMap.model_validate(mapping))
    assert dataset.target_key() == "zeta" and dataset.property("zeta").unit == "mol/L"
