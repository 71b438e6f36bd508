"""Which molecules a recipe trains on: counts by hand, nested drawings, and the control."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.molecules import Molecules
from core.data.store import Dataset
from core.errors import MollensError
from core.recipes.create import create_run, usable_counts
from core.recipes.parts import parts_of
from core.recipes.presets import preset
from core.recipes.recipe import Recipe, changed
from core.recipes.sampling import training_rows, validation_rows

SIZES = np.array([3, 17, 18, 17, 19, 17, 18, 25, 17, 3])
ALL = np.arange(len(SIZES))


def molecules(sizes: NDArray[np.int64] = SIZES) -> Molecules:
    """Molecules of hydrogen with these sizes."""
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Molecules(
        numbers=np.ones(first[-1], dtype=np.uint8),
        positions=np.zeros((first[-1], 3)),
        first_atom=first,
        ids=np.arange(100, 100 + len(sizes)),
    )


def rows(*settings: str, train: NDArray[np.int64] = ALL) -> list[int]:
    return training_rows(changed(Recipe(), list(settings)), molecules(), train).tolist()


def test_without_sampling_all_rows_are_trained_on_in_order() -> None:
    assert rows() == ALL.tolist()
    assert rows(train=np.array([7, 2, 4])) == [2, 4, 7]


def test_limits_of_size_include_both_ends() -> None:
    assert rows("min_atoms=18") == [2, 4, 6, 7]
    assert rows("max_atoms=17") == [0, 1, 3, 5, 8, 9]
    assert rows("min_atoms=18", "max_atoms=19") == [2, 4, 6]


def test_a_cap_leaves_so_many_of_each_size_and_rare_sizes_whole() -> None:
    kept = rows("most_per_size=2")
    assert np.bincount(SIZES[kept])[[3, 17, 18, 19, 25]].tolist() == [2, 2, 2, 1, 1]
    assert kept == sorted(kept)
    assert {0, 9, 2, 6, 4, 7} < set(kept)
    assert rows("most_per_size=4") == ALL.tolist()


def test_the_molecules_of_a_smaller_cap_are_among_those_of_a_larger_one() -> None:
    assert set(rows("most_per_size=1")) < set(rows("most_per_size=2")) < set(rows("most_per_size=3"))
    assert set(rows("most_per_size=1", "min_atoms=17")) < set(rows("most_per_size=1"))


def test_a_seed_always_draws_the_same_and_another_one_draws_others() -> None:
    sizes = np.full(1000, 9)
    recipe = changed(Recipe(), ["most_per_size=10"])
    first = training_rows(recipe, molecules(sizes), np.arange(1000))
    assert first.tolist() == [1, 163, 182, 320, 432, 458, 468, 557, 624, 715]  # the same on every machine
    other = training_rows(changed(recipe, ["seed=1"]), molecules(sizes), np.arange(1000))
    assert len(other) == 10 and len(np.intersect1d(first, other)) < 3


def test_a_control_has_as_many_molecules_of_all_sizes() -> None:
    sizes = np.repeat([17, 18, 19], [600, 300, 100])
    for settings, n in (
        (["most_per_size=150"], 400),
        (["min_atoms=18"], 400),
        (["min_atoms=18", "most_per_size=150"], 250),
    ):
        recipe = changed(Recipe(), settings)
        assert len(training_rows(recipe, molecules(sizes), np.arange(1000))) == n
        control = training_rows(changed(recipe, ["control=true"]), molecules(sizes), np.arange(1000))
        assert len(np.unique(control)) == n
        share = np.bincount(sizes[control])[17] / n
        assert abs(share - 0.6) < 4 * np.sqrt(0.6 * 0.4 / n)  # by lot from all, so as the sizes are


def test_only_training_molecules_are_drawn() -> None:
    train = np.array([1, 3, 5, 7])
    for settings in (["most_per_size=2"], ["most_per_size=2", "control=true"], ["min_atoms=17"]):
        assert set(rows(*settings, train=train)) <= set(train.tolist())


def test_validation_is_limited_only_where_the_recipe_says_so() -> None:
    recipe = changed(Recipe(), ["min_atoms=18", "max_atoms=19", "most_per_size=1"])
    assert validation_rows(recipe, molecules(), ALL).tolist() == ALL.tolist()
    same = changed(recipe, ["validate_same_sizes=true"])
    assert validation_rows(same, molecules(), ALL).tolist() == [2, 4, 6]  # no cap: an error needs many molecules


def test_an_empty_choice_says_what_there_is() -> None:
    with pytest.raises(MollensError, match="min_atoms 26 leaves no training molecule .* they have 3 to 25 atoms"):
        rows("min_atoms=26")
    recipe = changed(Recipe(), ["min_atoms=4", "max_atoms=16", "validate_same_sizes=1"])
    with pytest.raises(MollensError, match="min_atoms 4 and max_atoms 16 leave no validation molecule"):
        validation_rows(recipe, molecules(), ALL)


def test_a_run_records_what_it_is_trained_on(demo: Dataset) -> None:
    recipe = changed(preset("thesis-balanced-2000"), ["most_per_size=50"])
    run, control = (create_run(each, demo).recipe_file for each in (recipe, changed(recipe, ["control=1"])))
    sizes = demo.molecules.sizes[parts_of(Recipe(), demo).train]
    n = int(np.minimum(np.bincount(sizes), 50).sum())
    assert run["trained_on"]["n"] == control["trained_on"]["n"] == n
    assert run["split"]["train"] == len(sizes) > n
    assert run["trained_on"]["validation"] == run["split"]["validation"]
    assert run["trained_on"]["hash"] != control["trained_on"]["hash"]
    assert run["trained_on"]["hash"] == create_run(recipe, demo).recipe_file["trained_on"]["hash"]
    counts = usable_counts(recipe, demo)
    assert (counts["train"], counts["unused"]) == (n, len(sizes) - n)


def test_the_rate_search_trains_and_validates_on_13_to_23_atoms(demo: Dataset) -> None:
    parts = parts_of(preset("thesis-rate-search"), demo)
    for part in (parts.train, parts.validation):
        found = demo.molecules.sizes[part]
        assert (found.min(), found.max()) == (13, 23)
    assert demo.molecules.sizes[parts.test].max() > 23
    assert demo.molecules.sizes[parts_of(preset("thesis-above-17"), demo).train].min() == 18
