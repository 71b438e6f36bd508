"""Figures and sentences of a split, from tables with known shares."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.drift import Distance, Drift, Leakage
from core.figures.splits import (
    division_of_sizes,
    element_drift_sentence,
    element_table,
    leakage_sentence,
    leakage_table,
    parts_by_element,
    parts_by_size,
    size_drift_sentence,
    size_table,
)
from core.figures.theme import colours


def drift(
    by_size: list[list[int]] | None = None, value: float = 0.01, parts: tuple[str, ...] = ("validation", "test")
) -> Drift:
    sizes = np.array(by_size or [[80, 20, 0], [10, 0, 0], [5, 4, 1]])
    distances = tuple(Distance(part, value, 0.01, 0.03) for part in parts)
    return Drift(
        n=sizes.sum(axis=1),
        n_none=0,
        sizes=np.array([3, 4, 6]),
        by_size=sizes,
        symbols=("H", "F"),
        by_element=np.array([[100, 0], [10, 0], [10, 1]]),
        size_distances=distances,
        element_distances=distances,
    )


@pytest.mark.parametrize("dark", [False, True])
def test_parts_are_told_apart_by_form_and_what_was_not_trained_is_orange(dark: bool) -> None:
    c = colours(dark)
    bars, validation, test = parts_by_size(drift(), dark).data
    assert (bars.type, validation.type, test.type) == ("bar", "scatter", "scatter")
    assert list(bars.y) == [80, 20, 0] and bars.marker.color == c.count
    assert list(validation.x) == [3] and list(validation.y) == [100]  # no mark where the part has nothing
    assert list(test.x) == [3, 4, 6] and list(test.y) == [50, 40, 10]
    assert list(test.marker.color) == [c.ink, c.ink, c.worse]
    assert validation.marker.color == c.page and list(validation.marker.line.color) == [c.ink]
    assert [list(n) for n in test.customdata] == [[5], [4], [1]]


def test_every_part_is_named_with_its_number_at_the_edge() -> None:
    notes = [note.text for note in parts_by_size(drift(), False).layout.annotations]
    assert notes == ["<b>■ training</b><br>100", "<b>○ validation</b><br>10", "<b>● test</b><br>10"]
    without = drift([[8, 2, 0], [2, 0, 0], [0, 0, 0]], parts=("validation",))
    fig = parts_by_size(without, False)
    assert len(fig.data) == 2
    assert fig.layout.annotations[2].text == "<b>● test</b><br>none"


def test_each_size_is_divided_into_its_parts() -> None:
    fig = division_of_sizes(drift([[80, 1, 0], [10, 1, 0], [10, 2, 1]]), False)
    assert fig.layout.barmode == "stack"
    np.testing.assert_allclose(np.sum([trace.y for trace in fig.data], axis=0), 100)
    assert list(fig.data[0].y) == [80, 25, 0]
    above = {note.text: note.font.color for note in fig.layout.annotations if note.y == 100 and note.xref is None}
    c = colours(False)
    assert above == {"100": c.muted, "4": c.muted, "1": c.worse}
    ends = [note.text for note in fig.layout.annotations if note.xref == "paper"]
    assert ends == ["training 77 %", "validation 10 %", "test 12 %"]


def test_elements_stand_with_shares_and_counts_and_rare_ones_in_orange() -> None:
    fig = parts_by_element(drift(), False)
    c = colours(False)
    assert list(fig.layout.yaxis.ticktext) == ["F", "H"]
    assert [list(trace.x) for trace in fig.data] == [[0, 100], [0, 100], [10, 100]]
    assert list(fig.data[2].marker.color) == [c.worse, c.ink]
    of_f = [(note.text, note.font.color) for note in fig.layout.annotations if note.y == 0]
    assert of_f == [("0", c.worse), ("0", c.worse), ("1", c.muted)]


def test_a_figure_survives_parts_that_are_empty() -> None:
    nothing = drift([[5, 0, 0], [0, 0, 0], [0, 0, 0]], parts=())
    for make in (parts_by_size, division_of_sizes, parts_by_element):
        assert make(nothing, False).data


def test_the_sentence_says_drift_only_beyond_chance() -> None:
    same = drift([[80, 20, 5], [8, 2, 1], [8, 2, 1]])
    assert size_drift_sentence(same) == (
        "**No drift in sizes beyond chance.** Off training: validation 1.0 % and test 1.0 %; dividing by lot alone "
        "gives up to 3.0 %."
    )
    assert size_drift_sentence(drift(value=0.5, parts=("test",))) == (
        "**Other sizes than in training: 50.0 % of test (by lot up to 3.0 %).** **Tested but never trained: 6 atoms.**"
    )
    assert element_drift_sentence(drift()).endswith("**Tested but never trained: F.**")
    assert size_drift_sentence(drift([[5, 0, 0], [0, 0, 0], [0, 0, 0]], parts=())).startswith("There is only one part")


def test_the_sentence_on_leakage_names_numbers_and_an_example() -> None:
    assert "not known yet" in leakage_sentence(None)
    assert leakage_sentence(Leakage(0, 0, ())).startswith("No molecule is in two parts")
    assert leakage_sentence(Leakage(18, 14, ((5350, 5354),))) == (
        "**14 test and 18 validation molecules have the geometry of a training molecule**, such as 5350 that of 5354."
    )
    assert leakage_sentence(Leakage(0, 1, ((8, 1),))).startswith("**1 test molecule has the geometry")


def test_tables_hold_what_the_figures_show() -> None:
    assert size_table(drift()).to_dict(as_series=False) == {
        "atoms": [3, 4, 6], "train": [80, 20, 0], "validation": [10, 0, 0], "test": [5, 4, 1],
    }  # fmt: skip
    assert element_table(drift()).row(1) == ("F", 0, 0, 1)
    assert leakage_table(Leakage(0, 1, ((8, 1),))).row(0) == (8, 1)
