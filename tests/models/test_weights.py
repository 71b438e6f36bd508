"""Model files: what is written is read, and whatever does not fit is refused in words."""

import json
from pathlib import Path

import pytest
import torch
from ase import Atoms

from models.errors import ModelError
from models.offset import Offset
from models.registry import OUTPUT, build_network
from models.weights import TrainedModel, load_model, load_state, pack_model
from tests.models.schnetpack_batches import schnetpack_batch

KEYWORDS = {"n_atom_basis": 8, "n_interactions": 2, "n_rbf": 8, "cutoff": 4.0, "pooling": "sum"}
OFFSET = Offset("sum", {1: -13.6056931, 6: -1029.4123456789012}, mean=-4.25, scale=0.1)


def save(folder: Path, seed: int = 0, kind: str = "painn") -> torch.nn.Module:
    torch.manual_seed(seed)
    network = build_network(kind, **KEYWORDS)
    weights, description = pack_model(
        network.state_dict(), kind=kind, network=KEYWORDS, offset=OFFSET, target="energy", unit="eV",
        neighbour_cutoff=3.5, extra={"epoch": 7},
    )  # fmt: skip
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "model.json").write_text(json.dumps(description))
    return network


@pytest.mark.parametrize("kind", ["schnet", "painn"])
def test_a_model_comes_back_with_every_bit(kind: str, tmp_path: Path, molecules: list[Atoms]) -> None:
    network = save(tmp_path, kind=kind)
    model = load_model(tmp_path)
    assert isinstance(model, TrainedModel) and model.network is not None and not model.network.training
    assert model.offset == OFFSET
    assert (model.target, model.neighbour_cutoff, model.description["epoch"]) == ("energy", 3.5, 7)
    batch = schnetpack_batch(molecules)
    with torch.no_grad():
        assert torch.equal(model.network(dict(batch))[OUTPUT], network(dict(batch))[OUTPUT])


def test_a_composition_model_is_an_offset_without_a_network(tmp_path: Path) -> None:
    weights, description = pack_model(
        {}, kind="composition", network={}, offset=OFFSET, target="energy", unit="eV", neighbour_cutoff=5.0
    )
    (tmp_path / "model.safetensors").write_bytes(weights)
    (tmp_path / "model.json").write_text(json.dumps(description))
    model = load_model(tmp_path)
    assert model.network is None and model.offset == OFFSET


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.json: cannot be read .* no trained model yet"):
        load_model(tmp_path)
    save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
        load_model(tmp_path)


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    save(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged, or of another model"):
        load_model(tmp_path)


def test_files_of_two_models_are_not_taken_for_one(tmp_path: Path) -> None:
    save(tmp_path, seed=1)
    other = (tmp_path / "model.json").read_text()
    save(tmp_path, seed=2)
    (tmp_path / "model.json").write_text(other)
    with pytest.raises(ModelError, match="of another model than model.json"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2 is newer than 1"),
        ({"format": None}, "no format"),
        ({"kind": "dimenet"}, "network 'dimenet' is unknown"),
        (
            {"network": {**KEYWORDS, "n_atom_basis": 9}},
            r"is \(8, 8\) torch.float32; the network has \(9, 9\)|is \(100, 8\)",
        ),
        ({"network": {**KEYWORDS, "n_interactions": 1}}, "weights do not fit the network; missing .* unknown"),
        ({"network": {**KEYWORDS, "colour": "red"}}, r"model\.json: damaged \(network is .*'colour'"),
        ({"network": {}}, r"model\.json: damaged \(network is {}: .*n_atom_basis"),
        ({"network": {**KEYWORDS, "n_atom_basis": "8"}}, r"model\.json: damaged \(network is .*'8'"),
        ({"network": {**KEYWORDS, "n_atom_basis": -8}}, r"model\.json: damaged \(network is .*-8"),
        ({"network": {**KEYWORDS, "n_rbf": 1}}, r"model\.json: damaged \(network is .*'n_rbf': 1"),
        ({"network": {**KEYWORDS, "pooling": []}}, r"model\.json: damaged \(network is "),
        ({"network": {**KEYWORDS, "cutoff": "4"}}, r"cutoff is '4'; expected a positive number"),
        ({"network": {**KEYWORDS, "cutoff": float("nan")}}, r"cutoff is nan; expected a positive number"),
        ({"network": [8, 2]}, r"network is \[8, 2\]; expected an object"),
        ({"neighbour_cutoff": None}, "neighbour_cutoff is None; expected a positive number"),
        ({"kind": ["schnet"]}, r"kind is \['schnet'\]; expected a text"),
        ({"offset": {"pooling": "sum"}}, "offset: .*reference"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    save(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=words):
        load_model(tmp_path)


def test_a_description_without_a_key_or_of_no_json_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    path = tmp_path / "model.json"
    values = json.loads(path.read_text())
    del values["unit"]
    path.write_text(json.dumps(values))
    with pytest.raises(ModelError, match=r"damaged \(unit missing\)"):
        load_model(tmp_path)
    path.write_text("{half")
    with pytest.raises(ModelError, match="damaged"):
        load_model(tmp_path)


def test_weights_of_another_type_are_refused() -> None:
    network = build_network("schnet", **KEYWORDS)
    state = {name: value.double() for name, value in network.state_dict().items()}
    with pytest.raises(ModelError, match=r"x: .* torch\.float64; the network has .* torch\.float32"):
        load_state(network, state, "x")
