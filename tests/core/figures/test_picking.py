import json

import numpy as np

from core.figures.picking import let_pick, picked_marks, picked_range
from core.figures.theme import figure, template


def test_a_figure_that_lets_pick_names_the_drag_in_its_template_only() -> None:
    fig = figure(False, 200)
    fig.add_bar(x=[1], y=[1])
    let_pick(fig)
    layout = json.loads(fig.to_json())["layout"]
    # Streamlit reads layout.dragmode and would switch clicks off for "select"; plotly falls back on the template.
    assert layout["dragmode"] not in ("select", "lasso") and layout["dragmode"]
    assert layout["template"]["layout"]["dragmode"] == "select"
    assert layout["template"]["layout"]["selectdirection"] == "h"
    assert template(False).layout.dragmode is False  # that of all other figures is as it was


def test_what_was_picked_reaches_from_the_lowest_to_the_highest_mark() -> None:
    marks = [{"x": 18}, {"customdata": [17, 17]}, {"customdata": [19, 19]}]
    assert picked_range(marks) == (17, 19)
    assert picked_range([{"customdata": [0.5, 1.0]}]) == (0.5, 1.0)
    assert picked_range([{"customdata": [None, -3.0]}, {"customdata": [-3.0, -2.0]}]) == (None, -2.0)
    assert picked_range([{"x": 18}]) is None and picked_range([]) is None


def test_marks_of_two_axes_come_back_as_lists_or_as_columns() -> None:
    column = {str(place): value for place, value in enumerate([1.0, 2.0, -3.0, -2.0, 10.0, 10.0])}
    marks = [{"customdata": column}, {"customdata": [2.0, 3.0, -2.0, -1.0]}]
    assert picked_range(marks, 0) == (1.0, 3.0) and picked_range(marks, 1) == (-3.0, -1.0)
    assert picked_marks([{"customdata": [17, "F"]}, {}]) == [[17, "F"]]
    assert picked_range(marks[1:], 2) is None


def test_the_last_column_of_more_than_ten_stays_last() -> None:
    assert picked_marks([{"customdata": {str(i): i for i in np.random.default_rng(0).permutation(12).tolist()}}]) == [
        list(range(12))
    ]
