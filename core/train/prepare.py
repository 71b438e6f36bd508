"""What a run learns from: its dataset and split checked, the target's values, weights, and the baseline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.properties import Property
from core.data.splits import open_split
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.recipes.create import hash_of
from core.recipes.parts import parts_of
from core.recipes.recipe import Recipe, validated
from core.recipes.weights import molecule_weights
from core.runs.folder import Run
from core.train.batches import FlatMolecules
from core.train.composition import fit_composition, free_atoms
from core.train.lesson import Lesson
from models.offset import Offset
from models.weights import COMPOSITION


@dataclass(frozen=True, eq=False)
class Material:
    """A dataset as a run sees it; molecules without the target have left the two parts."""

    recipe: Recipe
    dataset: Dataset
    target: Property
    values: NDArray[np.float64]
    """(n_molecules,) the target; NaN where there is none"""
    train: NDArray[np.int64]
    """(n_train,) rows of what is trained on, after sampling, ascending"""
    validation: NDArray[np.int64]
    """(n_validation,) rows, ascending"""
    weights: NDArray[np.float64] | None
    """(n_train,) of the molecules that are trained on; None where all count alike"""
    baseline: Offset
    """the fit of the composition of the molecules that are trained on"""

    @property
    def molecules(self) -> Molecules:
        """All molecules of the dataset."""
        return self.dataset.molecules

    @property
    def pooling(self) -> str:
        """How atoms make up the target: "sum", "mean" or "dipole"."""
        assert self.target.output is not None, "create_run offers no target without an output"
        return self.target.output

    @property
    def trained_elements(self) -> list[str]:
        """Symbols of the elements that occur in the training molecules."""
        occurs = self.molecules.element_counts[self.train].max(axis=0) > 0
        return [symbol for symbol, there in zip(self.molecules.symbols, occurs, strict=True) if there]

    def lesson(self, molecules: FlatMolecules, offset: Offset) -> Lesson:
        """What a network learns beside the offset, from these tensors of the dataset's molecules."""
        in_loss = self.recipe.weights_in == "loss"
        return Lesson(
            molecules,
            self.molecules.ids,
            self.train,
            self.validation,
            self.values,
            offset,
            offsets_of(offset, self.molecules),
            weights=self.weights if in_loss else None,
            draw=None if in_loss else self.weights,
        )


def offsets_of(offset: Offset, molecules: Molecules) -> NDArray[np.float64]:
    """The offset of every molecule, (n_molecules,) in the target's unit."""
    return offset.of(molecules.element_counts, molecules.elements)


def recipe_of(run: Run) -> Recipe:
    """The recipe of a run, with the target that `default` stood for when it was made.

    Raises:
        MollensError: if a field is unknown or out of its range.
    """
    return validated({**run.recipe_values, "target": run.target, "split": run.split_name}, run.what)


def prepare(run: Run) -> Material:
    """Open what a run is trained on.

    Raises:
        MollensError: if dataset, split or training molecules are missing, or not those the run was made for, or
            nothing is left to train on.
    """
    dataset = open_dataset(run.dataset_name)
    split = open_split(dataset, run.split_name)
    if run.dataset_sha256 != dataset.card.sha256:
        raise MollensError(f"{run.what}: dataset {dataset.name} has changed since the run was made; start a new run")
    if run.split_hash != split.hash:
        raise MollensError(f"{run.what}: split {split.name} has changed since the run was made; start a new run")
    material = material_of(recipe_of(run), dataset, run.what)
    check_trained_on(run, material.molecules.ids[material.train])
    return material


def check_trained_on(run: Run, ids: NDArray[np.int64]) -> None:
    """Refuse training molecules (n,) that are not those for which the run was made: drawing by lot may have changed.

    Raises:
        MollensError: if they differ; runs that are older than sampling have recorded none.
    """
    recorded = run.recipe_file.get("trained_on")
    if isinstance(recorded, dict) and recorded.get("hash") != hash_of(ids):
        raise MollensError(
            f"{run.what}: its recipe now draws other training molecules than those it was made for ({len(ids):,} now, "
            f"{run.n_trained:,} then), as with another version of numpy; start a new run"
        )


def material_of(recipe: Recipe, dataset: Dataset, what: str = "recipe") -> Material:
    """What a recipe learns from a dataset; `what` begins the sentence about nothing to train on.

    Raises:
        MollensError: if target or split do not fit the dataset, nothing is left to train on, or a molecule that is
            trained on would have no weight.
    """
    parts = parts_of(recipe, dataset)
    target = dataset.property(dataset.target_key(recipe.target))
    values = np.asarray(dataset.molecules.columns[target.key])
    train = parts.train
    if not len(train):
        raise MollensError(f"{what}: no training molecule of split {parts.split.name} has {target.key}; choose another")
    weighted = recipe.weighting != "none" and recipe.model != COMPOSITION
    weights = molecule_weights(recipe, dataset.molecules, train) if weighted else None
    baseline = fit_composition(
        dataset.molecules, train, values[train], target.output or "sum", free_atoms(dataset.card, target.key)
    )
    return Material(recipe, dataset, target, values, train, parts.validation, weights, baseline)
