import numpy as np
import pytest

from core.figures.dataset_cells import normalise, scale_ends, size_element_map
from core.figures.theme import colours

SIZES = np.array([3, 5])
COUNTS = np.array([[100, 10], [0, 1]])


def traces(fig) -> dict:  # type: ignore[no-untyped-def]
    return {trace.name: trace for trace in fig.data}


def test_cells_hold_the_logarithm_and_a_missing_size_stays_empty() -> None:
    found = traces(size_element_map(SIZES, ("H", "F"), COUNTS, dark=False))
    assert list(found["shown"].x) == [3, 4, 5]
    np.testing.assert_allclose(np.array(found["shown"].z, dtype=float), [[2, np.nan, 1], [np.nan, np.nan, 0]])
    assert [list(cell) for cell in found["cells"].customdata] == [[3, "H"], [5, "H"], [5, "F"]]
    assert list(found["numbers"].text) == ["100", "10", "1"]


def test_normalisations_add_up_to_what_they_say() -> None:
    assert normalise(COUNTS, 110, "counts").tolist() == COUNTS.tolist()
    np.testing.assert_allclose(normalise(COUNTS, 110, "share"), COUNTS / 110)
    np.testing.assert_allclose(normalise(COUNTS, 110, "element").sum(axis=1), [1, 1])
    assert normalise(np.zeros((2, 2), dtype=np.int64), 0, "element").tolist() == [[0, 0], [0, 0]]


def test_per_element_every_row_is_written_in_percent() -> None:
    found = traces(size_element_map(SIZES, ("H", "F"), COUNTS, dark=True, normalisation="element", log=False))
    np.testing.assert_allclose(np.array(found["shown"].z, dtype=float)[0], [100 / 110, np.nan, 10 / 110])
    assert list(found["numbers"].text) == ["91", "9.1", "100"]
    assert "90.91 % of the molecules with H" in found["cells"].text[0]


def test_cells_that_the_filters_empty_stay_faint_and_can_be_clicked() -> None:
    left = np.array([[7, 0], [0, 0]])
    found = traces(size_element_map(SIZES, ("H", "F"), left, dark=False, behind=COUNTS))
    faint = np.isfinite(np.array(found["all"].z, dtype=float))
    assert faint.tolist() == [[False, False, True], [False, False, True]]
    assert found["all"].colorscale[0][1] == colours(False).behind
    assert len(found["cells"].customdata) == 3
    assert found["cells"].text[0] == "7 of 100 molecules"


def test_numbers_are_left_out_where_they_do_not_fit() -> None:
    sizes, counts = np.arange(3, 30), np.full((2, 27), 1234)
    assert "numbers" in traces(size_element_map(sizes, ("H", "C"), counts, dark=False, width=620))
    assert "numbers" not in traces(size_element_map(sizes, ("H", "C"), counts, dark=False, width=400))


def test_chosen_cells_are_outlined() -> None:
    fig = size_element_map(SIZES, ("H", "F"), COUNTS, dark=False, chosen=[(5, "F"), (5, "Xe")])
    (outline,) = fig.layout.shapes
    assert (outline.x0, outline.x1, outline.y0, outline.y1) == (4.5, 5.5, 0.5, 1.5)


@pytest.mark.parametrize("kind", ["counts", "share", "element"])
@pytest.mark.parametrize("log", [False, True])
def test_no_molecules_make_an_empty_map(kind: str, log: bool) -> None:
    none = np.zeros((2, 2), dtype=np.int64)
    fig = size_element_map(SIZES, ("H", "F"), none, False, normalisation=kind, log=log, total=0, behind=COUNTS)  # type: ignore[arg-type]
    assert not np.isfinite(np.array(traces(fig)["shown"].z, dtype=float)).any()
    assert len(scale_ends(none, 0, kind, log)) == 2  # type: ignore[arg-type]


def test_the_ends_of_the_scale_are_said() -> None:
    assert scale_ends(COUNTS, 110, "counts") == ("1", "100 molecules")
    assert scale_ends(COUNTS, 110, "share", log=False) == ("0 %", "90.9 % of all molecules")
