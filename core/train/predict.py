"""Predictions of trained models, in float64: offset + scale * output."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.neighbours import open_neighbours
from core.data.pairs import Progress
from core.data.store import Dataset
from core.errors import MollensError
from core.runs.folder import Run
from core.runs.predictions import NONE, TEST, Predictions
from core.runs.writer import replace_predictions
from core.train.batches import FlatMolecules
from core.train.memory import free_bytes, in_words, is_out_of_memory
from core.train.prepare import offsets_of
from core.train.seen import codes_on
from models.errors import ModelError
from models.fast import PairForward
from models.offset import Offset
from models.schnetpack_compat import NeuralNetworkPotential
from models.weights import TrainedModel, load_model

PAIRS_PER_BATCH = 60_000
"""About 200 molecules of QM9: beyond, a batch leaves the processor's cache."""
PAIRS_ON_GPU = 2_000_000
"""What keeps a GPU busy."""


def network_outputs(
    network: NeuralNetworkPotential, molecules: FlatMolecules, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Outputs (n,) of a network for the molecules at `rows` (n,), in its evaluation mode; the mode is put back.

    A piece of them that does not fit into memory is halved until it does.

    Raises:
        MollensError: where not even one molecule fits.
    """
    training = network.training
    forward = PairForward(network).eval()
    device = molecules.device
    most = PAIRS_ON_GPU if device.type == "cuda" else PAIRS_PER_BATCH
    todo = deque(_pieces(rows, molecules.n_pairs.cpu().numpy(), most))
    outputs = []
    with torch.no_grad():
        while todo:
            piece = todo.popleft()
            output = _output_or_none(forward, molecules, torch.from_numpy(piece))
            if output is not None:
                outputs.append(output)
            elif len(piece) > 1:
                todo.extendleft(reversed(np.array_split(piece, 2)))
            else:
                n_atoms = int(molecules.n_atoms[piece[0]])
                raise MollensError(
                    f"not enough memory to predict one molecule of {n_atoms:,} atoms: {in_words(free_bytes(device))} "
                    "are free; end other programs, or use a smaller cutoff or fewer features"
                )
    network.train(training)
    return torch.cat(outputs).to("cpu", torch.float64).numpy() if outputs else np.zeros(0)


def _output_or_none(forward: torch.nn.Module, molecules: FlatMolecules, rows: torch.Tensor) -> torch.Tensor | None:
    """Outputs (n,) of the molecules at `rows` (n,), or None where their memory is used up."""
    try:
        output: torch.Tensor = forward(molecules.pairs(rows))
        return output
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _pieces(rows: NDArray[np.int64], n_pairs: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Consecutive pieces of `rows` that hold about `most` pairs each, at least one molecule."""
    if len(rows):
        number = np.cumsum(n_pairs[rows]) // most
        yield from np.split(rows, np.flatnonzero(np.diff(number)) + 1)


def open_model(run: Run) -> TrainedModel:
    """The trained model of a run.

    Raises:
        MollensError: if it is missing, damaged or incomplete.
    """
    try:
        model = load_model(run.path)
        missing = [key for key in ("baseline", "elements", "epoch", "validation_mae") if key not in model.description]
        if missing:
            raise ModelError(f"model.json: damaged ({', '.join(missing)} missing); train the run again")
        Offset.from_dict(model.description["baseline"])  # read again by whoever needs it
        return model
    except ModelError as error:
        raise MollensError(f"{run.what}: {error}") from error


def predict_rows(
    model: TrainedModel, molecules: Molecules, flat: FlatMolecules | None, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Predictions (n,) for the molecules at `rows`, in the target's unit; `flat` may be None without a network."""
    offsets = offsets_of(model.offset, molecules)[rows]
    if model.network is None:
        return offsets
    assert flat is not None
    return model.offset.target(network_outputs(model.network, flat, rows), offsets)


def flat_molecules(dataset: Dataset, cutoff: float, device: str = "cpu") -> FlatMolecules:
    """A dataset's molecules with their neighbours within `cutoff` Å, as tensors."""
    return FlatMolecules.of(dataset.molecules, open_neighbours(dataset, cutoff), device)


def predict_dataset(run: Run, dataset: Dataset, device: str = "cpu", progress: Progress | None = None) -> Predictions:
    """Predict every molecule of a dataset with the model of a run, and write the predictions beside the run.

    `device` is one that `choose_device` gave; `progress` is called while molecules that the run has seen are looked for
    in another dataset, with molecules done and their number.

    Molecules without a label get a prediction and a target of NaN, except in the run's own dataset, where they are
    left out as they are by the job; labels of another level of theory are no labels for this model. Split codes are
    those of `core.train.seen.codes_on`: of another dataset, copies of what the run was trained or validated on keep
    that part, and all others with a label are test molecules.

    Raises:
        MollensError: if the run has no model, or another dataset has elements that it was not trained on.
    """
    model = open_model(run)
    _check_elements(run, model, dataset)
    codes, how = codes_on(run, dataset, progress)
    predictions = predictions_of(run, model, dataset, device, codes)
    replace_predictions(run, predictions, dataset.name, dataset.card.sha256, how)
    return predictions


def predictions_of(
    run: Run, model: TrainedModel, dataset: Dataset, device: str = "cpu", codes: NDArray[np.uint8] | None = None
) -> Predictions:
    """What `model` says about the molecules of `dataset`; see `predict_dataset`.

    codes: (n_molecules,) of `codes_on` where they are at hand
    """
    molecules = dataset.molecules
    own = dataset.card.sha256 == run.dataset_sha256
    _check_elements(run, model, dataset)
    labels = molecules.columns.get(model.target) if own or _same_labels(model, dataset) else None
    if labels is None:
        labels = np.full(molecules.n_molecules, np.nan)
    if codes is None:
        codes, _ = codes_on(run, dataset)
    codes = np.where((codes == TEST) & ~np.isfinite(labels), NONE, codes)  # nothing to be tested on
    rows = np.flatnonzero(np.isfinite(labels)) if own else np.arange(molecules.n_molecules)
    flat = None
    if model.network is not None:
        model.network.to(device)
        flat = flat_molecules(dataset, model.neighbour_cutoff, device)
    baseline = offsets_of(Offset.from_dict(model.description["baseline"]), molecules)
    return Predictions(
        ids=molecules.ids[rows],
        split=codes[rows],
        target=labels[rows],
        predicted=predict_rows(model, molecules, flat, rows),
        baseline=baseline[rows],
    )


def _same_labels(model: TrainedModel, dataset: Dataset) -> bool:
    """Whether the labels of another dataset are what the model has learned: of one level of theory, in one unit."""
    if dataset.card.level_of_theory != model.description.get("level_of_theory"):
        return False
    units = {prop.key: prop.unit for prop in dataset.card.properties}
    return units.get(model.target) == model.description.get("unit", units.get(model.target))


def _check_elements(run: Run, model: TrainedModel, dataset: Dataset) -> None:
    unknown = sorted(set(dataset.molecules.symbols) - set(model.description["elements"]))
    if unknown and dataset.card.sha256 != run.dataset_sha256:
        raise MollensError(
            f"{run.what}: dataset {dataset.name} has {', '.join(unknown)}, which the model was not trained on; "
            f"it knows {', '.join(model.description['elements'])}"
        )
