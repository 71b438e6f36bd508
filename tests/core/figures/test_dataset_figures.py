import numpy as np

from core.figures.dataset import (
    element_sentence,
    element_shares,
    size_element_map,
    size_histogram,
    size_sentence,
    spans,
)
from core.figures.theme import colours

SIZES = np.array([9, 17, 18, 19, 25])
COUNTS = np.array([5, 400, 500, 90, 8])


def test_bars_are_the_counts_and_rare_sizes_are_marked() -> None:
    bars = size_histogram(SIZES, COUNTS, dark=False).data[0]
    assert list(bars.x) == list(SIZES) and list(bars.y) == list(COUNTS)
    assert list(bars.text) == ["5", "400", "500", "90", "8"]
    c = colours(False)
    assert list(bars.textfont.color) == [c.worse, c.muted, c.muted, c.muted, c.worse]
    assert bars.marker.color == c.count


def test_the_sentence_on_sizes_names_the_bulk_and_the_rare() -> None:
    assert size_sentence(SIZES, COUNTS) == (
        "**90 % of the molecules have 17 and 18 atoms.** 2 sizes are rarer than 1 % (9 and 25 atoms): "
        "13 molecules, 1.3 % of all."
    )
    assert size_sentence(SIZES[1:4], COUNTS[1:4]).endswith("No size is rarer than 1 %.")


def test_whole_numbers_are_joined_to_spans() -> None:
    assert spans([3]) == "3"
    assert spans([3, 4, 5, 9, 12, 13]) == "3 to 5, 9, 12 and 13"


def test_elements_stand_from_rare_to_frequent_with_their_share() -> None:
    fig = element_shares({"H": 995, "C": 1000, "F": 4}, 1000, dark=True)
    assert list(fig.layout.yaxis.ticktext) == ["F", "H", "C"]
    assert list(fig.data[0].x) == [0.4, 99.5, 100.0]
    assert {"0.4 %", "4", "995"} <= {note.text for note in fig.layout.annotations}


def test_the_sentence_on_elements_names_the_rare_ones() -> None:
    assert element_sentence({"H": 995, "C": 1000, "F": 4}, 1000) == (
        "Nearly all molecules contain H and C. **Rarer than 1 %: F in 4 molecules.**"
    )
    assert element_sentence({"C": 1000, "O": 500}, 1000).endswith("**The rarest element is O, in 50 %.**")


def test_cells_hold_the_logarithm_and_a_missing_size_stays_empty() -> None:
    fig = size_element_map(np.array([3, 5]), ("H", "F"), np.array([[100, 10], [0, 1]]), dark=False)
    heat, marks = fig.data
    assert list(heat.x) == [3, 4, 5]
    np.testing.assert_allclose(np.array(heat.z, dtype=float), [[2, np.nan, 1], [np.nan, np.nan, 0]])
    assert [list(cell) for cell in marks.customdata] == [[3, "H"], [5, "H"], [5, "F"]]
    assert [note.text for note in fig.layout.annotations] == ["100", "10", "1"]
