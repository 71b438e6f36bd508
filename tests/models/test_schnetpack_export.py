"""Models given back: SchNetPack's own calculator, in a process of its own, gives the energies that Mollens predicts."""

from __future__ import annotations

import io
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms

from core.data.store import Dataset
from core.files import CHECKOUT
from core.runs.folder import SHIPPED, open_run
from core.runs.predictions import read_predictions
from models.errors import ModelError
from models.offset import Offset
from models.registry import OUTPUT, build_network
from models.schnetpack_export import ZMAX, pack_schnetpack_model, schnetpack_config, schnetpack_model
from models.weights import TrainedModel, load_model
from tests.models.schnetpack_batches import schnetpack_batch

QM9_LIKE = {1: -16.427211021956133, 6: -1036.0487847502816, 7: -1489.804, 8: -2046.993, 9: -2717.475}
SHAPE = {"n_atom_basis": 16, "n_interactions": 2, "n_rbf": 12, "cutoff": 5.0}
EQUAL = 1e-5  # eV
CALCULATE = """
import json, sys, typing
from torch.utils.data import dataloader
if not hasattr(dataloader, "T_co"):
    dataloader.T_co = typing.TypeVar("T_co", covariant=True)
import ase, torch
from schnetpack.interfaces import SpkCalculator
from schnetpack.transform import ASENeighborList
told = []
for case in json.load(sys.stdin):
    energies = {}
    for dtype in (torch.float32, torch.float64):
        neighbours = ASENeighborList(cutoff=case["cutoff"])
        calculator = SpkCalculator(case["file"], neighbours, energy_key=case["target"], energy_unit=1.0, dtype=dtype)
        energies[str(dtype)] = []
        for numbers, positions in case["molecules"]:
            atoms = ase.Atoms(numbers, positions)
            atoms.calc = calculator
            energies[str(dtype)].append(atoms.get_potential_energy())
    told.append(energies)
try:
    atoms.get_forces()
    forces = "given"
except Exception as error:
    forces = str(error)
ours = [name for name in sys.modules if name.split(".")[0] in ("core", "models")]
print(json.dumps({"energies": told, "ours": ours, "forces": forces}))
"""


def random_model(kind: str, pooling: str, neighbour_cutoff: float = 4.0) -> TrainedModel:
    """A network with random weights and offsets of the size of QM9's."""
    torch.manual_seed(0)
    network = build_network(kind, **SHAPE, pooling=pooling).eval()
    offset = {
        "sum": Offset("sum", QM9_LIKE, mean=-4.2385513, scale=3.166183),
        "mean": Offset("mean", {}, mean=-6.534217, scale=0.61),
        "dipole": Offset("mean", scale=1.53),
    }[pooling]
    described = {"kind": kind, "network": {**SHAPE, "pooling": pooling}, "target": "energy_U0" if pooling == "sum" else
                 "homo", "unit": "eV", "neighbour_cutoff": neighbour_cutoff}  # fmt: skip
    return TrainedModel(network, offset, described)


def predicted(model: TrainedModel, molecules: list[Atoms]) -> list[float]:
    """What Mollens predicts, from SchNetPack's stock forward."""
    assert model.network is not None
    with torch.no_grad():
        outputs = model.network(schnetpack_batch(molecules, model.neighbour_cutoff))[OUTPUT].numpy()
    elements = sorted({int(z) for one in molecules for z in one.numbers})
    counts = np.array([[int((one.numbers == z).sum()) for z in elements] for one in molecules])
    return list(model.offset.target(outputs, model.offset.of(counts, elements)))


def case(path: Path, model: TrainedModel, molecules: list[Atoms]) -> dict[str, Any]:
    path.write_bytes(pack_schnetpack_model(model))
    told = [(one.numbers.tolist(), one.positions.tolist()) for one in molecules]
    return {"file": str(path), "cutoff": model.neighbour_cutoff, "target": model.target, "molecules": told}


def of_demo(demo: Dataset, ids: list[int]) -> list[Atoms]:
    places = [demo.molecules.atoms(int(row)) for row in demo.molecules.rows_of(np.array(ids))]
    return [Atoms(demo.molecules.numbers[place], demo.molecules.positions[place]) for place in places]


def test_the_calculator_of_schnetpack_gives_equal_energies(
    tmp_path: Path, demo: Dataset, molecules: list[Atoms]
) -> None:
    real = CHECKOUT.parent / "shared" / "data" / "qm9" / "qm9_u0_extra.extxyz.xz"
    molecules = molecules[::2]
    if real.is_file():  # real geometries of QM9, beside those of the G2 set
        with lzma.open(real, "rt") as file:
            text = "".join(next(file) for _ in range(250))
        molecules += ase.io.read(io.StringIO(text), "0:6", format="extxyz")
    cases, expected = [], []
    for kind in ("schnet", "painn"):
        for pooling in ("sum", "mean", "dipole"):
            model = random_model(kind, pooling)
            cases.append(case(tmp_path / f"{kind}-{pooling}", model, molecules))
            expected.append(predicted(model, molecules))
    for shipped in ("20261121-074206-schnet-small-seed-1-4490", "20261121-075543-painn-small-seed-1-8e95"):
        stored = read_predictions(open_run(shipped))
        assert stored is not None
        some = np.linspace(0, len(stored.ids) - 1, 6).astype(int)
        model = load_model(SHIPPED / shipped)
        cases.append(case(tmp_path / shipped, model, of_demo(demo, np.asarray(stored.ids)[some].tolist())))
        expected.append(np.asarray(stored.predicted)[some].tolist())
    done = subprocess.run(
        [sys.executable, "-c", CALCULATE], input=json.dumps(cases), cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "PYTHONPATH": ""}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ours"] == []
    assert "'forces' is not a property of your model" in told["forces"]  # so that no relaxation starts with it
    for one, energies, wanted in zip(cases, told["energies"], expected, strict=True):
        for dtype, values in energies.items():
            assert np.abs(np.array(values) - wanted).max() < EQUAL, (one["file"], dtype)
    assert min(min(values) for values in expected) < -4000  # totals, where float32 resolves half a meV only


def test_references_and_mean_are_in_the_tables_to_the_last_digit() -> None:
    for pooling in ("sum", "mean"):
        model = random_model("schnet", pooling)
        *_, coarse, fine = schnetpack_model(model).postprocessors
        for name, wanted in (("atomref", model.offset.reference.get(6, 0.0)), ("mean", model.offset.mean)):
            rough, rest = (getattr(each, name) for each in (coarse, fine))
            number = (rough + rest)[6 if name == "atomref" else 0].item()
            assert number == pytest.approx(wanted, abs=1e-12)
            assert (rough.float().double() == rough).all() and rest.abs().max() < 0.002
        assert coarse.atomref[[0, 2, 7 if pooling == "mean" else 3]].tolist() == [0, 0, 0]
        assert coarse.is_extensive == fine.is_extensive == (pooling == "sum")


def test_the_model_that_is_exported_is_another_object_and_leaves_the_run_alone() -> None:
    model = random_model("schnet", "sum")
    assert model.network is not None
    exported = schnetpack_model(model)
    with torch.no_grad():
        next(exported.parameters()).fill_(7.0)
    assert model.network.output_modules[0].output_key == OUTPUT
    assert not any((value == 7.0).all() for value in model.network.parameters())


def test_what_schnetpack_has_no_room_for_is_refused() -> None:
    model = random_model("schnet", "sum")
    with pytest.raises(ModelError, match="without a network"):
        schnetpack_model(TrainedModel(None, model.offset, model.description))
    far = Offset("sum", {ZMAX: -1.0})
    with pytest.raises(ModelError, match=f"table ends at {ZMAX - 1}"):
        schnetpack_model(TrainedModel(model.network, far, model.description))


def test_the_configuration_says_both_cutoffs() -> None:
    content = schnetpack_config(random_model("painn", "mean"), {"batch_size": 8}, {"learning_rate": 0.001})
    assert content["data"]["transforms"][0]["cutoff"] == 4.0 and content["globals"]["cutoff"] == 5.0
    assert content["model"]["representation"]["_target_"] == "schnetpack.representation.PaiNN"
    assert content["model"]["output_modules"][0]["aggregation_mode"] == "avg"
    assert content["data"]["property_units"] == {"homo": "eV"} and content["data"]["batch_size"] == 8


def test_the_configuration_says_whether_a_dipole_has_vectors() -> None:
    model = random_model("painn", "dipole")
    for vectors, expected in ((None, True), (True, True), (False, False)):
        described = {**model.description, "network": {**model.description["network"], "vectors": vectors}}
        content = schnetpack_config(TrainedModel(model.network, model.offset, described), {}, {})
        assert content["model"]["output_modules"][0]["use_vector_representation"] is expected
