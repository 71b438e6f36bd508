from __future__ import annotations

import numpy as np
import pytest

from core.data.store import Dataset
from core.data.where import parse_where
from core.errors import MollensError
from core.judge.grouping.filters import both, filter_text, read_filter, selection_words, split_filters
from core.judge.grouping.groupings import open_grouping
from core.judge.grouping.rarity import grouping_for, rare_grouping


def test_filters_become_two_groups(demo: Dataset) -> None:
    grouping = open_grouping(demo, "where:size=17-19;element=F")
    inside = np.isin(demo.molecules.sizes, (17, 18, 19)) & demo.molecules.contains(9)
    assert grouping.names == ("inside", "outside") and np.array_equal(grouping.table, [inside, ~inside])
    assert grouping.labels == ("17 to 19 atoms, with F", "all but 17 to 19 atoms, with F")
    assert open_grouping(demo, "where: size=17-19 ; element=F") is grouping
    with pytest.raises(MollensError, match="names no filter"):
        open_grouping(demo, "where:")
    with pytest.raises(MollensError, match="element 'Xx' is not known"):
        open_grouping(demo, "where:element=Xx")
    with pytest.raises(MollensError, match="it needs one"):
        open_grouping(demo, "rare:100")


def test_semicolons_of_a_smarts_stay_in_it(demo: Dataset) -> None:
    text = "substructure=[NX3;!$(NC=O)];size=10-12"
    assert split_filters(text) == ["substructure=[NX3;!$(NC=O)]", "size=10-12"]
    assert filter_text(read_filter(f"where:{text}", demo)) == "size=10-12;substructure=[NX3;!$(NC=O)]"


def test_selections_in_words(demo: Dataset) -> None:
    told = parse_where(["size=3-9,12", "heavy=1", "element=N,O", "without=F", "range=gap:5:8", "sound=1"], demo)
    assert selection_words(told, demo) == (
        "3 to 9 or 12 atoms, 1 heavy atom, with N and O, without F, HOMO-LUMO gap 5 to 8 eV, without known defects"
    )
    assert selection_words(parse_where([], demo), demo) == "all molecules"
    assert selection_words(parse_where(["range=homo::-7", "split=default:train"], demo), demo) == (
        "HOMO up to -7 eV, training molecules of split default"
    )


CASES = [
    (["size=17-19"], ["size=18-25"], ["size=18-19"]),
    (["size=3-5,9-12"], ["size=4-10"], ["size=4-5,9-10"]),
    (["element=F"], ["element=N", "without=O"], ["element=F,N", "without=O"]),
    (["range=gap:5:"], ["range=gap::8,homo:-9:"], ["range=gap:5:8,homo:-9:"]),
    (["formula=C7H10O2,C2H6O"], ["formula=C2H6O"], ["formula=C2H6O"]),
    (["substructure=C=O"], ["substructure=C=O"], ["substructure=C=O"]),
    (["size=17-19"], ["size=20"], None),
    (["range=gap:5:6"], ["range=gap:7:8"], None),
    (["substructure=C=O"], ["substructure=C#N"], None),
]


@pytest.mark.parametrize(("one", "other", "expected"), CASES)
def test_both_of_two_selections(demo: Dataset, one: list[str], other: list[str], expected: list[str] | None) -> None:
    found = both(parse_where(one, demo), parse_where(other, demo))
    assert (found and found.where()) == expected
    if found is not None and "substructure" not in str(one):
        known = parse_where(one, demo).mask(demo) & parse_where(other, demo).mask(demo)
        assert np.array_equal(found.mask(demo), known)


def test_rare_sizes_are_those_of_few_training_molecules(demo: Dataset) -> None:
    sizes = demo.molecules.sizes
    train = np.flatnonzero(np.isin(sizes, (15, 16, 18)))[::2]
    counts = np.bincount(sizes[train], minlength=40)
    grouping = rare_grouping(demo, train, 100)
    assert grouping.names == ("rare", "common") and grouping.table.sum() == len(sizes)
    assert np.array_equal(grouping.table[0], counts[sizes] < 100)
    for selection, inside in zip(grouping.selections, grouping.table, strict=True):
        assert selection is not None and np.array_equal(selection.mask(demo), inside)
    assert grouping_for(demo, "rare:100", train) is grouping
    with pytest.raises(MollensError, match="expected a number of training molecules above 0"):
        grouping_for(demo, "rare:none", train)
