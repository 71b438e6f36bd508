"""What a trained network holds of molecules: latents, and what each atom adds to the prediction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.data.store import Dataset
from core.errors import MollensError
from core.files import plain_disk_errors, write_array
from core.runs.folder import Run
from core.runs.inside import InsideDraft
from core.runs.predictions import read_about, read_predictions
from core.train.batches import FlatMolecules
from core.train.device import choose_threads
from core.train.memory import free_bytes, in_words, is_out_of_memory
from core.train.predict import PAIRS_ON_GPU, PAIRS_PER_BATCH, flat_molecules, open_model
from models.errors import ModelError
from models.fast import PairForward
from models.schnetpack_compat import Atomwise, NeuralNetworkPotential, properties
from models.weights import TrainedModel

Tell = Callable[..., None]
"""called with what is done, the whole, and what is being done in words"""

NOT_A_SUM = {
    "mean": "the prediction is a mean over atoms, not a sum, so no atom adds a part of it",
    "dipole": "the prediction is the norm of a dipole moment, not a sum over atoms, so no atom adds a part of it",
}
FITS = 0.01
"""Of the scale of the network's output: the most that sums of contributions may be off the stored predictions."""


class Piece(NamedTuple):
    """Some molecules inside a network."""

    rows: NDArray[np.int64]
    """(n,)"""
    latents: NDArray[np.float32]
    """(n, n_features)"""
    outputs: NDArray[np.float32]
    """(n,) of the network"""
    of_atoms: NDArray[np.float32] | None
    """(n_atoms,) each atom's part of the outputs; None where they are no sums"""


def pieces_inside(
    network: NeuralNetworkPotential, molecules: FlatMolecules, rows: NDArray[np.int64]
) -> Iterator[Piece]:
    """Look at the molecules at `rows` (n,) inside a network, some hundred at a time, in their order.

    The features are those that the network's own output module reads: of the fast forward where there is one for the
    network, else of SchNetPack's.

    Raises:
        MollensError: where the memory is used up.
    """
    most = PAIRS_ON_GPU if molecules.device.type == "cuda" else PAIRS_PER_BATCH
    number = np.cumsum(molecules.n_pairs.cpu().numpy()[rows]) // most
    features = _features_of(network)
    network.eval()
    for some in np.split(rows, np.flatnonzero(np.diff(number)) + 1) if len(rows) else []:
        try:
            with torch.no_grad():
                yield _piece(network, features(molecules, torch.from_numpy(some)), some)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise MollensError(
                f"not enough memory to look at {len(some):,} molecules: {in_words(free_bytes(molecules.device))} are "
                "free; end other programs"
            ) from error


def _features_of(network: NeuralNetworkPotential) -> Callable[[FlatMolecules, torch.Tensor], dict[str, torch.Tensor]]:
    """What gives the dictionary that the output module reads."""
    try:
        fast = PairForward(network).eval()
    except ModelError:  # a network of SchNetPack that has no fast forward
        return lambda molecules, rows: _stock_features(network, molecules.batch(rows))
    return lambda molecules, rows: fast.features(molecules.pairs(rows))


def _stock_features(network: NeuralNetworkPotential, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """SchNetPack's own way to the features."""
    for module in network.input_modules:
        batch = module(batch)
    inside: dict[str, torch.Tensor] = network.representation(batch)
    return inside


def _piece(network: NeuralNetworkPotential, inside: dict[str, torch.Tensor], rows: NDArray[np.int64]) -> Piece:
    output = network.output_modules[0]
    scalar, molecule = inside["scalar_representation"], inside[properties.idx_m]
    sums = scalar.new_zeros(len(rows), scalar.shape[1]).index_add_(0, molecule, scalar)
    latents = sums / inside[properties.n_atoms].to(sums.device)[:, None]
    of_atoms = None
    if is_sum(network):
        of_atoms = output.outnet(scalar).reshape(-1)
        outputs = of_atoms.new_zeros(len(rows)).index_add_(0, molecule, of_atoms)
    else:
        outputs = output(inside)[output.model_outputs[0]]
    found = [None if each is None else each.float().cpu().numpy() for each in (latents, outputs, of_atoms)]
    return Piece(rows, *found)  # type: ignore[arg-type]


def is_sum(network: NeuralNetworkPotential) -> bool:
    """Whether the network's output is a sum over atoms of one number each."""
    output = network.output_modules[0]
    return isinstance(output, Atomwise) and output.aggregation_mode == "sum" and output.n_out == 1


def why_not_a_sum(network: NeuralNetworkPotential) -> str:
    """A sentence about a network whose output is no sum over atoms; empty where it is one."""
    if is_sum(network):
        return ""
    return NOT_A_SUM["mean" if isinstance(network.output_modules[0], Atomwise) else "dipole"]


def with_network(run: Run) -> TrainedModel:
    """The model of a run that has a network.

    Raises:
        MollensError: for a run without weights, of predictions only, or of the composition model.
    """
    if not (run.path / "model.json").exists() and run.origin == "predictions":
        raise MollensError(f"{run.what}: holds predictions only, no network to look into; load its model instead")
    model = open_model(run)
    if model.network is None:
        raise MollensError(
            f"{run.what}: is the baseline, a linear fit of the atom counts; there is no network to look into"
        )
    return model


def compute_inside(
    run: Run, dataset: Dataset, draft: InsideDraft, device: str = "cpu", progress: Tell | None = None
) -> None:
    """Write latents and contributions of every molecule of `dataset` that the run has predicted into a draft.

    Nothing is held in memory but a few hundred molecules. Contributions are float64: the reference of an atom may be
    2,000 eV, of which float32 keeps 0.1 meV.

    Raises:
        MollensError: for a run without network or predictions, a dataset that has changed, weights that do not give the
            stored predictions, or a full disk.
    """
    model, tell = with_network(run), progress or (lambda done, total, text="": None)
    stored, about = read_predictions(run, dataset.name), read_about(run, dataset.name)
    if stored is None or about is None:
        raise MollensError(
            f"{run.what}: has no predictions for dataset {dataset.name}; write them with: "
            f"python -m core predict {run.id} --dataset {dataset.name}"
        )
    if about.get("dataset_sha256") != dataset.card.sha256:
        raise MollensError(
            f"{run.what}: dataset {dataset.name} has changed since it was predicted; predict it again, or restore it"
        )
    network = model.network
    assert network is not None
    molecules, rows = dataset.molecules, dataset.molecules.rows_of(np.asarray(stored.ids))
    sizes = molecules.sizes[rows]
    first_atom = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    why_not = why_not_a_sum(network)
    n, n_features = len(rows), int(network.representation.n_atom_basis)
    network.to(device)
    tell(0, n, "looking for neighbours")
    with one_thread():
        flat = flat_molecules(dataset, model.neighbour_cutoff, device)
        atoms_file = None if why_not else draft.folder / "contributions.npy"
        with (
            _Column(draft.folder / "latents.npy", (n, n_features), np.float32) as latents,
            _Column(atoms_file, (int(first_atom[-1]),), np.float64) as contributions,
        ):
            done, farthest = 0, 0.0
            for piece in pieces_inside(network, flat, rows):
                here = slice(done, done + len(piece.rows))
                latents.append(piece.latents)
                predicted = np.asarray(stored.predicted[here], dtype=np.float64)
                if piece.of_atoms is not None:
                    added = contributions_of(model, _numbers(molecules, piece.rows), piece.of_atoms)
                    contributions.append(added)
                    sums = np.add.reduceat(added, first_atom[here] - first_atom[done])
                    farthest = max(farthest, float(np.abs(sums - predicted).max()))
                done = here.stop
                tell(done, n, "looking inside the network")
    if farthest > FITS * model.offset.scale:
        raise MollensError(
            f"{run.what}: its weights do not give its predictions for {dataset.name} (off by up to {farthest:.3g} "
            f"{model.description['unit']}); predict again: python -m core predict {run.id} --dataset {dataset.name}"
        )
    write_array(draft.folder / "first_atom.npy", first_atom)
    draft.about |= {
        "n_molecules": n,
        "n_features": n_features,
        "why_no_contributions": why_not,
        "largest_deviation": farthest,
    }


def contributions_of(
    model: TrainedModel, numbers: NDArray[np.uint8], of_atoms: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n_atoms,) what atoms of these atomic numbers add to the prediction: scale * output + reference + mean."""
    reference = np.zeros(256)
    for number, value in model.offset.reference.items():
        reference[number] = value
    return reference[numbers] + model.offset.mean + model.offset.scale * np.asarray(of_atoms, dtype=np.float64)


def _numbers(molecules: Any, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n_atoms,) atomic numbers of the molecules at `rows`, one after the other."""
    sizes = molecules.sizes[rows]
    begins = np.cumsum(sizes) - sizes
    atoms = np.arange(sizes.sum()) + np.repeat(molecules.first_atom[rows] - begins, sizes)
    return np.asarray(molecules.numbers[atoms])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with the thread count of the house: on a busy machine a second thread makes it slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(choose_threads(0))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Column:
    """A npy file that is written a piece at a time; without a path nothing is written."""

    def __init__(self, path: Path | None, shape: tuple[int, ...], dtype: type) -> None:
        self._path, self._shape, self._dtype = path, shape, np.dtype(dtype)
        self._file: BinaryIO | None = None

    def __enter__(self) -> "_Column":
        if self._path is not None:
            with plain_disk_errors(self._path):
                self._file = open(self._path, "wb")
                header = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
                npy.write_array_header_1_0(self._file, header)
        return self

    def append(self, values: NDArray[Any]) -> None:
        """Write the next rows."""
        if self._file is not None and self._path is not None:
            with plain_disk_errors(self._path):
                self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data.cast("B"))

    def __exit__(self, *error: object) -> None:
        if self._file is not None and self._path is not None:
            with plain_disk_errors(self._path):
                self._file.close()
