"""Recipes and networks fit: every model of a recipe can be built, from fields that a recipe has."""

import inspect
from typing import get_args

import numpy as np
import pytest

from core.recipes.presets import presets
from core.recipes.recipe import Model, Recipe
from core.recipes.streams import stream
from core.train.graphs import GraphedStep
from core.train.job import network_keywords
from core.train.streams import torch_seed
from models.fast import PairForward
from models.registry import REPRESENTATIONS, build_network
from models.weights import COMPOSITION


def test_every_model_of_a_recipe_can_be_built() -> None:
    assert set(get_args(Model)) == REPRESENTATIONS.keys() | {COMPOSITION}


def test_the_keywords_are_those_of_the_registry() -> None:
    parameters = inspect.signature(build_network).parameters.values()
    wanted = {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    wanted -= {"vectors"}  # of models from elsewhere; no recipe chooses it
    assert network_keywords(Recipe(), "sum").keys() == wanted
    assert wanted - {"pooling"} <= Recipe.model_fields.keys()
    points = [inspect.signature(each).parameters["grid_points"].default for each in (PairForward, GraphedStep)]
    assert points == [Recipe().grid_points] * 2


@pytest.mark.parametrize("name", [name for name, each in presets().items() if each.recipe.model != COMPOSITION])
def test_the_network_of_a_preset_is_of_a_usual_size(name: str) -> None:
    recipe = presets()[name].recipe
    network = build_network(recipe.model, **network_keywords(recipe, "sum"))
    assert 10_000 < sum(p.numel() for p in network.parameters()) < 1_000_000


def test_streams_of_one_seed_are_independent_and_can_be_had_again() -> None:
    first = stream(0, "order", 1).integers(1 << 30, size=4)
    assert np.array_equal(first, stream(0, "order", 1).integers(1 << 30, size=4))
    for other in (stream(0, "init", 1), stream(1, "order", 1), stream(0, "order", 2), stream(0, "order")):
        assert not np.array_equal(first, other.integers(1 << 30, size=4))
    assert torch_seed(0, "init") != torch_seed(1, "init")
