"""A search for the rate of weights: one recipe, and so one ordinary run, per rate."""

from __future__ import annotations

from collections.abc import Sequence

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import check_means, check_run, create_run
from core.recipes.parts import parts_of
from core.recipes.recipe import Recipe, validated
from core.runs.folder import Run

MOST = 100
"""Runs of one search."""


def rates_of(text: str) -> list[float]:
    """Rates from a list such as "0-10" or "0,0.5,1-3": whole steps within a range, ascending, each once.

    Raises:
        MollensError: if it is no such list, or one of too many rates.
    """
    found: set[float] = set()
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        try:
            if dash:
                found |= {float(rate) for rate in range(int(low), min(int(high), int(low) + MOST) + 1)}
            else:
                found.add(float(low))
        except ValueError as error:
            raise MollensError(
                f"rates {text!r}: {part.strip()!r} is no rate; write for example 0-10 or 0,0.5,1"
            ) from error
    if not found or len(found) > MOST:
        raise MollensError(f"rates {text!r}: {len(found)} rates; expected 1 to {MOST}, for example 0-10")
    return sorted(found)


def rate_search(recipe: Recipe, rates: Sequence[float]) -> list[Recipe]:
    """One recipe per rate, equal in everything else.

    Raises:
        MollensError: if the recipe's weights have no rate, or a rate is out of range.
    """
    if recipe.weighting not in ("size", "size_frequency", "inverse_frequency"):
        raise MollensError(
            f"recipe {recipe.preset}: weighting {recipe.weighting} has no rate to search for; "
            "choose size, size_frequency or inverse_frequency"
        )
    return [validated({**recipe.model_dump(), "weight_rate": rate}, f"rate {rate:g}") for rate in rates]


def create_search(
    recipes: Sequence[Recipe],
    dataset: Dataset,
    name: str | None = None,
    device: str = "auto",
    devices: int = 1,
    logs: Sequence[str] = (),
    engine: str = "eager",
) -> list[Run]:
    """Write the run folders of a search, all or none; nothing is started.

    The runs are named after the recipe, or `name`, with their rate and seed; the rest as for `create_run`.

    Raises:
        MollensError: if one of the recipes cannot be trained on the dataset; it names the rate.
    """
    for recipe in recipes:
        check_means(recipe, dataset, device, devices, logs, engine)
        try:
            check_run(recipe, dataset, parts_of(recipe, dataset))
        except MollensError as error:
            raise MollensError(f"rate {recipe.weight_rate:g}: {error}") from error
    return [
        create_run(
            recipe, dataset, f"{name or recipe.preset or recipe.model} rate {recipe.weight_rate:g} seed {recipe.seed}",
            device, devices, logs, engine,
        )
        for recipe in recipes
    ]  # fmt: skip
