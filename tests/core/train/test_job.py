"""A whole job: what it writes, for every kind of model."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from core.cli import app
from core.data.card import Card
from core.data.splits import open_split
from core.data.store import Dataset, save_dataset
from core.errors import MollensError
from core.recipes.create import create_run
from core.recipes.recipe import validated
from core.runs.metrics import read_metrics
from core.runs.predictions import read_predictions
from core.runs.validation import read_validation
from core.train.batches import FlatMolecules
from core.train.device import choose_device, choose_threads
from core.train.job import plain_sentence, run_job
from core.train.predict import flat_molecules, network_outputs, open_model, predict_dataset
from core.train.prepare import offsets_of
from models.offset import Offset
from models.registry import OUTPUT
from tests.core.train.small_dataset import TINY, new_small_run, organic_molecules, save_small


@pytest.mark.parametrize(
    ("model", "target", "reference"),
    [("schnet", "energy", "composition"), ("painn", "energy", "atomic_energies"), ("schnet", "gap", "composition")],
)
def test_a_network_is_trained_kept_and_predicts(small: Dataset, model: str, target: str, reference: str) -> None:
    run = new_small_run(small, model=model, target=target, reference=reference)
    run_job(run.id)
    status = run.status()
    assert (status.state, status.epoch, status.device, status.error) == ("finished", 4, "cpu", "")
    assert status.step == status.steps > 0

    lines, _ = read_metrics(run)
    epochs = [line for line in lines if line["kind"] == "epoch"]
    best = min(epochs, key=lambda line: line["validation_mae"])
    validation, predictions = read_validation(run), read_predictions(run)
    assert validation is not None and predictions is not None
    split = open_split(small)
    assert validation.ids.tolist() == split.validation.tolist() and validation.epochs.tolist() == [1, 2, 3, 4]
    assert predictions.split.tolist() == split.codes(small.molecules.ids).tolist()
    assert predictions.target.tolist() == small.molecules.columns[target].tolist()
    found = predictions.errors[predictions.split == 1]
    assert np.abs(found).mean() == pytest.approx(best["validation_mae"], rel=1e-6)
    assert found == pytest.approx(validation.errors[best["epoch"] - 1], abs=1e-5)


def test_predictions_are_reference_plus_scaled_output_in_float64(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    model, predictions = open_model(run), read_predictions(run)
    assert model.network is not None and predictions is not None
    flat = flat_molecules(small, 4.0)
    with torch.no_grad():
        output = model.network(flat.batch(torch.arange(small.molecules.n_molecules)))[OUTPUT]
    expected = offsets_of(model.offset, small.molecules) + model.offset.scale * output.double().numpy()
    assert predictions.predicted.dtype == np.float64
    assert predictions.predicted == pytest.approx(expected, abs=1e-5 * model.offset.scale + 1e-9)
    baseline = offsets_of(Offset.from_dict(model.description["baseline"]), small.molecules)
    assert predictions.baseline.tolist() == baseline.tolist()


def test_the_composition_model_predicts_its_baseline(small: Dataset) -> None:
    run = new_small_run(small, model="composition", epochs=1)
    run_job(run.id)
    predictions, validation = read_predictions(run), read_validation(run)
    assert predictions is not None and validation is not None
    assert predictions.predicted.tolist() == predictions.baseline.tolist()
    train = predictions.split == 0
    counts = small.molecules.element_counts[train]
    assert counts.T @ predictions.errors[train] == pytest.approx(0, abs=1e-6)  # least squares: no trend is left
    assert validation.errors[0] == pytest.approx(predictions.errors[predictions.split == 1], abs=1e-6)
    assert (run.status().state, run.status().epoch, run.status().epochs) == ("finished", 1, 1)
    (line,) = read_metrics(run)[0]
    assert line["memory"] > 10_000_000 and line["gpu_load"] is None and line["validation_seconds"] >= 0


def test_molecules_without_the_target_are_left_out() -> None:
    molecules = organic_molecules()
    energy = molecules.columns["energy"].copy()
    energy[::7] = np.nan
    columns = {**molecules.columns, "energy": energy}
    dataset = save_small(replace(molecules, columns=columns))
    run = new_small_run(dataset, epochs=1)
    run_job(run.id)
    predictions, validation = read_predictions(run), read_validation(run)
    assert predictions is not None and validation is not None
    assert predictions.ids.tolist() == dataset.molecules.ids[np.isfinite(energy)].tolist()
    assert np.isfinite(predictions.predicted).all()
    assert not set(validation.ids) & set(dataset.molecules.ids[::7])
    assert run.recipe_file["split"]["left_out"] == len(energy[::7])


def test_neighbours_may_reach_less_far_than_the_filters(small: Dataset) -> None:
    run = new_small_run(small, epochs=1, neighbour_cutoff=2.0)
    run_job(run.id)
    description = json.loads((run.path / "model.json").read_text())
    assert (description["neighbour_cutoff"], description["network"]["cutoff"]) == (2.0, 4.0)
    predictions, model = read_predictions(run), open_model(run)
    assert predictions is not None and model.network is not None
    near = network_outputs(model.network, flat_molecules(small, 2.0), np.arange(5))
    expected = offsets_of(model.offset, small.molecules)[:5] + model.offset.scale * near
    assert predictions.predicted[:5] == pytest.approx(expected, abs=1e-6)


def test_the_foreground_hears_of_every_epoch(small: Dataset) -> None:
    run, heard = new_small_run(small, epochs=2), []
    run_job(run.id, progress=lambda done, total, text: heard.append((done, total, text)))
    steps = run.status().steps
    texts = [text for _, _, text in heard]
    assert texts[0] == "finding neighbours" and texts[-1] == "predicting"
    assert any(text.startswith("epoch 1, validation MAE") and text.endswith(" eV") for text in texts)
    assert (steps, steps) in {(done, total) for done, total, _ in heard}


def test_a_changed_dataset_or_split_is_refused(small: Dataset) -> None:
    run = new_small_run(small)
    path = run.path / "recipe.json"
    content = path.read_text()
    path.write_text(content.replace(small.card.sha256, "0" * 64))
    with pytest.raises(MollensError, match="dataset small has changed since the run was made"):
        run_job(run.id)
    path.write_text(content.replace(run.split_hash, "0" * 64))
    with pytest.raises(MollensError, match="split default has changed since the run was made"):
        run_job(run.id)
    assert run.status().state == "failed"


def test_other_molecules_than_those_that_were_recorded_are_refused(small: Dataset) -> None:
    run = new_small_run(small, most_per_size=3)
    path = run.path / "recipe.json"
    path.write_text(path.read_text().replace(run.recipe_file["trained_on"]["hash"], "0" * 64))
    with pytest.raises(MollensError, match="its recipe now draws other training molecules than those it was made for"):
        run_job(run.id)
    assert run.status().state == "failed"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_graphs_are_not_replaced_in_silence(small: Dataset) -> None:
    run = create_run(validated(TINY), small, engine="graph")  # as on another machine
    with pytest.raises(MollensError, match="engine graph records CUDA graphs, and there is no GPU here"):
        run_job(run.id)


def test_another_dataset_is_predicted_with_what_was_seen(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    own = read_predictions(run)
    assert own is not None
    made = predict_dataset(run, save_small(small.molecules.take(np.arange(40)), "part"))
    stored = read_predictions(run, "part")
    assert stored is not None and stored.split.tolist() == own.split[:40].tolist()
    assert stored.predicted.tolist() == made.predicted.tolist()
    assert stored.predicted == pytest.approx(own.predicted[:40], abs=1e-5)


def test_the_command_predicts_on_the_device_it_is_given(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = new_small_run(small, epochs=1), []
    run_job(run.id)
    monkeypatch.setattr("core.train.predict.predictions_of", lambda *given: seen.append(given[3]) or predicted)
    predicted = read_predictions(run)
    words = ["predict", run.id, "--dataset", "small"]
    assert CliRunner().invoke(app, [*words, "--device", "cpu"]).exit_code == 0
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == ["cpu", choose_device("auto")]
    result = CliRunner().invoke(app, [*words, "--device", "tpu"])
    assert isinstance(result.exception, MollensError) and "device 'tpu': not known" in str(result.exception)


def test_labels_of_another_level_of_theory_are_no_labels(small: Dataset) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    card = Card.model_validate(small.card.model_dump() | {"name": "other-level", "level_of_theory": "B3LYP"})
    predictions = predict_dataset(run, save_dataset(small.molecules.take(np.arange(10)), card))
    assert np.isnan(predictions.target).all() and np.isfinite(predictions.predicted).all()


def test_elements_the_model_never_saw_are_refused(small: Dataset) -> None:
    hydrocarbons = np.flatnonzero(~(small.molecules.contains(9) | small.molecules.contains(8)))
    run = new_small_run(save_small(small.molecules.take(hydrocarbons), "no-oxygen"), epochs=1)
    run_job(run.id)
    with pytest.raises(
        MollensError, match="dataset small has F, O, which the model was not trained on; it knows H, C, N"
    ):
        predict_dataset(run, small)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"elements": None}, r"damaged \(elements missing\)"),
        ({"baseline": {"pooling": "sum"}}, "offset: .*reference"),
        ({"network": {"colour": "red"}}, r"damaged \(network is .*colour"),
    ],
)
def test_an_incomplete_description_is_told(small: Dataset, change: dict[str, object], words: str) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    path = run.path / "model.json"
    values = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    with pytest.raises(MollensError, match=f"^run .*{words}"):
        predict_dataset(run, small)


def test_a_run_without_a_model_cannot_predict(small: Dataset) -> None:
    with pytest.raises(MollensError, match=r"model\.json: cannot be read .* no trained model yet"):
        predict_dataset(new_small_run(small), small)


def test_prediction_does_not_depend_on_how_it_is_cut(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_small_run(small, epochs=1)
    run_job(run.id)
    model, flat, rows = open_model(run), flat_molecules(small, 4.0), np.arange(small.molecules.n_molecules)
    assert model.network is not None
    whole = network_outputs(model.network, flat, rows)
    monkeypatch.setattr("core.train.predict.PAIRS_PER_BATCH", 30)
    cut = network_outputs(model.network, flat, rows)
    assert cut == pytest.approx(whole, abs=2e-6)
    assert isinstance(flat, FlatMolecules) and network_outputs(model.network, flat, rows[:0]).shape == (0,)


def test_errors_become_one_sentence() -> None:
    assert plain_sentence(MollensError("as it is")) == "as it is"
    assert plain_sentence(ValueError("first line\nsecond line")) == "ValueError: first line"
    assert plain_sentence(KeyError()) == "KeyError"
    assert plain_sentence(MemoryError()).startswith("not enough memory")


def test_gpus_are_counted_along_the_bus_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    choose_device("auto")
    assert os.environ["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    choose_device("auto")
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_devices_and_threads() -> None:
    assert choose_device("cpu") == "cpu"
    with pytest.raises(MollensError, match="device 'tpu': not known"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == "cpu"
        with pytest.raises(MollensError, match="device cuda: not there; this machine has 0 CUDA devices"):
            choose_device("cuda")
    assert choose_threads(0) == 1 and choose_threads(10_000) >= 1
