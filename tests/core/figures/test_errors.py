from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from core.figures.error_axes import ModelErrors, View, linear_ticks, size_ticks, tick_texts
from core.figures.error_curves import Curve, curve_range, error_by_training_count, group_curves
from core.figures.error_elements import error_by_element
from core.figures.error_heatmaps import size_element_heatmap, size_epoch_heatmap, thinned
from core.figures.errors import error_by_size
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


def trace(fig: go.Figure, name: str) -> go.Scatter:
    return next(t for t in fig.data if t.name == name)


def test_size_figure_marks_by_number_of_molecules() -> None:
    fig = error_by_size([model(SIZES)], VIEW)
    assert list(trace(fig, "Model 0 filled").x) == [10, 12, 13]
    assert list(trace(fig, "Model 0 hollow").x) == [9]
    assert list(trace(fig, "Model 0 dot").x) == [3, 11]
    assert trace(fig, "Model 0 hollow").marker.color == colours(False).page
    assert trace(fig, "Model 0 filled").y == pytest.approx((20, 10, 11))


def test_size_figure_draws_no_line_through_few_molecules() -> None:
    fig = error_by_size([model(SIZES)], VIEW)
    lines = [list(t.x) for t in fig.data if t.name == "Model 0 line"]
    assert lines == [[9, 10], [12, 13]]
    band = next(t for t in fig.data if t.name == "Model 0 interval")
    assert list(band.x) == [9, 10, 10, 9]
    assert band.y == pytest.approx((40, 25, 15, 20))


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
def test_element_figure_has_n_in_a_column_and_rare_elements_on_top(dark: bool) -> None:
    fig = error_by_element([model(ELEMENTS)], View("mae", 1000.0, "meV", dark=dark))
    texts = {a.text: a.y for a in fig.layout.annotations}
    assert texts["<b>F</b>"] > texts["<b>H</b>"] > texts["<b>C</b>"]
    assert texts["30"] == texts["<b>F</b>"] and "806" in texts
    marks = trace(fig, "Model 0")
    assert [d[1] for d in marks.customdata] == ["H", "C", "F"]
    assert list(marks.marker.color)[2] == colours(dark).page  # 30 molecules: hollow


def test_heatmap_leaves_cells_below_three_blank_and_dots_those_below_ten() -> None:
    fig = size_element_heatmap(CELLS, VIEW, "Model 0", selected=(10, "F"))
    heat = fig.data[0]
    values = np.array(heat.z, dtype=float)
    assert list(heat.x) == [9, 10, 11, 12]
    assert np.isnan(values[0, 0]) and np.isnan(values[0, 2])
    assert 2 ** values[0, 1] == pytest.approx(20) and 2 ** values[1, 1] == pytest.approx(80)
    assert list(trace(fig, "fewer than 10").x) == [12]
    cells = trace(fig, "cells")
    assert [list(d) for d in cells.customdata] == [[9, "H"], [10, "H"], [12, "H"], [10, "F"]]
    assert fig.layout.shapes[0].x0 == 9.5 and fig.layout.shapes[0].y0 == 0.5


def test_epoch_heatmap_shows_the_ratio_to_all_molecules() -> None:
    values = np.array([[0.2, 0.4], [0.1, 0.05]])
    relative = np.array([[1.0, 2.0], [1.0, 0.5]])
    fig = size_epoch_heatmap([10, 12], np.array([1, 2]), values, relative, np.array([50, 60]), VIEW)
    assert np.array(fig.data[0].z).tolist() == [[0.0, 0.0], [1.0, -1.0]]
    assert (fig.data[0].zmin, fig.data[0].zmax) == (-1, 1)
    absolute = size_epoch_heatmap([10, 12], np.array([1, 2]), values, None, np.array([50, 60]), VIEW)
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
    assert trace(fig, "Model 0 end").marker.symbol == model_style(0, False).symbol
    assert limits[0] < 100 and limits[1] > 500


def test_error_against_training_count_leaves_few_molecules_out() -> None:
    fig = error_by_training_count([model(SIZES)], VIEW)
    assert list(fig.data[0].x) == [200, 800, 3000, 4000]


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
