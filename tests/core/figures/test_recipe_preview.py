"""Figures of a recipe before its start hold the numbers of the preview."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from core.data.store import Dataset
from core.figures.recipe_preview import sampling_figure, share_figure, weight_figure
from core.figures.recipe_sentences import sampling_sentence, weight_sentence
from core.figures.theme import colours
from core.recipes.presets import preset
from core.recipes.preview import Preview, preview
from core.recipes.recipe import changed


def of(demo: Dataset, name: str, *settings: str) -> Preview:
    return preview(changed(preset(name), list(settings)), demo)


def trace(fig: go.Figure, name: str) -> Any:
    (found,) = [each for each in fig.data if each.name == name]
    return found


def notes(fig: go.Figure) -> list[str]:
    return [note.text for note in fig.layout.annotations]


def test_the_outline_is_before_sampling_and_the_fill_after(demo: Dataset) -> None:
    found = of(demo, "thesis-balanced-2000", "most_per_size=500")
    fig = sampling_figure(found, dark=False)
    after, before = trace(fig, "after"), trace(fig, "before")
    assert list(after.x) == found.sizes.keys.tolist() and max(after.y) == 500
    assert list(after.y) == found.sizes.after.tolist()
    height = dict(zip(((before.x[1:] + before.x[:-1]) / 2).tolist(), before.y[1:].tolist(), strict=True))
    for size, n in zip(found.sizes.keys, found.sizes.before, strict=True):
        assert height[float(size)] == n
    assert height[28.0] == 0  # no molecule of demo has 28 atoms
    assert [shape.y0 for shape in fig.layout.shapes] == [500] and notes(fig) == ["500 per size"]
    n = found.sizes.before[found.sizes.keys == 17][0]
    (text,) = [text for text in trace(fig, "pointer").text if text.startswith("<b>17 atoms")]
    assert text == f"<b>17 atoms</b><br>500 of {n:,} are trained on"


def test_a_control_has_no_line_of_a_cap(demo: Dataset) -> None:
    found = of(demo, "thesis-balanced-2000-control", "most_per_size=500")
    assert not sampling_figure(found, dark=True).layout.shapes
    assert not sampling_figure(of(demo, "thesis-balanced-6000"), dark=True).layout.shapes  # above every size


def test_elements_stand_side_by_side_with_their_symbols(demo: Dataset) -> None:
    found = of(demo, "inverse-frequency-element")
    fig = sampling_figure(found, dark=False, by="element")
    assert list(fig.layout.xaxis.ticktext) == list(found.elements.labels)
    assert list(trace(fig, "before").y) == found.elements.before.tolist()
    weights = weight_figure(found, dark=False)
    assert list(weights.layout.xaxis.ticktext) == found.curve.names
    assert list(trace(weights, "weights").y) == pytest.approx(found.curve.weights.tolist())
    assert list(share_figure(found, dark=False).layout.xaxis.ticktext) == list(found.elements.labels)


def test_the_weight_of_every_size_on_a_log_axis_with_the_effective_sample(demo: Dataset) -> None:
    found = of(demo, "thesis-size-weights")
    fig = weight_figure(found, dark=False)
    points = trace(fig, "weights")
    assert list(points.x) == found.curve.classes.tolist()
    assert list(points.y) == pytest.approx(found.curve.weights.tolist())
    assert fig.layout.yaxis.type == "log"
    low, high = fig.layout.yaxis.range
    assert low < np.log10(min(points.y)) and np.log10(max(points.y)) < high
    assert list(trace(fig, "equal").y) == [1, 1]
    assert "equal" in notes(fig) and sum(text.startswith("× ") for text in notes(fig)) == 2


def test_sizes_without_a_weight_are_marked_with_what_the_formula_gives(demo: Dataset) -> None:
    found = of(demo, "thesis-size-frequency-weights", "least_weight=0")
    fig = weight_figure(found, dark=False)
    crosses = trace(fig, "refused")
    assert list(crosses.x) == found.excluded_sizes
    assert crosses.text[-1].endswith("the formula gives −0.400") and crosses.text[0].endswith("is undefined")
    (band,) = fig.layout.shapes
    assert (band.x0, band.x1) == (2.5, 14.5)
    assert "no weight" in notes(fig) and not any("effective" in text for text in notes(fig))
    assert min(trace(fig, "weights").x) == 15
    assert {each.name for each in share_figure(found, dark=False).data} == {"molecules", "pointer"}
    nothing = weight_figure(of(demo, "thesis-size-frequency-weights", "least_weight=0", "weight_rate=1"), dark=True)
    assert len(trace(nothing, "weights").x) == 0 and "no weight" in notes(nothing)


def test_clipped_sizes_are_hollow(demo: Dataset) -> None:
    found = of(demo, "thesis-size-frequency-weights")
    fig = weight_figure(found, dark=False)
    points, c = trace(fig, "weights"), colours(False)
    hollow = [x for x, colour in zip(points.x, points.marker.color, strict=True) if colour == c.page]
    assert hollow == found.clipped_sizes
    assert "clipped to 0.1" in notes(fig)
    assert points.text[0].endswith("clipped: the formula is undefined")


def test_printed_weights_stand_beside_their_mean(demo: Dataset) -> None:
    found = of(demo, "thesis-size-weights", "normalise_weights=false")
    equal = trace(weight_figure(found, dark=False), "equal").y[0]
    assert equal == pytest.approx(np.average(found.curve.weights, weights=found.curve.counts))
    assert equal > 1.5


def test_shares_of_molecules_are_bars_and_shares_of_weight_dots_on_stems(demo: Dataset) -> None:
    found = of(demo, "thesis-custom")
    fig = share_figure(found, dark=False)
    assert sum(trace(fig, "molecules").y) == pytest.approx(100) and sum(trace(fig, "weight").y) == pytest.approx(100)
    dots, stems = trace(fig, "weight"), trace(fig, "stems")
    assert min(dots.x) == 18  # nothing below is trained on
    assert np.array_equal(stems.x[::3], dots.x) and np.array_equal(stems.y[1::3], dots.y)
    assert np.isnan(stems.y[2::3]).all()


def test_the_figures_share_one_axis_of_sizes(demo: Dataset) -> None:
    found = of(demo, "thesis-custom")
    figs = [make(found, True) for make in (sampling_figure, weight_figure, share_figure)]
    assert len({tuple(fig.layout.xaxis.range) for fig in figs}) == 1
    assert len({(fig.layout.margin.l, fig.layout.margin.r) for fig in figs}) == 1


def test_sentences_say_what_the_figures_show(demo: Dataset) -> None:
    found = of(demo, "thesis-above-17")
    assert sampling_sentence(found) == (
        f"**{found.n_train:,} of {found.n_split_train:,} training molecules are used (57 %).** "
        "15 sizes lose molecules (3 to 17 atoms)."
    )
    assert weight_sentence(found) == "**Every molecule counts the same.**"
    assert "the control of a choice by size" in sampling_sentence(of(demo, "thesis-above-17-control"))
    assert sampling_sentence(of(demo, "schnet-small")).startswith("**All 10,397 training molecules")
    refused = of(demo, "thesis-size-frequency-weights", "least_weight=0")
    assert weight_sentence(refused).startswith("**The formula gives no weight to sizes 3 to 14**: ")


def test_the_sentence_on_weights_adds_up(demo: Dataset) -> None:
    found = of(demo, "thesis-size-weights")
    heavy = found.sizes.keys >= 24
    share, weight = found.sizes.share[heavy].sum(), found.sizes.weight_share[heavy].sum()
    assert share < 0.05
    n = round(found.effective_sample_size)
    assert weight_sentence(found) == (
        f"**The {100 * share:.1f} % of molecules with 24 to 27 and 29 atoms take {100 * weight:.0f} % of the "
        f"weight.** So weighted, the {found.n_train:,} are worth {n:,} molecules that count alike "
        f"({100 * n / found.n_train:.0f} %)."
    )
    assert " % of the draws.**" in weight_sentence(of(demo, "weighted-sampling-size"))
    by_element = weight_sentence(of(demo, "inverse-frequency-element"))
    assert "molecules whose rarest element is" in by_element
