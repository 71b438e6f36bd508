from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.figures.hypotheses import figure_caption, finding_figure
from core.figures.theme import LIGHT, model_style
from core.judge.hypotheses.findings import Finding

STYLE = model_style(1, False)


def draw(finding: Finding) -> Any:
    return finding_figure(finding, STYLE, 1000.0, "meV", False)


def finding(name: str, details: dict[str, Any], **more: Any) -> Finding:
    return Finding(name, (), "undecided", "", details=details, **more)


def size(atoms: int, n: int, trained: int, mae: float, **more: Any) -> dict[str, Any]:
    return {"size": atoms, "n_held_out": n, "n_train": trained, "mae": mae, **more}


def test_h1_shows_every_size_even_one_never_trained_on() -> None:
    rows = [size(9, 12, 0, 0.08), size(17, 400, 3000, 0.02, low=0.018, high=0.023), size(24, 60, 90, 0.04)]
    fig = draw(finding("H1", {"sizes": rows}))
    marks = fig.data[0]
    assert list(marks.x) == [0.5, 3000, 90] and np.allclose(marks.y, [80, 20, 40])
    assert list(marks.marker.color) == [LIGHT.page, STYLE.colour, STYLE.colour]  # hollow below 50
    assert np.allclose(marks.error_y.array, [0, 3, 0]) and np.allclose(marks.error_y.arrayminus, [0, 2, 0])
    assert fig.layout.xaxis.ticktext[0] == "0" and fig.layout.xaxis.tickvals[0] == 0.5
    assert {note.text for note in fig.layout.annotations} == {"9 atoms", "24 atoms"}


def test_h2_has_the_rarest_on_top_and_says_where_there_are_too_few() -> None:
    elements = [
        {"element": "N", "n_held_out": 900, "n_train": 7000, "times": 1.2, "low": 1.1, "high": 1.3},
        {"element": "F", "n_held_out": 60, "n_train": 200, "times": 1.6, "low": 1.2, "high": 2.0},
        {"element": "O", "n_held_out": 30, "n_train": 100, "times": None, "low": None, "high": None},
    ]
    matched = {"n": 40, "of": 60, "times": 1.5, "low": 1.1, "high": 2.1}
    fig = draw(finding("H2", {"rarest": "F", "elements": elements, "matched": matched}))
    marks = fig.data[0]
    assert list(marks.x) == [1.2, 1.5, 1.6] and list(marks.y) == [0, 1, 2]  # N, F matched, F; O has no mark
    words = {note.text for note in fig.layout.annotations}
    assert "<b>O</b>" in words and "fewer than 50" in words
    assert any("matched" in text for text in words)


def test_h3_shows_both_spreads_with_intervals_and_seeds() -> None:
    details = {
        "spread": 0.2, "spread_low": 0.15, "spread_high": 0.25, "spreads": [0.18, 0.22], "spread_control": 0.3,
        "spread_control_low": 0.2, "spread_control_high": 0.4, "spreads_control": [0.3],
    }  # fmt: skip
    fig = draw(finding("H3", details))
    marks = {trace.name: trace for trace in fig.data}
    assert list(marks["balanced"].x) == [0.2] and marks["balanced"].error_x.array[0] == pytest.approx(0.05)
    assert list(marks["balanced, seeds"].x) == [0.18, 0.22] and "control, seeds" not in marks
    assert marks["control"].marker.color == LIGHT.muted and marks["balanced"].marker.color == STYLE.colour
    assert fig.layout.xaxis.range[0] == 0


@pytest.mark.parametrize(
    ("name", "key", "more"), [("H4", "trained", {}), ("H1", "depleted", {"evidence": "experiment"})]
)
def test_controls_by_size(name: str, key: str, more: dict[str, Any]) -> None:
    rows = [
        {"size": 12, "n_held_out": 80, "mae": 0.05, "mae_control": 0.02, "difference": 0.03, "low": 0.02, "high": 0.04,
         key: False},
        {"size": 19, "n_held_out": 90, "mae": 0.02, "mae_control": 0.03, "difference": -0.01, "low": None, "high": None,
         key: True},
    ]  # fmt: skip
    asked = finding(name, {"sizes": rows, "margin": 0.001}, **more)
    fig = draw(asked)
    marks = fig.data[0]
    assert list(marks.x) == [12, 19] and np.allclose(marks.y, [30, -10])
    assert list(marks.marker.color) == [LIGHT.page, STYLE.colour]  # filled: what the question is about
    assert np.allclose(marks.error_y.array, [10, 0])
    words = {note.text: note for note in fig.layout.annotations}
    assert words["control better"].x == 1 and words["run better"].x == 0  # where there are no marks
    assert "minus control" in figure_caption(asked, "meV")


def test_nothing_to_draw() -> None:
    for name in ("H1", "H2", "H3", "H4"):
        assert draw(finding(name, {})) is None
