import numpy as np
import pytest

from core.data.molecules import NUMBERS
from core.data.selection import Range, Selection, Span
from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset
from core.data.where import parse_selection, parse_where
from core.errors import MollensError
from tests.fake_runs import fake_dataset, fake_molecules


@pytest.fixture
def small() -> Dataset:
    """Ids 1001 to 1004: water, methane, hydrogen fluoride, methanol without an energy; gaps 5.01 to 5.04 eV."""
    numbers = [[8, 1, 1], [6, 1, 1, 1, 1], [9, 1], [6, 8, 1, 1, 1, 1]]
    return fake_dataset("small", fake_molecules(numbers, np.array([-76.4, -40.5, -100.4, np.nan])))


def ids(dataset: Dataset, *where: str) -> list[int]:
    return dataset.molecules.ids[parse_where(where, dataset).rows(dataset)].tolist()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("size=3", [1001]),
        ("size=3-5", [1001, 1002]),
        ("size=5-3", [1001, 1002]),
        ("size=2,5-6", [1002, 1003, 1004]),
        ("size=99", []),
        ("heavy=2", [1004]),
        ("heavy=1", [1001, 1002, 1003]),
        ("element=O", [1001, 1004]),
        ("element=O,C", [1004]),
        ("element=Si", []),
        ("without=O", [1002, 1003]),
        ("without=O,F", [1002]),
        ("without=Si", [1001, 1002, 1003, 1004]),
        ("formula=OH2", [1001]),
        ("formula=CH4,HF", [1002, 1003]),
        ("formula=CH4O", [1004]),
        ("formula=CH3Cl", []),
        ("range=energy:-80:-40", [1001, 1002]),
        ("range=energy::-76.4", [1001, 1003]),
        ("range=energy:-76.4:", [1001, 1002]),
        ("range=energy:-40:-80", [1001, 1002]),
        ("range=energy:-80:-40,gap::5.015", [1001]),
        ("id=1001,1003-1004", [1001, 1003, 1004]),
        ("id=7", []),
    ],
)
def test_each_filter_finds_its_molecules(small: Dataset, where: str, expected: list[int]) -> None:
    assert ids(small, where) == expected


def test_filters_of_several_kinds_hold_together(small: Dataset) -> None:
    assert ids(small, "element=O", "size=3") == [1001]
    assert ids(small, "element=O", "element=C") == [1004]
    assert ids(small) == [1001, 1002, 1003, 1004]


def test_a_filter_equals_a_loop_over_the_molecules_of_demo(demo: Dataset) -> None:
    molecules = demo.molecules
    selection = parse_where(["size=12-17,21", "element=N", "without=F", "heavy=7-8"], demo)
    expected = []
    for row in range(molecules.n_molecules):
        numbers = molecules.numbers[molecules.atoms(row)]
        heavy = int((numbers != 1).sum())
        n = len(numbers)
        if (12 <= n <= 17 or n == 21) and 7 in numbers and 9 not in numbers and 7 <= heavy <= 8:
            expected.append(row)
    assert len(expected) > 100
    assert selection.rows(demo).tolist() == expected
    formula = molecules.formula(expected[0])
    same = parse_where([f"formula={formula}"], demo).rows(demo)
    assert {molecules.formula(int(row)) for row in same} == {formula}
    assert len(same) == sum(molecules.formula(row) == formula for row in range(molecules.n_molecules))


def test_a_part_of_a_split_is_that_part(small: Dataset) -> None:
    make_split(small, "halves", seed=3, train=0.5, validation=0.25)
    split = open_split(small, "halves")
    assert ids(small, "split=halves:train") == split.train.tolist()
    assert ids(small, "split=halves:test") == split.test.tolist()
    assert parse_where(["split=:test"], small).split == "default:test"


def test_a_substructure_is_searched_in_the_smiles(demo: Dataset) -> None:
    found = parse_where(["substructure=C#N", "size=3-10"], demo).rows(demo)
    smiles = {demo.molecules.smiles_of(int(row)) for row in found}
    assert smiles and all("#N" in text or "N#" in text for text in smiles)


def test_the_address_and_the_selection_say_the_same(small: Dataset) -> None:
    selection = Selection(
        size=(Span(3, 5), Span(9, 9)),
        element=("O", "C"),
        without=("F",),
        formula=("CH4O",),
        range=(Range("energy", -80.0, None), Range("gap", None, 5.02)),
        substructure="C=O",
        id=(Span(1001, 1004),),
        split="default:test",
        sound=True,
    )
    query = selection.query()
    assert query["size"] == "3-5,9"
    assert query["range"] == "energy:-80:,gap::5.02"
    assert parse_selection(query, small) == selection
    assert parse_where(selection.where(), small) == selection
    assert Selection().query() == {} and not Selection()


def test_spans_are_joined_and_in_order(small: Dataset) -> None:
    assert parse_selection({"size": "9,3-5,4-7,8"}, small).size == (Span(3, 9),)


def test_parts_can_be_taken_away_one_by_one(small: Dataset) -> None:
    selection = parse_where(["size=3,9", "element=O", "substructure=CO"], small)
    assert selection.drop("size", Span(3, 3)).size == (Span(9, 9),)
    assert selection.drop("element", "O").element == ()
    assert selection.drop("substructure", "CO").substructure == ""
    assert selection.but("size", "element").kinds() == ("substructure",)


def test_parameters_of_other_things_are_passed_over(small: Dataset) -> None:
    assert parse_selection({"dataset": "small", "molecule": "3", "page": "2", "size": " "}, small) == Selection()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("size=many", "expected a number such as 17"),
        ("size=-3", "expected a number such as 17"),
        ("size=" + "9" * 16, "expected a number such as 17"),
        ("size=" + ",".join(str(2 * n) for n in range(2000)), "at most 1,000"),
        ("element=Xx", "element 'Xx' is not known"),
        ("without=,", "element '' is not known"),
        ("formula=ch4", "expected symbols and numbers"),
        ("formula=Zz9", "element 'Zz' is not known"),
        ("range=energy:1", "expected PROPERTY:LOW:HIGH"),
        ("range=nothing:1:2", "has no property 'nothing'"),
        ("range=energy:one:2", "'one' is no number"),
        ("range=energy:nan:2", "'nan' is no number"),
        ("split=default", "expected NAME:PART"),
        ("split=no_such:test", "does not have it"),
        ("split=../../etc:test", "not allowed"),
        ("sound=yes", "expected 1"),
        ("colour=red", "expected KEY=VALUE with a key of size"),
        ("size", "expected KEY=VALUE"),
        ("substructure=" + "C" * 30_000, "at most 20,000"),
    ],
)
def test_what_cannot_be_understood_is_named(small: Dataset, where: str, said: str) -> None:
    with pytest.raises(MollensError, match=said):
        parse_where([where], small)


def test_only_one_substructure_and_one_split(small: Dataset) -> None:
    with pytest.raises(MollensError, match="given 2 times"):
        parse_where(["substructure=C", "substructure=N"], small)


def test_sound_needs_a_search_for_defects(small: Dataset) -> None:
    with pytest.raises(MollensError, match="not been searched for defects"):
        parse_where(["sound=1"], small).rows(small)


def test_masks_of_one_dataset_are_not_those_of_another(small: Dataset, demo: Dataset) -> None:
    where = ["element=O"]
    assert parse_where(where, small).mask(small).sum() == 2
    assert parse_where(where, demo).mask(demo).sum() == demo.molecules.contains(NUMBERS["O"]).sum()
