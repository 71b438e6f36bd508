from __future__ import annotations

import numpy as np
import pytest

from core.errors import MollensError
from core.judge.grouping.groups import Group, is_common, make_groups, membership, parse_group, size_classes
from tests.fake_runs import fake_molecules

MOLECULES = fake_molecules([[6, 1, 1], [8, 1, 1], [6, 1, 1, 1], [6, 9, 1, 1], [1, 1]])
ALL = np.arange(5)


def names(by: str) -> list[str]:
    return [group.name for group in make_groups(MOLECULES, ALL, by)]


def test_groups_that_occur_in_a_readers_order() -> None:
    assert names("size") == ["2", "3", "4"]
    assert names("element") == ["H", "C", "O", "F"]
    assert names("size_element") == ["H 2", "H 3", "H 4", "C 3", "C 4", "O 3", "F 4"]
    assert names("all") == ["all"]


def test_membership_of_sizes_and_elements() -> None:
    groups = [Group("", 3, 3), Group("", element="C"), Group("", 4, 4, "F"), Group(""), Group("", 3, None)]
    assert membership(groups, MOLECULES, ALL).astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [1, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0],
    ]


def test_only_the_rows_asked_for() -> None:
    assert [g.name for g in make_groups(MOLECULES, np.array([1, 4]), "element")] == ["H", "O"]
    assert membership([Group("", element="O")], MOLECULES, np.array([4, 1])).tolist() == [[False, True]]


def test_labels() -> None:
    assert Group("F 21", 21, 21, "F").label == "F, 21 atoms"
    assert Group("3-10", 3, 10).label == "3 to 10 atoms"
    assert Group("").label == "all molecules"


def test_size_classes_set_the_rare_ends_apart() -> None:
    sizes = np.arange(3, 13)
    counts = np.array([1, 2, 500, 500, 500, 500, 500, 500, 3, 1])
    classes = size_classes(sizes, counts)
    assert classes[0] == (3, 4) and classes[-1] == (11, 12)
    assert [low for low, _ in classes[1:]] == [high + 1 for _, high in classes[:-1]]
    assert len(classes) == 6


def test_size_classes_of_few_sizes() -> None:
    assert size_classes(np.array([5]), np.array([20])) == [(5, 5)]
    assert size_classes(np.array([5, 9]), np.array([20, 20])) == [(5, 5), (9, 9)]


def test_rare_sizes_have_less_than_one_percent() -> None:
    molecules = fake_molecules([[1, 1]] * 99 + [[1, 1, 1]] + [[1] * 5] * 2 + [[1] * 4])
    common, rare = make_groups(molecules, np.arange(103), "rarity")
    assert (common.name, common.sizes) == ("common", {2, 5})
    assert (rare.label, rare.sizes) == ("rare sizes", {3, 4})
    assert rare.members(molecules, np.arange(103)).sum() == 2


def test_exactly_one_percent_is_common() -> None:
    for n in (1, 7, 29, 57):
        assert is_common(n, 100 * n) and not is_common(n, 100 * n + 1)
    groups = make_groups(fake_molecules([[1, 1]] * 198 + [[1] * 3] * 2), np.arange(200), "rarity")
    assert [(group.name, group.sizes) for group in groups] == [("common", {2, 3})]


@pytest.mark.parametrize("size", ["-3", "", "²", "٣", "9" * 30, "9" * 5000, "3-", "a-b"])
def test_a_size_that_is_none(size: str) -> None:
    with pytest.raises(MollensError, match="expected a number of atoms such as 17") as refused:
        parse_group(size, None)
    assert len(str(refused.value)) < 120


def test_unknown_grouping() -> None:
    with pytest.raises(MollensError, match="'colour' is not known; known are all, size"):
        make_groups(MOLECULES, ALL, "colour")
