"""Models as a user of SchNetPack saves them, with random weights, and hostile files that look like them."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schnetpack as spk
import torch
from schnetpack.transform import AddOffsets, CastTo64, ScaleProperty

ATOMS = {1: -13.6, 6: -1035.2, 7: -1488.3, 8: -2042.6, 9: -2713.5}
"""eV, about those of B3LYP"""


def foreign_model(
    kind: str = "schnet",
    *,
    output: torch.nn.Module | None = None,
    basis: torch.nn.Module | None = None,
    cutoff_fn: torch.nn.Module | None = None,
    postprocessors: list[torch.nn.Module] | None = None,
    more_outputs: tuple[torch.nn.Module, ...] = (),
    **keywords: Any,
) -> Any:
    """A NeuralNetworkPotential of SchNetPack that predicts energy_U0, with atomic energies and a mean per atom."""
    torch.manual_seed(1)
    representation = {"schnet": spk.representation.SchNet, "painn": spk.representation.PaiNN}[kind](
        n_atom_basis=16,
        n_interactions=2,
        radial_basis=basis or spk.nn.GaussianRBF(n_rbf=12, cutoff=4.0),
        cutoff_fn=cutoff_fn or spk.nn.CosineCutoff(4.0),
        **keywords,
    )
    model = spk.model.NeuralNetworkPotential(
        representation=representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[output or spk.atomistic.Atomwise(n_in=16, output_key="energy_U0"), *more_outputs],
        postprocessors=[CastTo64(), offsets()] if postprocessors is None else postprocessors,
    )
    return model.eval()


def offsets(key: str = "energy_U0", mean: float = -4.25, atoms: bool = True, extensive: bool = True) -> AddOffsets:
    """AddOffsets as a training of SchNetPack leaves it: atomic energies in float32, a mean in float64."""
    made = AddOffsets(key, add_mean=True, add_atomrefs=atoms, is_extensive=extensive)
    table = torch.zeros(100)
    for number, value in ATOMS.items():
        table[number] = value
    made.atomref = table
    made.mean = torch.tensor(mean, dtype=torch.float64)
    return made


def scaled(key: str = "energy_U0", scale: float = 2.5) -> ScaleProperty:
    """ScaleProperty with its scale, which its constructor does not take."""
    made = ScaleProperty(input_key=key)
    made.scale = torch.tensor([scale])
    return made


class Runs:
    """Unpickling it touches a file: what a hostile model would do."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def torch_file(path: Path, content: Any, protocol: int = 2) -> Path:
    """A file in the form of torch.save, of anything that can be pickled."""
    return torch_file_of(path, pickle.dumps(content, protocol=protocol))


def torch_file_of(path: Path, instructions: bytes, compressed: bool = False) -> Path:
    """A file in the form of torch.save with these instructions as its pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as packed:
        packed.writestr("archive/data.pkl", instructions)
        packed.writestr("archive/byteorder", b"little")
        packed.writestr("archive/data/0", bytes(16))
    return path


def saved(path: Path, content: Any) -> Path:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue())
    return path
