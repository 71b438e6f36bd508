from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from core.figures.theme import model_style
from core.figures.training_counts import training_counts
from core.figures.uncertainty import Panel, tenths_figure, uncertainty_sentence
from core.judge.inspect.distance_and_error import distance_and_error
from core.judge.inspect.uncertainty import QUANTITIES, Uncertainty
from core.judge.inspect.what_helps import GroupCount

STYLE = model_style(0, False)


def told(quantity: str, strength: float, n: int = 2000) -> Uncertainty:
    random = np.random.default_rng(0)
    values = random.normal(size=n)
    errors = np.exp(strength * values) * random.normal(size=n)
    within = distance_and_error(values, errors, np.full(n, 17))
    covered = 0.7 if quantity == "spread" else None
    return Uncertainty(
        quantity, QUANTITIES[quantity], "eV", np.arange(n), np.arange(n), values, errors, within, (), covered
    )


def test_tenths_with_intervals_and_the_place_of_a_molecule() -> None:
    one, other = told("spread", 0.8), told("distance", 0.0)
    fig = tenths_figure([Panel(one, 0.31), Panel(other)], STYLE, False)
    go.Figure(fig.to_dict())
    marks = {trace.name: trace for trace in fig.data if trace.mode == "markers"}
    parts = one.within_sizes.parts
    assert np.allclose(marks["spread"].x, [(part.low + part.high) / 2 for part in parts])
    assert np.allclose(marks["spread"].y, [part.relative_error for part in parts])
    assert marks["distance"].xaxis == "x2" and list(marks["chosen"].x) == [0.31]
    assert set(marks["spread"].marker.color) == {STYLE.colour}
    arms = next(trace for trace in fig.data if trace.name == "interval")
    assert arms.y[0] == pytest.approx(parts[0].relative_low) and arms.y[1] == pytest.approx(parts[0].relative_high)
    assert [shape.y0 for shape in fig.layout.shapes] == [1, 1]
    few = told("spread", 0.8, 200)
    hollow = tenths_figure([Panel(few)], STYLE, False).data[1]
    assert STYLE.colour not in hollow.marker.color  # 20 molecules each
    tenths_figure([], STYLE, True)


def test_sentences_claim_no_more_than_the_interval() -> None:
    strong, nothing = told("spread", 0.8), told("distance", 0.0)
    assert "tells the error" in uncertainty_sentence(strong) and "hardly" not in uncertainty_sentence(strong)
    assert "70 % of the errors lie within twice the spread" in uncertainty_sentence(strong)
    assert "does not tell the error" in uncertainty_sentence(nothing)
    found = nothing.within_sizes
    weak = replace(nothing, within_sizes=replace(found, value=0.06, low=0.02, high=0.1))
    assert "hardly tells the error" in uncertainty_sentence(weak)
    assert "+0.06 (95 % +0.02 to +0.10)" in uncertainty_sentence(weak)
    wrong = replace(nothing, within_sizes=replace(found, value=-0.2, low=-0.3, high=-0.1))
    assert "misleads" in uncertainty_sentence(wrong)
    unknown = replace(nothing, within_sizes=replace(found, value=float("nan")))
    assert "cannot be said" in uncertainty_sentence(unknown)


def test_counts_of_training_molecules() -> None:
    counts = [
        GroupCount("element", "<F>", 3, 0, 0.0, "element=F"), GroupCount("size", "17 atoms", 5, 500, 0.5, "size=17")
    ]  # fmt: skip
    fig = training_counts(counts, 1000, 5, False)
    go.Figure(fig.to_dict())
    bar = fig.data[0]
    assert bar.x[1] == 500 and 0 < bar.x[0] < 1 and list(fig.layout.yaxis.ticktext) == ["&lt;F&gt; · 3", "17 atoms · 5"]
    assert bar.marker.line.color[0] != bar.marker.line.color[1] and bar.marker.color[0] != bar.marker.color[1]
    assert "3 of the 5 chosen" in bar.text[0] and [note.text for note in fig.layout.annotations] == ["0", "500"]
    assert "chosen" not in training_counts(counts, 1000, 1, True).data[0].text[0]
