"""What a run learns from: its dataset and split checked, the target's values, and the baseline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.properties import Property
from core.data.splits import open_split
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.runs.folder import Run
from core.train.composition import fit_composition, free_atoms
from models.offset import Offset


@dataclass(frozen=True, eq=False)
class Material:
    """A dataset as a run sees it; molecules without the target have left the two parts."""

    dataset: Dataset
    target: Property
    values: NDArray[np.float64]
    """(n_molecules,) the target; NaN where there is none"""
    train: NDArray[np.int64]
    """(n_train,) rows, ascending"""
    validation: NDArray[np.int64]
    """(n_validation,) rows, ascending"""
    baseline: Offset
    """the fit of the training molecules' composition"""

    @property
    def molecules(self) -> Molecules:
        """All molecules of the dataset."""
        return self.dataset.molecules

    @property
    def pooling(self) -> str:
        """How atoms make up the target: "sum" or "mean"."""
        assert self.target.output is not None, "create_run offers no target without an output"
        return self.target.output

    @property
    def trained_elements(self) -> list[str]:
        """Symbols of the elements that occur in the training molecules."""
        occurs = self.molecules.element_counts[self.train].max(axis=0) > 0
        return [symbol for symbol, there in zip(self.molecules.symbols, occurs, strict=True) if there]


def offsets_of(offset: Offset, molecules: Molecules) -> NDArray[np.float64]:
    """The offset of every molecule, (n_molecules,) in the target's unit."""
    return offset.of(molecules.element_counts, molecules.elements)


def prepare(run: Run) -> Material:
    """Open what a run is trained on.

    Raises:
        MollensError: if dataset or split is missing, or not the one the run was made for, or nothing is left
            to train on.
    """
    dataset = open_dataset(run.dataset_name)
    split = open_split(dataset, run.split_name)
    if run.dataset_sha256 != dataset.card.sha256:
        raise MollensError(f"{run.what}: dataset {dataset.name} has changed since the run was made; start a new run")
    if run.split_hash != split.hash:
        raise MollensError(f"{run.what}: split {split.name} has changed since the run was made; start a new run")
    target = dataset.property(run.target)
    values = np.asarray(dataset.molecules.columns[target.key])
    present, codes = np.isfinite(values), split.codes(dataset.molecules.ids)
    train, validation = (np.flatnonzero(present & (codes == code)) for code in (0, 1))
    if not len(train):
        raise MollensError(f"{run.what}: no training molecule of split {split.name} has {target.key}; choose another")
    baseline = fit_composition(
        dataset.molecules, train, values[train], target.output or "sum", free_atoms(dataset.card, target.key)
    )
    return Material(dataset, target, values, train, validation, baseline)
