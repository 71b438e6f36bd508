"""A model of SchNetPack becomes ours with equal energies, or is refused by the name of what ours do not have."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms

import models.schnetpack_compat  # noqa: F401  (before schnetpack)

# isort: split
import schnetpack as spk
from schnetpack.transform import CastTo32, CastTo64

from models.errors import ModelError
from models.fast import PairBatch, PairForward
from models.offset import Offset
from models.registry import build_network
from models.schnetpack_files_network import ForeignNetwork, network_keywords, read_network
from models.weights import load_state
from tests.models.foreign_models import ATOMS, foreign_model, offsets, saved, scaled
from tests.models.schnetpack_batches import schnetpack_batch

Atomwise, DipoleMoment = spk.atomistic.Atomwise, spk.atomistic.DipoleMoment


def energies(found: ForeignNetwork, molecules: list[Atoms], cutoff: float = 4.0) -> np.ndarray:
    """What our forward makes of a loaded model, float64."""
    network = build_network(found.kind, **network_keywords(found))
    load_state(network, {name: torch.from_numpy(values) for name, values in found.state.items()}, "test")
    with torch.no_grad():
        output = PairForward(network.eval())(PairBatch.of(schnetpack_batch(molecules, cutoff)))
    elements = sorted(ATOMS)
    counts = np.array([[(one.numbers == z).sum() for z in elements] for one in molecules])
    return found.offset.target(output.numpy(), found.offset.of(counts, elements))


def theirs(model: Any, molecules: list[Atoms], key: str, exact: bool = True) -> np.ndarray:
    """SchNetPack's own forward; `exact` adds its offsets in float64, where it keeps them in float32 itself."""
    if exact:
        for step in model.postprocessors:
            step.double()
    with torch.no_grad():
        return model(schnetpack_batch(molecules))[key].double().numpy()


MODELS = {
    "schnet": {"kind": "schnet"},
    "painn": {"kind": "painn"},
    "mean": {
        "output": Atomwise(16, output_key="gap", aggregation_mode="avg"),
        "postprocessors": [CastTo64(), offsets("gap", 7.5, atoms=False, extensive=False)],
    },
    "mean of atoms": {
        "output": Atomwise(16, output_key="gap", aggregation_mode="avg"),
        "postprocessors": [CastTo64(), offsets("gap", 7.5, atoms=True, extensive=False)],
    },
    "scaled": {"kind": "painn", "postprocessors": [CastTo64(), scaled(), offsets()]},
    "bare": {"postprocessors": [CastTo64()]},
    "two offsets": {"postprocessors": [CastTo64(), offsets(), offsets(mean=0.5)]},
    "dipole": {
        "output": DipoleMoment(16, predict_magnitude=True, dipole_key="dipole_moment"),
        "postprocessors": [CastTo64()],
    },
    "dipole of painn": {
        "kind": "painn",
        "output": DipoleMoment(
            16, predict_magnitude=True, use_vector_representation=True, dipole_key="dipole_moment"
        ),
        "postprocessors": [CastTo64()],
    },
    "dipole of painn without vectors": {
        "kind": "painn",
        "output": DipoleMoment(16, predict_magnitude=True, dipole_key="dipole_moment"),
        "postprocessors": [CastTo64()],
    },
    "basis from 0.5": {"basis": spk.nn.GaussianRBF(n_rbf=12, cutoff=4.0, start=0.5)},
    "learned basis": {"basis": spk.nn.GaussianRBF(n_rbf=12, cutoff=4.0, trainable=True)},
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_energies_are_those_of_schnetpack(tmp_path: Path, molecules: list[Atoms], name: str) -> None:
    model = foreign_model(**MODELS[name])
    found = read_network(saved(tmp_path / "best_model", model))
    ours = energies(found, molecules)
    np.testing.assert_allclose(ours, theirs(model, molecules, found.output), rtol=0, atol=1e-5)
    assert np.ptp(ours) > 1e-3


def test_schnetpacks_own_rounding_of_its_offsets_is_all_that_is_between(tmp_path: Path, molecules: list[Atoms]) -> None:
    """It adds atomic energies up in float32: a total of thousands of eV is then exact to a few ten-thousandths."""
    model = foreign_model()
    found = read_network(saved(tmp_path / "best_model", model))
    ours, rounded = energies(found, molecules), theirs(model, molecules, "energy_U0", exact=False)
    sizes = np.array([len(one) for one in molecules])
    bound = 1e-5 + sizes * np.abs(ours) * 2.0**-24
    assert (np.abs(ours - rounded) <= bound).all() and np.abs(ours - rounded).max() > 1e-5


def test_a_checkpoint_gives_its_own_weights_not_those_of_its_hyperparameters(
    tmp_path: Path, molecules: list[Atoms]
) -> None:
    model, first = foreign_model(), foreign_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.25)
        model.postprocessors[1].mean.fill_(-9.0)
    checkpoint = {
        "epoch": 6,
        "global_step": 1400,
        "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()}
        | {"outputs.0.train_metrics.mae.total": torch.zeros(1)},
        "hyper_parameters": {"model": first, "optimizer_cls": torch.optim.AdamW, "scheduler_cls": None},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}}],
    }
    found = read_network(saved(tmp_path / "last.ckpt", checkpoint))
    assert (found.epoch, found.step) == (7, 1400) and found.offset.mean == -9.0
    np.testing.assert_allclose(energies(found, molecules), theirs(model, molecules, "energy_U0"), rtol=0, atol=1e-5)
    del checkpoint["hyper_parameters"]["model"]
    with pytest.raises(ModelError, match="without the model among its hyperparameters; give the best_model"):
        read_network(saved(tmp_path / "bare.ckpt", checkpoint))
    with pytest.raises(ModelError, match="dictionary without state_dict"):
        read_network(saved(tmp_path / "other.ckpt", {"a": 1}))


def test_what_is_said_of_a_model(tmp_path: Path) -> None:
    found = read_network(saved(tmp_path / "best_model", foreign_model("painn")))
    assert (found.kind, found.output, found.adds) == ("painn", "energy_U0", ("mean per atom", "atomic energies"))
    assert network_keywords(found) == {
        "n_atom_basis": 16, "n_interactions": 2, "n_rbf": 12, "cutoff": 4.0, "pooling": "sum"
    }  # fmt: skip
    assert found.offset.reference == {z: float(np.float32(value)) for z, value in ATOMS.items()}
    in_hartree = found.offset_in(27.0)
    assert in_hartree.mean == found.offset.mean * 27.0 and in_hartree.scale == 27.0


def test_the_version_that_a_model_of_2_2_states_is_told(tmp_path: Path) -> None:
    model = foreign_model()
    model.spk_version = "2.2.0"
    model.representation.electronic_embeddings = torch.nn.ModuleList()  # as 2.1 and 2.2 have it
    assert read_network(saved(tmp_path / "best_model", model)).version == "2.2.0"


class Mollifier(spk.nn.MollifierCutoff):
    """A class of another package."""


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "basis": ({"basis": spk.nn.BesselRBF(12, 4.0)}, "the radial basis is schnetpack.nn.radial.BesselRBF"),
    "cutoff": ({"cutoff_fn": spk.nn.MollifierCutoff(4.0)}, "the cutoff function is schnetpack.nn.cutoff.Mollifier"),
    "forces": ({"more_outputs": (spk.atomistic.Forces(energy_key="energy_U0"),)}, "Atomwise, Forces"),
    "two outputs": ({"more_outputs": (Atomwise(16, output_key="gap"),)}, "Atomwise, Atomwise"),
    "shared": ({"shared_interactions": True}, "shared"),
    "shared filters": ({"kind": "painn", "shared_filters": True}, "shared"),
    "filters": ({"n_filters": 8}, "8 filters for 16 features"),
    "epsilon": ({"kind": "painn", "epsilon": 1e-4}, "epsilon"),
    "activation": ({"activation": torch.nn.functional.relu}, "activation is torch.nn.functional.relu"),
    "output activation": (
        {"output": Atomwise(16, output_key="energy_U0", activation=torch.nn.functional.gelu)}, "gelu",
    ),
    "values": ({"output": Atomwise(16, n_out=2, output_key="energy_U0")}, "several values"),
    "per atom": ({"output": Atomwise(16, output_key="energy_U0", per_atom_output_key="e")}, "values per atom"),
    "vector": ({"output": DipoleMoment(16)}, "not predicted as a norm"),
    "other offset": ({"postprocessors": [offsets("gap")]}, "AddOffsets of gap"),
    "late scale": ({"postprocessors": [offsets(), scaled()]}, "after an offset"),
    "own class": ({"cutoff_fn": Mollifier(4.0)}, "names .*Mollifier, which no model of SchNetPack needs"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_expressed_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    changes, words = REFUSED[name]
    path = saved(tmp_path / "best_model", foreign_model(**changes))
    with pytest.raises(ModelError, match=words):
        network_keywords(read_network(path))


def test_another_representation_hooks_and_types_are_refused(tmp_path: Path) -> None:
    model = foreign_model()
    model.representation = spk.representation.SO3net(
        n_atom_basis=8, n_interactions=1, lmax=1, radial_basis=spk.nn.GaussianRBF(8, 4.0),
        cutoff_fn=spk.nn.CosineCutoff(4.0),
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"representation is schnetpack.representation.so3net.SO3net"):
        read_network(saved(tmp_path / "a", model))
    model = foreign_model()
    model.representation.register_forward_hook(torch.nn.functional.silu)
    with pytest.raises(ModelError, match=r"representation\. has _forward_hooks"):
        read_network(saved(tmp_path / "b", model))
    with pytest.raises(ModelError, match="of type <f8; models in float32"):
        read_network(saved(tmp_path / "c", foreign_model().double()))
    with pytest.raises(ModelError, match="holds torch.nn.modules.linear.Linear"):
        read_network(saved(tmp_path / "d", torch.nn.Linear(2, 2)))


def test_a_cutoff_that_is_no_length_is_refused(tmp_path: Path) -> None:
    model = foreign_model()
    model.representation.cutoff_fn.cutoff.fill_(float("nan"))
    found = read_network(saved(tmp_path / "best_model", model))
    with pytest.raises(ModelError, match="cutoff is nan"):
        network_keywords(found)


def test_an_offset_without_a_number_is_refused(tmp_path: Path) -> None:
    model = foreign_model(postprocessors=[CastTo64(), offsets(mean=float("inf")), CastTo32()])
    with pytest.raises(ModelError, match="finite"):
        read_network(saved(tmp_path / "best_model", model))


def test_what_we_export_comes_back_the_same(tmp_path: Path, molecules: list[Atoms]) -> None:
    from models.schnetpack_export import pack_schnetpack_model
    from models.weights import TrainedModel

    torch.manual_seed(3)
    keywords = {"n_atom_basis": 16, "n_interactions": 2, "n_rbf": 12, "cutoff": 4.0, "pooling": "sum"}
    network = build_network("painn", **keywords).eval()
    offset = Offset("sum", dict(ATOMS), mean=0.125, scale=1.75)
    description = {"kind": "painn", "network": keywords, "target": "energy_U0", "unit": "eV", "neighbour_cutoff": 4.0}
    (tmp_path / "best_model").write_bytes(pack_schnetpack_model(TrainedModel(network, offset, description)))
    found = read_network(tmp_path / "best_model")
    with torch.no_grad():
        output = PairForward(network)(PairBatch.of(schnetpack_batch(molecules)))
    counts = np.array([[(one.numbers == z).sum() for z in sorted(ATOMS)] for one in molecules])
    expected = offset.target(output.numpy(), offset.of(counts, sorted(ATOMS)))
    np.testing.assert_allclose(energies(found, molecules), expected, rtol=0, atol=1e-6)


def test_damaged_models_are_refused_in_a_sentence_whatever_is_damaged(tmp_path: Path) -> None:
    """Random changes of the instructions: refused as a ModelError, or still a model; never another error."""
    whole = saved(tmp_path / "whole", foreign_model())
    with zipfile.ZipFile(whole) as packed:
        parts = {entry.filename: packed.read(entry) for entry in packed.infolist()}
    (name,) = [each for each in parts if each.endswith("data.pkl")]
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(250):
        changed = bytearray(parts[name])
        for place in generator.integers(2, len(changed) - 1, generator.integers(1, 4)):
            changed[place] = generator.integers(0, 256)
        with zipfile.ZipFile(tmp_path / "changed", "w") as packed:
            for each, content in parts.items():
                packed.writestr(each, bytes(changed) if each == name else content)
        try:
            network_keywords(read_network(tmp_path / "changed"))
        except ModelError:
            refused += 1
    assert refused > 50
