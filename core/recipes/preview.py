"""What a recipe will do to a dataset, before anything is trained: who is trained on, and who counts how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.cells import cells_of
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import check_run, count_steps
from core.recipes.parts import Parts, parts_of
from core.recipes.recipe import Recipe
from core.recipes.weights import WeightCurve, weight_curve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BY_RATE = ("size", "size_frequency", "inverse_frequency")
"""Weights whose formula has a rate."""
SMALL_SAMPLE = 0.5
"""Share of the molecules that an effective sample is a warning below."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Training molecules by size, or by the elements that they contain; a molecule has several elements."""

    labels: tuple[str, ...]
    """(n_groups,) sizes as numbers, elements as symbols"""
    keys: Ints
    """(n_groups,) sizes in atoms, or atomic numbers; ascending"""
    before: Ints
    """(n_groups,) molecules of the split's training part"""
    after: Ints
    """(n_groups,) molecules that are trained on"""
    weight: Floats
    """(n_groups,) mean weight of those; NaN where there are none or some weights are refused"""
    share: Floats
    """(n_groups,) share of the molecules that are trained on"""
    weight_share: Floats
    """(n_groups,) share of all weight; NaN if some weights are refused"""


@dataclass(frozen=True, eq=False)
class Preview:
    """What a run of a recipe will learn from."""

    recipe: Recipe
    sizes: Groups
    elements: Groups
    curve: WeightCurve
    """the weight of every size, or of every rarest element"""
    n_split_train: int
    """training molecules of the split that have the target"""
    n_train: int
    """those of them that are trained on"""
    n_validation: int
    n_test: int
    left_out: int
    """molecules of the split without the target"""
    steps: int
    """optimizer steps of the whole training"""
    effective_sample_size: float
    """how many equally weighted molecules are as good (Kish); NaN if some weights are refused"""
    refusal: str
    """why the run cannot be made; empty if it can"""
    warnings: tuple[str, ...]
    """sentences about what a reader would not expect"""

    @property
    def excluded_sizes(self) -> list[int]:
        """Sizes whose molecules the formula gives no weight, so that the recipe is refused."""
        return self.curve.classes[self.curve.refused].tolist() if self.curve.by == "size" else []

    @property
    def clipped_sizes(self) -> list[int]:
        """Sizes whose weight is the least weight."""
        return self.curve.classes[self.curve.clipped].tolist() if self.curve.by == "size" else []


def preview(recipe: Recipe, dataset: Dataset) -> Preview:
    """What a run of this recipe on this dataset would learn from; weights that no run can have are shown, not raised.

    Raises:
        MollensError: if the target or the split does not fit the dataset, or sampling leaves nothing of a part.
    """
    parts = parts_of(recipe, dataset)
    molecules = dataset.molecules
    cells = cells_of(molecules)
    curve = weight_curve(recipe, molecules, parts.train)
    before, after = cells.count(parts.split_train), cells.count(parts.train)
    weight = np.append(curve.weights, 0.0)[curve.of_cell]  # -1, the last one, where none is trained on
    sizes = np.unique(cells.sizes[before > 0])
    of_size = cells.sizes[:, None] == sizes
    there = (before @ cells.contained) > 0
    by_size = _groups(sizes, [str(size) for size in sizes], of_size, before, after, weight)
    by_element = _groups(
        np.array(molecules.elements, dtype=np.int64)[there],
        [symbol for symbol, yes in zip(molecules.symbols, there, strict=True) if yes],
        cells.contained[:, there],
        before,
        after,
        weight,
    )
    strange = ~np.isin(cells.sizes, sizes[by_size.after > 0])
    return Preview(
        recipe=recipe,
        sizes=by_size,
        elements=by_element,
        curve=curve,
        n_split_train=len(parts.split_train),
        n_train=len(parts.train),
        n_validation=len(parts.validation),
        n_test=len(parts.test),
        left_out=parts.left_out,
        steps=count_steps(recipe, len(parts.train)),
        effective_sample_size=curve.effective_sample_size,
        refusal=_refusal(recipe, dataset, parts),
        warnings=(
            *_about_cutoffs(recipe),
            *_about_sampling(recipe, parts, by_size, by_element, int(cells.count(parts.validation)[strange].sum())),
            *_about_weights(recipe, curve),
        ),
    )


def _groups(
    keys: Ints, labels: list[str], belongs: NDArray[np.bool_], before: Ints, after: Ints, weight: Floats
) -> Groups:
    """Sums over cells: belongs (n_cells, n_groups), before, after and weight (n_cells,)."""
    n, total = after @ belongs, (after * weight) @ belongs
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total / n, np.nan)
        weight_share = total / (after * weight).sum()
    return Groups(
        labels=tuple(labels),
        keys=keys,
        before=before @ belongs,
        after=n,
        weight=mean,
        share=n / max(int(after.sum()), 1),
        weight_share=weight_share,
    )


def _refusal(recipe: Recipe, dataset: Dataset, parts: Parts) -> str:
    try:
        check_run(recipe, dataset, parts)
    except MollensError as error:
        return str(error)
    return ""


def _about_cutoffs(recipe: Recipe) -> Iterator[str]:
    if recipe.model != "composition" and recipe.neighbour_cutoff < recipe.cutoff:
        yield (
            f"Neighbours end at {recipe.neighbour_cutoff:g} Å, where filters have not yet fallen to zero "
            f"({recipe.cutoff:g} Å): the energy jumps when an atom crosses that distance. The thesis did so."
        )


def _about_sampling(recipe: Recipe, parts: Parts, sizes: Groups, elements: Groups, strange: int) -> Iterator[str]:
    """`strange` validation molecules have sizes that are not trained on."""
    if not parts.unused:
        if recipe.most_per_size or recipe.min_atoms or recipe.max_atoms:
            most = f"; the commonest size has {sizes.before.max(initial=0):,}" if recipe.most_per_size else ""
            yield f"The sampling changes nothing: every training molecule of the split is used{most}."
        return
    if strange:
        have, they = ("has a size that is", "it") if strange == 1 else ("have sizes that are", "they")
        yield (
            f"{strange:,} of {len(parts.validation):,} validation molecules {have} not trained on; {they} too "
            f"{'decides' if strange == 1 else 'decide'} which epoch is kept."
        )
    lost = [label for label, n in zip(elements.labels, elements.after, strict=True) if n == 0]
    if lost:
        yield f"No molecule that is trained on contains {' or '.join(lost)}; others of the training part do."


def _about_weights(recipe: Recipe, curve: WeightCurve) -> Iterator[str]:
    if recipe.weighting == "none":
        return
    if recipe.model == "composition":
        yield "The linear fit of the composition takes no weights."
        return
    n = int(curve.counts.sum())
    if recipe.weighting in ("size", "size_frequency") and recipe.weight_by == "element":
        yield "The weights of the thesis depend on the size alone; rare by element has no effect on them."
    if curve.clipped.any():
        clipped = int(curve.counts[curve.clipped].sum())
        yield (
            f"The weight of {curve.named(curve.clipped)} is clipped to {recipe.least_weight:g}: {clipped:,} molecules, "
            f"{100 * clipped / n:.1f} % of those that are trained on."
        )
    if curve.effective_sample_size < SMALL_SAMPLE * n:
        share = curve.effective_sample_size / n
        the = f"At rate {recipe.weight_rate:g} the" if recipe.weighting in BY_RATE else "The"
        yield (
            f"{the} weights leave an effective sample of {curve.effective_sample_size:,.0f} of {n:,} molecules, "
            f"{100 * share:.2g} %."
        )
