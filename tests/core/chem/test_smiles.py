import pytest

from core.chem.smiles import deepest_recursion, read_query, smiles_check
from core.errors import MollensError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("C=O", "SMILES"),
        ("c1ccccc1", "SMILES"),
        ("[nH]1cccc1", "SMILES"),
        ("[O-][N+](=O)C", "SMILES"),
        ("[OX2H]", "SMARTS"),
        ("[CH3]", "SMARTS"),  # as SMILES a radical
        ("[#6]~[#7]", "SMARTS"),  # as SMILES lone atoms
        ("C~C", "SMARTS"),
        ("*", "SMARTS"),
        ("[$(C=O)]", "SMARTS"),
        ("  C=O ", "SMILES"),
    ],
)
def test_a_query_is_understood_as(text: str, kind: str) -> None:
    assert read_query(text).kind == kind


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("nonsense", "neither SMILES nor SMARTS"),
        ("C1CC", "neither SMILES nor SMARTS"),
        ("[C", "neither SMILES nor SMARTS"),
        ("C N", "neither SMILES nor SMARTS"),
        ("C\nN", "neither SMILES nor SMARTS"),
        ("C\0", "neither SMILES nor SMARTS"),
        ("C>>N", "neither SMILES nor SMARTS"),
        ("((((((", "neither SMILES nor SMARTS"),
        ("C" * 501, "has 501 characters; expected at most 500"),
        ("C" * 65, "has 65 atoms; expected at most 64"),
        ("[$(C)]" * 5, "nests too much"),
        ("[$([$([$(C)])])]", "nests too much"),
    ],
)
def test_what_cannot_be_searched_is_told(text: str, sentence: str) -> None:
    with pytest.raises(MollensError, match=sentence):
        read_query(text)


def test_recursion_is_counted_by_depth() -> None:
    assert [deepest_recursion(t) for t in ("C(C)C", "[$(C(C)C)]", "[$(C),$(N)]", "[$([$(C)]O)]", ")))(")] == [
        0,
        1,
        1,
        2,
        0,
    ]


@pytest.mark.parametrize(
    ("text", "canonical"), [("OCC", "CCO"), ("C1=CC=CC=C1", "c1ccccc1"), ("", None), ("C1CC", None), ("C" * 3000, None)]
)
def test_smiles_are_made_canonical(text: str, canonical: str | None) -> None:
    assert smiles_check(text) == canonical
