from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from core.figures.latent_map import map_figure, map_scale, map_sentence
from core.figures.picking import let_pick
from core.figures.theme import DARK, LIGHT, model_style
from core.judge.held_out import held_out
from core.judge.inspect.error_map import ErrorMap, error_map
from core.runs.inside import read_inside
from tests.core.judge.inspect.asked import look_inside
from tests.core.judge.judged_runs import half_tested, noise, seeded

STYLE = model_style(0, False)


@pytest.fixture
def found(home: object) -> ErrorMap:
    dataset = half_tested("mapped", 400)
    run = seeded(dataset, noise(dataset, 0))
    look_inside(run, dataset, np.random.default_rng(0).normal(size=(400, 3)))
    inside = read_inside(run)
    assert inside is not None
    return error_map(held_out(run, dataset), inside)


def luminance(colour: str) -> float:
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_points_are_darker_and_larger_the_worse_they_are(found: ErrorMap) -> None:
    points = found.points()
    fig = map_figure(found, points, "error", STYLE, 1000, "meV", False)
    go.Figure(fig.to_dict())  # through plotly's own checks
    cells, marks = fig.data
    assert cells.type == "heatmap" and np.nansum(10 ** np.asarray(cells.z)) == pytest.approx(400)
    assert [data[0] for data in marks.customdata] == found.ids[points].tolist()
    light = [luminance(colour) for colour in marks.marker.color]
    assert np.all(np.diff(light) <= 1e-9) and np.all(np.diff(marks.marker.size) >= 0)
    worst = found.error[points[-1]] * 1000
    assert f"{abs(worst):,.0f} meV" in marks.text[-1] and f"id {found.ids[points[-1]]}" in marks.text[-1]
    dark = map_figure(found, points, "error", STYLE, 1000, "meV", True).data[1]
    assert np.all(np.diff([luminance(colour) for colour in dark.marker.color]) >= -1e-9)
    assert luminance(LIGHT.page) > light[0] and luminance(DARK.page) < luminance(dark.marker.color[0])
    x, y = found.places.explained
    assert f"{100 * x:.0f} % of the variance" in fig.layout.xaxis.title.text
    assert f"{100 * y:.0f} % of the variance" in fig.layout.yaxis.title.text
    assert f"{100 * (x + y):.0f} %" in map_sentence(found) and "need not be alike" in map_sentence(found)


@pytest.mark.parametrize("by", ["size", "trained", "F"])
def test_cells_hold_means_and_points_still_take_clicks(found: ErrorMap, by: str) -> None:
    fig = map_figure(found, found.points(), by, STYLE, 1000, "meV", False)
    go.Figure(fig.to_dict())
    cells, marks = fig.data
    counts, values = found.places.density(), found.places.mean(found.value(by))
    shown = np.asarray(cells.z, dtype=float)
    assert np.array_equal(np.isfinite(shown), counts >= 3)
    assert np.allclose(shown[counts >= 3], values[counts >= 3])
    assert len(marks.customdata) == len(found.points())
    words = map_scale(found, by, 1000, "meV", False)
    assert ("atoms" in words.low) if by == "size" else (words.low, words.high) == ("0 %", "100 %")


def test_the_chosen_molecule_and_its_nearest_are_marked(found: ErrorMap) -> None:
    places = np.array([1, 2, 5])
    fig = map_figure(found, found.points(), "error", STYLE, 1000, "meV", False, chosen=7, nearest=places)
    crosses, ring = fig.data[2:]
    assert crosses.name == "nearest" and len(crosses.x) == 3 and ring.name == "chosen"
    assert (ring.x[0], ring.y[0]) == pytest.approx((found.places.x[7], found.places.y[7]))
    assert f"id {found.ids[7]}" in fig.layout.annotations[0].text
    let_pick(fig, "any")
    assert fig.to_dict()["layout"]["template"]["layout"]["dragmode"] == "select"
