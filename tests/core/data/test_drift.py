"""Drift and leakage: known distances, a reference that is right for division by lot, and real leaks found."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.card import Card
from core.data.drift import CHANCE, drift_report, find_drift, find_leakage, total_variation, without_target
from core.data.identity import open_identities
from core.data.molecules import Molecules
from core.data.split_making import preview
from core.data.splits import PARTS, Split
from core.data.store import Dataset, save_dataset


@pytest.fixture
def eight(demo: Dataset) -> Dataset:
    """Eight molecules of 2 or 3 atoms with ids 1 to 8; 8 is 1 again, mirrored, and 5 has no energy."""
    water = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]])
    parts = [([8, 1, 1], water * (1 + 0.05 * k)) for k in range(4)]
    parts += [([9, 1], np.array([[0.0, 0, 0], [0, 0, 0.92 + 0.05 * k]])) for k in range(3)]
    parts += [([8, 1, 1], water @ np.diag([1.0, -1.0, -1.0]) + 3.0)]
    sizes = [len(z) for z, _ in parts]
    molecules = Molecules(
        numbers=np.concatenate([np.array(z, dtype=np.uint8) for z, _ in parts]),
        positions=np.concatenate([x for _, x in parts]),
        first_atom=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        ids=np.arange(1, 9),
        columns={"energy": np.array([-76.0] * 4 + [np.nan, -100.0, -100.0, -76.0])},
    )
    listed = [p.model_dump() for p in demo.card.properties if p.key == "energy"]
    return save_dataset(
        molecules, Card.model_validate(demo.card.model_dump() | {"name": "eight", "properties": listed})
    )


def split_of(train: list[int], validation: list[int], test: list[int]) -> Split:
    return Split("made", "eight", "random", 0, np.array(train), np.array(validation, dtype=int), np.array(test, int))


def test_counts_by_size_and_element(eight: Dataset) -> None:
    drift = find_drift(eight, split_of([1, 2, 3, 4], [5, 8], [6]))
    assert drift.n.tolist() == [4, 2, 1] and drift.n_none == 1
    assert drift.sizes.tolist() == [2, 3] and drift.symbols == ("H", "O", "F")
    assert drift.by_size.tolist() == [[0, 4], [1, 1], [1, 0]]
    assert drift.by_element.tolist() == [[4, 4, 0], [2, 1, 1], [1, 0, 1]]
    assert drift.shares(drift.by_size)[1].tolist() == [0.5, 0.5]
    assert drift.untrained_sizes() == [2] and drift.untrained_elements() == ["F"]
    assert drift.untrained_sizes("validation") == [2]
    assert [(d.part, d.value) for d in drift.size_distances] == [("validation", 0.5), ("test", 1.0)]
    assert [(d.part, d.value) for d in drift.element_distances] == [("validation", 0.5), ("test", 1.0)]


def test_an_empty_part_has_no_distance(eight: Dataset) -> None:
    drift = find_drift(eight, split_of([1, 2, 5], [3, 6], []))
    assert [d.part for d in drift.size_distances] == ["validation"]
    assert np.isnan(drift.shares(drift.by_size)[2]).all()


def test_total_variation_is_half_the_sum_of_differences() -> None:
    assert total_variation(np.array([8, 2]), np.array([1, 1])) == pytest.approx(0.3)
    assert total_variation(np.array([3, 0]), np.array([0, 9])) == 1
    assert total_variation(np.array([3, 6]), np.array([1, 2])) == 0


def test_the_reference_is_what_dividing_by_lot_gives(demo: Dataset) -> None:
    """Over many seeds the distance of random parts averages to `expected` and rarely exceeds `by_chance`."""
    taken, alarms = [], 0
    for seed in range(60):
        (validation, _) = find_drift(demo, preview(demo, "random", seed)).size_distances
        taken.append(validation.value)
        alarms += validation.drifted
        expected = validation.expected
    assert np.mean(taken) == pytest.approx(expected, rel=0.05)
    assert alarms <= 3  # 60 (1 - CHANCE) = 0.15 are expected
    assert CHANCE > 0.99


def test_leaving_out_is_drift_and_stratifying_is_none(demo: Dataset) -> None:
    (_, test) = find_drift(demo, preview(demo, "leave_out_sizes", 0, {"sizes": "21-29"})).size_distances
    assert test.value == pytest.approx(1) and test.drifted
    for distance in find_drift(demo, preview(demo, "stratified")).size_distances:
        assert distance.value < 0.2 * distance.expected and not distance.drifted


def test_a_molecule_in_two_parts_is_found(eight: Dataset) -> None:
    leaky = split_of([1, 2, 5], [3], [6, 8])
    assert find_leakage(eight, leaky) is None  # geometries have not been compared
    open_identities(eight)
    found = find_leakage(eight, leaky)
    assert found is not None
    assert (found.validation, found.test, found.examples) == (0, 1, ((8, 1),))
    for tight in (split_of([1, 8, 2], [3], [4]), split_of([2, 3], [1, 8], [4]), split_of([2], [1], [8])):
        none = find_leakage(eight, tight)
        assert none is not None and none.n == 0


def test_molecules_without_the_target_are_counted(eight: Dataset) -> None:
    assert without_target(eight, split_of([1, 2], [5], [6])) == {"train": 0, "validation": 1, "test": 0}


def test_the_report_is_complete(eight: Dataset) -> None:
    told = drift_report(eight, split_of([1, 2, 3], [5], [6, 8]))
    assert [told[part] for part in PARTS] == [3, 1, 2] and told["in_no_part"] == 2
    assert told["sizes"]["2"] == {"train": 0, "validation": 1, "test": 1}
    assert told["elements"]["F"]["test"] == 1
    assert told["size_drift"]["test"]["total_variation"] == pytest.approx(0.5)
    assert told["untrained_sizes"] == [2] and told["leakage"] is None
    assert told["without_default_target"]["validation"] == 1
