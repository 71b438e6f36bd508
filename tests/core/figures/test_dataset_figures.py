import numpy as np

from core.figures.dataset_elements import element_sentence, element_shares
from core.figures.dataset_sizes import fitting_scale, size_histogram, size_sentence, spans
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


def test_filtered_bars_stand_before_all_of_them_and_the_filter_is_dark() -> None:
    shown = np.array([0, 400, 20, 0, 8])
    fig = size_histogram(SIZES, COUNTS, dark=True, shown=shown, chosen={18})
    behind, front, targets = fig.data
    assert list(behind.y) == list(COUNTS) and list(front.y) == list(shown)
    c = colours(True)
    assert list(front.marker.color) == [c.count, c.count, c.count_line, c.count, c.count]
    assert behind.marker.color == c.behind
    assert list(front.text) == ["", "400", "20", "", "8"]
    # Every size can be hit, in the whole height, and says which it is.
    assert [list(data) for data in targets.customdata] == [[s, s] for s in SIZES]
    assert set(targets.y) == {500} and targets.marker.opacity == 0


def test_few_filtered_molecules_are_compared_by_share() -> None:
    few = np.array([1, 0, 3, 0, 0])
    assert fitting_scale(COUNTS, None) == fitting_scale(COUNTS, COUNTS // 2) == "linear"
    assert fitting_scale(COUNTS, few) == "share"
    fig = size_histogram(SIZES, COUNTS, dark=False, shown=few, scale="share")
    np.testing.assert_allclose(fig.data[0].y, 100 * COUNTS / COUNTS.sum())
    np.testing.assert_allclose(fig.data[1].y, [25, 0, 75, 0, 0])
    assert fig.layout.yaxis.ticksuffix == " %"


def test_a_logarithmic_axis_shows_a_single_molecule() -> None:
    fig = size_histogram(SIZES, COUNTS, dark=False, shown=np.array([1, 0, 0, 0, 0]), scale="log")
    assert fig.layout.yaxis.type == "log" and fig.layout.yaxis.range[0] < 0 < fig.layout.yaxis.range[1]


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


def test_filtered_shares_are_shares_of_what_is_left() -> None:
    fig = element_shares(
        {"H": 995, "C": 1000, "F": 4}, 1000, dark=False, shown={"H": 5, "C": 10, "F": 0}, shown_total=10,
        chosen={"C"}, without={"F"},
    )  # fmt: skip
    behind, front, targets = fig.data
    np.testing.assert_allclose(behind.x, [0.4, 99.5, 100])
    np.testing.assert_allclose(front.x, [0, 50, 100])
    c = colours(False)
    assert list(front.marker.color) == [c.count, c.count, c.count_line]
    assert [list(data) for data in targets.customdata] == [["F"], ["H"], ["C"]]
    assert list(fig.layout.yaxis.ticktext) == ["<s>F</s>", "H", "<b>C</b>"]


def test_no_molecule_left_is_said() -> None:
    assert size_sentence(SIZES, np.zeros(5, dtype=np.int64)) == "**No molecule is left.**"
    assert element_sentence({"H": 0}, 0) == "**No molecule is left.**"
