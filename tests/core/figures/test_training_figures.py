import math

import numpy as np
import pytest

from core.figures.theme import colours
from core.figures.training import Reference, loss_curve, loss_figure, shown_part, validation_figure
from core.figures.training_groups import groups_now, learning_map
from core.figures.training_runs import RunCurve, learning_rates, runs_figure, training_sizes


def lines(n: int) -> list[dict]:
    return [
        {"step": 10 * k, "loss_mean": float(k), "loss_low5": float(k) / 2, "loss_high5": 2.0 * k}
        for k in range(1, n + 1)
    ]


def test_steps_are_averaged_in_groups_of_neighbours() -> None:
    curve = loss_curve(lines(10), most=4)
    assert curve.averaged == 3
    assert list(curve.steps) == [30, 60, 90, 100]
    np.testing.assert_allclose(curve.mean, [2, 5, 8, 10])
    np.testing.assert_allclose(curve.low, [1, 2.5, 4, 5])
    np.testing.assert_allclose(curve.high, [4, 10, 16, 20])


def test_few_steps_stay_as_they_are_and_missing_losses_are_left_out() -> None:
    some = lines(3)
    some[1]["loss_mean"] = None
    curve = loss_curve(some)
    assert (list(curve.steps), curve.averaged) == ([10, 30], 1)
    assert len(loss_curve([]).steps) == 0


def test_the_loss_band_lies_around_the_mean_on_a_log_axis() -> None:
    fig = loss_figure(loss_curve(lines(5)), "eV²", "#4F46E5", False, last_step=50)
    assert [trace.name for trace in fig.data] == ["5 largest", "5 smallest", "mean"]
    assert list(fig.data[2].y) == [1, 2, 3, 4, 5]
    assert fig.layout.yaxis.type == "log"
    assert [note.text for note in fig.layout.annotations] == ["5 largest", "<b>mean</b>", "5 smallest"]
    assert len(loss_figure(loss_curve([]), "eV²", "#4F46E5", False, 50).data) == 0


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


def test_validation_error_is_shown_in_the_reader_s_unit_with_its_baseline() -> None:
    fig = validation_figure(
        np.array([1, 2, 3]), np.array([0.4, 0.2, 0.1]), "meV", 1000, "#4F46E5", "circle", False, 10,
        [Reference(0.7, "baseline")], window=1,
    )  # fmt: skip
    assert list(fig.data[0].y) == [400, 200, 100]
    assert fig.data[1].marker.symbol == "circle" and list(fig.data[1].x) == [3]
    texts = [note.text for note in fig.layout.annotations]
    assert "baseline 700" in texts and "<b>100</b>" in texts and "last 1" in texts
    assert fig.layout.xaxis.range[1] == pytest.approx(10.5)
    line = next(shape for shape in fig.layout.shapes if shape.type == "line")
    assert line.y0 == line.y1 == 700


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
    magnitude = learning_map(
        ["9", "18", "29"], np.array([1, 2]), values, np.array([2.0, 0.5]), np.array([60, 20, 9]), "meV", 1000, False,
        False, "",
    )  # fmt: skip
    assert magnitude.data[0].z[0][0] == pytest.approx(math.log2(1000))


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
