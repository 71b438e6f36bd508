"""Sentences about what a recipe will do, from the same tables as its figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.figures.dataset_sizes import listed, some, spans
from core.figures.numbers import number, percent
from core.recipes.preview import Preview
from core.recipes.weights import WeightCurve

HEAVY_SHARE = 0.05
"""Share of the molecules that the sentence on weights speaks of, at most."""


def sampling_sentence(found: Preview) -> str:
    """How many of the split's training molecules are trained on, in Markdown."""
    if found.n_train == found.n_split_train:
        return f"**All {number(found.n_train)} training molecules of the split are used.**"
    share = percent(found.n_train / found.n_split_train)
    text = f"**{number(found.n_train)} of {number(found.n_split_train)} training molecules are used ({share}).**"
    if found.recipe.control:
        return f"{text} They are drawn by lot from all sizes: the control of a choice by size, with as many steps."
    cut = found.sizes.after < found.sizes.before
    return (
        f"{text} {some(int(cut.sum()), 'size loses', 'sizes lose')} molecules ({spans(found.sizes.keys[cut])} atoms)."
    )


def weight_sentence(found: Preview) -> str:
    """Where the weight goes and what the weights leave of the data, in Markdown."""
    curve = found.curve
    n = int(curve.counts.sum())
    if not n:
        return "**No molecule is left.**"
    if curve.refused.any():
        refused = int(curve.counts[curve.refused].sum())
        return (
            f"**The formula gives no weight to {curve.named(curve.refused)}**: "
            f"{some(refused, 'molecule', 'molecules')}, {percent(refused / n, 1)} of those that are trained on."
        )
    if np.allclose(curve.weights, curve.weights[0], rtol=1e-9):
        return "**Every molecule counts the same.**"
    heavy = _heaviest(curve)
    some_of, weight = curve.counts[heavy].sum() / n, curve.shares[heavy].sum()
    if curve.by == "size":
        whose = f"molecules with {spans(curve.classes[heavy])} atoms"
    else:
        names = [name for name, yes in zip(curve.names, heavy, strict=True) if yes]
        whose = f"molecules whose rarest element is {listed(names).replace(' and ', ' or ')}"
    sample, share = number(found.effective_sample_size), percent(found.effective_sample_size / n)
    drawn = found.recipe.weights_in == "sampling"
    take = f"make up {percent(weight)} of the draws" if drawn else f"take {percent(weight)} of the weight"
    return (
        f"**The {percent(some_of, 1)} of {whose} {take}.** So weighted, the {number(n)} are worth {sample} "
        f"molecules that count alike ({share})."
    )


def _heaviest(curve: WeightCurve) -> NDArray[np.bool_]:
    """The classes of the largest weights that hold up to `HEAVY_SHARE` of the molecules together, at least one."""
    order = np.argsort(-curve.weights, kind="stable")
    upto = np.cumsum(curve.counts[order]) <= HEAVY_SHARE * curve.counts.sum()
    upto[0] = True
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[upto & (curve.weights[order] > np.average(curve.weights, weights=curve.counts))]] = True
    return chosen
