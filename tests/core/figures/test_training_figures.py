import math
from typing import Any

import numpy as np
import pytest

from core.figures.theme import colours
from core.figures.training import (
    Reference,
    ValidationLine,
    end_names,
    shown_part,
    spread_within,
    step_range,
    validation_figure,
)
from core.figures.training_groups import group_lines, groups_now, learning_map
from core.figures.training_loss import LossLine, loss_curve, loss_figure
from core.figures.training_runs import RunCurve, learning_rates, runs_figure, training_sizes
from core.figures.training_trends import TrendLine, from_epochs, trend_figure
from core.judge.steps import StepColumns, envelope


def columns(n: int, **more: Any) -> StepColumns:
    found = StepColumns()
    found.append([step_line(k, **more) for k in range(1, n + 1)])
    return found


def step_line(k: int, **more: Any) -> dict[str, Any]:
    """The mean grows by one a step; the five smallest are half of it, the five largest the double."""
    quantiles = [k * part for part in (0.1, 0.4, 0.8, 1.2, 3.0)]
    return {
        "step": 10 * k, "loss_mean": float(k), "loss_low5": k / 2, "loss_high5": 2.0 * k, "loss_quantiles": quantiles,
        **more,
    }  # fmt: skip


def drawn(fig: Any, name: str) -> tuple[list[float], list[float]]:
    trace = next(trace for trace in fig.data if trace.name == name)
    return list(trace.x), list(trace.y)


def line(name: str, n: int, colour: str = "#4F46E5", kind: str = "extremes") -> LossLine:
    return LossLine(name, colour, loss_curve(columns(n), kind))


def test_the_band_of_a_thinned_loss_holds_every_extreme() -> None:
    curve = loss_curve(columns(700))
    assert curve.averaged == 4 and len(curve) == 175 and curve.steps[0] == 40
    assert curve.centre[0] == pytest.approx(2.5)
    assert (curve.inner[0][0], curve.inner[1][0]) == (1, 4)
    assert (curve.outer[0][0], curve.outer[1][0]) == (0.5, 8)
    assert curve.outer[1].max() == 1400 and len(loss_curve(StepColumns())) == 0


def test_quantiles_and_means_without_weights() -> None:
    some = columns(3, loss_unweighted=7.0)
    curve = loss_curve(some, "quantiles")
    np.testing.assert_allclose(curve.centre, [0.8, 1.6, 2.4])
    np.testing.assert_allclose(np.stack([*curve.outer, *curve.inner])[:, 1], [0.2, 6.0, 0.8, 2.4])
    assert loss_curve(some, unweighted=True).centre.tolist() == [7, 7, 7]
    older = loss_curve(columns(3), unweighted=True)  # recorded before there were weights
    assert older.kind == "mean" and older.centre.tolist() == [1, 2, 3]


def test_steps_without_a_loss_are_left_out() -> None:
    some = StepColumns()
    some.append([step_line(1), step_line(2, loss_mean=None), step_line(3)])
    assert loss_curve(some).steps.tolist() == [10, 30]


@pytest.mark.parametrize("log", [True, False])
def test_the_loss_of_one_run_stands_in_its_band(log: bool) -> None:
    fig = loss_figure([line("a", 5)], "eV²", False, last_step=50, log=log)
    assert [trace.name for trace in fig.data] == ["5 smallest to 5 largest", "least mean to largest mean", "mean"]
    assert drawn(fig, "mean") == ([10, 20, 30, 40, 50], [1, 2, 3, 4, 5])
    up_and_back = [2, 4, 6, 8, 10, 2.5, 2, 1.5, 1, 0.5]
    assert drawn(fig, "5 smallest to 5 largest") == ([10, 20, 30, 40, 50, 50, 40, 30, 20, 10], up_and_back)
    assert (fig.layout.yaxis.type == "log") == log
    assert {note.text for note in fig.layout.annotations} == {"5 largest", "<b>mean</b>", "5 smallest"}
    assert fig.layout.dragmode == "zoom" and fig.layout.xaxis.fixedrange is False
    assert len(loss_figure([LossLine("a", "#4F46E5", loss_curve(StepColumns()))], "eV²", False, 50).data) == 0


def test_the_last_part_of_a_training_is_drawn_alone() -> None:
    curve = loss_curve(columns(10), first_step=60)
    assert curve.steps.tolist() == [60, 70, 80, 90, 100]
    fig = loss_figure([LossLine("a", "#4F46E5", curve)], "eV²", False, last_step=1000, first_step=60)
    assert list(fig.layout.xaxis.range) == pytest.approx([59.6, 100.4])
    some, level = [validation([0.4, 0.2, 0.1, 0.1])], [Reference(0.7, "baseline")]
    late = validation_figure(some, "meV", 1000, False, 10, level, first_epoch=3)
    assert [note.text for note in late.layout.annotations] == ["<b>100</b>"]  # the curve fills the axis
    assert list(late.data[0].x) == [3, 4] and list(late.layout.xaxis.range) == [2.5, 4.5]
    assert step_range(50, 1000) == pytest.approx([-1, 101])


def test_runs_beside_are_named_at_their_ends_and_only_the_first_has_the_wide_band() -> None:
    lines = [line("a", 5), line("<i>%{x}</i>", 4, "#0B857A"), line("c", 5, "#B5338A")]
    fig = loss_figure(lines, "eV²", False, last_step=50)
    assert [note.text for note in fig.layout.annotations] == ["<b>a</b>", "<b>&lt;i&gt;%{x}&lt;/i&gt;</b>", "<b>c</b>"]
    assert sum(trace.name == "5 smallest to 5 largest" for trace in fig.data) == 1
    other = next(trace for trace in fig.data if trace.line.color == "#0B857A")
    assert "<i>" not in other.hovertemplate and "%{x}</" not in other.hovertemplate


def test_quantiles_are_named() -> None:
    fig = loss_figure([line("a", 5, kind="quantiles")], "eV²", False, last_step=50)
    assert {note.text for note in fig.layout.annotations} == {"95 %", "75 %", "<b>median</b>", "25 %", "5 %"}
    assert drawn(fig, "25 % to 75 %")[1][:5] == pytest.approx([1.2, 2.4, 3.6, 4.8, 6.0])


def test_labels_stay_on_the_axis_and_apart() -> None:
    assert spread_within([0.0, 0.0, 0.0], 0.1, 0, 1) == pytest.approx([0, 0.1, 0.2])
    assert spread_within([1.0, 0.99, 0.5], 0.1, 0, 1) == pytest.approx([1.0, 0.9, 0.5])
    crowded = spread_within([0.5] * 30, 0.1, 0, 1)
    assert min(crowded) == pytest.approx(0) and max(crowded) == pytest.approx(1)


def test_the_axis_of_progress_grows_in_few_steps() -> None:
    assert [shown_part(now, 1000) for now in (1, 100, 101, 400, 900, 1000, 1200)] == [
        100,
        100,
        250,
        500,
        1000,
        1000,
        1200,
    ]


def validation(values: list[float], name: str = "a", colour: str = "#4F46E5", symbol: str = "circle") -> ValidationLine:
    return ValidationLine(name, colour, symbol, np.arange(1, len(values) + 1), np.array(values))


def test_validation_error_is_shown_in_the_reader_s_unit_with_its_baseline() -> None:
    fig = validation_figure(
        [validation([0.4, 0.2, 0.1])], "meV", 1000, False, 10, [Reference(0.7, "baseline")], window=1
    )
    assert list(fig.data[0].y) == [400, 200, 100]
    assert fig.data[1].marker.symbol == "circle" and list(fig.data[1].x) == [3]
    texts = [note.text for note in fig.layout.annotations]
    assert "baseline 700" in texts and "<b>100</b>" in texts and "last 1" in texts
    assert fig.layout.xaxis.range[1] == pytest.approx(10.5)
    level = next(shape for shape in fig.layout.shapes if shape.type == "line")
    assert level.y0 == level.y1 == 700 and fig.layout.yaxis.type == "log"


def test_a_linear_axis_begins_at_zero_and_lets_the_first_epochs_leave_it() -> None:
    values = [9.0, 0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
    fig = validation_figure([validation(values)], "eV", 1, False, 10, [Reference(7.0, "baseline")], log=False)
    assert fig.layout.yaxis.range[0] == 0 and 0.4 < fig.layout.yaxis.range[1] < 1
    assert not [note.text for note in fig.layout.annotations if "baseline" in note.text]


def test_validation_errors_of_several_runs_are_named_with_their_value() -> None:
    lines = [validation([0.4, 0.2]), validation([0.8, 0.3, 0.1], "b", "#0B857A", "diamond")]
    fig = validation_figure(lines, "meV", 1000, False, 2)
    assert {note.text for note in fig.layout.annotations} == {"<b>a 200</b>", "<b>b 100</b>"}
    assert fig.layout.xaxis.range[1] == pytest.approx(3.5)
    assert {trace.marker.symbol for trace in fig.data if trace.name == "now"} == {"circle", "diamond"}
    assert len(validation_figure([validation([])], "meV", 1000, False, 2).data) == 0


def test_trends_begin_at_zero_and_hold_what_they_average() -> None:
    steps = np.arange(1.0, 601)
    curve = envelope(steps, 2000 + 500 * np.sin(steps))
    fig = trend_figure([TrendLine("a", "#4F46E5", curve)], "molecules/s", 1.0, False, 600)
    assert fig.layout.yaxis.range[0] == 0 and fig.layout.yaxis.range[1] == pytest.approx(1.08 * curve.high.max())
    assert [trace.name for trace in fig.data] == ["spread", "a"] and len(fig.data[1].x) == len(curve) == 300
    told = from_epochs([100, 200, 300], [None, 5e9, 6e9])
    fig = trend_figure([TrendLine("a", "#4F46E5", told), TrendLine("b", "#0B857A", told)], "GB", 1e-9, False, 300)
    assert list(fig.data[0].x) == [200, 300] and list(fig.data[0].y) == [5, 6] and fig.data[0].name == "b"
    load = trend_figure([TrendLine("a", "#4F46E5", from_epochs([1], [0.3]))], "%", 100, False, 300, top=100)
    assert load.layout.yaxis.range[1] == pytest.approx(108)
    assert len(trend_figure([], "%", 100, False, 300).data) == 0


def test_groups_over_the_epochs_have_a_line_where_there_are_enough_molecules() -> None:
    values = np.array([[1.0, 4.0, 9.0, 3.0], [0.5, 0.5, 9.0, 1.0]])
    some = (["9", "18", "29", "30"], np.array([1, 2]), values, np.array([2.0, 0.5]), np.array([60, 20, 9, 10]))
    rare = np.array([False, False, True, True])
    fig = group_lines(*some, rare, "meV", 1000, True, True, "#4F46E5", False)
    assert [trace.name for trace in fig.data] == ["9", "18", "30", "all"]
    assert drawn(fig, "9")[1] == [0.5, 1.0] and drawn(fig, "all")[1] == [1, 1]
    assert fig.data[2].line.dash == "dash" and fig.data[2].line.color == colours(False).worse
    assert {note.text for note in fig.layout.annotations} == {"9", "18", "30", "<b>all</b>"}
    absolute = group_lines(*some, rare, "meV", 1000, False, False, "#4F46E5", False)
    assert drawn(absolute, "18")[1] == [4000, 500] and absolute.layout.yaxis.range[0] == 0


def test_several_runs_are_named_at_their_ends() -> None:
    runs = [
        RunCurve("a", "#4F46E5", "circle", np.array([1, 2]), np.array([0.3, 0.1])),
        RunCurve("b", "#0B857A", "diamond", np.array([1, 2, 4]), np.array([0.4, 0.2, 0.1])),
    ]
    fig = runs_figure(runs, "meV", 1000, False, baseline=0.7)
    assert list(fig.data[0].y) == [300, 100] and fig.layout.xaxis.type == fig.layout.yaxis.type == "log"
    assert [note.text for note in fig.layout.annotations] == ["<b>a</b>", "<b>b</b>", "baseline"]


def test_a_name_of_a_run_is_no_markup() -> None:
    name = "<i>%{x}</i>"
    fig = runs_figure([RunCurve(name, "#4F46E5", "circle", np.array([1, 2]), np.array([0.3, 0.1]))], "eV", 1, False)
    assert list(fig.data[0].text) == ["&lt;i&gt;%{x}&lt;/i&gt;"] * 2 and name not in fig.data[0].hovertemplate
    assert fig.layout.annotations[0].text == "<b>&lt;i&gt;%{x}&lt;/i&gt;</b>"


def test_relative_rows_are_cut_at_half_and_double_and_small_groups_stay_empty() -> None:
    values = np.array([[1.0, 4.0, 9.0], [0.5, 0.5, 9.0]])
    fig = learning_map(
        ["9", "18", "29"], np.array([1, 2]), values, np.array([2.0, 0.5]), np.array([60, 20, 9]), "meV", 1000, True,
        False, "atoms in the molecule",
    )  # fmt: skip
    np.testing.assert_allclose(np.array(fig.data[0].z, dtype=float), [[-1, 0], [1, 0], [np.nan, np.nan]])
    assert [note.text for note in fig.layout.annotations] == ["fewer than 10 validation molecules"]
    assert fig.data[0].text[1][1] == "<b>18</b>, epoch 2<br>500 meV, 1.0 × all"
    magnitude = learning_map(
        ["9", "18", "29"], np.array([1, 2]), values, np.array([2.0, 0.5]), np.array([60, 20, 9]), "meV", 1000, False,
        False, "",
    )  # fmt: skip
    assert magnitude.data[0].z[0][0] == pytest.approx(math.log2(1000))


def test_neighbouring_rows_without_enough_molecules_share_a_sentence() -> None:
    n = np.array([9, 3, 60, 9, 60, 1, 1, 1])
    labels, values = [str(k) for k in range(8)], np.ones((2, 8))
    fig = learning_map(labels, np.array([1, 2]), values, np.ones(2), n, "meV", 1000, True, False, "")
    told = [(note.y, note.text) for note in fig.layout.annotations]
    few = "fewer than 10 validation molecules"
    assert told == [(0.5, f"{few} each"), (3, few), (6, f"{few} each")]


def test_names_at_the_ends_of_lines_tell_runs_apart() -> None:
    seeds = [f"thesis-size-weights seed {seed}" for seed in range(3)]
    assert end_names(seeds) == ["seed 0", "seed 1", "seed 2"]
    assert end_names(["default", "default b"]) == ["default", "default b"]
    assert end_names(["the same long name", "the same long name"]) == ["same long name"] * 2
    assert end_names(["size weights with a long name"]) == ["size weights w…"]
    assert end_names(["a <b> & c"]) == ["a &lt;b&gt; &amp; c"]


def test_groups_are_filled_hollow_or_faint_by_their_number() -> None:
    fig = groups_now(
        ["9", "18", "29"], np.array([0.1, 0.2, 0.3]), 0.15, np.array([50, 10, 9]), np.array([1000, 100, 3]),
        np.array([False, False, True]), "meV", 1000, "#4F46E5", False,
    )  # fmt: skip
    filled, hollow, faint = fig.data
    assert (list(filled.x), list(hollow.x), list(faint.x)) == ([100], [200], [300])
    assert (filled.marker.color, hollow.marker.color, faint.marker.color) == (
        "#4F46E5",
        "#FFFFFF",
        colours(False).faint,
    )
    notes = {note.text: note for note in fig.layout.annotations}
    assert notes["3"].font.color == colours(False).worse and notes["1,000"].font.color == colours(False).ink
    assert "all 150" in notes


def test_the_learning_rate_rises_and_falls_as_the_recipe_says() -> None:
    at, share = learning_rates(10, 2.0, "cosine")
    assert share[at == 1.0] == pytest.approx(0.5) and share[at == 2.0] == pytest.approx(1.0)
    assert share[at == 6.0] == pytest.approx(0.5) and share[-1] == pytest.approx(0.0)
    assert set(learning_rates(10, 0.0, "constant")[1]) == {1.0}


def test_training_sizes_are_grey_counts() -> None:
    bars = training_sizes(np.array([3, 4]), np.array([7, 9]), False).data[0]
    assert list(bars.y) == [7, 9] and bars.marker.color == colours(False).count
