import numpy as np

from core.data.distributions import Bins, Histogram
from core.data.joint import Joint
from core.figures.dataset_density import coefficient, density, density_sentence

X = Bins(np.array([0.0, 1.0, 2.0]), np.zeros(0, dtype=np.int16))
Y = Bins(np.array([-3.0, -2.0, -1.0, 0.0]), np.zeros(0, dtype=np.int16))
JOINT = Joint(X, Y, np.array([[100, 0], [10, 1], [0, 0]]), 113, 2, 4, 0.5, -0.62)
LABELS = (("Gap", "eV"), ("HOMO", "eV"))


def traces(fig) -> dict:  # type: ignore[no-untyped-def]
    return {trace.name: trace for trace in fig.data}


def test_cells_hold_the_logarithm_and_their_ranges() -> None:
    found = traces(density(JOINT, *LABELS, dark=False))
    z = np.array(found["shown"].z, dtype=float)
    np.testing.assert_allclose(z, [[2, np.nan], [1, 0], [np.nan, np.nan]])
    np.testing.assert_allclose(
        found["cells"].customdata,
        [[0, 1, -3, -2, 100, 100], [0, 1, -2, -1, 10, 10], [1, 2, -2, -1, 1, 1]],
    )
    assert list(found["cells"].x) == [0.5, 0.5, 1.5] and list(found["cells"].y) == [0.5, 1.5, 1.5]


def test_the_figure_says_how_many_and_how_they_go_together() -> None:
    (note,) = density(JOINT, *LABELS, dark=True).layout.annotations
    assert note.text == "<b>Spearman −0.62 · Pearson +0.50</b><br>n = 113 · 2 outside · 4 without both"
    assert density_sentence(JOINT, *LABELS) == (
        "**Gap and HOMO go together, one falling as the other rises**: Spearman −0.62, Pearson +0.50, n = 113."
    )
    unknown = Joint(X, Y, np.zeros((3, 2), dtype=np.int64), 0, 0, 117, np.nan, np.nan)
    assert density_sentence(unknown, *LABELS) == "Not enough data to tell whether gap and HOMO go together: n = 0."
    assert coefficient(np.nan) == "unknown"


def test_a_chosen_range_is_outlined_and_emptied_cells_stay_faint() -> None:
    left = Joint(X, Y, np.array([[5, 0], [0, 0], [0, 0]]), 5, 0, 0, np.nan, np.nan)
    fig = density(left, *LABELS, dark=False, behind=JOINT, chosen=((0.5, None), (-2.0, -1.0)))
    (outline,) = fig.layout.shapes
    assert (outline.x0, outline.x1, outline.y0, outline.y1) == (0.5, 2, 1, 2)
    faint = np.isfinite(np.array(traces(fig)["all"].z, dtype=float))
    assert faint.tolist() == [[False, False], [True, True], [False, False]]
    assert len(traces(fig)["cells"].customdata) == 3


def test_medians_of_groups_are_named_where_ten_molecules_know_them() -> None:
    known = Histogram(np.array([5, 5]), 0, 0, 0, 1.5, (1, 2)), Histogram(np.array([5, 5, 0]), 0, 0, 0, -2.0, (-3, -1))
    few = Histogram(np.array([1, 0]), 0, 0, 0, 0.5, (0, 1)), Histogram(np.array([1, 0, 0]), 0, 0, 0, -2.0, (-3, -1))
    fig = density(JOINT, *LABELS, dark=False, centres={"N": known, "F": few})
    assert list(traces(fig)["medians"].x) == [1.5] and list(traces(fig)["medians"].y) == [1.0]
    assert [note.text for note in fig.layout.annotations if "Spearman" not in note.text] == ["N"]
