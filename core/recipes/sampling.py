"""Which molecules of a split are trained on: limits of size, a cap per size, and the control of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.errors import MollensError
from core.recipes.recipe import Recipe
from core.recipes.streams import stream

Rows = NDArray[np.int64]


def training_rows(recipe: Recipe, molecules: Molecules, train_rows: Rows) -> Rows:
    """The rows (n,), ascending, that a recipe trains on, out of the rows of the split's training part.

    One drawing by lot of the whole training part decides, so that the molecules of a smaller cap are among those of a
    larger one. The control of a choice takes as many of all sizes, in the same order.

    Raises:
        MollensError: if there were some and nothing is left.
    """
    train_rows = _ascending(train_rows)
    if not (recipe.min_atoms or recipe.max_atoms or recipe.most_per_size or recipe.control):
        return train_rows
    order = stream(recipe.seed, "sampling").permutation(len(train_rows))
    sizes = molecules.sizes[train_rows[order]]
    chosen = _within(recipe, sizes)
    if recipe.most_per_size:
        chosen &= _place_in_size(sizes) < recipe.most_per_size
    n = int(chosen.sum())
    if len(train_rows) and not n:
        raise MollensError(_nothing_left(recipe, "training", molecules.sizes[train_rows]))
    taken = np.zeros(len(train_rows), dtype=bool)
    taken[order[:n] if recipe.control else order[chosen]] = True
    return train_rows[taken]


def validation_rows(recipe: Recipe, molecules: Molecules, validation_rows: Rows) -> Rows:
    """The rows (n,), ascending, that a recipe validates on, out of those of the split's validation part.

    Raises:
        MollensError: if there were some and nothing is left.
    """
    rows = _ascending(validation_rows)
    if not recipe.validate_same_sizes or not len(rows):
        return rows
    chosen = rows[_within(recipe, molecules.sizes[rows])]
    if not len(chosen):
        raise MollensError(_nothing_left(recipe, "validation", molecules.sizes[rows]))
    return chosen


def _ascending(rows: Rows) -> Rows:
    rows = np.asarray(rows, dtype=np.int64)
    return rows if (np.diff(rows) > 0).all() else np.sort(rows)


def _within(recipe: Recipe, sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether molecules of these sizes are within the recipe's limits."""
    within = sizes >= recipe.min_atoms
    return within & (sizes <= recipe.max_atoms) if recipe.max_atoms else within


def _place_in_size(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) how many earlier molecules have the same size."""
    # numbers of 16 bits are sorted by counting, several times faster
    order = np.argsort(sizes.astype(np.uint16) if sizes.max(initial=0) < 1 << 16 else sizes, kind="stable")
    ordered = sizes[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    places = np.empty(len(sizes), dtype=np.int64)
    places[order] = np.arange(len(sizes)) - np.repeat(first, np.diff(first, append=len(sizes)))
    return places


def _nothing_left(recipe: Recipe, part: str, sizes: NDArray[np.int64]) -> str:
    given = [
        f"{name} {value}" for name, value in (("min_atoms", recipe.min_atoms), ("max_atoms", recipe.max_atoms)) if value
    ]
    verb = "leave" if len(given) > 1 else "leaves"
    there = f"they have {sizes.min()} to {sizes.max()} atoms" if len(sizes) else "there are none"
    return f"recipe: {' and '.join(given)} {verb} no {part} molecule of the split; {there}; widen the limits"
