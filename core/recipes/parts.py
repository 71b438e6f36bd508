"""The molecules of a run: those that are trained on, validated on and tested on, as rows of the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.splits import Split, open_split
from core.data.store import Dataset
from core.recipes.recipe import Recipe
from core.recipes.sampling import Rows, training_rows, validation_rows


@dataclass(frozen=True, eq=False)
class Parts:
    """Rows of the molecules of a run, ascending; molecules without the target have left all of them."""

    split: Split
    split_train: Rows
    """the split's training part"""
    train: Rows
    """those of it that are trained on, after sampling"""
    split_validation: Rows
    """the split's validation part"""
    validation: Rows
    """those of it that are validated on"""
    test: Rows
    """the split's test part"""
    left_out: int
    """molecules of the split without the target"""

    @property
    def unused(self) -> int:
        """Molecules of the training part that sampling left out: neither trained on nor held out."""
        return len(self.split_train) - len(self.train)


def parts_of(recipe: Recipe, dataset: Dataset) -> Parts:
    """The molecules of a run of this recipe.

    Raises:
        MollensError: if the target or the split does not fit the dataset, or sampling leaves nothing of a part.
    """
    molecules = dataset.molecules
    present = np.isfinite(molecules.columns[dataset.target_key(recipe.target)])
    split = open_split(dataset, recipe.split)
    codes = _codes(split, molecules)
    train, validation, test = (np.flatnonzero(present & (codes == code)) for code in (0, 1, 2))
    return Parts(
        split=split,
        split_train=train,
        train=training_rows(recipe, molecules, train),
        split_validation=validation,
        validation=validation_rows(recipe, molecules, validation),
        test=test,
        left_out=int((~present & (codes != 255)).sum()),
    )


@lru_cache(maxsize=8)
def _codes(split: Split, molecules: Molecules) -> NDArray[np.uint8]:
    """Split codes (n_molecules,); kept, because a form asks for them after every change of a field."""
    codes = split.codes(molecules.ids)
    codes.setflags(write=False)
    return codes
