"""Ways out for a recipe whose formula gives some training molecules no weight, and the rates that it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.data.store import Dataset
from core.recipes.parts import parts_of
from core.recipes.recipe import Recipe
from core.recipes.sampling import Rows
from core.recipes.weights import WeightCurve, weight_curve

CLIPPED_TO = 0.1
"""Least weight that is proposed."""
RATES = range(1, 21)
"""Rates that are tried in place of one that is refused."""


@dataclass(frozen=True)
class WayOut:
    """A change of the recipe after which no molecule is without a weight."""

    kind: str
    """clip, rate or sizes"""
    title: str
    help: str
    fields: dict[str, Any]
    """fields to set"""


def refused_rates(recipe: Recipe, dataset: Dataset, rates: Sequence[float]) -> list[float]:
    """Those of the rates at which some training molecules would have no weight.

    Raises:
        MollensError: if the target or the split does not fit the dataset, or sampling leaves nothing of a part.
    """
    train = parts_of(recipe, dataset).train
    return [rate for rate in rates if _at(recipe, rate, dataset, train).refused.any()]


def ways_out(recipe: Recipe, dataset: Dataset) -> list[WayOut]:
    """What can be done about refused weights: clip them, take the nearest rate that gives all, leave small sizes out.

    Raises:
        MollensError: if the target or the split does not fit the dataset, or sampling leaves nothing of a part.
    """
    train = parts_of(recipe, dataset).train
    curve = weight_curve(recipe, dataset.molecules, train)
    if not curve.refused.any():
        return []
    concerned = curve.named(curve.refused)
    found = [
        WayOut(
            "clip",
            f"Clip to {CLIPPED_TO:g}",
            f"molecules of {concerned} count {CLIPPED_TO:g}, before the mean is made 1; the recipe records it",
            {"least_weight": CLIPPED_TO},
        )
    ]
    sound = [rate for rate in RATES if not _at(recipe, rate, dataset, train).refused.any()]
    if sound:
        rate = min(sound, key=lambda each: abs(each - recipe.weight_rate))
        found.append(
            WayOut(
                "rate", f"Rate {rate}", "the nearest whole rate that gives every one a weight", {"weight_rate": rate}
            )
        )
    else:
        found.append(
            WayOut(
                "rate",
                "Rate 0",
                "no rate from 1 to 20 gives every one a weight; 0 weighs all alike",
                {"weight_rate": 0},
            )
        )
    if curve.by == "size" and not curve.refused.all():
        last = int(np.flatnonzero(curve.refused)[-1])
        if curve.refused[: last + 1].all():
            least = int(curve.classes[last + 1])
            lost = int(curve.counts[curve.refused].sum())
            found.append(
                WayOut(
                    "sizes",
                    f"Only from {least} atoms on",
                    f"the {lost:,} molecules of {concerned} are not trained on",
                    {"min_atoms": least},
                )
            )
    return found


def _at(recipe: Recipe, rate: float, dataset: Dataset, train: Rows) -> WeightCurve:
    return weight_curve(recipe.model_copy(update={"weight_rate": float(rate)}), dataset.molecules, train)
