"""Offsets have known values, and are SchNetPack's own postprocessing."""

import numpy as np
import pytest
import torch
from ase import Atoms

from models.errors import ModelError
from models.offset import Offset
from models.schnetpack_compat import properties

from schnetpack.transform import AddOffsets, ScaleProperty  # isort: skip

COUNTS = np.array([[4, 1, 0], [2, 0, 1]])  # CH4 and H2O
ELEMENTS = (1, 6, 8)
REFERENCE = {1: -10.0, 6: -1000.0, 8: -2000.0}


def test_extensive_offsets_are_sums_over_atoms() -> None:
    offset = Offset("sum", REFERENCE, mean=-0.5, scale=2.0)
    assert offset.of(COUNTS, ELEMENTS).tolist() == [-1042.5, -2021.5]


def test_intensive_offsets_are_means_over_atoms() -> None:
    offset = Offset("mean", {1: 5.0, 6: 10.0}, mean=1.0)
    assert offset.of(COUNTS, ELEMENTS) == pytest.approx([1 + 30 / 5, 1 + 10 / 3], abs=1e-12)


def test_residual_and_target_undo_each_other_in_float64() -> None:
    offset = Offset("sum", REFERENCE, scale=0.125)
    offsets = offset.of(COUNTS, ELEMENTS)
    target = np.array([-1040.000123456789, -2020.5])
    residual = offset.residual(target, offsets)
    assert residual == pytest.approx([-0.000123456789 / 0.125, -0.5 / 0.125], rel=1e-9)
    assert offset.target(residual, offsets).tolist() == target.tolist()
    assert offset.target(residual.astype(np.float32), offsets).dtype == np.float64


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_it_is_schnetpacks_scale_and_offsets(pooling: str) -> None:
    offset = Offset(pooling, REFERENCE, mean=-0.5, scale=2.0)
    atoms = [Atoms("CH4"), Atoms("H2O")]
    batch = {
        "y": torch.tensor([0.25, -0.75], dtype=torch.float64),
        properties.Z: torch.from_numpy(np.concatenate([one.numbers for one in atoms])),
        properties.n_atoms: torch.tensor([5, 3]),
        properties.idx_m: torch.tensor([0] * 5 + [1] * 3),
    }
    scale, add = ScaleProperty("y"), AddOffsets("y", add_mean=True, add_atomrefs=True, is_extensive=pooling == "sum")
    scale.scale, add.mean = torch.tensor([offset.scale]).double(), torch.tensor([offset.mean]).double()
    add.atomref = torch.zeros(100, dtype=torch.float64)
    for number, value in REFERENCE.items():
        add.atomref[number] = value
    theirs = add(scale(dict(batch)))["y"]
    ours = offset.target([0.25, -0.75], offset.of(COUNTS, ELEMENTS))
    assert ours == pytest.approx(theirs.numpy(), abs=1e-9)


def test_plain_values_keep_every_bit() -> None:
    offset = Offset("sum", {1: 1 / 3, 9: -2713.123456789012}, mean=0.1 + 0.2, scale=1e-7 / 3)
    assert Offset.from_dict(offset.to_dict()) == offset


def test_impossible_offsets_are_refused() -> None:
    with pytest.raises(ModelError, match="pooling is 'max'"):
        Offset("max")
    for wrong in ({"scale": 0.0}, {"mean": float("nan")}, {"reference": {1: float("inf")}}):
        with pytest.raises(ModelError, match="expected finite, scale positive"):
            Offset("sum", **wrong)
