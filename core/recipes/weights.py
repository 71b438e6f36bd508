"""Weights of molecules in the loss, or in drawing them: two formulas of the thesis and two by frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.cells import Rows, cells_of
from core.data.molecules import SYMBOLS, Molecules
from core.errors import MollensError
from core.recipes.recipe import Recipe

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def size_weight(sizes: Ints, rate: float) -> Floats:
    """The thesis's weight by size, (s - 7)^r / 10^(r + 1) + 1, of sizes (n,) in atoms; 1 at rate 0.

    NaN where it is undefined: fewer than 7 atoms with a rate that is no whole number.
    """
    if rate == 0:
        return np.ones(len(sizes))
    with np.errstate(invalid="ignore", over="ignore"):
        # one power of a small base cannot overflow where the quotient of two large powers would
        return ((sizes - 7) / 10.0) ** rate / 10.0 + 1.0


def size_frequency_weight(sizes: Ints, rate: float) -> Floats:
    """The thesis's weight by size and frequency, log(s^r / 10^(r + 1) - r / 4.5), of sizes (n,); 1 at rate 0.

    It is taken as printed; the frequency does not occur in it. The logarithm is the natural one, as `log` is in every
    numerical library; another base is a constant factor, which a mean of 1 removes and which changes no sign. NaN where
    the argument is negative: at rate 10 up to 13 atoms, at rate 1 up to 22. Rate 0 is the thesis's default, a weight
    of 1; its formula does not give it.
    """
    if rate == 0:
        return np.ones(len(sizes))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.log((sizes / 10.0) ** rate / 10.0 - rate / 4.5)


def inverse_frequency_weight(counts: Ints, exponent: float) -> Floats:
    """n^-exponent of classes with counts (n_classes,) of molecules."""
    return np.maximum(counts, 1).astype(np.float64) ** -exponent


def effective_number_weight(counts: Ints, beta: float) -> Floats:
    """One over the effective number of n samples, (1 - beta) / (1 - beta^n), for counts (n_classes,).

    Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, CVPR 2019, equation 3.
    """
    if beta == 0:
        return np.ones(len(counts))
    return (1.0 - beta) / -np.expm1(np.maximum(counts, 1) * np.log(beta))


def effective_sample_size(weights: Floats) -> float:
    """How many equally weighted molecules are as good, (sum w)^2 / sum w^2 (L. Kish, Survey Sampling, 1965)."""
    largest = float(np.abs(weights).max(initial=0.0))
    if largest == 0:
        return 0.0
    scaled = weights / largest
    return float(scaled.sum() ** 2 / (scaled**2).sum())


@dataclass(frozen=True, eq=False)
class WeightCurve:
    """The weight of every class of training molecules: of every size, or of every rarest element."""

    by: str
    """size or element"""
    classes: Ints
    """(n_classes,) sizes in atoms, or atomic numbers, of the classes that occur; ascending"""
    counts: Ints
    """(n_classes,) training molecules of the class"""
    values: Floats
    """(n_classes,) what the formula gives; NaN where it is undefined"""
    weights: Floats
    """(n_classes,) what a molecule counts, clipped and normalised as the recipe says; NaN where it is refused"""
    clipped: Flags
    """(n_classes,) the least weight has taken the place of the formula's value"""
    refused: Flags
    """(n_classes,) undefined, negative, zero or infinite, and nothing is clipped"""
    of_cell: Ints
    """(n_cells,) the class of the molecules of a cell; -1 where none of them is trained on"""

    @property
    def names(self) -> list[str]:
        """(n_classes,) a size as a number, an element as its symbol."""
        return [SYMBOLS[int(z)] if self.by == "element" else str(z) for z in self.classes]

    @property
    def shares(self) -> Floats:
        """(n_classes,) share of all weight that the molecules of a class have together; NaN if some are refused."""
        total = self.counts * self.weights
        return total / total.sum()

    @property
    def effective_sample_size(self) -> float:
        """How many equally weighted molecules are as good (Kish); NaN if some are refused."""
        if self.refused.any():
            return float("nan")
        scaled = self.weights / self.weights.max(initial=0.0) if len(self.weights) else self.weights
        return float((self.counts * scaled).sum() ** 2 / max((self.counts * scaled**2).sum(), 1e-300))

    def named(self, which: Flags) -> str:
        """Classes in words: "sizes 3 to 14 and 16", "elements N and F"."""
        if self.by == "element":
            return _listed("element", [name for name, yes in zip(self.names, which, strict=True) if yes])
        return _listed("size", _ranges(self.classes, which))


def molecule_weights(recipe: Recipe, molecules: Molecules, rows: Rows) -> Floats:
    """The weights (n,) of the training molecules at `rows`; all 1 without weighting.

    Raises:
        MollensError: if the formula is undefined, negative or zero for some of them and nothing is clipped.
    """
    if recipe.weighting == "none" or not len(rows):
        return np.ones(len(rows))
    cells = cells_of(molecules)
    curve = weight_curve(recipe, molecules, rows)
    check_weights(recipe, curve)
    return curve.weights[curve.of_cell[cells.of[rows]]]


def check_weights(recipe: Recipe, curve: WeightCurve) -> None:
    """Refuse a recipe whose formula gives some of the training molecules no weight.

    Raises:
        MollensError: it names the sizes or elements concerned and the ways out.
    """
    if curve.refused.any():
        n = int(curve.counts[curve.refused].sum())
        raise MollensError(
            f"recipe: weighting {recipe.weighting} at rate {recipe.weight_rate:g} is undefined, negative or zero for "
            f"{curve.named(curve.refused)} ({n:,} of {int(curve.counts.sum()):,} training molecules); set least_weight "
            "above 0 to clip there, leave these sizes out with min_atoms, or choose another rate"
        )


def weight_curve(recipe: Recipe, molecules: Molecules, rows: Rows) -> WeightCurve:
    """The weight of every class of the training molecules at `rows` (n,); nothing is refused here."""
    cells = cells_of(molecules)
    in_cell = cells.count(rows)
    by_element = recipe.weighting in ("inverse_frequency", "effective_number") and recipe.weight_by == "element"
    if by_element:
        containing = in_cell @ cells.contained
        # the rarest element of a cell; where two are equally rare the lighter one
        rarest = np.where(cells.contained, containing, np.iinfo(np.int64).max).argmin(axis=1)
        of_molecule, frequency = (
            np.array(molecules.elements)[rarest],
            dict(zip(molecules.elements, containing.tolist(), strict=True)),
        )
    else:
        of_molecule = cells.sizes
    classes = np.unique(of_molecule[in_cell > 0])
    of_cell = np.searchsorted(classes, of_molecule).clip(max=max(len(classes) - 1, 0))
    of_cell = np.where(in_cell > 0, of_cell, -1)
    counts = np.bincount(of_cell[in_cell > 0], weights=in_cell[in_cell > 0], minlength=len(classes)).astype(np.int64)
    found = np.array([frequency[int(z)] for z in classes]) if by_element else counts
    values = _values(recipe, classes, found)
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(values) & (values > 0)
        clipped = ~(sound & (values >= recipe.least_weight)) if recipe.least_weight > 0 else np.zeros(len(values), bool)
    weights = np.where(clipped, recipe.least_weight, values)
    refused = ~sound & ~clipped
    weights[refused] = np.nan
    if recipe.normalise_weights and not refused.any() and counts.sum():
        weights = weights * (counts.sum() / (counts * weights).sum())
    return WeightCurve("element" if by_element else "size", classes, counts, values, weights, clipped, refused, of_cell)


def _values(recipe: Recipe, classes: Ints, frequency: Ints) -> Floats:
    """What the recipe's formula gives for classes (n_classes,) that occur with this frequency."""
    if recipe.weighting == "size":
        return size_weight(classes, recipe.weight_rate)
    if recipe.weighting == "size_frequency":
        return size_frequency_weight(classes, recipe.weight_rate)
    if recipe.weighting == "inverse_frequency":
        return inverse_frequency_weight(frequency, recipe.weight_rate)
    if recipe.weighting == "effective_number":
        return effective_number_weight(frequency, recipe.weight_beta)
    return np.ones(len(classes))


def _ranges(sizes: Ints, which: Flags) -> list[str]:
    """Runs of neighbouring classes among those that occur, as "3 to 14"; a size that does not occur breaks no run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], which, [False]]).astype(np.int8)))
    words: list[str] = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        run = [str(size) for size in sizes[a:b]]
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run
    return words


def _listed(noun: str, names: list[str]) -> str:
    plural = "s" if len(names) > 1 or " to " in names[0] else ""
    return f"{noun}{plural} " + (", ".join(names[:-1]) + " and " if len(names) > 1 else "") + names[-1]
