"""What a trained network says about molecules that belong to no dataset."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import SYMBOLS, Molecules
from core.data.neighbours import find_neighbours
from core.data.own_molecules import LARGEST
from core.runs.folder import Run
from core.train.batches import FlatMolecules
from core.train.inside import one_thread, pieces_inside, with_network
from core.train.prepare import offsets_of
from models.offset import Offset
from models.weights import TrainedModel


@dataclass(frozen=True, eq=False)
class Foretold:
    """What a network says; NaN for molecules that it was not asked about."""

    predicted: NDArray[np.float64]
    """(n,) in the target's unit"""
    baseline: NDArray[np.float64]
    """(n,) linear in composition"""
    latents: NDArray[np.float32]
    """(n, n_features) mean over atoms of the representation's scalar features"""
    refused: list[str]
    """(n,) why a molecule was not predicted; empty where it was"""


def foretell(run: Run, molecules: Molecules, device: str = "cpu") -> Foretold:
    """Ask the network of a run about molecules.

    A molecule with an element that the model was not trained on is refused, and one of more than LARGEST atoms, as
    is one whose atoms lie so near to each other that the network gives no number.

    Raises:
        MollensError: for a run without network.
    """
    model = with_network(run)
    network = model.network
    assert network is not None
    n = molecules.n_molecules
    refused = [_refused(model, molecules, row) for row in range(n)]
    asked = np.flatnonzero([not text for text in refused])
    predicted, baseline = np.full(n, np.nan), np.full(n, np.nan)
    latents = np.full((n, int(network.representation.n_atom_basis)), np.nan, dtype=np.float32)
    if len(asked):
        some = molecules.take(asked)
        network.to(device)
        with one_thread():
            flat = FlatMolecules.of(some, find_neighbours(some, model.neighbour_cutoff), device)
            outputs = np.zeros(len(asked))
            for piece in pieces_inside(network, flat, np.arange(len(asked))):
                outputs[piece.rows] = piece.outputs
                latents[asked[piece.rows]] = piece.latents
        predicted[asked] = model.offset.target(outputs, offsets_of(model.offset, some))
        baseline[asked] = offsets_of(Offset.from_dict(model.description["baseline"]), some)
        for row in asked[~(np.isfinite(predicted[asked]) & np.isfinite(latents[asked]).all(axis=1))]:
            refused[row] = "the network gives no number for it: atoms lie on or next to each other"
            predicted[row] = baseline[row] = np.nan
    return Foretold(predicted, baseline, latents, refused)


def _refused(model: TrainedModel, molecules: Molecules, row: int) -> str:
    known = list(model.description["elements"])
    numbers = np.unique(molecules.numbers[molecules.atoms(row)])
    unknown = [SYMBOLS[int(z)] for z in numbers if SYMBOLS[int(z)] not in known]
    if unknown:
        return f"contains {', '.join(unknown)}, which the model was not trained on; it knows {', '.join(known)}"
    if molecules.sizes[row] > LARGEST:
        return f"has {molecules.sizes[row]:,} atoms; at most {LARGEST:,} are predicted"
    return ""
