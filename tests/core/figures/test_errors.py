from __future__ import annotations

import itertools

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from core.figures.error_axes import LineEnd, ModelErrors, View, linear_ticks, names_at_end, size_ticks, tick_texts
from core.figures.error_counts import error_by_training_count
from core.figures.error_curves import Curve, curve_range, group_curves
from core.figures.error_differences import difference_heatmap, difference_sentence, difference_table
from core.figures.error_groups import GroupAxis
from core.figures.error_heatmaps import size_element_heatmap, size_epoch_heatmap, thinned
from core.figures.error_rows import error_by_rows
from core.figures.errors import error_by_number
from core.figures.outliers import error_histogram
from core.figures.theme import colours, model_style

VIEW = View("mae", 1000.0, "meV", dark=False)


def row(size: int | None, element: str | None, n: int, value: float, half: float | None = None) -> dict:
    group = " ".join(str(part) for part in (element, size) if part is not None)
    limits = {"low": None, "high": None} if half is None else {"low": value - half, "high": value + half}
    measures = {}
    for measure in ("mae", "rmse", "median", "bias"):
        measures |= {measure: value, f"{measure}_low": limits["low"], f"{measure}_high": limits["high"]}
    return {
        "group": group, "label": group, "lowest": size, "highest": size, "element": element, "n_held_out": n,
        "n_train": 10 * n, "share": 0.1, **measures, "baseline_mae": 0.5, "baseline_rmse": 0.6, "baseline_median": 0.4,
    }  # fmt: skip


SIZES = pl.DataFrame(
    [
        row(3, None, 2, 0.200),
        row(9, None, 20, 0.030, 0.01),
        row(10, None, 80, 0.020, 0.005),
        row(11, None, 4, 0.050),
        row(12, None, 300, 0.010, 0.001),
        row(13, None, 400, 0.011, 0.001),
    ]
)
ELEMENTS = pl.DataFrame(
    [row(None, "H", 800, 0.011, 0.001), row(None, "C", 806, 0.011, 0.001), row(None, "F", 30, 0.04, 0.01)]
)
CELLS = pl.DataFrame(
    [row(9, "H", 2, 0.5), row(10, "H", 80, 0.02, 0.005), row(12, "H", 5, 0.01), row(10, "F", 12, 0.08, 0.02)]
)


def model(table: pl.DataFrame, place: int = 0, overall: float = 0.012) -> ModelErrors:
    return ModelErrors(f"Model {place}", model_style(place, False), table, overall)


def checked(fig: go.Figure) -> go.Figure:
    """The figure, if it passes plotly's checks, which `built` leaves out; raises for a property that plotly lacks."""
    go.Figure(fig.to_dict())
    return fig


def trace(fig: go.Figure, name: str) -> go.Scatter:
    return next(t for t in checked(fig).data if t.name == name)


def axis_of(table: pl.DataFrame, by: str = "size") -> GroupAxis:
    names = tuple(table["group"].to_list())
    places = {name: float(name) for name in names} if by == "size" else None
    ticks = tuple((float(n), str(n)) for n in size_ticks(table["lowest"].to_list())) if by == "size" else ()
    labels = {name: f"{name} atoms" if by == "size" else name for name in names}
    return GroupAxis(by, names, {name: name for name in names}, labels, places, ticks, "atoms in the molecule")


def error_by_size(models: list[ModelErrors], view: View, accuracy: float | None = None) -> go.Figure:
    return checked(error_by_number(models, axis_of(SIZES), view, accuracy))


def test_size_figure_marks_by_number_of_molecules() -> None:
    fig = error_by_size([model(SIZES)], VIEW)
    marks = trace(fig, "Model 0")
    assert list(marks.x) == [3, 9, 10, 11, 12, 13]
    assert marks.y == pytest.approx((200, 30, 20, 50, 10, 11))
    own, page = model_style(0, False).colour, colours(False).page
    assert [c == own for c in marks.marker.color] == [False, False, True, False, True, True]
    assert [c == page for c in marks.marker.color] == [False, True, False, False, False, False]
    assert [d[0] for d in marks.customdata] == SIZES["group"].to_list()


def test_size_figure_draws_no_line_through_few_molecules() -> None:
    fig = error_by_size([model(SIZES)], VIEW)
    assert list(trace(fig, "Model 0 line").x) == [9, 10, None, 12, 13]
    band = trace(fig, "Model 0 interval")
    assert list(band.x) == [9, 10, 10, 9, None, 12, 13, 13, 12]
    assert band.y[:4] == pytest.approx((40, 25, 15, 20))


def test_training_counts_stand_behind_and_their_maximum_is_written() -> None:
    fig = error_by_size([model(SIZES)], VIEW)
    assert list(trace(fig, "training molecules").y) == SIZES["n_train"].to_list()
    assert any("4,000 at 13 atoms" in a.text for a in fig.layout.annotations)


def test_names_stand_at_the_ends_and_there_is_no_legend() -> None:
    fig = error_by_size([model(SIZES), model(SIZES, 1)], VIEW)
    names = [a for a in fig.layout.annotations if a.text in ("<b>Model 0</b>", "<b>Model 1</b>")]
    assert len({a.y for a in names}) == 2  # pushed apart although both lines end at the same value
    assert [a.font.color for a in names] == [model_style(0, False).colour, model_style(1, False).colour]
    assert fig.layout.template.layout.showlegend is False


def test_baseline_is_dashed_or_told_where_it_leaves_the_axis() -> None:
    assert list(trace(error_by_size([model(SIZES)], VIEW), "baseline").x) == [9, 10, 12, 13]
    linear = error_by_size([model(SIZES)], View("mae", 1000.0, "meV", dark=False, log=False))
    assert all(t.name != "baseline" for t in linear.data)
    assert any("500 to 500 meV, above this axis" in a.text for a in linear.layout.annotations)
    assert any("dot lies above" in a.text for a in linear.layout.annotations)


def test_chemical_accuracy_only_where_it_is_given() -> None:
    def lines(accuracy: float | None) -> int:
        fig = error_by_size([model(SIZES)], VIEW, accuracy)
        return sum(a.text == "1 kcal/mol" for a in fig.layout.annotations)

    assert (lines(None), lines(0.0433641)) == (0, 1)


def test_a_signed_error_has_a_linear_axis_about_zero() -> None:
    fig = error_by_size([model(SIZES)], View("bias", 1000.0, "meV", dark=True))
    low, high = fig.layout.yaxis.range
    assert fig.layout.yaxis.type == "linear" and low == -high


@pytest.mark.parametrize("dark", [False, True])
def test_rows_have_n_in_a_column_and_rare_elements_on_top(dark: bool) -> None:
    view = View("mae", 1000.0, "meV", dark=dark)
    fig = checked(error_by_rows([model(ELEMENTS)], axis_of(ELEMENTS, "element"), view, selected=("F",), training=True))
    assert list(fig.layout.yaxis.ticktext) == ["<b>C</b>", "<b>H</b>", "<b>F</b>"]  # from the bottom up
    assert list(fig.layout.yaxis2.ticktext) == ["806", "800", "30"]
    assert list(fig.layout.yaxis3.ticktext) == ["8,060", "8,000", "300"]
    marks = trace(fig, "Model 0")
    assert [d[0] for d in marks.customdata] == ["H", "C", "F"]
    assert list(marks.marker.color)[2] == colours(dark).page  # 30 molecules: hollow
    assert [(s.y0, s.y1) for s in fig.layout.shapes] == [(1.5, 2.5)]
    assert list(trace(fig, "Model 0 all").x) == [12, 12]


def test_rows_by_error_begin_with_the_worst_that_has_enough_molecules() -> None:
    table = pl.DataFrame([row(None, "H", 800, 0.011), row(None, "F", 4, 0.9), row(None, "N", 30, 0.04)])
    fig = error_by_rows([model(table)], axis_of(table, "functional_group"), VIEW, "worst first")
    assert list(fig.layout.yaxis.ticktext)[::-1] == ["N", "H", "F"]


def test_ratios_have_a_level_line_and_no_baseline() -> None:
    view = View("mae", 1.0, "× baseline", dark=False, relative=True)
    fig = error_by_size([model(SIZES)], view, 0.0433641)
    assert all(t.name != "baseline" for t in fig.data)
    texts = [a.text for a in fig.layout.annotations]
    assert "as the baseline" in texts and "1 kcal/mol" not in texts
    assert next(s for s in fig.layout.shapes if s.type == "line").y0 == 1.0
    assert 10 ** fig.layout.yaxis.range[1] > 1.0


def test_marked_sizes_share_one_ground() -> None:
    fig = checked(error_by_number([model(SIZES)], axis_of(SIZES), VIEW, selected=("9", "10", "13")))
    assert [(s.x0, s.x1) for s in fig.layout.shapes if s.type == "rect"] == [(8.5, 10.5), (12.5, 13.5)]


def test_heatmap_leaves_cells_below_three_blank_and_dots_those_below_ten() -> None:
    fig = size_element_heatmap(CELLS, VIEW, "Model 0", selected=("F 10",))
    heat = fig.data[0]
    values = np.array(heat.z, dtype=float)
    assert list(heat.x) == [9, 10, 11, 12]
    assert np.isnan(values[0, 0]) and np.isnan(values[0, 2])
    assert 2 ** values[0, 1] == pytest.approx(20) and 2 ** values[1, 1] == pytest.approx(80)
    assert list(trace(fig, "fewer than 10").x) == [12]
    cells = trace(fig, "cells")
    assert [list(d) for d in cells.customdata] == [["H 9"], ["H 10"], ["H 12"], ["F 10"]]
    assert fig.layout.shapes[0].x0 == 9.5 and fig.layout.shapes[0].y0 == 0.5


def test_epoch_heatmap_shows_the_ratio_to_all_molecules() -> None:
    values = np.array([[0.2, 0.4], [0.1, 0.05]])
    relative = np.array([[1.0, 2.0], [1.0, 0.5]])
    fig = checked(
        size_epoch_heatmap(["10", "11"], np.array([1, 2]), values, relative, np.array([50, 60]), VIEW, ("10", "11"))
    )
    assert [(s.y0, s.y1) for s in fig.layout.shapes] == [(-0.5, 1.5)]
    assert [d[0] for d in trace(fig, "cells").customdata] == ["10", "10", "11", "11"]
    assert np.array(fig.data[0].z).tolist() == [[0.0, 0.0], [1.0, -1.0]]
    assert (fig.data[0].zmin, fig.data[0].zmax) == (-1, 1)
    absolute = size_epoch_heatmap(["10", "11"], np.array([1, 2]), values, None, np.array([50, 60]), VIEW)
    assert 2 ** np.array(absolute.data[0].z)[0, 0] == pytest.approx(200)


@pytest.mark.parametrize("n", [1, 64, 65, 200, 1000])
def test_thinned_epochs_keep_both_ends(n: int) -> None:
    kept = thinned(n)
    assert len(kept) <= 64 and kept[0] == 0 and kept[-1] == n - 1
    assert kept == sorted(set(kept))


def test_curves_end_with_the_symbol_of_the_model() -> None:
    curve = Curve("Model 0", model_style(0, False), np.arange(1, 6), np.linspace(0.5, 0.1, 5))
    limits = curve_range([curve], VIEW)
    fig = group_curves([curve], VIEW, 5, limits, names=True)
    assert list(trace(fig, "Model 0").y) == pytest.approx([500, 400, 300, 200, 100])
    marker = trace(fig, "Model 0").marker
    assert marker.symbol == model_style(0, False).symbol and list(marker.size) == [0, 0, 0, 0, 6]
    assert limits[0] < 100 and limits[1] > 500


def test_error_against_training_count_leaves_few_molecules_out() -> None:
    fig = checked(error_by_training_count([model(SIZES)], axis_of(SIZES), VIEW))
    assert list(fig.data[0].x) == [200, 800, 3000, 4000]
    assert {a.text for a in fig.layout.annotations} <= {"9", "10", "12", "13"}


def test_the_difference_of_two_models_is_signed_and_symmetric() -> None:
    second = pl.DataFrame([row(10, "H", 80, 0.03, 0.005), row(12, "H", 5, 0.5), row(10, "F", 12, 0.05, 0.02)])
    fig = checked(difference_heatmap(CELLS, second, ("A", "B"), VIEW))
    values = np.array(fig.data[0].z, dtype=float)
    assert values[0, 1] == pytest.approx(-10) and values[1, 1] == pytest.approx(30)
    assert (fig.data[0].zmin, fig.data[0].zmax) == pytest.approx((-30, 30))  # the cell of 5 molecules does not set it
    assert values[0, 3] == pytest.approx(-30)
    assert "A 20.0, B 30.0" in trace(fig, "cells").text[0]
    assert difference_table(CELLS, second, VIEW)["difference"].to_list() == pytest.approx([-0.01, -0.49, 0.03])
    sentence = difference_sentence(CELLS, second, VIEW)
    assert sentence.startswith("The first has the smaller error in 1 of 2 cells with 10 molecules or more")


def test_histogram_marks_the_shown_molecules() -> None:
    fig = error_histogram(np.array([-0.2, 0.0, 0.2]), np.array([3, 5]), [0.15], ["a"], 1000.0, "meV", "#4F46E5", False)
    assert list(fig.data[0].y) == [3, 5]
    assert list(fig.data[1].x) == pytest.approx([150])


def test_ticks() -> None:
    assert size_ticks([3, 4, 29]) == [3, 5, 10, 15, 20, 25, 29]
    assert size_ticks([9, 10]) == [9, 10]
    assert linear_ticks(0, 42) == [0, 10, 20, 30, 40]
    assert tick_texts([0, 10, 20]) == ["0", "10", "20"]
    assert tick_texts([0, 0.5, 1.0]) == ["0.0", "0.5", "1.0"]
    assert tick_texts([0, 2.5, 5]) == ["0.0", "2.5", "5.0"]
    assert tick_texts([-1, 0, 1], sign=True) == ["\N{MINUS SIGN}1", "0", "+1"]


def test_names_at_the_end_leave_the_foot_free() -> None:
    ends = [LineEnd(value, f"m{k}", "#000000") for k, value in enumerate((10.0, 10.1, 10.2, 80.0))]
    notes = names_at_end(ends, 10.0, 100.0, View("mae", 1.0, "eV", dark=False, log=False), 300, free=40)
    heights = sorted((note["y"] - 10) / 90 * 300 for note in notes)
    assert heights[0] >= 39.9 and min(b - a for a, b in itertools.pairwise(heights)) >= 16.9
    assert heights[-1] == pytest.approx((80 - 10) / 90 * 300, abs=0.1)
    assert [note["text"] for note in sorted(notes, key=lambda note: note["y"])] == ["m0", "m1", "m2", "m3"]
