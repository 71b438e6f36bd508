from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core.cli.own import make_inside, predict_molecules_task
from core.data.card import Card
from core.data.own_molecules import read_answer
from core.data.store import Dataset, save_dataset
from core.runs.inside import inside_state, read_inside
from core.runs.predictions import TRAIN, read_predictions
from core.train.predict import predict_dataset
from tests.core.cli.conftest import Cli
from tests.core.train.untrained import untrained_run


def silent(done: int, total: int, text: str = "") -> None:
    """Nobody is told."""


def written(path: Path, dataset: Dataset, rows: list[int]) -> Path:
    """Some molecules of a dataset as an xyz file, then one with chlorine."""
    text = "".join(dataset.molecules.xyz(row) for row in rows)
    path.write_text(text + "2\nhydrogen chloride\nH 0 0 0\nCl 0 0 1.27\n")
    return path


def test_molecules_of_the_dataset_are_predicted_as_in_it(tiny: Dataset, cli: Cli, tmp_path: Path) -> None:
    run = untrained_run(tiny, "asked", model="painn")
    stored = read_predictions(run)
    assert stored is not None
    trained, held = (int(np.flatnonzero(stored.split == code)[5]) for code in (TRAIN, 2))
    file = written(tmp_path / "own.xyz", tiny, [trained, held])
    code, said, _ = cli("predict-molecules", "asked", str(file), "--json")
    assert code == 0
    content = json.loads(said)
    first, second, third = content["molecules"]
    # the file has 8 decimals
    assert abs(first["predicted"] - stored.predicted[trained]) < 1e-4
    assert abs(second["predicted"] - stored.predicted[held]) < 1e-4
    assert abs(second["baseline"] - stored.baseline[held]) < 1e-9
    assert first["same_as"] == stored.ids[trained] and second["same_as"] is None
    assert "contains Cl, which the model was not trained on; it knows H, C, N, O" in third["refused"]
    inside = read_inside(run)
    assert inside is not None and inside.nearest is not None and inside.nearest_distance is not None
    assert [each["id"] for each in second["nearest"]] == stored.ids[inside.nearest[held]].tolist()
    assert np.allclose([each["distance"] for each in second["nearest"]], inside.nearest_distance[held], atol=1e-3)

    code, said, _ = cli("predict-molecules", "asked", str(file))
    assert code == 0 and "asked: 3 molecules of own.xyz, energy in eV" in said and "contains Cl" in said
    code, _, error = cli("predict-molecules", "asked", str(tmp_path / "none.xyz"))
    assert code == 1 and "not found; give an xyz file" in error

    result = predict_molecules_task({"run": run.id, "file": str(file), "token": "a" * 32}, silent)
    assert result == {"token": "a" * 32, "n": 3, "n_refused": 1, "n_warned": content["n_warned"]}
    kept = read_answer("a" * 32)
    assert kept is not None and kept[0]["molecules"] == content["molecules"] and kept[1].n_molecules == 3


def test_look_inside_another_dataset_names_training_molecules_of_the_own_one(tiny: Dataset, cli: Cli) -> None:
    run = untrained_run(tiny, "asked")
    other = save_dataset(
        tiny.molecules.take(np.arange(10, 40)), Card.model_validate(tiny.card.model_dump() | {"name": "other"})
    )
    code, _, error = cli("look-inside", "asked", "--dataset", "other")
    assert code == 1 and "core predict" in error
    predict_dataset(run, other)
    code, said, _ = cli("look-inside", "asked", "--dataset", "other", "--json")
    told = json.loads(said)
    assert code == 0 and told["n"] == 30 and told["nearest_in"] == "tiny" and inside_state(run) == "ready"
    inside, own, stored = read_inside(run, "other"), read_inside(run), read_predictions(run)
    assert inside is not None and own is not None and stored is not None and inside.nearest is not None
    asked = np.flatnonzero(inside.nearest[:, 0] >= 0)
    assert (np.asarray(stored.split)[inside.nearest[asked]] == TRAIN).all()
    assert np.array_equal(inside.latents, own.latents[10:40])
    assert make_inside(run, "tiny", "cpu", silent)["why_no_contributions"] == ""


def test_the_baseline_is_refused(cli: Cli) -> None:
    code, _, error = cli("look-inside", "20261121-074206-composition-8edd")
    assert code == 1 and "a linear fit of the atom counts; there is no network to look into" in error
