import re
from xml.etree import ElementTree

import pytest

from core.chem.depiction import depict


def colours_in(svg: str) -> set[str]:
    return {found.upper() for found in re.findall(r"#[0-9A-Fa-f]{6}", svg)}


def test_a_molecule_is_drawn_without_a_ground_in_the_given_colours() -> None:
    svg = depict("CC=O", False, 200, 150, {"O": "#FF5A4F", "C": "#97A1AD"}, "#0F172A")
    assert svg is not None
    root = ElementTree.fromstring(svg)
    assert root.attrib["width"] == "200px" and root.attrib["height"] == "150px"
    assert colours_in(svg) == {"#FF5A4F", "#0F172A"}  # oxygen, and ink for carbon
    assert not [e for e in root.iter() if e.tag.endswith(("rect", "text", "script", "image", "a"))]


def test_the_dark_page_has_light_bonds() -> None:
    assert colours_in(depict("CC", True, 100, 100) or "") == {"#E2E8F0"}
    assert colours_in(depict("CC", False, 100, 100) or "") == {"#0F172A"}


@pytest.mark.parametrize("smiles", ["", "nonsense", "C1CC", "<script>", "C" * 201, "C" * 5000])
def test_what_cannot_be_drawn_is_none(smiles: str) -> None:
    assert depict(smiles, False, 100, 100) is None


def test_nothing_of_the_text_gets_into_the_drawing() -> None:
    svg = depict("C |$<script>alert(1)</script>$|", False, 100, 100)
    assert svg is None or "script" not in svg


def test_a_size_of_any_kind_is_brought_into_bounds() -> None:
    for size in (-5, 0, 10**9):
        svg = depict("CCO", False, size, size)
        assert svg is not None and len(svg) < 20_000
