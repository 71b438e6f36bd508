"""The search for a rate: one ordinary run per rate, all or none."""

from __future__ import annotations

import pytest

from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import changes
from core.recipes.presets import preset
from core.recipes.recipe import changed
from core.recipes.search import create_search, rate_search, rates_of
from core.runs.folder import list_runs


@pytest.mark.parametrize(
    ("text", "rates"),
    [("0-10", list(range(11))), ("3", [3]), ("10, 0.5,1-3,2", [0.5, 1, 2, 3, 10])],
)
def test_rates_are_read_from_a_list(text: str, rates: list[float]) -> None:
    assert rates_of(text) == rates


@pytest.mark.parametrize("text", ["", "a", "1-b", "-3", "3-1", "0-1000000000", "1,,2"])
def test_what_is_no_list_of_rates_is_refused(text: str) -> None:
    with pytest.raises(MollensError, match="rates "):
        rates_of(text)


def test_the_recipes_of_a_search_differ_in_the_rate_only() -> None:
    base = preset("thesis-rate-search")
    found = rate_search(base, rates_of("0-10"))
    assert [each.weight_rate for each in found] == list(range(11))
    assert all(set(changes(each, base)) <= {"weight_rate"} for each in found)
    with pytest.raises(MollensError, match="weighting none has no rate"):
        rate_search(preset("thesis-default"), [1])
    with pytest.raises(MollensError, match="rate 21: weight_rate is 21; it must be less than or equal to 20"):
        rate_search(base, [21])


def test_every_rate_becomes_a_run(demo: Dataset) -> None:
    runs = create_search(rate_search(preset("thesis-rate-search"), [0, 2.5, 10]), demo, device="cpu")
    assert [run.name for run in runs] == [f"thesis-rate-search rate {rate} seed 0" for rate in ("0", "2.5", "10")]
    assert [run.recipe_values["weight_rate"] for run in runs] == [0, 2.5, 10]
    assert len({run.recipe_file["trained_on"]["hash"] for run in runs}) == 1
    assert {run.recipe_file["device"] for run in runs} == {"cpu"}


def test_the_runs_of_a_search_are_computed_as_it_is_told(demo: Dataset) -> None:
    recipes = rate_search(preset("thesis-rate-search"), [0, 10])
    for run in create_search(recipes, demo, device="cpu", devices=2, logs=["csv"]):
        assert (run.recipe_file["device"], run.devices, run.logs, run.engine) == ("cpu", 2, ["csv"], "eager")
    made = len(list_runs())
    with pytest.raises(MollensError, match="engine graph: it works on one GPU, not on 2 devices"):
        create_search(recipes, demo, devices=2, engine="graph")
    assert len(list_runs()) == made


def test_a_rate_that_no_run_can_have_leaves_no_folder_at_all(demo: Dataset) -> None:
    recipe = changed(preset("thesis-rate-search-frequency"), ["least_weight=0", "min_atoms=15"])
    with pytest.raises(MollensError, match="^rate 3: recipe: weighting size_frequency at rate 3 is undefined"):
        create_search(rate_search(recipe, [0, 3, 10]), demo)
    assert [run for run in list_runs() if not run.shipped] == []
