import numpy as np

from core.data.balance import Balance, Cap
from core.figures.dataset_balance import (
    balance_sentence,
    cap_figure,
    cap_sentence,
    common_sizes_sentence,
    element_balance_sentence,
)
from core.figures.theme import colours

SIZES = np.array([9, 17, 18])
BEFORE = np.array([5, 400, 800])


def cap(limit: int) -> Cap:
    return Cap(limit, SIZES, BEFORE, np.minimum(BEFORE, limit))


def test_what_is_left_stands_before_what_was_with_the_cap_as_a_line() -> None:
    fig = cap_figure(cap(300), dark=False)
    before, after = fig.data
    assert list(before.y) == [5, 400, 800] and list(after.y) == [5, 300, 300]
    assert before.marker.color == colours(False).behind
    (line,) = fig.layout.shapes
    assert line.y0 == line.y1 == 300
    assert list(before.text) == ["5", "400", "800"]
    assert list(before.textfont.color) == [colours(False).worse, colours(False).muted, colours(False).muted]
    assert [note.text for note in fig.layout.annotations] == ["300<br>per size"]


def test_a_cap_above_every_size_changes_nothing_and_says_so() -> None:
    fig = cap_figure(cap(5000), dark=True)
    assert not fig.layout.shapes and "↑ 5,000<br>per size" in [note.text for note in fig.layout.annotations]
    assert cap_sentence(cap(5000)) == "**No size has more than 5,000 molecules: this cap changes nothing.**"


def test_the_sentence_on_the_cap_counts_and_claims_no_error() -> None:
    assert cap_sentence(cap(300)) == (
        "**At most 300 per size keeps 605 of 1,205 molecules (50 %).** 2 sizes lose molecules (17 and 18 atoms); the "
        "effective number of sizes goes from 1.9 to 2.1. An epoch has 2.0 times fewer molecules and no more of the "
        "rare ones: whether that helps, only a comparison with as many random molecules at equal steps can tell."
    )
    none = np.zeros(0, dtype=np.int64)
    assert cap_sentence(Cap(5, none, none, none)) == "**No molecule is left to be capped.**"
    assert len(cap_figure(Cap(5, none, none, none), dark=False).data) == 2


def test_sentences_on_balance_name_the_effective_number_and_the_rare() -> None:
    assert balance_sentence(Balance(1000, 4, 2.83, 2.4, (5, 9), 8, 0.008)) == (
        "**The molecules have 4 sizes but are spread as if over 2.8 equally frequent ones.** 2 sizes are rarer than "
        "1 %: together 8 molecules, 0.8 %. Training that takes molecules as they come meets one every 125 molecules."
    )
    assert balance_sentence(Balance(10, 1, 1.0, 1.0, (), 0, 0.0)).endswith("No size is rarer than 1 %.")
    assert element_balance_sentence(Balance(9000, 5, 2.9, 2.5, (9, 16), 7, 0.007)).endswith(
        "**In less than 1 % of the molecules: F and S** (7 molecules)."
    )
    assert balance_sentence(Balance(0, 0, 0.0, 0.0, (), 0, 0.0)) == "**No molecule is left.**"


def test_the_rule_and_the_list_of_the_thesis_are_both_named() -> None:
    sizes, counts = np.array([9, 10, 12, 26]), np.array([1, 1, 500, 498])
    text = common_sizes_sentence(sizes, counts)
    assert "Common sizes by the rule (at least 1 %): 12 and 26 atoms, 99.8 % of the molecules." in text
    assert "The thesis's list: 10 to 25 atoms, 50.1 %." in text
    assert text.endswith("They differ: 10, 11 and 13 to 25 below 1 % here; 26 not in the list.")
