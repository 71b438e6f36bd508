from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.data.store import Dataset
from core.figures.comparison import (
    difference_by_group,
    difference_by_size,
    difference_cells,
    difference_ramp,
    in_a_row,
)
from core.figures.theme import LIGHT, model_style
from core.judge.comparing.compare import Comparison, compare_runs
from core.runs.folder import Run
from tests.core.judge.judged_runs import half_tested, noise, seeded

STYLES = (model_style(0, False), model_style(1, False))
NAMES = ("first", "<b>second</b>")
LOOK = (NAMES, STYLES, 1000.0, "meV", False)


@pytest.fixture
def dataset() -> Dataset:
    return half_tested("drawn", 1800)


@pytest.fixture
def runs(dataset: Dataset) -> tuple[Run, Run]:
    """B is three times better above 18 atoms, three times worse below, and of the same size at 18 but other."""
    sizes, errors = dataset.molecules.sizes, noise(dataset, 1)
    factor = np.where(sizes > 18, 1 / 3, np.where(sizes < 18, 3.0, 1.0))
    return seeded(dataset, errors, 1, "a"), seeded(
        dataset, np.where(sizes == 18, noise(dataset, 3), factor * errors), 2
    )


def traces(fig: object, state: str) -> list[dict]:
    return [trace.to_plotly_json() for trace in fig.data if trace.name == state]  # type: ignore[attr-defined]


def test_marks_have_the_look_of_the_winner(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs, dataset)
    fig = difference_by_size(found, *LOOK, selected="17")
    of = {group.group: group for group in found.groups}
    for state, style in (("A better", STYLES[0]), ("B better", STYLES[1])):
        (trace,) = traces(fig, state)
        names = [data[0] for data in trace["customdata"]]
        assert names and all(of[name].state == state for name in names)
        assert trace["marker"]["symbol"] == style.symbol and trace["error_y"]["color"] == style.colour
        assert list(trace["x"]) == [float(name) for name in names]
        assert np.allclose(trace["y"], [1000 * of[name].difference for name in names])
        for k, name in enumerate(names):
            assert trace["y"][k] + trace["error_y"]["array"][k] == pytest.approx(1000 * of[name].high)
            hollow = of[name].n_held_out < 50
            assert (trace["marker"]["color"][k] == LIGHT.page) == hollow
            assert (trace["marker"]["line"]["width"][k] > 0) == hollow
    (few,) = traces(fig, "not enough data")
    assert set(few["marker"]["size"]) == {5} and set(few["error_y"]["array"]) == {0.0}
    assert "18" in [data[0] for data in traces(fig, "undecided")[0]["customdata"]]


def test_n_stands_under_every_tick_and_the_sides_are_named(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs, dataset)
    fig = difference_by_size(found, *LOOK)
    for group, tick in zip(found.groups, fig.layout.xaxis.ticktext, strict=True):
        assert tick.startswith(f"{group.group}<br>") and f">{group.n_held_out}<" in tick
    words = {note.text: note for note in fig.layout.annotations}
    above, below = (next(note for text, note in words.items() if f"{side} better" in text) for side in "AB")
    assert above.y == 1 and above.font.color == STYLES[0].colour  # B minus A: above zero A is better
    assert below.y == 0 and below.font.color == STYLES[1].colour
    assert "&lt;b&gt;second" in below.text and "<b>second" not in below.text
    margins = [shape for shape in fig.layout.shapes if shape.type == "rect"]
    judged = [group for group in found.groups if group.low is not None]
    assert [shape.y1 for shape in margins] == pytest.approx([1000 * group.margin for group in judged])
    low, high = fig.layout.yaxis.range
    assert low < 0 < high


def test_rows_of_elements(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs, dataset, "element")
    fig = difference_by_group(found, *LOOK, selected="F")
    words = [note.text for note in fig.layout.annotations]
    assert "<b>F</b>" in words and "◂ B better" in words and "A better ▸" in words
    places = {
        data[0]: y
        for trace in fig.data
        for data, y in zip(trace.customdata, trace.y, strict=True)
        if trace.name != "margin"
    }
    fewest = min(found.groups, key=lambda group: group.n_train_a)
    assert max(places, key=lambda name: places[name]) == fewest.group == "F"
    count = next(note for note in fig.layout.annotations if note.y == places["F"] and "<b>" not in note.text)
    assert count.text == f"{fewest.n_held_out}"
    marked = [shape for shape in fig.layout.shapes if shape.xref == "paper" and shape.y1 - shape.y0 == 1]
    assert [shape.y0 for shape in marked] == [places["F"] - 0.5]
    assert not in_a_row(found) and in_a_row(compare_runs(*runs, dataset, "heavy"))


def test_cells_are_pale_where_nothing_is_decided(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs, dataset, "size_element")
    fig = difference_cells(found, *LOOK, selected="C 20")
    cells = fig.data[0]
    reach = cells.zmax
    assert cells.zmin == -reach
    assert reach == pytest.approx(1000 * max(abs(g.difference) for g in found.groups if g.n_held_out >= 10))
    elements = list(fig.layout.yaxis.ticktext)
    for group in found.groups:
        element, size = group.group.split()
        shown = cells.z[elements.index(element)][list(cells.x).index(int(size))]
        if group.n_held_out < 3:
            assert np.isnan(shown)
        else:
            share = 1 if group.state in ("A better", "B better") else 0.35
            assert shown == pytest.approx(share * np.clip(1000 * group.difference, -reach, reach))
    ramp = difference_ramp(STYLES, False)
    assert (ramp[0], ramp[-1]) == (STYLES[1].colour, STYLES[0].colour)


def test_without_a_verdict_no_mark_has_a_models_colour(dataset: Dataset, runs: tuple[Run, Run]) -> None:
    found = compare_runs(*runs, dataset)
    unknown = dataclasses.replace(found, paired=dataclasses.replace(found.paired, unknown=("a",)))
    assert isinstance(unknown, Comparison) and unknown.warnings
    for fig in (difference_by_size(unknown, *LOOK), difference_by_group(unknown, *LOOK)):
        colours = {trace.error_y.color or trace.error_x.color for trace in fig.data}
        assert colours == {LIGHT.faint}
        assert not any("better<br>" in text for trace in fig.data for text in trace.text)
