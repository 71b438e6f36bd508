import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.parts import parts_of
from core.recipes.recipe import Recipe
from core.recipes.ways_out import refused_rates, ways_out
from core.recipes.weights import molecule_weights
from tests.fake_runs import fake_dataset, fake_molecules, qm9_like


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("learned", fake_molecules(qm9_like(400)))


def by_formula(rate: float, **fields: float) -> Recipe:
    return Recipe(weighting="size_frequency", weight_rate=rate, **fields)


def test_every_way_out_leaves_no_molecule_without_a_weight(dataset: Dataset) -> None:
    recipe = by_formula(10)
    with pytest.raises(MollensError, match="size_frequency"):
        molecule_weights(recipe, dataset.molecules, parts_of(recipe, dataset).train)
    found = ways_out(recipe, dataset)
    assert [way.kind for way in found] == ["clip", "rate", "sizes"]
    for way in found:
        changed = recipe.model_copy(update=way.fields)
        assert (molecule_weights(changed, dataset.molecules, parts_of(changed, dataset).train) > 0).all()


def test_the_nearest_rate_that_gives_all_a_weight(dataset: Dataset) -> None:
    # log(1.3^r / 10 - r / 4.5) of the smallest molecules, 13 atoms: -0.30 at r = 14, 0.58 at r = 15
    assert ways_out(by_formula(10, min_atoms=13), dataset)[1].fields == {"weight_rate": 15}
    # below 11 atoms no rate does: (10 / 10)^r / 10 is 0.1
    assert ways_out(by_formula(10), dataset)[1].fields == {"weight_rate": 0}


def test_sizes_are_left_out_from_the_smallest_on(dataset: Dataset) -> None:
    assert ways_out(by_formula(10), dataset)[2].fields == {"min_atoms": 15}


def test_rates_of_a_search_that_are_refused(dataset: Dataset) -> None:
    assert refused_rates(by_formula(0, min_atoms=13, max_atoms=23), dataset, [0, 1, 14, 15, 20]) == [1, 14]
    assert refused_rates(Recipe(weighting="size"), dataset, range(11)) == []


def test_a_recipe_with_all_weights_needs_none(dataset: Dataset) -> None:
    assert ways_out(Recipe(weighting="size", weight_rate=10), dataset) == []
